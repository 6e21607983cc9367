"""Which keys a depositor may sign with, from its events: the same fold as every verifier's."""

from __future__ import annotations

from functools import lru_cache

from hefu_ledger.records.record import Enrolment, KeyEvent, parse_body
from hefu_ledger.records.roster import Roster
from hefu_service.ports.rows import Event


def fold_roster(origin: str, depositor: str, events: tuple[Event, ...]) -> Roster:
    """Fold a depositor's events, in order, to its keys; a new roster each time."""
    roster = Roster(origin, depositor)
    for event in events:
        match parse_body(event.type, event.body):
            case Enrolment() as body:
                roster.enrol(body)
            case KeyEvent() as body:
                roster.change(body)
    return roster


@lru_cache(maxsize=4096)
def roster_of(origin: str, depositor: str, events: tuple[Event, ...]) -> Roster:
    """As ``fold_roster``, remembered, since folding verifies signatures: MUST NOT be changed by the caller.

    Unchanged events give the same object, so ``is`` tells whether anything happened to the keys.
    """
    return fold_roster(origin, depositor, events)
