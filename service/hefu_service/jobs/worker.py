"""A worker: does what the queue asks for and, whatever becomes of Redis, what the database says has been owed too long.

RQ's own loop runs in the main thread, without a fork for each job; the ticker's thread sweeps beside it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker.base import WorkerStatus

from hefu_service.jobs.backlog import Backlog
from hefu_service.jobs.queue import connect, job_class, ledger_queue
from hefu_service.jobs.tasks import settle
from hefu_service.jobs.ticker import Ticker
from hefu_service.parent import end_with
from hefu_service.services import Services

LOG: Final = logging.getLogger("hefu.worker")
_AGAIN_S: Final = 1.0  # between two attempts to reach Redis
_PATIENCE_S: Final = 60  # with a Redis that says nothing: RQ then asks it anew


class LedgerWorker(SimpleWorker):
    """RQ's worker, which a signal stops after its job, and which takes no commands from Redis."""

    max_connection_wait_time = _AGAIN_S
    log_result_lifespan = False

    def __init__(self, redis: Redis, services: Services) -> None:
        of_ours = job_class(services)
        super().__init__(
            [ledger_queue(redis, of_ours)],
            connection=redis,
            job_class=of_ours,
            serializer=JSONSerializer,
            log_job_description=False,
            worker_ttl=_PATIENCE_S,
        )

    def stop(self) -> None:
        """End after the job at hand; StopRequested where there is none. Called by a handler of signals."""
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        self._stop_requested = True

    def _install_signal_handlers(self) -> None:
        """The handlers are ours, and outlive a worker that has lost its Redis."""

    def subscribe(self) -> None:
        """Commands would come from whoever can reach Redis."""


class Worker:
    """One process's work, until it is told to stop."""

    def __init__(self, services: Services, redis_url: str, *, window_ms: int) -> None:
        self._services = services
        self._url = redis_url
        self._window_s = window_ms / 1000
        self._backlog = Backlog(services)
        self._ticker = Ticker(services, window_ms=window_ms, work=settle, sweep=self._sweep)
        self._listener: LedgerWorker | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, or until the parent dies; then seal once more what is owed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        end_with(os.getppid(), lambda: os.kill(os.getpid(), signal.SIGTERM))
        self._ticker.start()
        LOG.info("working")
        try:
            while not self._stopping.is_set():
                self._listen()
        except StopRequested:
            pass
        finally:
            self._ticker.stop()

    def _listen(self) -> None:
        """Do jobs until Redis fails or we stop; then wait a moment."""
        try:
            self._listener = LedgerWorker(connect(self._url), self._services)
            if not self._stopping.is_set():  # a signal may have come while there was no listener to stop
                self._listener.work(logging_level="WARNING")
        except RedisError as error:
            LOG.warning("no queue (%s); what is owed is found by sweeps", type(error).__name__)
        finally:
            self._listener = None
        self._stopping.wait(_AGAIN_S)

    def _stop(self, *_: Any) -> None:
        self._stopping.set()
        if self._listener is not None:
            self._listener.stop()

    def _sweep(self, services: Services) -> None:
        """Settle what nobody has taken up for longer than a window: a hint was lost, or its worker has died."""
        if self._backlog.standing_s() >= self._window_s:
            settle(services)
