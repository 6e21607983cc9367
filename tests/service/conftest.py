"""Services for the tests, each on a directory of its own, and stores, on every database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.service.told import Told
from tests.support.postgres import Postgres
from tests.support.receivers import SECRET, Receiver, receiving
from tests.support.sample_service import (
    RECOVERY,
    SampleService,
    SetClock,
    begin,
    copied,
    make_empty_database,
    opened,
    services_on,
)
from tests.support.sample_store import HEAD_1, START, add, deposit, depositor, event, record

from hefu_service.outbox.messages import WEBHOOK
from hefu_service.outside.webhook import WebhookSender, parse_secret
from hefu_service.ports.outbox import Message
from hefu_service.ports.rows import VaultBlob, VaultClosure
from hefu_service.ports.store import Store
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.store.engines import Engines, open_engines, sqlite_url
from hefu_service.store.sql import SqlStore, open_store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database of the newest schema, to copy."""
    return make_empty_database(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def begun_service(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """The data directory of a ledger with nothing but its genesis, to copy."""
    folder = tmp_path_factory.mktemp("begun")
    begin(folder / "data", empty_database)
    return folder / "data"


@pytest.fixture
def service(begun_service: Path, tmp_path: Path) -> Iterator[SampleService]:
    """A service whose ledger has just begun."""
    with opened(copied(begun_service, tmp_path / "data")) as sample:
        yield sample


@pytest.fixture
def path(empty_database: Path, tmp_path: Path) -> Path:
    """An SQLite database with nothing in it."""
    return Path(shutil.copy(empty_database, tmp_path / "hefu.sqlite3"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> URL:
    """A database with nothing in it, of each kind in turn."""
    if request.param == "sqlite":
        return sqlite_url(request.getfixturevalue("path"))
    server: Postgres = request.getfixturevalue("postgres")
    return server.emptied()


@pytest.fixture
def engines(url: URL) -> Iterator[Engines]:
    """Its engines."""
    engines = open_engines(url)
    yield engines
    engines.dispose()


@pytest.fixture
def store(engines: Engines) -> Store:
    """A store with one depositor."""
    store = SqlStore(engines)
    with store.intake() as intake:
        intake.add_depositor(depositor())
    return store


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with a row in each table that only grows."""
    add(store, deposit(0))
    with store.intake() as intake:
        intake.add_texts({bytes(32): 0})
        intake.add_event(event(0))
        intake.bind_vault(bytes(32), "acme")
        intake.add_vault_blob(VaultBlob(bytes(32), "name", 1, bytes(32), 0))
        intake.bind_vault(b"1" * 32, "acme")
        intake.close_vault(VaultClosure(bytes(32), b"1" * 32, b"note", 0))
    store.append(START, HEAD_1, [record(0)])
    with store.outbox() as outbox:
        outbox.add_message(Message("webhook", 0, "0" * 32, 0, b"{}"))
    store.add_checkpoint(1, b"note")
    return store


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Whoever is sent to by webhook."""
    with receiving() as found:
        yield found


@pytest.fixture
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SampleService]:
    """A service whose ledger has just begun, on the kind of database that a test names."""
    if getattr(request, "param", "sqlite") == "sqlite":
        url: URL = sqlite_url(request.getfixturevalue("path"))
    else:
        url = request.getfixturevalue("postgres").emptied()
    clock = SetClock()
    with closing(open_store(url)) as store:
        sample = SampleService(tmp_path, services_on(tmp_path, store, clock), clock)
        begin_ledger(sample.services, recovery=RECOVERY.key)
        sample.settle()
        yield sample


@pytest.fixture
def told(sample: SampleService, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Told:
    """One that tells a webhook."""
    return Told(sample, {WEBHOOK: WebhookSender(receiver.url, parse_secret(SECRET))}, monkeypatch)
