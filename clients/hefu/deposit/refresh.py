"""``hefu refresh``: everything that is on its way is sent, asked for or taken from carried files, and becomes evidence.

Nothing is read but what was deposited: the documents may have changed or gone since. Safe to interrupt anywhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from hefu.deposit.answers import verify_acknowledgement
from hefu.deposit.approve import approved_beside, is_approved, take_over
from hefu.deposit.depositor import (
    PREPARED,
    Deposited,
    Depositor,
    Open,
    accepted,
    alone,
    complete,
    keep_private_half,
    take_twin,
)
from hefu.deposit.offline import ACKNOWLEDGEMENT, RECEIPT, STATEMENT
from hefu.deposit.pending import resume
from hefu.deposit.plan import Target
from hefu.deposit.renew import renew
from hefu.errors import AlarmError, ClientError, Problem, RefusedError, UnreachableError
from hefu.evidence.bundle import Part
from hefu.files.atomic import replace
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.home.index import Index
from hefu.service import Service
from hefu.ui.language import say
from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.receipt import MAX_RECEIPT, parse_receipt
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.tlog.note import parse_note

_STAMPED_WITHIN_MS = 30 * 86_400_000
_KINDS = {".hefu.bundle": True, ".hefu.json": False}  # whether it is about a folder


class Carried(NamedTuple):
    """Answers that were carried here, by the identity of the statement they are about.

    ``texts``: identities of the statements that there are receipts of, by what was signed, under whatever lines.
    """

    acknowledgements: dict[bytes, bytes]
    receipts: dict[bytes, bytes]
    texts: dict[str, bytes]


class Refreshed(NamedTuple):
    """``done``: what each deposit on its way has become. ``stuck``: which could not go on, and why.

    ``renewed``: evidence that was complete, and has gained timestamps.
    """

    done: list[Deposited]
    stuck: list[Problem]
    renewed: list[str]


def unfinished(out: str) -> list[Target]:
    """Find the deposits on their way in an evidence folder, in a fixed order."""
    return sorted(_unfinished(out), key=lambda target: target.final)


def read_carried(folder: str) -> Carried:
    """Collect acknowledgements and receipts from a folder; files of other kinds are passed over."""
    carried = Carried({}, {}, {})
    for name in sorted(os.listdir(folder)):
        try:
            if name.endswith(ACKNOWLEDGEMENT):
                data = _read(f"{folder}/{name}")
                carried.acknowledgements[parse_acceptance(parse_note(data).text).statement] = data
            elif name.endswith(RECEIPT):
                data = _read(f"{folder}/{name}")
                statement = parse_receipt(data).statement.encode()
                carried.receipts[statement_id(statement)] = data
                carried.texts[parse_note(statement).text] = statement_id(statement)
        except MalformedError as error:
            raise ClientError(say("refresh.copy", path=printable(f"{folder}/{name}"), error=error)) from None
    return carried


def refresh_carried(home: Home, out: str, carried: Carried) -> Refreshed:
    """Go on with what answers were carried here for; no network is touched."""
    return _each(home, out, lambda target: _from_carried(target, home, carried))


def refresh(home: Home, service: Service, out: str, *, wait: bool = False) -> Refreshed:
    """Send what was never sent, and ask for what is missing."""
    depositor = Depositor(home, service)
    return _each(home, out, lambda target: _from_service(target, home, depositor, wait=wait))


def refresh_all(
    home: Home, index: Index, folders: Sequence[str] | None, *, carried: str | None = None, wait: bool = False
) -> Refreshed:
    """Refresh evidence folders, by default all that the index knows, and take in evidence it does not know.

    ``carried``: a folder of answers to go on with; no network is touched then. Folders that are away are ``stuck``.
    """
    done = Refreshed([], [], [])
    answers = None if carried is None else read_carried(carried)
    with Service(home.config.server) as service:
        for out in folders or index.evidence_folders():
            if not os.path.isdir(out):
                done.stuck.append(Problem(printable(out), say("refresh.no_folder")))
                continue
            found = refresh(home, service, out, wait=wait) if answers is None else refresh_carried(home, out, answers)
            done.done.extend(found.done)
            done.stuck.extend(found.stuck)
            done.stuck.extend(_take(index, out))
        index.catch_up()
        if answers is None:
            _renew(home, service, index, done)
    return done


def _renew(home: Home, service: Service, index: Index, done: Refreshed) -> None:
    """Look for timestamps, which an authority gives within hours if at all."""
    for path in index.unstamped(time.time_ns() // 1_000_000 - _STAMPED_WITHIN_MS):
        if os.path.exists(path):
            try:
                if renew(home, service, path):
                    index.take(path)
                    done.renewed.append(path)
            except (LedgerError, RefusedError) as error:
                done.stuck.append(Problem(printable(path), str(error)))


def _take(index: Index, out: str) -> Iterator[Problem]:
    """Take evidence into the index that it does not know: made by another home folder, or before the index was lost."""
    known = index.known_evidence()
    on_their_way = {os.path.abspath(target.final) for target in unfinished(out)}
    finished = {os.path.abspath(f"{out}/{name}") for name in os.listdir(out) if name.endswith(tuple(_KINDS))}
    for path in sorted((finished | on_their_way) - known):
        try:
            index.take(path)
        except LedgerError as error:
            if path in finished:
                yield Problem(printable(path), str(error))


def _each(home: Home, out: str, go_on: Callable[[Target], Deposited]) -> Refreshed:
    found = Refreshed([], [], [])
    with alone(out):
        for target in unfinished(out):
            try:
                if os.path.lexists(target.final):  # it got its name, and then the power went
                    resume(target, home)
                else:
                    found.done.append(go_on(target))
            except (UnreachableError, AlarmError):
                raise
            except (LedgerError, ClientError) as error:  # one that cannot go on must not hold up the others
                found.stuck.append(Problem(printable(target.final), str(error)))
        _clear_away(out)
    return found


def _clear_away(out: str) -> None:
    """Remove what a crash left beside evidence that had its name already."""
    names = set(os.listdir(out))
    finished = {name for name in names if name.endswith(tuple(_KINDS)) and name + ".part" not in names}
    for name in names:
        final, kind = os.path.splitext(name)
        if kind in (ACKNOWLEDGEMENT, STATEMENT) and final in finished:
            os.unlink(f"{out}/{name}")


def _from_service(target: Target, home: Home, depositor: Depositor, *, wait: bool) -> Deposited:
    ready = depositor.ready(target, _part(target, home))
    return ready if isinstance(ready, Deposited) else depositor.end(depositor.send(target, ready), wait=wait)


def _from_carried(target: Target, home: Home, carried: Carried) -> Deposited:
    part = _part(target, home)
    identity = statement_id(part.statement)
    approved = None if is_approved(part, home) else approved_beside(target, part)
    if approved is not None and statement_id(approved) in carried.acknowledgements.keys() | carried.receipts.keys():
        part, identity = take_over(target, part, approved), statement_id(approved)
        keep_private_half(target, part, home)
    other = carried.texts.get(parse_note(part.statement).text, identity)
    if identity not in carried.receipts and other != identity:
        part, identity = take_twin(target, part, parse_receipt(carried.receipts[other]), home), other
        if home.config.upload:
            home.vault.owe_deposit(identity.hex())
    receipt = carried.receipts.get(identity)
    acknowledgement = carried.acknowledgements.get(identity)
    if acknowledgement is None and receipt is not None:
        acknowledgement = parse_receipt(receipt).acknowledgement.encode()
    if acknowledgement is None:
        return Deposited(target.path, target.final, PREPARED, part.header.count, "", identity.hex(), "")
    acceptance = verify_acknowledgement(acknowledgement, identity=identity, home=home)
    replace(target.acknowledgement, acknowledgement)
    if receipt is None:
        return accepted(Open(target, part, acknowledgement, acceptance), home)
    return complete(target, part, parse_receipt(receipt), acknowledgement, home)


def _part(target: Target, home: Home) -> Part:
    """What lies ready. MalformedError if it was cut short while it was written: nothing of it was ever sent."""
    part = resume(target, home)
    if part is None:
        raise MalformedError("it was cut short before it was signed, so nothing was sent; deposit its documents again")
    return part


def _unfinished(out: str) -> Iterator[Target]:
    for name in os.listdir(out):
        for suffix, is_folder in _KINDS.items():
            stem = name.removesuffix(suffix + ".part")
            if stem not in ("", name):
                yield Target(f"{out}/{stem}", stem, is_folder, f"{out}/{stem}{suffix}")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_RECEIPT + 1)
