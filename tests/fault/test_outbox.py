"""Senders are killed, a receiver hangs, Redis forgets: each message arrives in its turn, and sealing never waits."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.fault.databases import Beginning, Begun, opened, process
from tests.support.enrolling import enrol, make_statement
from tests.support.postgres import Postgres
from tests.support.production import Production
from tests.support.receivers import SECRET, Post, Receiver, receiving
from tests.support.sample_service import make_empty_database
from tests.support.serving import Serving, request
from tests.support.valkey import Valkey

from hefu_service.jobs import messages
from hefu_service.jobs.messages import tell, time_ms
from hefu_service.outbox.delivery import CLAIM_MS
from hefu_service.outbox.messages import WEBHOOK
from hefu_service.outside.webhook import WebhookSender, parse_secret
from hefu_service.services import Services
from hefu_service.wiring import open_services

PATIENCE_S = 30


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


# --- killed between sending and marking ---


@pytest.fixture(params=["sqlite", "postgresql"])
def begun(request: pytest.FixtureRequest, tmp_path: Path) -> Begun:
    if request.param == "postgresql":
        return Beginning(tmp_path, request.getfixturevalue("postgres"))()
    return Beginning(tmp_path, make_empty_database(tmp_path))()


def told(services: Services, hook: str) -> Services:
    return replace(services, senders={WEBHOOK: WebhookSender(hook, parse_secret(SECRET))})


def tell_later(data: Path, url: URL, hook: str, later_ms: int) -> None:
    """What a process does that is started when so much time is over."""
    with opened(data, url) as sample, pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "time_ms", lambda: time_ms() + later_ms)
        tell(told(sample.services, hook))


def test_whoever_is_killed_between_sending_and_marking_is_followed_by_one_that_sends_the_same_again(
    begun: Begun, receiver: Receiver
) -> None:
    with opened(begun.data, begun.url) as sample:
        tell(told(sample.services, receiver.url))
        for number in range(6):
            sample.deposit(begun.key, 1, first=number)
            sample.settle()
    assert len(receiver.posts) == 1
    current: list[int] = []

    def kill_at_first(post: Post) -> int:
        if [other.id for other in receiver.posts].count(post.id) == 1 and len(receiver.posts) % 2:
            os.kill(current[-1], signal.SIGKILL)
        return 204

    receiver.answer = kill_at_first
    codes = []
    for attempt in range(12):
        teller = process(tell_later, begun.data, begun.url, receiver.url, attempt * (CLAIM_MS + 1))
        assert teller.pid is not None
        current.append(teller.pid)
        teller.join(PATIENCE_S)
        codes.append(teller.exitcode)
        if teller.exitcode == 0:
            break
    assert codes[-1] == 0
    assert -signal.SIGKILL in codes
    ids = [post.id for post in receiver.posts]
    first = list(dict.fromkeys(ids))
    sizes = {post.id: post.said["data"]["size"] for post in receiver.posts}
    assert len(first) == 7, "never zero times"
    assert [sizes[one] for one in first] == sorted(sizes.values()), "in their order"
    assert len(ids) == len(first) + codes.count(-signal.SIGKILL), "twice only where somebody was killed"
    with opened(begun.data, begun.url) as sample:
        assert sample.services.store.undelivered(10) == []


# --- the whole service ---


@pytest.fixture
def settings(receiver: Receiver, tmp_path: Path) -> dict[str, str]:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    return {"HEFU_WEBHOOK_URL": receiver.url, "HEFU_WEBHOOK_SECRET_FILE": str(secret)}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def entries(receiver: Receiver) -> int:
    """How many deposits it was told of."""
    return max((post.said["data"].get("entries", 0) for post in receiver.posts), default=-1)


def deposit(web: Serving, services: Services, count: int) -> None:
    signer = enrol(services)
    for number in range(count):
        statement = make_statement(signer, number)
        assert request(web.port, "POST", "/v1/deposits", statement, {"Content-Type": "text/plain"})[0] == 201
        time.sleep(0.02)  # so that there are several windows


def published(services: Services) -> list[int]:
    with services.store.outbox() as outbox:
        return [*outbox.published_sizes(0, 1000)]


def test_workers_tell_each_checkpoint_once_whatever_redis_forgets(
    postgres: Postgres,
    valkey: Valkey,
    tmp_path: Path,
    receiver: Receiver,
    settings: dict[str, str],
) -> None:
    valkey.flush()
    production = Production(tmp_path / "data", postgres.create(), valkey.url, settings=settings)
    try:
        web = production.add_web()
        for queues in ("ledger,slow", "ledger", "slow"):
            production.add_worker("--queues", queues)
        until(lambda: entries(receiver) == 0)
        with open_services(production.data, production.database) as services:
            for _ in range(3):
                deposit(web, services, 5)
                valkey.flush()
            until(lambda: entries(receiver) == 15)
            sizes = [post.said["data"]["size"] for post in receiver.posts]
            assert sizes == [size for size in published(services) if size >= sizes[0]]
            until(lambda: not services.store.undelivered(1))  # the last has arrived, and is marked in a moment
        assert production.stop() == [0] * 4, production.log.read_text()
    finally:
        production.kill()


def test_a_receiver_that_hangs_holds_up_neither_sealing_nor_stopping(
    tmp_path: Path, receiver: Receiver, settings: dict[str, str]
) -> None:
    done, asked = threading.Event(), threading.Event()

    def hang(_: Post) -> int:
        asked.set()
        done.wait(PATIENCE_S)
        return 204

    receiver.answer = hang
    web = Serving(tmp_path / "data", settings=settings)
    web.init()
    web.start()
    try:
        assert asked.wait(PATIENCE_S)
        with open_services(web.data) as services:
            deposit(web, services, 3)
            assert not done.is_set()
            until(lambda: _sealed(services) == 3)
            done.set()
            receiver.answer = lambda _: 204
            until(lambda: entries(receiver) == 3)
        assert web.stop() == 0
    finally:
        done.set()
        web.kill()


def _sealed(services: Services) -> int:
    with services.store.view() as view:
        return view.ledger_head().entries
