"""Readiness names what does not work, in words fit for anyone, in bounded time, with the real thing gone."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.postgres import Postgres
from tests.support.production import Production
from tests.support.sample_api import api_of
from tests.support.sample_service import START, SampleService
from tests.support.serving import get
from tests.support.valkey import Valkey

from hefu_service.jobs import ticker
from hefu_service.jobs.ticker import Ticker
from hefu_service.observing import readiness
from hefu_service.observing.readiness import PARTS, Probe, Readiness
from hefu_service.ports.errors import StorageError
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services

PATIENCE_S = 20


@pytest.fixture(autouse=True)
def always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is remembered."""
    monkeypatch.setattr(readiness, "_GOOD_FOR_S", 0.0)


@pytest.fixture
def ready(service: SampleService) -> Readiness:
    return Readiness(service.services, service.data, lambda: None)


def test_everything_works(ready: Readiness, service: SampleService) -> None:
    assert ready.not_ready() == {}
    service.deposit(service.enrol())
    service.settle()
    assert ready.not_ready() == {}


def test_what_is_not_ready_is_answered_with_its_reason_and_nothing_of_the_operator_s(
    service: SampleService, ready: Readiness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise StorageError("cannot read /srv/secret/place")

    api = api_of(service, not_ready=ready.not_ready)
    monkeypatch.setattr("hefu_service.outside.signer.FileSigner.last", broken)
    answer = api.get("/readyz")
    parts = [{"part": "signer", "reason": "its memory cannot be read"}]
    assert (answer.status_code, answer.get_json()) == (503, {"ready": False, "not_ready": parts})
    assert [record.__dict__["event"]["cause"] for record in caplog.records] == ["cannot read /srv/secret/place"]
    api.get("/readyz")
    assert len(caplog.records) == 1, "it is logged when it changes"
    monkeypatch.undo()
    until(lambda: api.get("/readyz").status_code == 200)


def test_each_part_has_a_probe(ready: Readiness) -> None:
    assert tuple(ready._probes) == PARTS


# The database


def test_a_database_that_may_not_be_written_is_not_ready(service: SampleService, ready: Readiness) -> None:
    with service.services.store.intake():  # somebody holds the lock that deposits need, and does not let go
        assert ready.not_ready() == {"database": "no answer within 2 s"}
    until(lambda: ready.not_ready() == {})


def test_a_database_that_stops_is_named_at_once_and_comes_back(
    postgres: Postgres, valkey: Valkey, tmp_path: Path
) -> None:
    if postgres.own is None:
        pytest.skip("the PostgreSQL that is named is not ours to stop")
    valkey.flush()
    production = Production(tmp_path / "data", postgres.create(), valkey.url)
    try:
        web = production.add_web()
        production.add_worker()
        postgres.crash()
        try:
            until(lambda: "database" in parts_of(get(web.port, "/readyz")[1]))
            started = time.monotonic()
            found = parts_of(get(web.port, "/readyz")[1])
            assert time.monotonic() - started < 5
            assert found["database"] == "it does not answer, or takes no writes"
            status, page = get(web.port, "/metrics")
            assert status == 200
            assert b'hefu_ready{part="database"} 0.0' in page
            assert get(web.port, "/healthz")[0] == 200
        finally:
            postgres.start()
        until(web.ready)
    finally:
        production.kill()


def parts_of(body: bytes) -> dict[str, str]:
    return {each["part"]: each["reason"] for each in json.loads(body)["not_ready"]}


# The disk


def test_too_little_free_space_is_not_ready(
    service: SampleService, ready: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(service.data)

    def with_free(blocks: int, free: int) -> dict[str, str]:
        found = os.statvfs_result((4096, 4096, blocks, free, free, *tuple(real)[5:]))
        monkeypatch.setattr(os, "statvfs", lambda _: found)
        return dict(ready.not_ready())

    mebibyte = 256  # blocks
    assert with_free(10_000 * mebibyte, 256 * mebibyte) == {}
    assert with_free(10_000 * mebibyte, 256 * mebibyte - 1) == {"disk": "less than 256 MiB are free"}
    assert with_free(100 * mebibyte, 5 * mebibyte) == {}, "a small disk needs a twentieth"
    assert with_free(100 * mebibyte, 5 * mebibyte - 1) == {"disk": "less than 5 MiB are free"}


def test_a_disk_that_takes_no_writes_is_not_ready(service: SampleService, tmp_path: Path) -> None:
    data = tmp_path / "gone"
    found = Readiness(service.services, data, lambda: None)
    assert found.not_ready() == {"disk": "it takes no writes"}
    data.mkdir()
    until(lambda: found.not_ready() == {})
    assert list(data.iterdir()) == [], "and nothing is left behind"


# The clock


def test_a_clock_that_went_back_is_not_ready_until_it_is_right(service: SampleService, ready: Readiness) -> None:
    service.clock.time_ms = START + 10_000
    service.deposit(service.enrol())
    service.settle()
    service.clock.time_ms = START
    found = ready.not_ready()
    assert list(found) == ["clock"]
    assert "behind the last deposit" in found["clock"]
    service.clock.time_ms = START + 10_000
    assert ready.not_ready() == {}


# The signer


def test_a_signer_that_has_forgotten_what_is_published_is_not_ready(service: SampleService, ready: Readiness) -> None:
    service.deposit(service.enrol())
    service.settle()
    memory = service.data / "signer" / "checkpoint"
    kept = memory.read_bytes()
    memory.unlink()
    assert ready.not_ready() == {"signer": "it remembers less than is published"}
    memory.write_bytes(b"damaged")
    assert ready.not_ready() == {"signer": "its memory cannot be read"}
    memory.write_bytes(kept)
    assert ready.not_ready() == {}


# Sealing


def test_a_ledger_that_has_stopped_says_that_its_operator_must_look(
    service: SampleService, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Services) -> None:
        raise SealingStoppedError("the roots differ")

    found = Ticker(service.services, window_ms=1, work=work)
    with caplog.at_level(logging.CRITICAL):
        found.start()
        until(lambda: found.trouble() is not None)
        assert "its operator must look" in (found.trouble() or "")
        assert "roots" not in (found.trouble() or "")
        found.stop()


def test_sealing_that_hangs_is_told_of_although_nothing_has_failed(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticker, "STALLED_S", 0.0)
    go_on = threading.Event()

    def work(_: Services) -> None:
        go_on.wait(PATIENCE_S)

    found = Ticker(service.services, window_ms=1, work=work)
    service.deposit(service.enrol())
    found.start()
    until(lambda: "stands still" in (found.trouble() or ""))
    go_on.set()
    found.stop()


# Time


def test_a_probe_that_hangs_delays_an_answer_by_its_patience_and_is_asked_once(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.05)
    go_on, asked = threading.Event(), []

    def hangs() -> None:
        asked.append(1)
        go_on.wait(PATIENCE_S)

    found = Readiness(service.services, service.data, hangs)
    for _ in range(3):
        started = time.monotonic()
        assert found.not_ready()["sealing"] == "no answer within 0.05 s"
        assert time.monotonic() - started < 5
    assert len(asked) == 1
    go_on.set()
    monkeypatch.setattr(readiness, "PATIENCE_S", PATIENCE_S)
    until(lambda: found.not_ready() == {})


def test_a_probe_for_which_no_thread_could_be_had_answers_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    probe = Probe("part", lambda: None, "fails")
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError, match="can't start"):
            probe.asked()
    assert probe.asked().result(PATIENCE_S) is None


def test_a_good_answer_is_remembered_for_a_moment_and_a_bad_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_GOOD_FOR_S", 1.0)
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    answers = iter(["broken", "broken", None, None, "broken"])
    probe = Probe("part", lambda: next(answers), "fails")
    assert [probe.asked().result(PATIENCE_S) for _ in range(5)] == ["broken", "broken", None, None, None]
    now += 1
    assert [probe.asked().result(PATIENCE_S) for _ in range(2)] == [None, None]
    now += 1
    assert probe.asked().result(PATIENCE_S) == "broken"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
