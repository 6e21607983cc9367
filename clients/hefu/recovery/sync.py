"""``hefu vault sync``: this computer and the service give each other the files of one vault that either lacks.

Deposits of colleagues are in the index from then on, and with a folder to write to its evidence is there as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from hefu.deposit.answers import fetch_acknowledgement, fetch_receipt
from hefu.deposit.depositor import alone
from hefu.deposit.verify import take_receipt, verify_acknowledgement
from hefu.errors import Problem, RefusedError, UnreachableError
from hefu.files.atomic import make_private
from hefu.files.platform import reach
from hefu.files.scan import printable
from hefu.home.home import Home, Reader, load_either
from hefu.home.index import Index
from hefu.recovery.counterparts import adopt
from hefu.recovery.numbers import running_numbers
from hefu.recovery.rebuild import Proven, is_evidence_of, rebuild
from hefu.recovery.restore import deposits_in, merge_labels
from hefu.service import Service
from hefu.ui.language import say
from hefu.vault.blobs import RECEIPT_SUFFIX, opened, piece_names
from hefu.vault.remote import Remote
from hefu.vault.store import fetch
from hefu_ledger.errors import LedgerError


class Synced(NamedTuple):
    """How many files were given and taken, and receipts added; ``problems`` name those that stay as they were.

    ``learned``: deposits that the index did not know; ``evidence``: files that were written; ``elsewhere``: deposits of
    which the vault has all, and no evidence was ever written here.
    """

    sent: int
    fetched: int
    receipts: int
    learned: int
    evidence: list[str]
    elsewhere: int
    problems: list[Problem]


def sync(home: Home | Reader, service: Service, *, out: str | None = None) -> Synced:
    """Send the files the service lacks, if it is to hold the vault and this home has a key; fetch those lacking here.

    ``out``: where the evidence is written of deposits of which there is none here. Safe to interrupt and to run again.
    """
    problems: list[Problem] = []
    reader = home.reader if isinstance(home, Home) else home
    remote = home.remote(service) if isinstance(home, Home) else Remote(service, home.recovery)
    fetched = _fetch(reader, remote, problems)
    problems += merge_labels(reader.vault)
    try:
        adopt(reader, service, remote.statements())
    except LedgerError as error:
        problems.append(Problem("", str(error)))
    sent = _send(home, remote, problems) if isinstance(home, Home) and home.config.upload else 0
    receipts = _receipts(reader, service, problems)
    with Index(reader.path) as index:
        index.catch_up()
        gone = _gone(index, out)
        learned = _learn(reader, service, index, gone, problems)
        evidence = _write(reader, index, out, gone, problems) if out is not None else []
        elsewhere = len(index.settled() - index.with_evidence())
    known = {*deposits_in(reader.vault), *remote.statements()}
    problems += [Problem("", say("vault.gap", nth=nth)) for nth in running_numbers(reader, known, service).missing()]
    return Synced(sent, fetched, receipts, learned, evidence, elsewhere, problems)


def learn(reader: Reader, service: Service, index: Index) -> None:
    """Take deposits of colleagues into the index that it does not know; nothing else is fetched or decrypted.

    Obstacles are passed over: ``sync`` reports them.
    """
    remote = Remote(service, reader.recovery)
    with suppress(RefusedError, UnreachableError):
        for statement_id in sorted(set(remote.statements()) - {entry.statement for entry in index.deposits()}):
            with suppress(LedgerError):
                for name in reversed(piece_names(remote, statement_id)) if remote.has(statement_id) else ():
                    fetch(reader.vault, remote, name)
                if reader.vault.has(statement_id):
                    _take(reader, service, index, statement_id)


def learn_kept(reader: Reader, index: Index) -> None:
    """Take the deposits of the vault's files here into an index that was begun just now; ``sync`` reports obstacles."""
    known = index.settled() | index.with_evidence()
    for statement_id in deposits_in(reader.vault):
        if statement_id not in known:
            with suppress(LedgerError), opened(reader.vault, statement_id, reader.recovery) as kept:
                receipt = reader.vault.receipt(statement_id)
                if receipt is not None:
                    index.take_kept(kept, receipt, None)
    index.remember_vault()


def sync_joined(path: str) -> tuple[Synced | None, str]:
    """Fetch the files of a vault that a home has just joined; or the reason why that has to wait."""
    home = load_either(path)
    try:
        with Service(home.config.server, insecure_http=True) as service:
            return sync(home, service), ""
    except (UnreachableError, RefusedError) as error:
        return None, str(error)


def _send(home: Home, remote: Remote, problems: list[Problem]) -> int:
    there = remote.names()
    lacking = {name for name in home.vault.names() if name not in there and not name.endswith(RECEIPT_SUFFIX)}
    owed = lacking.union(home.vault.owed())  # notes of files that are there by now are settled as well
    told = list(home.vault.send_each(sorted(owed, key=lambda name: "." not in name), remote))  # beginnings last
    problems += [problem for problem in told if problem.cause]
    return sum(name in lacking and not cause for name, cause in told)


