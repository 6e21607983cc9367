"""Events: records that the intake owes to the ledger, in the order in which it decided on them."""

from __future__ import annotations

from dataclasses import replace

from hefu_ledger.records.bodies import Clock, Enrolment, KeyEvent, record_type
from hefu_ledger.records.record import format_body
from hefu_service.ports.rows import Event
from hefu_service.ports.store import Intake


def add_event(
    intake: Intake, body: Enrolment | KeyEvent | Clock, *, depositor: str | None = None, vkey: str | None = None
) -> Event:
    """Add the next event; MalformedError if no record could hold it, since the ledger would stop there."""
    head = intake.intake_head()
    event = Event(head.next_event, record_type(body), format_body(body), depositor, vkey, body.from_seq)
    intake.add_event(event)
    intake.move_intake(replace(head, next_event=head.next_event + 1))
    return event
