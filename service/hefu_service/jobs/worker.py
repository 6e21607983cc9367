"""A worker: runs the queue's jobs; without Redis too, it settles work that the database shows as owed too long.

RQ's own loop runs in the main thread, without a fork for each job; the ticker's thread sweeps beside it. The slow work
has both in threads of its own, unless this process does nothing else: sealing never waits for a receiver of messages.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.worker.base import WorkerStatus

from hefu_service.jobs.messages import ENDS_WITHIN_S, SlowTicker
from hefu_service.jobs.queue import LEDGER, SLOW, TASKS, connect, job_class, queue_of
from hefu_service.jobs.tasks import settle
from hefu_service.jobs.ticker import Ticker
from hefu_service.observing.backlog import Backlog
from hefu_service.observing.logs import logged_about
from hefu_service.outside.parent import outlive_shell
from hefu_service.services import Services

LOG: Final = logging.getLogger("hefu.worker")
_LONGEST_ID: Final = 100  # characters of a job's id in a log line: any client of Redis may have chosen it
_AGAIN_S: Final = 1.0  # between two attempts to reach Redis
_PATIENCE_S: Final = 60  # with a Redis that says nothing: RQ then asks it anew


class LedgerWorker(SimpleWorker):
    """RQ's worker, which a signal stops after its job, and which takes no commands from Redis."""

    max_connection_wait_time = _AGAIN_S
    log_result_lifespan = False

    def __init__(self, redis: Redis, services: Services, queue: str = LEDGER) -> None:
        of_ours = job_class(services, queue)
        super().__init__(
            [queue_of(redis, queue, of_ours)],
            connection=redis,
            job_class=of_ours,
            serializer=JSONSerializer,
            log_job_description=False,
            worker_ttl=_PATIENCE_S,
        )
        self._observer = services.observer

    def stop(self) -> None:
        """End after the job at hand; StopRequested where there is none. Called by a handler of signals."""
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        self._stop_requested = True

    def finish(self) -> bool:
        """As ``stop``, from another thread; whether there is a job to wait for."""
        self._stop_requested = True
        return self.get_state() == WorkerStatus.BUSY

    def perform_job(self, job: Job, queue: Queue) -> bool:
        """Do a job, whose id is then on every line that it logs."""
        with logged_about(job=job.id[:_LONGEST_ID]):
            done = super().perform_job(job, queue)
            if not done:
                self._observer.failed(task_name(job))
            LOG.info("job", extra={"event": {"task": task_name(job), "done": done}})
        return done

    def _install_signal_handlers(self) -> None:
        """The handlers are ours, and outlive a worker that has lost its Redis."""

    def subscribe(self) -> None:
        """Take no commands: any client of Redis could send them."""


class SlowWorker(LedgerWorker):
    """The same for slow jobs, which end by themselves: an alarm to end them would reach the main thread alone."""

    class death_penalty_class(BaseDeathPenalty):  # noqa: N801 -- RQ's name
        """Does nothing."""

        def setup_death_penalty(self) -> None:
            """No alarm."""

        def cancel_death_penalty(self) -> None:
            """Nor its end."""


def task_name(job: Job) -> str:
    """The name of a job's task; ``other`` if it is none of ours."""
    name = job.func_name or ""
    return name.rpartition(".")[2] if name in TASKS else "other"


class Listener:
    """Takes jobs from one queue, and connects anew when Redis was lost."""

    def __init__(self, services: Services, redis_url: str, queue: str) -> None:
        self._services = services
        self._url = redis_url
        self._queue = queue
        self._worker: LedgerWorker | None = None
        self._stopping = threading.Event()
        self._aside: threading.Thread | None = None

    def run(self) -> None:
        """Listen until told to stop."""
        while not self._stopping.is_set():
            self._listen()

    def start_aside(self) -> None:
        """Listen in a thread of its own."""
        self._aside = threading.Thread(target=self.run, name=self._queue, daemon=True)
        self._aside.start()

    def stop(self) -> None:
        """End after the job at hand; StopRequested where there is none. Called by a handler of signals."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()

    def stop_aside(self) -> None:
        """End the thread; returns after the job at hand, and leaves one that only listens to end with the process."""
        self._stopping.set()
        worker = self._worker
        if self._aside is not None and worker is not None and worker.finish():
            self._aside.join(ENDS_WITHIN_S)

    def _listen(self) -> None:
        """Do jobs until Redis fails or we stop; then wait a moment."""
        try:
            kind = LedgerWorker if self._queue == LEDGER else SlowWorker
            self._worker = kind(connect(self._url), self._services, self._queue)
            if not self._stopping.is_set():  # a signal may have come while there was no listener to stop
                self._worker.work(logging_level="WARNING")
        except RedisError as error:
            LOG.warning("no queue (%s); what is owed is found by sweeps", type(error).__name__)
        finally:
            self._worker = None
        self._stopping.wait(_AGAIN_S)


class Worker:
    """One process's work, until it is told to stop."""

    def __init__(
        self, services: Services, redis_url: str, *, window_ms: int, queues: Sequence[str] = (LEDGER, SLOW)
    ) -> None:
        """``queues``: one, or both with the ledger's first."""
        self._window_s = window_ms / 1000
        self._backlog = Backlog(services)
        tickers: dict[str, Ticker | SlowTicker] = {
            LEDGER: Ticker(services, window_ms=window_ms, work=settle, sweep=self._sweep),
            SLOW: SlowTicker(services),
        }
        self._tickers = [tickers[queue] for queue in queues]
        self._listener, *self._asides = [Listener(services, redis_url, queue) for queue in queues]

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then seal owed work once more. The end of the shell that began it is no end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        outlive_shell()
        for ticker in self._tickers:
            ticker.start()
        for aside in self._asides:
            aside.start_aside()
        LOG.info("working")
        try:
            self._listener.run()
        except StopRequested:
            pass
        finally:
            for ticker in self._tickers:
                ticker.stop()
            for aside in self._asides:
                aside.stop_aside()

    def _stop(self, *_: Any) -> None:
        self._listener.stop()

    def _sweep(self, services: Services) -> None:
        """Settle work that has stood still for longer than a window: a hint was lost, or its worker has died."""
        if self._backlog.standing_s() >= self._window_s:
            settle(services)
