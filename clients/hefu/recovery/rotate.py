"""``hefu vault rotate``, ``hefu vault join``: new recovery words 恢复词 in the place of the old.

::

    vault.key.old is a copy of vault.key, which is then the new ── the folder's files are encrypted again
        ── rotate: all is sent under the new address, and then the old vault closed
        ── join: files that either lacks are exchanged with the service
    ── vault.key.old goes

While that is there, files of either secret can be read, and the same command goes on where it was interrupted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Final, NamedTuple

from hefu.errors import ClientError, ClosedError, Problem, RefusedError, UnreachableError
from hefu.files.atomic import make_private, replace, sync_folder
from hefu.files.platform import lock_folder, reach
from hefu.home import home as homes
from hefu.home.home import Home, Reader, load, load_either
from hefu.home.sheet import make_sheet, remove_old_sheet
from hefu.keys.roster import read_keys
from hefu.recovery.sync import Synced, sync
from hefu.service import JSON, Service
from hefu.ui.escape import plain
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu.vault.blobs import RECEIPT_SUFFIX, kind_of, seal_again
from hefu.vault.remote import Remote
from hefu.vault.secret import Recovery, Sheet, format_vault_key, format_words
from hefu.vault.store import Vault
from hefu_ledger.deposit.vault import Closure, format_closure
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.identity import parse_identity
from hefu_ledger.records.role import APPROVE
from hefu_ledger.tlog.note import format_note, sign_note

_CONFLICT: Final = 409
_SHOWN: Final = 20  # names of files that were not sent


class Joined(NamedTuple):
    """``sheet_removed``: the file of a sheet that showed the old words; empty if there was none."""

    synced: Synced
    sheet_removed: str


class Rotated(NamedTuple):
    """``words``: the new ones; ``sheet``: the file to print; ``left``: files that neither secret opens.

    ``closed``: whether there was a vault at the service to close.
    """

    words: str
    sheet: str
    files: int
    left: list[Problem]
    closed: bool


def rotate(path: str, service: Service) -> Rotated:
    """Make new recovery words, send the vault under them, and close the old one, last of all.

    ClientError where this home's key may not close it, before anything is changed. Durable on return; safe to
    interrupt anywhere and to run again, which goes on with the words that were made while anything is left to do.
    """
    with _alone(path):
        home = load(path)
        if home.recovery.former is None:
            _check_may_close(home, service)
            _check_replaces(home, service)
            _collect(home, service, home.recovery.secret, frozenset())  # damage there changes nothing here
            _begin(path, home.recovery, Recovery(os.urandom(32)))
            home = load(path)
        sheet = _write_sheet(home)
        left, closed = _move(home, service, home.recovery.former or b"")
        _end(path)
        return Rotated(format_words(home.recovery), sheet, len(home.vault.names()), left, closed)


def join(path: str, service: Service, recovery: Recovery) -> Joined:
    """Take new words in the place of the old, and exchange with the service the files that either lacks.

    ClientError for words that are not of this depositor's vault, or while the old vault is open. Safe to interrupt
    anywhere and to run again, even when all was done.
    """
    with _alone(path):
        home = load_either(path)
        if recovery.secret != home.recovery.secret:
            _check_words(home, service, recovery)
            _give_way(home, service, recovery)
            _check_closed(service, home.recovery.secret)
            _seal_again(home.vault)  # of an earlier change that was cut short
            _begin(path, home.recovery, recovery)
        elif home.recovery.former is not None:
            _check_closed(service, home.recovery.former)
        home = load_either(path)
        _seal_again(home.vault)
        done = sync(home, service)
        removed = remove_old_sheet(path, home.recovery)
        _end(path)
        return Joined(done, removed)


def _check_may_close(home: Home, service: Service) -> None:
    """Refuse at once where the service would refuse at the end."""
    keys = read_keys(home.reader, service)
    if not keys.in_force(home.signer.key):
        raise ClientError(say("approve.not_mine"))
    approvers = [each.key for each in keys.members if each.role == APPROVE and keys.in_force(each.key)]
    if approvers and home.signer.key not in approvers:
        raise ClientError(say("rotate.approver", keys=", ".join(key.key_id.hex() for key in approvers)))


def _check_replaces(home: Home, service: Service) -> None:
    """Refuse to change the words of a vault at the service where nothing is put in its place: it would stay open."""
    if not home.config.upload and home.remote(service).names():
        raise ClientError(say("rotate.no_vault", server=service.url))


def _check_words(home: Home | Reader, service: Service, recovery: Recovery) -> None:
    remote = Remote(service, recovery)
    if remote.names():
        if remote.listing().depositor != home.config.depositor:
            raise ClientError(say("join.other_firm", depositor=home.config.depositor))
    elif not any(_opens(home.vault, name, recovery) for name in home.vault.names()):
        raise ClientError(say("restore.not_there", server=service.url))


def _check_closed(service: Service, secret: bytes) -> None:
    """Refuse while the old vault is open: the old words still read it."""
    with suppress(ClosedError):
        if Remote(service, Recovery(secret)).names():
            raise ClientError(say("join.not_closed"))


def _give_way(home: Home | Reader, service: Service, recovery: Recovery) -> None:
    """Close the vault of a change that was begun here, where another computer's was done before it."""
    former = home.recovery.former
    if isinstance(home, Home) and former is not None and _is_overtaken(home, service, former):
        with suppress(ClosedError):  # by this very command, and then it was interrupted
            there, _ = _collect(home, service, home.recovery.secret, frozenset())
            if there:
                _close(home, service, home.recovery.secret, recovery)


