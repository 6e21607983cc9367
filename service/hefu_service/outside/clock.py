"""The system's clock, believed only as long as it moves as fast as the machine's own count of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from hefu_service.ports.errors import ClockError
from hefu_service.ports.store import Store
from hefu_service.texts import sentence

LEAP_MS: Final = 5_000  # more than a well-kept clock is ever corrected by at once


def _elapsed_ns() -> int:
    """Time since start-up, which cannot be set; where the system can, also counted while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


class SystemClock:
    """Meets the port ``Clock``; may be called from any thread.

    A leap forward of more than 5 s that the elapsed time does not explain is refused until the clock is put back, the
    process starts anew, or an operator, having seen the alarm, declares a correction (a clock event in the store).
    """

    def __init__(
        self, store: Store, *, wall_ns: Callable[[], int] = time.time_ns, elapsed_ns: Callable[[], int] = _elapsed_ns
    ) -> None:
        self._store = store
        self._wall_ns = wall_ns
        self._elapsed_ns = elapsed_ns
        self._lock = threading.Lock()
        self._offset_ms = self._read()[1]
        self._alarm: int | None = None  # the first event that can be about the leap that was noticed

    def now_ms(self) -> int:
        """See the port; a declared time is believed from then on."""
        with self._lock:
            now_ms, offset_ms = self._read()
            leap_ms = offset_ms - self._offset_ms
            if leap_ms > LEAP_MS and not self._declared():
                raise ClockError(sentence("clock.leapt", leap_ms=leap_ms))
            self._offset_ms, self._alarm = offset_ms, None
            return now_ms

    def _read(self) -> tuple[int, int]:
        wall_ns, elapsed_ns = self._wall_ns(), self._elapsed_ns()
        return wall_ns // 1_000_000, (wall_ns - elapsed_ns) // 1_000_000

    def _declared(self) -> bool:
        """Tell whether a correction was declared since the leap was noticed; the first call notices it."""
        with self._store.view() as view:
            if self._alarm is None:
                self._alarm = view.intake_head().next_event
                return False
            return any(event.type == "clock" for event in view.events(self._alarm))
