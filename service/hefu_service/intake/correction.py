"""A correction of the clock 时钟更正, which only an operator may declare, and which the ledger records."""

from __future__ import annotations

from dataclasses import replace

from hefu_ledger.records.record import Clock
from hefu_service.events import make_event
from hefu_service.services import Services


def declare_clock(services: Services, *, reason: str) -> int:
    """Let times start from what the clock shows now, be it earlier or later than the last one; returns it (ms).

    Deposits from the next one on get times not before it. Every running service sees the declaration in the store.
    """
    now_ms = services.clock.now_ms()
    with services.store.intake() as intake:
        head = intake.intake_head()
        body = Clock(from_seq=head.next_seq, not_before=now_ms, reason=reason)
        intake.add_event(make_event(head.next_event, body))
        intake.move_intake(replace(head, last_received_at=now_ms, next_event=head.next_event + 1))
    return now_ms
