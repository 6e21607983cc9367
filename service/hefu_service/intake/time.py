"""The time of the next deposit, under the lock of the intake head: only forward, never believed when it leaps."""

from __future__ import annotations

from hefu_service.ports.errors import ClockError
from hefu_service.ports.rows import IntakeHead
from hefu_service.ports.world import Clock
from hefu_service.texts import sentence

BACK_MS = 1_000  # the clock may be so far behind the last deposit's time: clocks of several machines differ by less


def received_at(head: IntakeHead, now_ms: int) -> int:
    """The time (ms) of the next deposit: now, but never before the last one.

    ClockError if now is more than a second before it.
    """
    if now_ms < head.last_received_at - BACK_MS:
        raise ClockError(sentence("clock.behind", behind_ms=head.last_received_at - now_ms))
    return max(now_ms, head.last_received_at)


def received_at_or_error(head: IntakeHead, clock: Clock) -> tuple[int, ClockError | None]:
    """As ``received_at``, the error returned: a statement that was accepted before does not need the time."""
    try:
        return received_at(head, clock.now_ms()), None
    except ClockError as error:
        return head.last_received_at, error
