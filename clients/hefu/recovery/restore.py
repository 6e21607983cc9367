"""``hefu vault restore``: from a recovery sheet alone, every evidence file to the last byte, and the home but its key.

Safe to interrupt anywhere and to run again: files that are there stay, and missing ones are written.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu.deposit.answers import fetch_receipt
from hefu.deposit.verify import take_receipt
from hefu.errors import ClientError, ClosedError, Problem, RefusedError
from hefu.files.atomic import clear_away, replace, write_new
from hefu.home import home
from hefu.home.home import Reader
from hefu.home.index import Index
from hefu.home.labels import FILE, format_label, parse_label, read_labels
from hefu.home.settings import trusted_settings
from hefu.recovery.counterparts import adopt
from hefu.recovery.numbers import running_numbers
from hefu.recovery.rebuild import Proven, rebuild
from hefu.service import Service
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu.vault.blobs import HOME, LABEL, Blobs, kind_of, opened, unseal
from hefu.vault.remote import Remote
from hefu.vault.secret import Recovery, format_vault_key, parse_vault_key
from hefu.vault.store import Vault, fetch
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.errors import LedgerError
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import Note, format_note
from hefu_ledger.tlog.policy import parse_policy
from hefu_ledger.tlog.proof import parse_proof

_VAULT: Final = "vault"


class Restored(NamedTuple):
    """``waiting``: deposited, not on the ledger yet; ``never``: prepared, and never deposited; hex statement ids."""

    depositor: str
    evidence: list[str]
    documents: int
    waiting: list[str]
    never: list[str]
    problems: list[Problem]
    fingerprint: str = ""  # of the log key that the home trusts
    server: str = ""
    nth: int = 0  # the largest running number known, from 1; a later deposit that the service hides leaves no gap


def restore_from_service(
    path: str, recovery: Recovery, service: Service, *, out: str, fingerprint: str = ""
) -> Restored:
    """Bring back a home and its evidence from the service's files; ClientError where the words do not fit."""
    remote = Remote(service, recovery)
    try:
        names = list(remote.listing().blobs)
    except RefusedError as error:
        if error.status != 404:
            raise
        raise ClientError(say("restore.not_there", server=service.url)) from None
    return _restore(path, recovery, remote, names, service, out=out, fingerprint=fingerprint)


def restore_from_folder(
    path: str, recovery: Recovery, folder: str, *, out: str, service: Service | None, fingerprint: str = ""
) -> Restored:
    """Bring back a home and its evidence from a vault's folder. ``service``: for receipts that the folder lacks."""
    source = Vault(path, folder, recovery)
    names = source.names()
    if not names:
        raise ClientError(say("restore.no_vault", folder=folder))
    return _restore(path, recovery, source, names, service, out=out, fingerprint=fingerprint)


def _restore(
    path: str,
    recovery: Recovery,
    source: Blobs,
    names: list[str],
    service: Service | None,
    *,
    out: str,
    fingerprint: str,
) -> Restored:
    _begin(path, recovery, source, names)
    vault = Vault(path, f"{path}/{_VAULT}", recovery)
    problems = _fetch(vault, source, names)
    reader, refused = _settings(vault, fingerprint)
    problems += refused
    problems += merge_labels(vault)
    if service is not None:
        problems += _adopt(reader, service)
    found: dict[str, Receipt | None] = {}
    for statement_id in deposits_in(vault):
        try:
            found[statement_id] = _find(statement_id, reader, service)
        except LedgerError as error:
            problems.append(Problem(statement_id, str(error)))
    proven = [Proven(statement_id, receipt) for statement_id, receipt in found.items() if receipt is not None]
    lacking = [statement_id for statement_id, receipt in found.items() if receipt is None]
    with Index(path) as index:
        done = rebuild(reader, proven, out, index)
        index.catch_up()
    if done.in_the_way:
        raise ClientError(say("restore.in_the_way", path=done.in_the_way[0]))
    damaged = {name for name in names if "." not in name} - set(vault.names())
    numbers = running_numbers(reader, {*deposits_in(vault), *damaged}, service)
    problems += [Problem("", say("vault.gap", nth=nth)) for nth in numbers.missing()]
    _remember(reader, [item.receipt for item in proven])
    replace(f"{path}/{home.CONFIG}", home.format_config(reader.config))
    config, trusted = reader.config, reader.genesis.log.fingerprint
    counts = (done.evidence, done.documents, *_unanchored(lacking, service), problems)
    return Restored(config.depositor, *counts, trusted, config.server, numbers.last)


