"""Events as record bodies: what the intake decides now and the ledger records a moment later.

An event's ``body`` holds the record's own members; its place in the ledger is known only when it is written.
"""

from __future__ import annotations

from typing import Final

from hefu_ledger.encoding import canonical, parse_canonical
from hefu_ledger.records.record import (
    FORMAT,
    MAX_RECORD,
    NO_RECORD,
    Body,
    Clock,
    Enrolment,
    KeyEvent,
    Record,
    format_record,
    parse_record,
)
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import Event

_TYPES: Final[dict[type, str]] = {Enrolment: "enrolment", KeyEvent: "key", Clock: "clock"}
_NO_PLACE: Final = {"entries": 0, "format": FORMAT, "index": 0, "prev": NO_RECORD.hex()}


def make_event(
    number: int, body: Enrolment | KeyEvent | Clock, *, depositor: str | None = None, vkey: str | None = None
) -> Event:
    """Make the event number ``number``; MalformedError if no record could say it, since the ledger would stop there."""
    kind = _TYPES[type(body)]
    data = format_record(Record(0, 0, NO_RECORD, kind, body))
    parse_record(data)  # what can be written may still be more than may be read
    members = parse_canonical(data, limit=MAX_RECORD)
    own = {name: value for name, value in members.items() if name not in _NO_PLACE and name != "type"}
    return Event(number, kind, canonical(own), depositor, vkey, body.from_seq)


def event_body(event: Event) -> Body:
    """Read an event's body."""
    members = parse_canonical(event.body, limit=MAX_RECORD)
    if not isinstance(members, dict):
        raise StorageError(f"event {event.number} is not a JSON object")
    return parse_record(canonical(members | _NO_PLACE | {"type": event.type})).body
