"""When a note was made, by its maker's clock: a service takes a note that is about as old as it should be."""

from __future__ import annotations

from typing import Final

from hefu_ledger.encoding import format_time
from hefu_service.intake.refusals import RequestTimeError

AHEAD_MS: Final = 600_000  # that a maker's clock may be ahead
ALONE_MS: Final = 600_000  # from making a note with one line to sending it
TOGETHER_MS: Final = 7 * 86_400_000  # of several signers, who pass it on


def check_requested_at(requested_at: int, *, lines: int, now_ms: int) -> None:
    """Refuse a note of the future, or one that has lain too long: it says the will of its makers then."""
    oldest = now_ms - (ALONE_MS if lines == 1 else TOGETHER_MS)
    if requested_at > now_ms + AHEAD_MS:
        raise RequestTimeError(
            f"the note was made at {format_time(requested_at)}, after {format_time(now_ms)}: is your clock right?"
        )
    if requested_at < oldest:
        raise RequestTimeError(
            f"the note was made at {format_time(requested_at)}, before {format_time(max(oldest, 0))}:"
            " make and sign a new one (is your clock right?)"
        )
