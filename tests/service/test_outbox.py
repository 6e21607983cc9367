"""Messages say numbers and states alone, and arrive at least once and in order, twice only after a crash."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import URL
from tests.service.told import MESSAGE, PATIENCE_S, Told, on_each, sizes
from tests.support.receivers import Post, Receiver
from tests.support.sample_service import DAY, ORIGIN, START, SampleService
from tests.support.valkey import Valkey

from hefu_ledger.encoding import canonical, format_time, parse_canonical
from hefu_service import cli
from hefu_service.jobs import messages
from hefu_service.jobs.messages import SlowTicker, tell
from hefu_service.jobs.queue import LEDGER, SLOW, TELL, Hints, connect, queue_of, task
from hefu_service.jobs.worker import LedgerWorker, SlowWorker
from hefu_service.outbox import delivery
from hefu_service.outbox.delivery import CLAIM_MS, FIRST_BACK_OFF_MS, GIVE_UP_MS, LONGEST_BACK_OFF_MS, deliver_next
from hefu_service.outbox.messages import MAIL, WEBHOOK
from hefu_service.ports.errors import PortError
from hefu_service.ports.outbox import Message
from hefu_service.ports.store import Store
from hefu_service.services import Services
from hefu_service.store.engines import sqlite_url
from hefu_service.store.sql import open_store

# --- publications ---


@on_each
def test_each_checkpoint_is_told_once_in_order_and_with_nothing_but_numbers(told: Told, receiver: Receiver) -> None:
    told.tell()
    assert [post.said["data"] for post in receiver.posts] == [{"entries": 0, "origin": ORIGIN, "size": 1}]
    key = told.sample.enrol()
    told.sample.deposit(key, 3)
    told.sample.settle()
    published = told.publish(3)
    told.tell()
    told.tell()
    assert sizes(receiver) == [1, 3, *published]
    last = receiver.posts[-1]
    assert set(last.said) == {"data", "timestamp", "type"}
    assert last.said["type"] == "checkpoint.published"
    with told.services.store.view() as view:
        batch = view.batch_of(2)
    assert batch is not None
    sealed_at = parse_canonical(batch.data, limit=10_000)["recorded_at"]
    assert last.said["data"] == {"entries": 3, "origin": ORIGIN, "sealed_at": sealed_at, "size": published[-1]}
    assert canonical(last.said) == last.body
    assert told.undelivered == []


def test_a_destination_that_is_new_hears_of_the_newest_checkpoint_first(told: Told, receiver: Receiver) -> None:
    published = told.publish(3)
    told.tell()
    assert sizes(receiver) == published[-1:]


@on_each
def test_processes_that_tell_at_once_send_each_message_once_and_in_order(
    told: Told, receiver: Receiver, url_of: Callable[[], URL]
) -> None:
    told.tell()
    published = told.publish(8)
    with closing(open_store(url_of())) as other:
        everyone = [told.services, replace(told.services, store=other)] * 2
        threads = [threading.Thread(target=tell, args=(services,)) for services in everyone]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told.tell()
    assert sizes(receiver) == [1, *published]
    assert len({post.id for post in receiver.posts}) == 9


@pytest.fixture
def url_of(sample: SampleService) -> Callable[[], URL]:
    """The database of the service, for another pool."""
    store: Any = sample.services.store
    return lambda: store._engines.writer.url.set(drivername="postgresql") if _is_server(store) else _file(store)


def _is_server(store: Any) -> bool:
    return bool(store._engines.writer.dialect.name == "postgresql")


def _file(store: Any) -> URL:
    path = store._engines.writer.url.database.removeprefix("file:")
    return sqlite_url(Path(path))


# --- at least once, in order ---


@pytest.mark.parametrize("status", [302, 404, 410, 503])
def test_what_is_not_taken_is_sent_again_with_the_same_id_and_holds_back_the_next(
    told: Told, receiver: Receiver, status: int
) -> None:
    told.tell()
    published = told.publish(2)
    receiver.answer = lambda _: status
    told.tell()
    assert [(each.state, each.outlet.status) for each in told.undelivered] == [("waiting", f"HTTP {status}")] * 2
    told.tell(after_ms=FIRST_BACK_OFF_MS - 1)
    assert sizes(receiver) == [1, published[0]], "it waits, and a redirect is not followed"
    receiver.answer = lambda _: 200
    told.tell(after_ms=1)
    assert sizes(receiver) == [1, published[0], *published]
    assert receiver.posts[1].id == receiver.posts[2].id
    assert receiver.posts[1].body == receiver.posts[2].body
    assert told.undelivered == []


@on_each
def test_a_receiver_that_was_down_gets_everything_when_it_is_up(told: Told, receiver: Receiver) -> None:
    receiver.stop()
    told.tell()
    published = told.publish(3)
    told.tell(after_ms=FIRST_BACK_OFF_MS)
    assert {each.outlet.status for each in told.undelivered} == {"cannot connect"}
    receiver.start()
    told.tell(after_ms=LONGEST_BACK_OFF_MS)
    assert sizes(receiver) == [1, *published]


def test_waiting_doubles_up_to_an_hour(told: Told, receiver: Receiver) -> None:
    receiver.answer = lambda _: 500
    waits = []
    for _ in range(12):
        told.tell(after_ms=LONGEST_BACK_OFF_MS)
        waits.append(told.undelivered[0].outlet.not_before - told.now_ms)
    assert waits == [min(FIRST_BACK_OFF_MS * 2**number, LONGEST_BACK_OFF_MS) for number in range(12)]


@on_each
def test_what_was_sent_and_not_marked_is_sent_again(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_finish", crash)
        with pytest.raises(InterruptedError):
            told.tell()
    told.tell(after_ms=CLAIM_MS - 1)
    assert len(receiver.posts) == 1, "whoever has claimed it might still be sending"
    told.tell(after_ms=1)
    assert [post.id for post in receiver.posts] == [receiver.posts[0].id] * 2
    assert told.undelivered == []


@on_each
def test_an_attempt_that_outlasts_its_claim_changes_nothing_but_its_own_message(told: Told, receiver: Receiver) -> None:
    sent = threading.Event()

    def overtaken(_: Post) -> int:
        if not sent.is_set():
            sent.set()
            told.tell(after_ms=CLAIM_MS)
            return 500
        return 200

    receiver.answer = overtaken
    told.tell()
    assert (len(receiver.posts), told.undelivered) == (2, [])
    told.publish(1)
    told.tell()
    assert len(receiver.posts) == 3, "the late failure made nobody wait"


def test_an_unexpected_failure_of_a_sender_is_a_failure_like_any_other(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def send(self, message: Message) -> None:
            raise ZeroDivisionError(message)

    told.services = replace(told.services, senders={WEBHOOK: Broken()})
    with caplog.at_level(logging.CRITICAL):
        told.tell()
    assert told.undelivered[0].outlet.status == "unexpected ZeroDivisionError"


@on_each
def test_after_three_days_it_is_given_up_and_newer_ones_go_on(
    told: Told, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda _: 500
    with caplog.at_level(logging.CRITICAL):
        for _ in range(19):
            told.tell(after_ms=LONGEST_BACK_OFF_MS)
        made_at = told.undelivered[0].message.made_at
        told.tell(after_ms=made_at + GIVE_UP_MS - told.now_ms)
        assert [each.state for each in told.undelivered] == ["waiting"]
        told.tell(after_ms=LONGEST_BACK_OFF_MS)
    assert [each.state for each in told.undelivered] == ["given up"]
    receiver.answer = lambda _: 200
    published = told.publish(1)
    told.tell(after_ms=LONGEST_BACK_OFF_MS)
    assert sizes(receiver)[-1:] == published
    assert [each.state for each in told.undelivered] == ["given up"]


def test_a_leap_of_the_clock_gives_nothing_up_and_holds_nothing_back(
    told: Told, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda _: 500
    with caplog.at_level(logging.CRITICAL):
        told.tell()
        told.tell(after_ms=365 * DAY)
    assert [each.state for each in told.undelivered] == ["waiting"]
    receiver.answer = lambda _: 200
    told.tell(after_ms=-365 * DAY)
    assert told.undelivered == []


def test_destinations_take_turns(told: Told) -> None:
    sent: list[str] = []

    class Keep:
        def send(self, message: Message) -> None:
            sent.append(message.destination)

    told.tell()
    told.publish(3)
    told.services = replace(told.services, senders={WEBHOOK: Keep(), MAIL: Keep()}, disk_low=lambda: True)
    told.tell()
    assert sent == [WEBHOOK, MAIL, WEBHOOK, WEBHOOK, WEBHOOK]


# --- the queue, and who does its work ---


@pytest.fixture(params=["in-process", "redis"])
def turn(request: pytest.FixtureRequest, told: Told, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A turn of whoever does the slow work."""
    if request.param == "in-process":
        monkeypatch.setattr(messages, "SWEEP_S", 0.01)
        ticker = SlowTicker(told.services)
        ticker.start()
        yield lambda: time.sleep(0.01)
        ticker.stop()
        return
    valkey: Valkey = request.getfixturevalue("valkey")
    valkey.flush()
    with connect(valkey.url) as redis:

        def work() -> None:
            Hints(redis).ask(told.services)
            LedgerWorker(redis, told.services).work(burst=True, logging_level="WARNING")
            thread = threading.Thread(  # as in a worker that seals beside it
                target=lambda: SlowWorker(redis, told.services, SLOW).work(burst=True, logging_level="WARNING")
            )
            thread.start()
            thread.join()

        yield work


