"""The service's clock against ours, which may be the wrong one: compared only where both looked at the same moment."""

from __future__ import annotations

import time
from typing import Final

_WORTH_TELLING_S: Final = 300


def now_ms() -> int:
    """This computer's clock, in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def difference_s(received_at: int, *, sent_ms: int | None, answered_ms: int) -> int | None:
    """How far the service's time of receipt (ms) is after our clock, in seconds, if it is five minutes or more.

    ``sent_ms``: our clock before the statement was first sent; None where it may have arrived at any time before.
    """
    if received_at > answered_ms:
        ahead_s = (received_at - answered_ms) // 1000
    elif sent_ms is not None and received_at < sent_ms:
        ahead_s = -((sent_ms - received_at) // 1000)
    else:
        return None
    return ahead_s if abs(ahead_s) >= _WORTH_TELLING_S else None
