"""A correction of the clock 时钟更正, which only an operator may declare, and which the ledger records."""

from __future__ import annotations

from dataclasses import replace

from hefu_ledger.records.bodies import Clock
from hefu_service.intake.event import add_event
from hefu_service.services import Services


def declare_clock(services: Services, *, reason: str) -> int:
    """Restart the times of deposits at the clock's present time, earlier or later than the last one; returns it (ms).

    Deposits from the next one on get times not before it. Every running service sees the declaration in the store.
    """
    now_ms = services.clock.now_ms()
    with services.store.intake() as intake:
        add_event(intake, Clock(from_seq=intake.intake_head().next_seq, not_before=now_ms, reason=reason))
        intake.move_intake(replace(intake.intake_head(), last_received_at=now_ms))
    return now_ms