@on_each
def test_what_is_sealed_is_told(told: Told, receiver: Receiver, turn: Callable[[], None]) -> None:
    key = told.sample.enrol()
    deadline = time.monotonic() + PATIENCE_S
    for count in (1, 2):
        told.sample.deposit(key, 1, first=count)
        if turn.__name__ != "work":
            told.sample.settle()
        while not any(post.said["data"]["entries"] == count for post in receiver.posts):
            assert time.monotonic() < deadline
            turn()


def test_sealing_asks_for_what_it_has_published_to_be_told_once(told: Told, valkey: Valkey) -> None:
    valkey.flush()
    with connect(valkey.url) as redis:
        told.sample.enrol()
        Hints(redis).ask(told.services)
        LedgerWorker(redis, told.services).work(burst=True, logging_level="WARNING")
        Hints(redis).ask_to_tell(told.services)
        assert queue_of(redis, SLOW).count == 1
        assert queue_of(redis, LEDGER).count == 0
        SlowWorker(redis, told.services, SLOW).work(burst=True, logging_level="WARNING")
        assert redis.keys("rq:job:*") == []


def test_slow_work_is_no_task_of_the_ledger_s_queue() -> None:
    assert task(TELL, SLOW) is tell
    with pytest.raises(PortError, match="no task of this program"):
        task(TELL)