def _is_overtaken(home: Home, service: Service, former: bytes) -> bool:
    """Whether the old vault was closed in favour of another than this home's; ClientError while it is open."""
    _check_closed(service, former)
    try:
        _ask_to_close(home, service, former, home.recovery)
    except RefusedError as error:
        if error.status != _CONFLICT:
            raise
        return True
    return False


def _write_sheet(home: Home) -> str:
    config = home.config
    sheet = Sheet(home.recovery, config.depositor, config.origin, config.server, home.genesis.log.fingerprint)
    name = parse_identity(home.config.identity.text).name
    fingerprints = tuple(log.key.fingerprint for log in home.policy.logs)
    return make_sheet(home.path, sheet, name=name, fingerprints=fingerprints)


def _move(home: Home, service: Service, former: bytes) -> tuple[list[Problem], bool]:
    """Have all under the new secret, here and at the service, and close the old vault: what neither secret opens, and
    whether there was one to close.
    """
    damaged = {problem.path: problem for problem in _seal_again(home.vault)}
    if not home.config.upload:
        return list(damaged.values()), False
    there, left = _collect(home, service, former, damaged.keys())
    repaired = [name for name in damaged if not home.vault.has(name) or _opens(home.vault, name, home.recovery)]
    damaged = {name: problem for name, problem in damaged.items() if name not in repaired}
    damaged |= {problem.path: problem for problem in left}
    _fill(home, service, damaged.keys())
    sync(home, service)  # receipts, and the index
    if there:
        _close(home, service, former, home.recovery)
    return list(damaged.values()), there


def _begin(path: str, old: Recovery, new: Recovery) -> None:
    """Put the new secret in the place of the old, which stays beside it. Durable on return."""
    replace(f"{path}/{homes.FORMER_KEY}", format_vault_key(old))
    replace(f"{path}/{homes.VAULT_KEY}", format_vault_key(new))


