"""The ticker seals what is owed, whatever it was told, and ends only when it has done so."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.support.sample_service import SampleService

from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.intake.committer import Committer
from hefu_service.jobs import tasks, ticker
from hefu_service.jobs.tasks import settle
from hefu_service.jobs.ticker import Ticker
from hefu_service.observing.backlog import reach_of
from hefu_service.ports.errors import ClockError, HeadMovedError, StorageError
from hefu_service.ports.world import Unobserved
from hefu_service.publishing.publish import publish
from hefu_service.sealing import seal
from hefu_service.sealing.seal import seal_once
from hefu_service.services import Services

FAR_MS = 600_000  # a window that does not end by itself during a test
PATIENCE_S = 20


@pytest.fixture
def key(service: SampleService) -> Ed25519Signer:
    return service.enrol()


@contextmanager
def running(service: SampleService, *, window_ms: int) -> Iterator[Ticker]:
    """A ticker that the service's committer tells of each deposit."""
    found = Ticker(service.services, window_ms=window_ms, work=lambda services: tasks.settle(services))
    service.committer = Committer(service.services, accepted=found.accepted)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def sealed(service: SampleService) -> int:
    with service.services.store.view() as view:
        return view.ledger_head().entries


def watched(monkeypatch: pytest.MonkeyPatch, work: Callable[[Services], None] = settle) -> threading.Semaphore:
    """Count the ticker's runs; each may do other work."""
    runs = threading.Semaphore(0)

    def run(services: Services) -> None:
        try:
            work(services)
        finally:
            runs.release()

    monkeypatch.setattr(tasks, "settle", run)
    return runs


def forever_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker, "SWEEP_S", 600.0)