def _fetch(reader: Reader, remote: Remote, problems: list[Problem]) -> int:
    fetched = 0
    for name in sorted(remote.names(), key=lambda name: "." not in name):
        try:
            fetched += fetch(reader.vault, remote, name)
        except LedgerError as error:
            problems.append(Problem(name, str(error)))
    return fetched


def _receipts(reader: Reader, service: Service, problems: list[Problem]) -> int:
    added = 0
    for statement_id in deposits_in(reader.vault):
        try:
            if reader.vault.receipt(statement_id) is not None:
                continue
            receipt = fetch_receipt(statement_id, service)
            if receipt is not None:
                with opened(reader.vault, statement_id, reader.recovery) as kept:
                    receipt = take_receipt(receipt, kept.part, reader)
                reader.vault.keep_receipt(receipt)
                added += 1
        except LedgerError as error:
            problems.append(Problem(statement_id, str(error)))
    return added


def _gone(index: Index, out: str | None) -> dict[str, list[str]]:
    """Where evidence lay that was deleted, by its statement's id (hex), if there is none of it elsewhere here.

    A folder that is away, as drives may be, has all that was in it; but not ``out``, which is here.
    """
    gone, there = dict[str, list[str]](), set[str]()
    for statement_id, path in index.evidence():
        away = not os.path.isdir(reach(os.path.dirname(path))) and not _is_below(path, out)
        if away or os.path.lexists(reach(f"{path}.part")) or os.path.lexists(reach(path)):  # it may be finished between
            there.add(statement_id)
        else:
            gone.setdefault(statement_id, []).append(path)
    return {statement_id: paths for statement_id, paths in gone.items() if statement_id not in there}


def _is_below(path: str, folder: str | None) -> bool:
    return folder is not None and path.startswith(os.path.join(os.path.abspath(folder), ""))


def _learn(
    reader: Reader, service: Service, index: Index, gone: Mapping[str, Sequence[str]], problems: list[Problem]
) -> int:
    """Take the vault's deposits into the index; how many it did not know."""
    known = {entry.statement for entry in index.deposits()}
    settled = (index.settled() | index.with_evidence()) - gone.keys()
    for statement_id in deposits_in(reader.vault):
        if statement_id not in settled:
            try:
                _take(reader, service, index, statement_id, gone.get(statement_id, ()))
            except LedgerError as error:
                problems.append(Problem(statement_id, str(error)))
    return len({entry.statement for entry in index.deposits()} - known)


def _take(reader: Reader, service: Service, index: Index, statement_id: str, gone: Sequence[str] = ()) -> None:
    with opened(reader.vault, statement_id, reader.recovery) as kept:
        receipt, acknowledgement = reader.vault.receipt(statement_id), None
        if receipt is None:
            acknowledgement = fetch_acknowledgement(statement_id, service)
            if acknowledgement is None:
                return  # prepared on another computer, and not sent yet
            verify_acknowledgement(acknowledgement, statement_id=statement_id, home=reader)
        index.take_kept(kept, receipt, acknowledgement, gone)


def _write(
    reader: Reader, index: Index, out: str, gone: Mapping[str, Sequence[str]], problems: list[Problem]
) -> list[str]:
    """Write the evidence of which there is none here, where it was, if that is below ``out``.

    Nothing is overwritten: another's of the same name is left alone, and changed files are named.
    """
    lacking = index.settled() - index.with_evidence()
    receipts = {
        statement_id: reader.vault.receipt(statement_id)
        for statement_id in sorted(lacking)
        if reader.vault.has(statement_id)
    }
    found = [Proven(statement_id, receipt) for statement_id, receipt in receipts.items() if receipt is not None]
    places = {statement_id: [path for path in paths if _is_below(path, out)] for statement_id, paths in gone.items()}
    make_private(out)
    with alone(out):
        changed = _changed(reader, index, out)
        taken = [name.removesuffix(".part") for name in os.listdir(reach(out))]  # a deposit on its way has its name
        taken += [os.path.basename(path) for paths in places.values() for path in paths]
        done = rebuild(reader, found, out, index, taken, places)
        index.catch_up()
    problems += [Problem(printable(path), say("vault sync.differs")) for path in changed + done.in_the_way]
    return done.evidence


def _changed(reader: Reader, index: Index, out: str) -> list[str]:
    """The paths of evidence that has changed since it was written."""
    changed = []
    for statement_id, path in index.evidence():
        if _is_below(path, out) and os.path.lexists(reach(path)) and reader.vault.has(statement_id):
            with (
                suppress(LedgerError),
                opened(reader.vault, statement_id, reader.recovery) as kept,
            ):  # damaged: _learn says
                same_name = os.path.basename(path) == kept.about.evidence  # else it was cut out, or disclosed
                if same_name and not is_evidence_of(path, kept, reader):
                    changed.append(path)
    return changed