def _begin(path: str, recovery: Recovery, source: Blobs, names: list[str]) -> None:
    """Refuse a home that is one, and words that open nothing; nothing is written before."""
    if home.read(path, home.KEY) is not None:
        raise ClientError(say("restore.home", path=path))
    found = home.read(path, home.VAULT_KEY)
    if found is not None and parse_vault_key(found) != recovery:
        raise ClientError(say("restore.other_words", path=path))
    if found is None and not any(_opens(source, name, recovery) for name in names):
        raise ClientError(say("restore.wrong_words"))
    home.make(path)
    if found is None:
        write_new(f"{path}/{home.VAULT_KEY}", format_vault_key(recovery))
    clear_away(f"{path}/{home.VAULT_KEY}")


def _opens(source: Blobs, name: str, recovery: Recovery) -> bool:
    try:
        data = source.read(name)
        return data is not None and bool(kind_of(data, recovery))
    except LedgerError:
        return False


def _fetch(vault: Vault, source: Blobs, names: list[str]) -> list[Problem]:
    """Copy all that can be decrypted; the rest is named, and its deposits will be missing."""
    problems = []
    with progress_bar("vault", len(names)) as progress:
        for name in sorted(names, key=lambda name: "." not in name):
            try:
                fetch(vault, source, name)
            except LedgerError as error:
                problems.append(Problem(name, str(error)))
            progress.done()
    return problems


def deposits_in(vault: Vault) -> list[str]:
    """The statement ids (hex) of a vault's deposits; a file that cannot be decrypted may be one."""
    return [name for name in vault.names() if "." not in name and _kind(vault, name) not in (HOME, LABEL)]


def named_by_contents(vault: Vault, kind: str) -> list[str]:
    """The names of a vault's files of one kind, settings or labels."""
    return [name for name in vault.names() if "." not in name and _kind(vault, name) == kind]


def _kind(vault: Vault, name: str) -> str | None:
    try:
        return kind_of(vault.read(name) or b"", vault.recovery)
    except LedgerError:
        return None


def _settings(vault: Vault, fingerprint: str) -> tuple[Reader, list[Problem]]:
    settings, refused = trusted_settings(vault, named_by_contents(vault, HOME), fingerprint)
    if settings is None:
        causes = "".join(f"\n  {problem.path}: {problem.cause}" for problem in refused)
        raise ClientError(say("restore.no_settings") + causes)
    replace(f"{vault.home}/{home.POLICY}", settings.policy)
    replace(f"{vault.home}/{home.GENESIS}", settings.genesis)
    policy = parse_policy(settings.policy.decode("utf-8", "surrogateescape"))
    return Reader(vault.home, settings.config, policy, home.parse_genesis(settings.genesis), vault.recovery), refused


def merge_labels(vault: Vault) -> list[Problem]:
    """Let the home have every label that its vault has; the files that could not be read."""
    known, problems = set(read_labels(vault.home)), []
    labels = set(known)
    for name in named_by_contents(vault, LABEL):
        try:
            labels.add(parse_label(unseal(vault.read(name) or b"", vault.recovery)[1]))
        except LedgerError as error:
            problems.append(Problem(name, str(error)))
    if labels != known:
        replace(f"{vault.home}/{FILE}", b"".join(format_label(label) + b"\n" for label in sorted(labels)))
    return problems


def _adopt(reader: Reader, service: Service) -> list[Problem]:
    """File deposits under statements that colleagues deposited of the same text; failures stop nothing."""
    try:
        adopt(reader, service, Remote(service, reader.recovery).statements())
    except (LedgerError, ClosedError) as error:
        return [Problem("", str(error))]
    return []


def _find(statement_id: str, reader: Reader, service: Service | None) -> Receipt | None:
    """A deposit's receipt, verified; None where there is none to be had."""
    with opened(reader.vault, statement_id, reader.recovery) as kept:
        receipt = reader.vault.receipt(statement_id)
        if receipt is None and service is not None:
            receipt = fetch_receipt(statement_id, service)
        if receipt is not None:
            receipt = take_receipt(receipt, kept.part, reader)
    if receipt is not None:
        reader.vault.keep_receipt(receipt)
    return receipt


def _unanchored(lacking: list[str], service: Service | None) -> tuple[list[str], list[str]]:
    """Those without a receipt: waiting for the ledger, and never deposited; only a service tells the second kind."""
    never = [] if service is None else [statement_id for statement_id in lacking if not _known(statement_id, service)]
    return [statement_id for statement_id in lacking if statement_id not in never], never


def _known(statement_id: str, service: Service) -> bool:
    try:
        service.get(f"/v1/deposits/{statement_id}")
    except RefusedError as error:
        if error.status != 404:
            raise
        return False
    return True


def _remember(reader: Reader, receipts: list[Receipt]) -> None:
    """Keep the newest checkpoint that any receipt was verified by: the ledger is held to it from now on."""
    notes: list[Note] = [parse_proof(proof.proof.encode()).checkpoint for each in receipts for proof in each.proofs]
    newest = max(notes, key=lambda note: parse_checkpoint(note.text).size, default=None)
    if newest is not None:
        replace(f"{reader.path}/{home.CHECKPOINT}", format_note(newest))