def test_what_a_flushed_redis_forgot_is_found_in_the_database(told: Told, receiver: Receiver, valkey: Valkey) -> None:
    with connect(valkey.url) as redis:
        told.tell()
        published = told.publish(1)
        Hints(redis).ask_to_tell(told.services)
        valkey.flush()
        SlowWorker(redis, told.services, SLOW).work(burst=True, logging_level="WARNING")
        assert sizes(receiver) == [1]
        told.tell()
        assert sizes(receiver) == [1, *published]


def test_the_store_keeps_one_order_for_each_destination(store: Store) -> None:
    sent: list[int] = []

    class Keep:
        def send(self, message: Message) -> None:
            sent.append(message.number)

    with store.outbox() as outbox:
        outlet = outbox.outlet(WEBHOOK)
        for number in (1, 0, 2):
            outbox.add_message(replace(MESSAGE, number=number, id=f"{number:032}"))
        outbox.put_outlet(replace(outlet, next_message=3))
    while deliver_next(store, WEBHOOK, Keep(), time_ms=lambda: START):
        pass
    assert sent == [0, 1, 2]
    assert not deliver_next(store, MAIL, Keep(), time_ms=lambda: START)


# --- what the operator sees ---


def test_the_operator_sees_what_waits_and_why_and_nothing_else(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(_: object) -> Iterator[Services]:
        yield told.services

    monkeypatch.setattr(cli.shell, "_opened", opened)
    receiver.answer = lambda _: 503
    told.publish(2)
    told.tell()
    told.publish(1)
    told.tell()
    monkeypatch.setattr(cli.ledger, "MOST_SHOWN", 1)
    ran = CliRunner().invoke(cli.command, ["messages"])
    due = format_time(START + FIRST_BACK_OFF_MS)
    assert ran.output.splitlines() == [
        f"webhook 0 {format_time(START)} waiting: HTTP 503, 1 times, next {due}",
        "… and more",
    ]
    receiver.answer = lambda _: 204
    told.tell(after_ms=FIRST_BACK_OFF_MS)
    assert CliRunner().invoke(cli.command, ["messages"]).output == "all are delivered\n"
