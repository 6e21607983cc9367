"""A depositor's keys as its last event leaves them: the stored roster, which every verifier can fold again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hefu_ledger.errors import VerificationError
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.fold import DepositorEvent, fold
from hefu_ledger.records.record import parse_body
from hefu_ledger.records.roster import NO_ROSTER, Roster
from hefu_ledger.tlog.keys import VerifierKey, parse_vkey
from hefu_service.intake.refusals import ConflictError, UnknownDepositorError
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import Event
from hefu_service.ports.store import View


@dataclass(frozen=True, slots=True)
class Keys:
    """A depositor's keys after its last event; ``event`` is -1 and the roster empty where there was none."""

    event: int
    roster: Roster

    @property
    def many(self) -> bool:
        """Whether the depositor has, or had, more than one key."""
        return self.roster.enrolment > 0


NO_KEYS = Keys(-1, NO_ROSTER)


def keys_of(view: View, depositor: str) -> Keys:
    """The depositor's keys, from its last event alone."""
    last = view.last_event_of(depositor)
    return NO_KEYS if last is None else read_keys(last)


@lru_cache(maxsize=4096)
def read_keys(event: Event) -> Keys:
    """The keys that an event leads to, as it states them; unchanged events give the same object."""
    body = event_body(event)
    return Keys(body.event, body.roster)


def event_body(event: Event) -> DepositorEvent:
    """The body of a depositor's event."""
    body = parse_body(event.type, event.body)
    if not isinstance(body, Enrolment | KeyEvent):
        raise StorageError(f"event {event.number} is stored as a depositor's and is none")
    return body


def need_keys(view: View, depositor: str) -> Keys:
    """The depositor's keys; UnknownDepositorError if it never had one."""
    keys = keys_of(view, depositor)
    if keys is NO_KEYS:
        raise UnknownDepositorError(f"no depositor {depositor!r:.40} is enrolled here")
    return keys


def keys_ever(view: View, depositor: str) -> list[VerifierKey]:
    """Every key that the depositor ever enrolled, in order."""
    return [
        parse_vkey(event.vkey)
        for event in view.events_of(depositor)
        if event.type == "enrolment" and event.vkey is not None
    ]


def next_roster(keys: Keys, body: DepositorEvent, *, origin: str, depositor: str) -> Roster:
    """The roster that a new event leads to, one step from the stored one.

    VerificationError where a rule is broken, ConflictError where the roster is full.
    """
    try:
        return fold(keys.roster, body, origin=origin, depositor=depositor)
    except VerificationError as error:
        if error.code == "roster-full":
            raise ConflictError(f"{error}; end a key first, or begin a new depositor") from error
        raise