def test_the_first_deposit_wakes_it_and_the_window_s_end_seals(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    forever_idle(monkeypatch)
    runs = watched(monkeypatch)
    with running(service, window_ms=1):
        service.deposit(key, 3)
        while sealed(service) < 3:
            assert runs.acquire(timeout=PATIENCE_S)
    assert not service.findings()


def test_enough_deposits_end_a_window_early(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    forever_idle(monkeypatch)
    monkeypatch.setattr(ticker, "ENOUGH", 4)
    runs = watched(monkeypatch)
    with running(service, window_ms=FAR_MS):
        service.deposit(key, 3)
        assert not runs.acquire(timeout=0.05)
        service.deposit(key, 1, first=3)
        assert runs.acquire(timeout=PATIENCE_S)
        assert sealed(service) == 4
        assert not runs.acquire(timeout=0.05)  # what is sealed is not waiting any more


def test_what_is_accepted_while_a_window_is_sealed_waits_for_the_end_of_its_own(
    service: SampleService, key: Ed25519Signer
) -> None:
    """Or a busy service would seal without end, a few deposits at a time."""
    arriving = itertools.count(3)

    class Busy(Unobserved):
        def sealed(self, seconds: float) -> None:
            del seconds
            service.deposit(key, first=next(arriving))

    service.deposit(key, 3)
    settle(replace(service.services, observer=Busy()))
    with service.services.store.view() as view:
        reach = reach_of(view)
    assert (reach.ledger.entries, reach.intake.next_seq, reach.published) == (3, 4, reach.ledger.size)


def test_what_is_owed_is_sealed_however_many_batches_it_takes(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "MOST_DEPOSITS", 2)
    service.deposit(key, 5)
    settle(service.services)
    with service.services.store.view() as view:
        assert not reach_of(view).owed


def test_what_another_seals_after_it_has_published_is_published_too(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other may die before it publishes."""

    def publish_and_seal(services: Services) -> bool:
        done = publish(services)
        seal_once(services)
        return done

    monkeypatch.setattr(seal, "MOST_DEPOSITS", 2)
    monkeypatch.setattr(tasks, "publish", publish_and_seal)
    service.deposit(key, 4)
    settle(service.services)
    with service.services.store.view() as view:
        assert not reach_of(view).owed


def test_what_nobody_told_it_of_is_found_by_a_sweep(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.deposit(key, 2)  # as by another process, or before a crash
    monkeypatch.setattr(ticker, "SWEEP_S", 0.001)
    runs = watched(monkeypatch)
    with running(service, window_ms=FAR_MS):
        assert runs.acquire(timeout=PATIENCE_S)
        assert runs.acquire(timeout=PATIENCE_S)
        assert sealed(service) == 2


def test_stopping_seals_and_publishes_what_is_owed(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    forever_idle(monkeypatch)
    with running(service, window_ms=FAR_MS):
        service.deposit(key, 2)
        assert sealed(service) == 0
    assert sealed(service) == 2
    with service.services.store.view() as view:
        assert view.checkpoint_covering(view.ledger_head().size - 1) is not None


def test_a_failure_is_told_and_tried_again_until_it_is_over(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forever_idle(monkeypatch)
    broken = threading.Event()
    broken.set()

    def work(services: Services) -> None:
        if broken.is_set():
            raise StorageError("disk full")
        settle(services)

    runs = watched(monkeypatch, work)
    with running(service, window_ms=1) as found, caplog.at_level(logging.ERROR):
        assert found.trouble() is None
        service.deposit(key)
        for _ in range(3):
            assert runs.acquire(timeout=PATIENCE_S)
        assert "times in a row" in (found.trouble() or "")
        broken.clear()
        while sealed(service) < 1:
            assert runs.acquire(timeout=PATIENCE_S)
        while found.trouble():
            threading.Event().wait(0.001)
    assert "sealing failed, 2 times in a row" in caplog.text


def test_a_ticker_that_keeps_failing_stops_all_the_same(
    service: SampleService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Services) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr(ticker, "SWEEP_S", 0.001)
    runs = watched(monkeypatch, work)
    with caplog.at_level(logging.CRITICAL), running(service, window_ms=FAR_MS) as found:
        assert runs.acquire(timeout=PATIENCE_S)  # it now backs off for longer than any test lasts
    assert found.failures > 0


def test_a_leap_of_the_clock_is_noticed_while_nothing_is_deposited(
    service: SampleService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ticker, "SWEEP_S", 0.001)
    noticed = threading.Event()

    def leapt() -> int:
        noticed.set()
        raise ClockError("leapt")

    monkeypatch.setattr(service.clock, "now_ms", leapt)
    with caplog.at_level(logging.ERROR), running(service, window_ms=1):
        assert noticed.wait(PATIENCE_S)
    assert "leapt" in caplog.text


def test_a_ticker_that_is_not_running_is_not_ready(service: SampleService) -> None:
    found = Ticker(service.services)
    assert found.trouble() == "nothing seals: the ticker does not run"
    found.start()
    assert found.trouble() is None
    found.stop()
    assert found.trouble() == "nothing seals: the ticker does not run"


def test_settling_goes_on_where_another_worker_was_faster(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.deposit(key, 2)
    first = iter([True])

    def slower(services: Services) -> bool:
        if next(first, False):
            raise HeadMovedError("another was faster")
        return seal_once(services)

    monkeypatch.setattr(tasks, "seal_once", slower)
    settle(service.services)
    assert sealed(service) == 2


def test_settling_publishes_even_where_nothing_is_owed(service: SampleService, key: Ed25519Signer) -> None:
    service.deposit(key)
    while seal_once(service.services):  # and then a crash
        pass
    settle(service.services)
    with service.services.store.view() as view:
        assert view.checkpoint_covering(view.ledger_head().size - 1) is not None


def test_deposits_that_come_while_it_works_are_sealed_too(
    service: SampleService, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    forever_idle(monkeypatch)
    first = iter([True])

    def work(services: Services) -> None:
        settle(services)
        if next(first, False):
            service.deposit(key, 2, first=1)

    runs = watched(monkeypatch, work)
    with running(service, window_ms=1):
        service.deposit(key)
        while sealed(service) < 3:
            assert runs.acquire(timeout=PATIENCE_S)
