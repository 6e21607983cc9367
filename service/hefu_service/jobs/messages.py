"""The slow work: messages. Nothing that seals waits for it, since it has a thread of its own wherever it is done."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Final

from hefu_ledger.errors import LedgerError
from hefu_service.intake.time import received_at
from hefu_service.outbox.alarms import CLOCK, DISK, STOPPED, overdue, report
from hefu_service.outbox.delivery import deliver_next
from hefu_service.outbox.messages import WEBHOOK, Figures
from hefu_service.outbox.publications import announce
from hefu_service.ports.errors import ClockError, StorageError
from hefu_service.sealing.continuity import check_past
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services

LOG: Final = logging.getLogger("hefu.slow")
SWEEP_S: Final = 2.0
_TURN_S: Final = 5.0  # after which no further message is begun until the next sweep
ENDS_WITHIN_S: Final = _TURN_S + 20.0  # as long as one message may take


def time_ms() -> int:
    """The time as the system shows it: the message may be that this clock is not believed."""
    return time.time_ns() // 1_000_000


def tell(services: Services) -> None:
    """Write the owed messages, and deliver the waiting ones; bounded in time, repeatable, in many processes."""
    if not services.senders:
        return
    now_ms = time_ms()
    try:
        report(services.store, services.origin, _alarming(services, now_ms), services.senders, now_ms=now_ms)
        if WEBHOOK in services.senders:
            announce(services, WEBHOOK, now_ms=now_ms)
    finally:
        _deliver(services)  # an alarm goes out even where the database cannot be read


def _alarming(services: Services, now_ms: int) -> Mapping[str, Figures]:
    found = dict(overdue(services, now_ms=now_ms))
    try:
        with services.store.view() as view:
            received_at(view.intake_head(), services.clock.now_ms())
    except ClockError:
        found[CLOCK] = {}
    try:
        check_past(services)
    except (SealingStoppedError, LedgerError):
        found[STOPPED] = {}
    except StorageError as error:  # nothing is sealed either, and that is told
        LOG.warning("cannot read the published ledger: %s", error)
    if services.disk_low():
        found[DISK] = {}
    return found


def _deliver(services: Services) -> None:
    """One message to each destination in turn, so that none waits long for another."""
    ready, end = dict(services.senders), time.monotonic() + _TURN_S
    while ready and time.monotonic() < end:
        for destination, sender in [*ready.items()]:
            if not deliver_next(services.store, destination, sender, time_ms=time_ms):
                del ready[destination]


class SlowTicker:
    """Does the slow work every two seconds, in a thread of its own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slow", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End after the message at hand; the next process finds the waiting ones again."""
        self._stopping.set()
        self._thread.join(ENDS_WITHIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                tell(self._services)
            except Exception:
                self._services.observer.failed("tell")
                LOG.exception("messages failed")
            self._stopping.wait(SWEEP_S)
