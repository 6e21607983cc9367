"""A real primary and its synchronous standby: nothing is signed that the standby may not have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from hashlib import sha256

import pytest
from tests.support.postgres import execute, postgres_server
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import RECOVERY, SampleService, SetClock, services_on, statement
from tests.support.standby import WAITING, Pair, pair_of

from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.ports.errors import StorageError
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.publishing.publish import publish
from hefu_service.sealing.seal import seal_once
from hefu_service.store.migrate import upgrade
from hefu_service.store.sql import open_store


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """The two servers."""
    with postgres_server() as primary:
        if primary.own is None:
            pytest.skip("this PostgreSQL is not ours to give a standby")
        with pair_of(primary) as pair:
            upgrade(pair.url)
            yield pair


@pytest.fixture(scope="module")
def service(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleService]:
    """A service on the primary."""
    data, clock = tmp_path_factory.mktemp("data"), SetClock()
    with closing(open_store(pair.url)) as store:
        sample = SampleService(data, services_on(data, store, clock), clock)
        begin_ledger(sample.services, recovery=RECOVERY.key)
        yield sample


@pytest.fixture(scope="module")
def key(service: SampleService) -> Ed25519Signer:
    """A depositor's key."""
    return service.enrol()


@pytest.fixture
def alone(pair: Pair) -> Iterator[Pair]:
    """The primary, whose standby is away for the time of a test."""
    pair.without_standby()
    yield pair
    pair.with_standby()


class Doing:
    """A piece of work in a thread: it waits for the standby."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self.result: object = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self.result = work()
        except BaseException as error:
            self.error = error

    def ended(self) -> bool:
        """Wait for a moment; has it ended?"""
        self._thread.join(0.3)
        return not self._thread.is_alive()

    def end(self) -> None:
        """Wait until it ends."""
        self._thread.join(20)
        assert not self._thread.is_alive()


def visible(service: SampleService, note: bytes) -> bool:
    """Whether a reader sees the deposit of a statement; its connection to a server that has crashed is made anew."""
    while True:
        with suppress(StorageError), service.services.store.view() as view:
            return view.deposit(sha256(note).digest()) is not None


def state(api: SampleApi, note: bytes) -> Callable[[], int]:
    """Ask for a statement's acknowledgement; the status."""
    return lambda: api.get(f"/v1/deposits/{sha256(note).hexdigest()}").status_code


def test_a_cancelled_wait_for_the_standby_is_no_commit(alone: Pair, service: SampleService, key: Ed25519Signer) -> None:
    note = statement(key, 100)
    depositing = Doing(lambda: service.accept(note))
    alone.cancel()
    assert not depositing.ended(), "it was tried again, which waits for the standby too"
    alone.cancel()
    depositing.end()
    assert isinstance(depositing.error, StorageError)
    assert depositing.error.unknown
    alone.with_standby()
    assert service.accept(note)[0].again
    alone.without_standby()


def test_a_visible_deposit_that_no_standby_has_is_not_acknowledged_by_a_read(
    alone: Pair, service: SampleService, key: Ed25519Signer
) -> None:
    api, note = api_of(service), statement(key, 200)
    depositing = Doing(lambda: service.accept(note))
    alone.crash()
    assert visible(service, note)
    asking = Doing(state(api, note))
    assert not asking.ended()
    alone.await_waiting()
    alone.with_standby()
    asking.end()
    depositing.end()
    assert asking.result == 200
    alone.without_standby()
    for _ in range(2):
        again = Doing(state(api, note))
        again.end()
        assert again.result == 200, "it is known to be safe, and no commit is made for it"
    assert execute(alone.url, WAITING) == []


def test_a_visible_record_that_no_standby_has_is_not_published(
    alone: Pair, service: SampleService, key: Ed25519Signer
) -> None:
    alone.with_standby()
    service.settle()
    service.deposit(key, 1)
    before = service.services.files.read_checkpoint(), service.services.signer.last()
    alone.without_standby()
    sealing = Doing(lambda: seal_once(service.services))
    alone.cancel()
    sealing.end()
    assert isinstance(sealing.error, StorageError)
    assert sealing.error.unknown
    publishing = Doing(lambda: publish(service.services))
    alone.cancel()
    publishing.end()
    assert isinstance(publishing.error, StorageError)
    assert (service.services.files.read_checkpoint(), service.services.signer.last()) == before
    alone.with_standby()
    assert publish(service.services)
    alone.without_standby()