def _end(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(reach(f"{path}/{homes.FORMER_KEY}"))
    sync_folder(f"{path}/{homes.FORMER_KEY}")  # also where it went in a run that was cut short before this


def _seal_again(vault: Vault) -> list[Problem]:
    """Encrypt the folder's files to the present secret, each in one durable step; those that neither secret opens."""
    problems, present, names = [], Recovery(vault.recovery.secret), vault.names()
    with progress_bar("vault", len(names)) as progress:
        for name in names:
            data = vault.read(name) or b""
            if not _opens(vault, name, present):
                try:
                    new, sealed = seal_again(name, data, vault.recovery)
                except MalformedError as error:
                    problems.append(Problem(name, str(error)))
                else:
                    _put(vault, name, new, sealed)
            progress.done()
    return problems


def _put(vault: Vault, name: str, new: str, sealed: bytes) -> None:
    """Write a file's contents, encrypted again, under the name that it then has. Durable on return."""
    make_private(vault.folder)
    replace(f"{vault.folder}/{new}", sealed)
    if new != name:
        with suppress(FileNotFoundError):
            os.unlink(reach(f"{vault.folder}/{name}"))


def _opens(vault: Vault, name: str, recovery: Recovery) -> bool:
    try:
        return bool(kind_of(vault.read(name) or b"", recovery))
    except MalformedError:
        return False


def _collect(home: Home, service: Service, former: bytes, damaged: Collection[str]) -> tuple[bool, list[Problem]]:
    """Fetch the old vault's files that this computer lacks, or has ``damaged``: whether there is an old one at the
    service, and the files that neither secret opens.

    MalformedError for files that the service itself has damaged: its operator may have a copy.
    """
    old, problems = Remote(service, Recovery(former)), []
    try:
        names = old.names()
    except ClosedError:
        if home.recovery.secret == former:
            raise
        return True, []  # by this very command, and then it was interrupted
    for name in sorted(names, key=lambda name: "." not in name):  # beginnings of deposits last
        data = None if home.vault.has(name) and name not in damaged else old.read(name)
        if data is not None:
            try:
                new, sealed = seal_again(name, data, home.recovery)
            except MalformedError as error:
                problems.append(Problem(name, str(error)))
            else:
                _put(home.vault, name, new, sealed)
    return bool(names), problems


def _fill(home: Home, service: Service, damaged: Collection[str]) -> None:
    """Give the service all that the new vault lacks there; ClientError unless it then has all."""
    remote, there = home.remote(service), home.remote(service).names()
    names = [name for name in home.vault.names() if not name.endswith(RECEIPT_SUFFIX) and name not in damaged]
    lacking, refused = [name for name in sorted(names, key=lambda name: "." not in name) if name not in there], []
    with progress_bar("vault", len(lacking)) as progress:
        for problem in home.vault.send_each(lacking, remote):
            refused += [plain(f"{problem.path}: {problem.cause}")] if problem.cause else []
            progress.done()
    _check_sent(refused)
    home.vault.send_owed(remote)  # notes of files that have another name now
    _check_sent(sorted(set(names) - home.remote(service).names()))


def _check_sent(lacking: Sequence[str]) -> None:
    if lacking:
        more = [f"… +{len(lacking) - _SHOWN}"] if len(lacking) > _SHOWN else []
        raise UnreachableError(say("rotate.not_sent", names="\n  ".join(["", *lacking[:_SHOWN], *more])))


def _close(home: Home, service: Service, former: bytes, present: Recovery) -> None:
    try:
        _ask_to_close(home, service, former, present)
    except RefusedError as error:
        raise ClientError(say("rotate.refused", error=error)) from None


def _ask_to_close(home: Home, service: Service, former: bytes, present: Recovery) -> None:
    """Have the service close the old vault in favour of the new; asked again, it answers the same."""
    old, new = (sha256(each.address.encode()).digest() for each in (Recovery(former), present))
    config, at = home.config, time.time_ns() // 1_000_000
    closure = Closure(old, at, config.depositor, config.origin, new)
    note = format_note(sign_note(format_closure(closure), [home.signer]))
    service.post("/v1/vault-closures", canonical({"closure": note.decode()}), JSON)


@contextmanager
def _alone(path: str) -> Iterator[None]:
    homes.load_either(path)  # a folder that is none is told so, and not locked
    try:
        descriptor = lock_folder(path)
    except BlockingIOError:
        raise UnreachableError(say("rotate.busy", path=path)) from None
    try:
        yield
    finally:
        os.close(descriptor)
