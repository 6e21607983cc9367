"""The queue on Redis keeps the ticker's contract, and believes nothing that Redis holds."""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.exceptions import StopRequested
from tests.support.sample_service import SampleService
from tests.support.valkey import Valkey

from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.intake.committer import Committer
from hefu_service.jobs import ticker
from hefu_service.jobs.queue import LEDGER, SETTLE, AskingTicker, Hints, connect, queue_of, task
from hefu_service.jobs.tasks import settle
from hefu_service.jobs.ticker import Ticker
from hefu_service.jobs.worker import LedgerWorker
from hefu_service.observing.backlog import Backlog
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.publishing.publish import publish
from hefu_service.sealing.seal import seal_once

PATIENCE_S = 20
NOWHERE = "unix:///nowhere/socket"


@pytest.fixture
def key(service: SampleService) -> Ed25519Signer:
    return service.enrol()


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    valkey.flush()
    with connect(valkey.url) as client:
        yield client


def work(service: SampleService, redis: Redis) -> None:
    """Do every job that waits."""
    LedgerWorker(redis, service.services).work(burst=True, logging_level="WARNING")


def until(condition: Callable[[], bool], turn: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        turn()


def done(service: SampleService, deposits: int) -> bool:
    """Whether so many deposits are sealed and published."""
    with service.services.store.view() as view:
        head = view.ledger_head()
        return head.entries >= deposits and view.checkpoint_covering(head.size - 1) is not None


# The contract, in-process and on Redis


@pytest.fixture(params=["in-process", "redis"])
def engine(
    request: pytest.FixtureRequest, service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> tuple[Ticker, Callable[[], None]]:
    """A ticker that has not started, and a turn of whoever does its work."""
    monkeypatch.setattr(ticker, "SWEEP_S", 600.0)
    if request.param == "in-process":
        return Ticker(service.services, window_ms=1), lambda: time.sleep(0.001)
    redis: Redis = request.getfixturevalue("redis")
    valkey: Valkey = request.getfixturevalue("valkey")
    return AskingTicker(service.services, valkey.url, window_ms=1), lambda: work(service, redis)


def test_what_is_accepted_is_sealed_and_published(
    service: SampleService, key: Ed25519Signer, engine: tuple[Ticker, Callable[[], None]]
) -> None:
    found, turn = engine
    service.committer = Committer(service.services, accepted=found.accepted)
    found.start()
    for count in (1, 2, 3):
        service.deposit(key, count)
        until(lambda count=count: done(service, count), turn)  # type: ignore[misc] # the loop's own
    assert found.trouble() is None
    found.stop()
    assert service.findings() == []


def test_stopping_leaves_nothing_owed(
    service: SampleService, key: Ed25519Signer, engine: tuple[Ticker, Callable[[], None]]
) -> None:
    found, turn = engine
    found.start()
    service.deposit(key, 3)  # of which it is not told
    found.stop()
    turn()
    assert done(service, 3)


def test_one_that_does_not_run_is_not_ready(engine: tuple[Ticker, Callable[[], None]]) -> None:
    found, _ = engine
    assert found.trouble() == "nothing seals: the ticker does not run"


# Hints


def test_the_same_is_asked_once_and_a_further_deposit_is_asked_for_again(
    service: SampleService, key: Ed25519Signer, redis: Redis
) -> None:
    hints, queue = Hints(redis), queue_of(redis, LEDGER)
    service.deposit(key)
    hints.ask(service.services)
    hints.ask(service.services)
    assert queue.count == 1
    service.deposit(key, 2)
    hints.ask(service.services)
    assert queue.count == 2


@pytest.mark.parametrize("fails", [False, True])
def test_a_job_that_has_run_leaves_nothing_and_never_blocks_the_next(
    service: SampleService, key: Ed25519Signer, redis: Redis, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    def broken() -> int:
        raise StorageError("disk full")

    service.deposit(key)
    hints = Hints(redis)
    with monkeypatch.context() as patch:
        if fails:
            patch.setattr(service.clock, "now_ms", broken)
        hints.ask(service.services)
        work(service, redis)
    assert done(service, 1) is not fails
    assert redis.keys("rq:job:*") == []
    assert redis.keys("rq:results:*") == []
    hints.ask(service.services)
    work(service, redis)
    assert done(service, 1)


def test_a_hint_that_nobody_takes_goes_by_itself(service: SampleService, redis: Redis) -> None:
    Hints(redis).ask(service.services)
    (job,) = queue_of(redis, LEDGER).job_ids
    assert 0 < redis.ttl(f"rq:job:{job}") <= 60


def test_a_redis_that_is_gone_is_logged_once_and_matters_to_nobody(
    service: SampleService, key: Ed25519Signer, caplog: pytest.LogCaptureFixture
) -> None:
    hints = Hints(connect(NOWHERE))
    for number in range(3):
        service.deposit(key, 1, first=number)
        hints.ask(service.services)
    assert [record.message for record in caplog.records] == [
        "Redis does not answer (ConnectionError): the workers' sweeps will seal"
    ]


def test_a_worker_that_is_stopped_ends_its_job_and_takes_no_further_one(
    service: SampleService, key: Ed25519Signer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints, worker, now_ms = Hints(redis), LedgerWorker(redis, service.services), service.clock.now_ms
    for number in range(2):
        service.deposit(key, 1, first=number)
        hints.ask(service.services)

    def stopped() -> int:
        worker.stop()
        return now_ms()

    monkeypatch.setattr(service.clock, "now_ms", stopped)
    worker.work(burst=True, logging_level="WARNING")
    assert done(service, 2)
    assert queue_of(redis, LEDGER).count == 1
    with pytest.raises(StopRequested):
        worker.stop()


# What Redis holds is not believed


def test_a_name_that_is_no_task_is_not_run(service: SampleService, redis: Redis, tmp_path: Path) -> None:
    for name in ("os.mkdir", "hefu_service.jobs.tasks.seal_once", "hefu_service.jobs.tasks.suppress"):
        queue_of(redis, LEDGER).enqueue_call(name, args=[str(tmp_path / "made")], failure_ttl=0)
    work(service, redis)
    assert not (tmp_path / "made").exists()
    assert redis.keys("rq:job:*") == []
    with pytest.raises(PortError, match="no task of this program"):
        task("os.mkdir")
    with pytest.raises(PortError):
        task(None)


def test_a_callback_is_not_run(
    service: SampleService, key: Ed25519Signer, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    service.deposit(key)
    Hints(redis).ask(service.services)
    (job,) = queue_of(redis, LEDGER).job_ids
    redis.hset(f"rq:job:{job}", "success_callback_name", "nowhere.callback")
    redis.hset(f"rq:job:{job}", "webhooks", '[{"url": "http://127.0.0.1:1/", "statuses": ["finished"]}]')
    work(service, redis)
    assert done(service, 1)
    assert caplog.records == [], "neither was looked for"


class Bomb:
    """What pickle would run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.mkdir, (self._path,)


def test_a_pickle_is_not_opened(service: SampleService, redis: Redis, tmp_path: Path) -> None:
    Queue(LEDGER, connection=redis).enqueue_call(SETTLE, args=[Bomb(tmp_path / "made")])  # RQ's own default
    work(service, redis)
    assert not (tmp_path / "made").exists()
    assert pickle.loads(pickle.dumps(Bomb(tmp_path / "made"))) is None  # noqa: S301 -- it would have been
    assert (tmp_path / "made").exists()


# The backlog


def test_a_backlog_stands_only_while_the_same_is_owed(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(float(second) for second in range(100, 200))
    settle(service.services)
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    backlog = Backlog(service.services)
    assert [backlog.standing_s() for _ in range(3)] == [0, 0, 0]
    service.deposit(key)
    assert [backlog.standing_s() for _ in range(3)] == [0, 1, 2]
    assert seal_once(service.services)
    assert [backlog.standing_s() for _ in range(2)] == [0, 1], "it moved, and is not published"
    publish(service.services)
    assert [backlog.standing_s() for _ in range(2)] == [0, 0]
    service.enrol("another")
    assert [backlog.standing_s() for _ in range(2)] == [0, 1]


def test_deposits_that_no_worker_seals_are_told_of(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ticker, "SWEEP_S", 0.001)
    monkeypatch.setattr(ticker, "STALLED_S", 0.0)
    found = AskingTicker(service.services, NOWHERE, window_ms=1)
    with caplog.at_level(logging.CRITICAL):
        found.start()
        service.deposit(key)
        until(lambda: "stands still" in (found.trouble() or ""), lambda: time.sleep(0.001))
        settle(service.services)
        until(lambda: found.trouble() is None, lambda: time.sleep(0.001))
        found.stop()


# Two publishers


def test_a_publisher_waits_for_another_so_that_the_checkpoint_never_goes_back(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[bytes] = []
    others: list[threading.Thread] = []
    write = service.services.files.write_checkpoint

    def overtaken(note: bytes) -> None:
        if not others:  # signed, and not yet written: another seals and publishes more
            service.deposit(key, 1, first=1)
            others.append(threading.Thread(target=settle, args=(service.services,)))
            others[0].start()
            others[0].join(0.3)
        write(note)
        sizes.append(note)

    monkeypatch.setattr(type(service.services.files), "write_checkpoint", lambda _, note: overtaken(note))
    service.deposit(key)
    seal_once(service.services)
    publish(service.services)
    others[0].join()
    assert [int(note.splitlines()[1]) for note in sizes] == [3, 4]
    assert service.findings() == []
