"""The system's clock, believed if it agrees with the times known at the start, and as long as it keeps its pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from hefu_service.outside.known_times import KnownTimes
from hefu_service.ports.errors import ClockError
from hefu_service.ports.store import Store
from hefu_service.texts import Text, sentence

LEAP_MS: Final = 5_000  # more than a well-kept clock is ever corrected by at once


def elapsed_ns() -> int:
    """Time since start-up, which cannot be set; where the system can, also counted while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


class SystemClock:
    """Meets the port ``Clock``; may be called from any thread.

    It is not believed before it agrees with ``known``, the times that are known at the start. A leap forward of more
    than 5 s that the elapsed time does not explain is refused. Either is over when the clock is set right, or when an
    operator, having seen the alarm, declares a correction (a clock event in the store).
    """

    def __init__(
        self,
        store: Store,
        known: Callable[[], KnownTimes] = KnownTimes,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        elapsed_ns: Callable[[], int] = elapsed_ns,
    ) -> None:
        """``known`` is called at the first look at the clock: commands that need no time ask for none."""
        self._store = store
        self._known: Callable[[], KnownTimes] | None = known
        self._times: KnownTimes | None = None
        self._wall_ns = wall_ns
        self._elapsed_ns = elapsed_ns
        self._lock = threading.Lock()
        self._offset_ms = self._read()[1]
        self._doubted = False
        self._alarm: int | None = None  # the first event that can be about the fault

    def now_ms(self) -> int:
        """See the port; a declared time is believed from then on."""
        with self._lock:
            if self._known is not None:
                self._times, self._known = self._known(), None
            now_ms, offset_ms = self._read()
            wrong = self._wrong(now_ms, offset_ms)
            if wrong is not None and not self._declared():
                raise ClockError(wrong)
            self._offset_ms, self._alarm, self._times = offset_ms, None, None
            return now_ms

    def _wrong(self, now_ms: int, offset_ms: int) -> Text | None:
        doubt = None if self._times is None else self._times.doubt(now_ms, offset_ms)
        if doubt is not None:
            self._doubted = True
            return doubt
        if self._doubted:  # it has been set right: a leap, but to a time that agrees
            self._doubted = False
            return None
        leap_ms = offset_ms - self._offset_ms
        return sentence("clock.leapt", leap_ms=leap_ms) if leap_ms > LEAP_MS else None

    def _read(self) -> tuple[int, int]:
        wall_ns, elapsed_ns = self._wall_ns(), self._elapsed_ns()
        return wall_ns // 1_000_000, (wall_ns - elapsed_ns) // 1_000_000

    def _declared(self) -> bool:
        """Tell whether a correction was declared since the fault was noticed; the first call notices it."""
        with self._store.view() as view:
            if self._alarm is None:
                self._alarm = view.intake_head().next_event
                return False
            return any(event.type == "clock" for event in view.events(self._alarm))
