"""The ticker: one thread that seals accepted deposits, a window at a time.

The first deposit opens a window, which ends after ``window_ms`` or with enough deposits; then all that is owed is
sealed and published, here or, where there is a queue, by a worker that is asked to. The database says what is owed: a
wake-up that is lost costs one sweep.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from hefu_service.jobs.tasks import settle
from hefu_service.observing.backlog import Backlog
from hefu_service.ports.errors import StorageError
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services

LOG: Final = logging.getLogger("hefu.ticker")
ENOUGH: Final = 10_000  # deposits that end a window early
SWEEP_S: Final = 1.0  # between looks of an idle ticker at the clock, and for owed work of which no hint came
_LONGEST_BACK_OFF_S: Final = 60.0
STALLED_S: Final = 30.0  # beyond a window: a live worker would have swept many times


class Ticker:
    """Does its ``work`` at a window's end and when it stops, and sweeps when idle, which is the same work unless said.

    ``accepted`` and ``trouble`` may be called from any thread.
    """

    def __init__(
        self,
        services: Services,
        *,
        window_ms: int = 1000,
        work: Callable[[Services], None] = settle,
        sweep: Callable[[Services], None] | None = None,
    ) -> None:
        self._services = services
        self._work = work
        self._sweep = sweep or work
        self._window_s = window_ms / 1000
        self._backlog = Backlog(services)
        self._patience_s = self._window_s + STALLED_S
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
        self._changed = threading.Condition()
        self._waiting = 0  # deposits accepted since the last window began to be sealed
        self._stopping = False
        self._stopped = False  # no retry will help
        self.failures = 0  # in a row

    def start(self) -> None:
        """Start the thread; its first sweep finds work that a crash has left."""
        self._thread.start()

    def stop(self) -> None:
        """Seal and publish owed work once more, and end; returns when that is done or has failed."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def accepted(self, count: int) -> None:
        """Tell that deposits were accepted."""
        with self._changed:
            opens, self._waiting = self._waiting == 0, self._waiting + count
            if opens or self._waiting >= ENOUGH:
                self._changed.notify_all()

    def trouble(self) -> str | None:
        """The reason why the ledger does not grow, in public words; None while it grows, here or by a worker."""
        if not self._thread.is_alive():
            return "nothing seals: the ticker does not run"
        if self._stopped:
            return "it has stopped, since what is stored contradicts itself: its operator must look"
        if self.failures:
            return f"it has failed {self.failures} times in a row"
        if self._stands():
            return f"it stands still: nothing was done for {self._patience_s:g} s about what is owed"
        return None

    def _stands(self) -> bool:
        try:
            return self._backlog.standing_s() > self._patience_s
        except StorageError:
            return False  # the database's own trouble, and told as such

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping, told = self._wait()
            self._do(self._work if stopping or told else self._sweep)

    def _wait(self) -> tuple[bool, bool]:
        """Wait for a window to end, longer after failures; is it time to stop, and was a window open?"""
        with self._changed:
            if self.failures:
                back_off_s = min(self._window_s * 2**self.failures, _LONGEST_BACK_OFF_S)
                self._changed.wait_for(lambda: self._stopping, back_off_s)
            elif self._changed.wait_for(lambda: self._stopping or self._waiting, SWEEP_S):
                self._changed.wait_for(lambda: self._stopping or self._waiting >= ENOUGH, self._window_s)
            told, self._waiting = self._waiting > 0, 0
            return self._stopping, told

    def _do(self, work: Callable[[Services], None]) -> None:
        try:
            self._services.clock.now_ms()  # so that a leap is noticed when it happens, not with the next deposit
            work(self._services)
            self._backlog.standing_s()  # readiness and gauges read the result
        except Exception as error:
            self._stopped = isinstance(error, SealingStoppedError)
            if self._stopped:
                self._services.store.distrust()  # a deposit taken on a ledger that has ended would be lost
            self.failures = min(self.failures + 1, 16)
            self._services.observer.failed("tick")
            LOG.exception("sealing failed, %d times in a row", self.failures)
        else:
            self._stopped, self.failures = False, 0
