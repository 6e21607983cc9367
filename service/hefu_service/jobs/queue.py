"""The queues on Redis: one process asks others to settle owed work, and to send messages about it.

Redis is a hint. The database holds the owed work, and each worker sweeps it: a Redis that is down, flushed or replaced
delays sealing by a sweep and loses nothing. Nothing that it holds is believed either: of a job only the name is taken,
and only if it is one of the queue's ``TASKS``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from hefu_service.jobs.messages import tell
from hefu_service.jobs.tasks import settle
from hefu_service.jobs.ticker import Ticker
from hefu_service.ports.errors import PortError
from hefu_service.sealing.continuity import check_past
from hefu_service.services import Services
from hefu_service.texts import sentence

LOG: Final = logging.getLogger("hefu.queue")
LEDGER: Final = "ledger"
"""The queue of sealing and publishing."""

SLOW: Final = "slow"
"""The queue of messages, which must not delay the ledger's tasks."""

SETTLE: Final = f"{settle.__module__}.{settle.__name__}"
TELL: Final = f"{tell.__module__}.{tell.__name__}"
TASKS: Final[dict[str, Callable[[Services], None]]] = {SETTLE: settle, TELL: tell}
_QUEUES: Final = {SETTLE: LEDGER, TELL: SLOW}
_TIMEOUT_S: Final = 300  # of a job: far more than a batch takes; undone work stays owed
_WORTH_S: Final = 60  # of a hint that no worker has taken: the sweeps have been quicker
_ANSWER_S: Final = 2


def connect(url: str) -> Redis:
    """Name a server; it is connected to when first needed. One retry, for a connection that has gone stale."""
    return Redis.from_url(url, socket_connect_timeout=_ANSWER_S, socket_timeout=_ANSWER_S, retry=Retry(NoBackoff(), 1))


def queue_of(redis: Redis, name: str, job_class: type[Job] = Job) -> Queue:
    """The queue, as those who ask and those who work must both see it: JSON, never pickle."""
    return Queue(name, connection=redis, serializer=JSONSerializer, job_class=job_class)


class Hints:
    """Asks the workers to settle, or to tell; may be called from one thread."""

    def __init__(self, redis: Redis) -> None:
        self._queues = {name: queue_of(redis, name) for name in (LEDGER, SLOW)}
        self._heard = True

    def ask(self, services: Services) -> None:
        """Ask, unless the same was asked already. A Redis that does not hear it is logged, once, and does no harm."""
        with services.store.view() as view:
            intake, ledger = view.intake_head(), view.ledger_head()
        # Both heads are in the name: a job of this name that waits or runs was asked for after all that is owed now
        # had been committed, so it will see it; after the next deposit the name is another.
        self._enqueue(SETTLE, f"settle-{ledger.size}-{intake.next_seq}-{intake.next_event}")

    def ask_to_tell(self, services: Services) -> None:
        """Ask for the messages about what is published now; otherwise as ``ask``."""
        with services.store.view() as view:
            self._enqueue(TELL, f"tell-{view.ledger_head().size}")

    def _enqueue(self, task: str, job_id: str) -> None:
        try:
            self._queues[_QUEUES[task]].enqueue_call(
                task, job_id=job_id, unique=True, timeout=_TIMEOUT_S, ttl=_WORTH_S, result_ttl=0, failure_ttl=0
            )
        except DuplicateJobError:
            pass
        except RedisError as error:
            if self._heard:
                LOG.warning("Redis does not answer (%s): the workers' sweeps will seal", type(error).__name__)
            self._heard = False
            return
        self._heard = True


def task(name: str | None, queue: str = LEDGER) -> Callable[[Services], None]:
    """The task of this name; PortError if it is no task of this queue."""
    if name is None or _QUEUES.get(name) != queue:
        raise PortError(sentence("queue.task", queue=queue, name=name))
    return TASKS[name]


def job_class(services: Services, queue: str = LEDGER) -> type[Job]:
    """Jobs that run tasks on these services, and nothing else that Redis could name: no function, callback or URL."""

    class LedgerJob(Job):
        @property
        def func(self) -> Callable[[], None]:
            return partial(self._do, task(self.func_name, queue))

        def _do(self, work: Callable[[Services], None]) -> None:
            work(services)
            if work is settle and services.senders:
                Hints(self.connection).ask_to_tell(services)

        def restore(self, raw_data: dict[Any, Any]) -> None:
            calling = (b"success_callback_name", b"failure_callback_name", b"stopped_callback_name", b"webhooks")
            super().restore({name: value for name, value in raw_data.items() if name not in calling})

    return LedgerJob


class AskingTicker(Ticker):
    """Asks the workers at each window's end; without Redis the workers' own sweeps seal."""

    def __init__(self, services: Services, redis_url: str, *, window_ms: int) -> None:
        hints = Hints(connect(redis_url))
        super().__init__(services, window_ms=window_ms, work=partial(_look_and_ask, hints), sweep=look)


def _look_and_ask(hints: Hints, services: Services) -> None:
    look(services)
    hints.ask(services)


def look(services: Services) -> None:
    """Raise RolledBackError if the database has lost records: this process takes deposits, though others seal."""
    check_past(services)
