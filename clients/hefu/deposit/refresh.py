"""``hefu refresh``: deposits on their way are sent, and answers, asked for or carried, turn them into evidence.

The documents are not read again: they may have changed or gone since. Safe to interrupt anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from hefu.deposit.answers import Answers, CarriedAnswers, ServiceAnswers
from hefu.deposit.depositor import Deposited, Depositor, alone
from hefu.deposit.growth import grow
from hefu.deposit.pending import resume
from hefu.deposit.plan import ACKNOWLEDGEMENT, STATEMENT, Target
from hefu.errors import AlarmError, ClientError, Problem, RefusedError, UnreachableError
from hefu.evidence.bundle import Part
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.home.index import Index
from hefu.keys.roster import newest_event
from hefu.service import Service
from hefu.ui.language import finding_text, language, say
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.language import CHINESE
from hefu_ledger.verify.verdict import Step

_COMING_WITHIN_MS = 30 * 86_400_000
_KINDS = {".hefu.bundle": True, ".hefu.json": False}  # whether it is about a folder


class Refreshed(NamedTuple):
    """``done``: each deposit that went on, with its new state. ``stuck``: those that could not, and why.

    ``grown``: evidence that was complete, and now tells more: witnesses, timestamps, events of the keys. ``doubted``:
    evidence that a key signed of which it now tells that it was reported; no independent time is earlier.
    """

    done: list[Deposited]
    stuck: list[Problem]
    grown: list[str]
    doubted: list[Problem]


def unfinished(out: str) -> list[Target]:
    """Find the deposits on their way in an evidence folder, in a fixed order."""
    return sorted(_unfinished(out), key=lambda target: target.final)


def refresh(home: Home, service: Service, out: str, *, wait: bool = False) -> Refreshed:
    """Send statements that were never sent, and ask for missing answers."""
    return refresh_with(ServiceAnswers(service), home, out, pause=service.sleep if wait else None)


def refresh_with(answers: Answers, home: Home, out: str, *, pause: Callable[[float], None] | None = None) -> Refreshed:
    """Go on with every deposit on its way in a folder. ``pause`` (seconds): wait for receipts with it."""
    found, depositor = Refreshed([], [], [], []), Depositor(home, answers)
    with alone(out):
        for target in unfinished(out):
            try:
                part = _part(target, home)
                found.done.extend([] if part is None else [depositor.resume(target, part, pause)])
            except (UnreachableError, AlarmError):
                raise
            except (LedgerError, ClientError) as error:  # one that cannot go on must not hold up the others
                found.stuck.append(Problem(printable(target.final), str(error)))
        _clear_away(out)
    return found


def refresh_all(
    home: Home,
    service: Service,
    index: Index,
    folders: Sequence[str] | None,
    *,
    carried: str | None = None,
    wait: bool = False,
) -> Refreshed:
    """Refresh evidence folders, by default all that the index knows, and take in evidence it does not know.

    ``carried``: a folder of answers to go on with; no network is touched then. Folders that are away are ``stuck``.
    """
    done = Refreshed([], [], [], [])
    answers = None if carried is None else CarriedAnswers(carried)
    for out in folders or index.evidence_folders():
        if not os.path.isdir(out):
            done.stuck.append(Problem(printable(out), say("refresh.no_folder")))
            continue
        found = refresh_with(answers, home, out) if answers is not None else refresh(home, service, out, wait=wait)
        done.done.extend(found.done)
        done.stuck.extend([*found.stuck, *_take(index, out)])
    index.catch_up()
    if answers is None:
        _grow(home, service, index, done)
    return done


def _grow(home: Home, service: Service, index: Index, done: Refreshed) -> None:
    """Ask for additions to receipts: to those that were not asked about the newest event of the depositor's keys.

    Else to those of the last days alone, whose witnesses and timestamps may still be coming.
    """
    event = newest_event(service, home)
    for path in index.may_grow(_COMING_WITHIN_MS, event):
        if os.path.exists(path) and _grow_one(home, service, index, path, done):
            index.was_told(path, event)


def _grow_one(home: Home, service: Service, index: Index, path: str, done: Refreshed) -> bool:
    """Whether the evidence holds all that the service tells; a hindrance is said."""
    try:
        growth = grow(home, service, path)
    except UnreachableError:
        raise
    except (LedgerError, RefusedError) as error:
        done.stuck.append(Problem(printable(path), str(error)))
        return False
    if growth is None:
        return False
    if growth.changed:
        index.take(path)
        done.grown.append(path)
    if growth.doubt is not None:
        done.doubted.append(Problem(printable(path), _sentence(growth.doubt)))
    return True


def _sentence(step: Step) -> str:
    chinese, english = finding_text(step.code, step.values)
    return chinese if language() == CHINESE else english


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


def _clear_away(out: str) -> None:
    """Remove files that a crash left beside evidence that had its name already."""
    names = set(os.listdir(out))
    finished = {name for name in names if name.endswith(tuple(_KINDS)) and name + ".part" not in names}
    for name in names:
        final, kind = os.path.splitext(name)
        if kind in (ACKNOWLEDGEMENT, STATEMENT) and final in finished:
            os.unlink(f"{out}/{name}")


def _part(target: Target, home: Home) -> Part | None:
    """A deposit that lies ready; None where its evidence has its name already, and then the power went.

    MalformedError if it was cut short while it was written: nothing of it was ever sent.
    """
    finished = os.path.lexists(target.final)
    part = resume(target, home)
    if part is None and not finished:
        raise MalformedError("it was cut short before it was signed, so nothing was sent; deposit its documents again")
    return part


def _unfinished(out: str) -> Iterator[Target]:
    for name in os.listdir(out):
        for suffix, is_folder in _KINDS.items():
            stem = name.removesuffix(suffix + ".part")
            if stem not in ("", name):
                yield Target(f"{out}/{stem}", stem, is_folder, f"{out}/{stem}{suffix}")
