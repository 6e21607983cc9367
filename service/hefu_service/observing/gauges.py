"""The service's state for Prometheus, read from the database, the published files and the disk at each scrape."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_service.intake.time import received_at
from hefu_service.observing.backlog import Reach, reach_of
from hefu_service.observing.readiness import PARTS
from hefu_service.observing.timeboxed import Bounded
from hefu_service.ports.errors import ClockError, StorageError
from hefu_service.ports.outbox import Waiting
from hefu_service.ports.store import View
from hefu_service.services import Services

_VAULTS_EVERY_S: Final = 60.0  # adding up every file takes longer the more there are


class _Disk(Collector):
    """Figures read from the data directory's disk; a hanging disk never answers."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def collect(self) -> Iterator[Metric]:
        """Every gauge that can be read."""
        disk = os.statvfs(self._data)
        yield _gauge("disk_free_bytes", "Free on the data directory's disk", disk.f_bavail * disk.f_frsize)
        with suppress(FileNotFoundError):  # none is published yet
            written = (self._data / "ledger" / "checkpoint").stat().st_mtime
            yield _gauge("checkpoint_age_seconds", "Since the published checkpoint was written", time.time() - written)


class Gauges(Collector):
    """Reads each time it is collected; where the database does not answer its gauges are absent, never 0."""

    def __init__(self, services: Services, data: Path, not_ready: Callable[[], Mapping[str, str]]) -> None:
        self._services = services
        self._not_ready = not_ready
        self._disk = Bounded(_Disk(data))
        self._vaults: tuple[float, int] | None = None  # when they were added up, and the sum

    def collect(self) -> Iterable[Metric]:
        """Every gauge that can be read."""
        not_ready = self._not_ready()
        ready = GaugeMetricFamily("hefu_ready", "Whether this part works", labels=["part"])
        for part in PARTS:
            ready.add_metric([part], part not in not_ready)
        found = [ready, *self._disk.collect()]
        if "database" not in not_ready:  # it might not answer for long
            with suppress(StorageError):  # it went in between
                found += self._of_database()
        return found

    def _of_database(self) -> list[Metric]:
        with self._services.store.view() as view:
            reach = reach_of(view)
            oldest = _oldest_owed(view, reach)
            vaults = self._vault_bytes(view)
        messages = self._services.store.waiting()
        now_ms, believed = self._time(reach)
        age_ms = 0 if oldest is None else max(now_ms - oldest.received_at, 0)
        promise_ms = 1 if oldest is None else max(oldest.anchor_by - oldest.received_at, 1)
        return [
            _gauge("deposits", "Deposits since the ledger began", reach.intake.next_seq),
            _gauge("deposits_waiting", "Deposits in no record yet", reach.deposits_waiting),
            _gauge("events_waiting", "Enrolment, key and clock events that are no records yet", reach.events_waiting),
            _gauge("oldest_owed_age_seconds", "Age of the oldest deposit under no checkpoint", age_ms / 1000),
            _gauge("oldest_owed_promise_used_ratio", "Its age in parts of the promised delay", age_ms / promise_ms),
            _gauge("records", "Records of the ledger", reach.ledger.size),
            _gauge("checkpoint_size", "Records under the published checkpoint", reach.published),
            _gauge("clock_believed", "Whether the clock is believed", believed),
            _gauge("vault_bytes", "Bytes of files kept for depositors", vaults),
            _gauge("messages_waiting", "Messages by mail or webhook that are not delivered", messages.count),
            _gauge("oldest_message_age_seconds", "Age of the oldest of them", _age_s(messages)),
        ]

    def _time(self, reach: Reach) -> tuple[int, bool]:
        try:
            now_ms = self._services.clock.now_ms()
            received_at(reach.intake, now_ms)
        except ClockError:
            return time.time_ns() // 1_000_000, False
        return now_ms, True

    def _vault_bytes(self, view: View) -> int:
        now = time.monotonic()
        if self._vaults is None or now - self._vaults[0] >= _VAULTS_EVERY_S:
            self._vaults = now, view.vault_bytes()
        return self._vaults[1]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hefu_{name}", text, value=value)


def _age_s(messages: Waiting) -> float:
    return 0 if messages.oldest is None else max(time.time() - messages.oldest / 1000, 0)


def _oldest_owed(view: View, reach: Reach) -> Acceptance | None:
    """The acceptance of the first deposit that no published checkpoint covers."""
    last = view.record(reach.published - 1) if reach.published else None
    covered = last.entries if last is not None else 0
    deposit = view.deposit_at(covered) if covered < reach.intake.next_seq else None
    return None if deposit is None else parse_acceptance(deposit.acceptance)
