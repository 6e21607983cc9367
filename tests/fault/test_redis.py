"""Redis is killed, flushed or replaced, and workers race: nothing is lost, and all is sealed within a sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.fault.accounting import account
from tests.fault.figures import Figures
from tests.support.enrolling import enrol, make_statement
from tests.support.postgres import Postgres
from tests.support.production import Production
from tests.support.sample_service import RECOVERY, SampleService, SetClock, make_empty_database, services_on, statement
from tests.support.serving import request
from tests.support.valkey import Valkey

from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.jobs.tasks import settle
from hefu_service.ports.errors import HeadMovedError
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.publishing.publish import publish
from hefu_service.sealing.seal import seal_once
from hefu_service.services import Services
from hefu_service.store.engines import sqlite_url
from hefu_service.store.sql import open_store
from hefu_service.wiring import open_services

PATIENCE_S = 30


@pytest.fixture
def production(postgres: Postgres, valkey: Valkey, tmp_path: Path) -> Iterator[Production]:
    """A web and a worker."""
    valkey.flush()
    made = Production(tmp_path / "data", postgres.create(), valkey.url)
    try:
        made.add_web()
        made.add_worker()
        yield made
    finally:
        made.kill()


def killed(valkey: Valkey) -> None:
    valkey.kill()


def replaced(valkey: Valkey) -> None:
    valkey.kill()
    valkey.start()


def flushed(valkey: Valkey) -> None:
    valkey.flush()


@pytest.mark.parametrize("fault", [killed, flushed, replaced])
def test_what_redis_loses_is_sealed_all_the_same(
    production: Production, valkey: Valkey, fault: Callable[[Valkey], None], figures: Figures, tmp_path: Path
) -> None:
    if valkey.own is None and fault is not flushed:
        pytest.skip("this Redis is not ours to kill")
    (web,) = production.webs
    acknowledged: dict[bytes, bytes] = {}
    try:
        with open_services(production.data, production.database) as services:
            signer = enrol(services)
            for number in range(30):
                if number in (10, 20):
                    fault(valkey)
                    figures.faults += 1
                if number == 20 and fault is killed:
                    valkey.start()
                note = make_statement(signer, number)
                status, _, acknowledged[note] = request(web.port, "POST", "/v1/deposits", note, PLAIN)
                assert status == 201
            until_sealed(services, 30)
            assert web.ready()
        assert production.stop() == [0, 0], production.log.read_text()
    finally:
        if valkey.own is not None and not valkey.own.is_running():
            valkey.start()
    with open_services(production.data, production.database) as services:
        account(services, acknowledged, figures, tmp_path / "export")


PLAIN = {"Content-Type": "text/plain"}


def until_sealed(services: Services, entries: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with services.store.view() as view:
            head = view.ledger_head()
            if head.entries == entries and view.checkpoint_covering(head.size - 1) is not None:
                return
        time.sleep(0.02)
    raise AssertionError(f"{entries - head.entries} deposits are not sealed")


# Many workers at once


def in_turn(services: Services) -> None:
    settle(services)


def all_at_once(services: Services) -> None:
    """As ``settle`` without its turns: the swap of the head alone keeps the ledger one."""
    with suppress(HeadMovedError):
        seal_once(services)
    publish(services)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    if request.param == "sqlite":
        return sqlite_url(make_empty_database(tmp_path))
    server: Postgres = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.mark.parametrize("work", [in_turn, all_at_once])
@pytest.mark.parametrize("workers", [2, 10])
def test_workers_that_seal_at_once_make_one_ledger(
    database: URL, tmp_path: Path, workers: int, work: Callable[[Services], None]
) -> None:
    with ExitStack() as stack:
        clock = SetClock()
        # A store for each, as each process has; SQLite's are the threads of one.
        count = workers if database.get_backend_name() == "postgresql" else 1
        stores = [stack.enter_context(closing(open_store(database))) for _ in range(count)]
        samples = [SampleService(tmp_path, services_on(tmp_path, store, clock), clock) for store in stores]
        begin_ledger(samples[0].services, recovery=RECOVERY.key)
        keys = [samples[0].enrol(f"{number}") for number in range(3)]
        done, failures = threading.Event(), list[BaseException]()

        def run(services: Services) -> None:
            try:
                while not done.is_set():
                    work(services)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(samples[number % count].services,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        deposit_all(samples, keys)
        done.set()
        for thread in threads:
            thread.join()
        assert failures == []
        samples[0].settle()
        assert samples[0].findings() == []
        with samples[0].services.store.view() as view:
            assert view.ledger_head().entries == 60
            assert [deposit.seq for deposit in view.deposits(0, 100)] == list(range(60))


def deposit_all(samples: list[SampleService], keys: list[Ed25519Signer]) -> None:
    """Twenty deposits of each key, all at once, over all stores."""

    def deposit(number: int) -> None:
        for each in range(20):
            samples[number % len(samples)].accept(statement(keys[number], each))

    threads = [threading.Thread(target=deposit, args=(number,)) for number in range(len(keys))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
