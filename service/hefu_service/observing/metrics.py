"""Counters and histograms for Prometheus: one page shows all processes of one data directory.

Labels are of closed sets, and none is about a person or a deposit. Nothing here can refuse or delay a deposit.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from hefu_service.observing.timeboxed import Bounded
from hefu_service.outside.process_slots import Slot, take_slot
from hefu_service.ports.errors import StorageError

LOG: Final = logging.getLogger("hefu.metrics")
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
FILES: Final = ("counter", "histogram")  # prometheus_client names its files so
RESERVED: Final = 1 << 18  # bytes of each of them: more than the closed sets of labels can fill
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_DEPOSITS: Final = tuple(2**power for power in range(10))


class Metrics(Collector):
    """Counts in a file that other processes read too; a ``ports.Observer``. One a process, as the library."""

    def __init__(self, folder: Path) -> None:
        """Where the disk does not take the files this process is counted alone, in memory, and a warning logged."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped
        self._slot = _slot(folder)
        self._own = CollectorRegistry()
        self._all: Collector = self._own
        if self._slot is not None:
            self._all = Bounded(MultiProcessCollector(None, str(folder)))  # type: ignore[no-untyped-call]  # untyped
        _count_in(folder, self._slot)
        deposits = self._counter("deposits_accepted", "Deposits made durable")
        group = self._histogram("commit_deposits", "Deposits of one group commit", buckets=_DEPOSITS)
        commit = self._histogram("commit_duration_seconds", "One group commit")
        self._committed = (deposits.inc, group.observe, commit.observe)
        self.sealed = self._histogram("seal_duration_seconds", "One step of sealing").observe
        self.published = self._histogram("publish_duration_seconds", "One publication").observe
        self._failures = self._counter("job_failures", "Runs of jobs that failed", "job")
        self._requests = self._counter("http_requests", "Requests answered", "method", "route", "status")
        self._latency = self._histogram("http_request_duration_seconds", "Until the answer", "method", "route")
        self._refused = self._counter("refused", "Requests answered with a problem", "problem")
        self._answers: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def committed(self, deposits: int, seconds: float) -> None:
        """See ``ports.Observer``."""
        count, group, commit = self._committed
        count(deposits)
        group(deposits)
        commit(seconds)

    def failed(self, job: str) -> None:
        """See ``ports.Observer``."""
        self._failures.labels(job).inc()

    def answered(self, method: str, route: str, status: int, seconds: float, problem: str | None) -> None:
        """A request was answered; ``route`` is a pattern, ``problem`` the type of one."""
        key = (method if method in METHODS else "other", route, status)
        found = self._answers.get(key)
        if found is None:  # looking children up by their labels takes longer than counting
            requests, latency = self._requests.labels(*map(str, key)), self._latency.labels(*key[:2])
            found = self._answers[key] = (requests.inc, latency.observe)
        count, observe = found
        count()
        observe(seconds)
        if problem is not None:
            self._refused.labels(problem).inc()

    def collect(self) -> Iterable[Metric]:
        """The counts of all processes."""
        return self._all.collect()

    def close(self) -> None:
        """Let another process count in our place; nothing may be counted afterwards."""
        if self._slot is not None:
            values.ValueClass.close_all_files()
            os.close(self._slot.lock)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"hefu_{name}", text, labels, registry=self._own)

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
        return Histogram(f"hefu_{name}", text, labels, registry=self._own, buckets=buckets)


def page(*collectors: Collector) -> Callable[[], bytes]:
    """Make the function that answers a scrape, in the Prometheus text format, version 0.0.4."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return lambda: generate_latest(registry)


def _slot(folder: Path) -> Slot | None:
    try:
        return take_slot(folder, FILES, RESERVED)
    except StorageError as error:
        LOG.warning("metrics are of this process alone: %s", error)
        return None


def _count_in(folder: Path, slot: Slot | None) -> None:
    """Tell the library where the metrics made from now on are kept."""
    if slot is None:
        values.ValueClass = values.MutexValue
    else:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # the only way to tell it
        values.ValueClass = values.MultiProcessValue(lambda: slot.number)  # type: ignore[no-untyped-call]  # untyped
