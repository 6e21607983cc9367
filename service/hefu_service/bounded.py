"""A scrape in bounded time, though what is asked for lies on a disk that hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PATIENCE_S: Final = 2.0


class Bounded(Collector):
    """What another collector gives; nothing where the disk fails, or it takes longer than 2 s.

    It is asked in a thread of its own, once at a time however many want to know.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._lock = threading.Lock()
        self._found: Future[list[Metric]] = Future()
        self._found.set_result([])

    def collect(self) -> Iterable[Metric]:
        """See the library's ``Collector``."""
        with self._lock:
            if self._found.done():
                begun = Future[list[Metric]]()
                threading.Thread(target=self._run, args=(begun,), name="scrape", daemon=True).start()
                self._found = begun  # not before: the system may have no thread to give
            found = self._found
        try:
            return found.result(PATIENCE_S)
        except (TimeoutError, OSError):
            return []

    def _run(self, found: Future[list[Metric]]) -> None:
        try:
            found.set_result([*self._collector.collect()])
        except Exception as error:
            found.set_exception(error)
