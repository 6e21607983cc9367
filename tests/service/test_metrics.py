"""Metrics count what happened in every process, survive those that die, and say nothing about anyone."""

from __future__ import annotations

import errno
import logging
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families
from tests.support.postgres import Postgres
from tests.support.production import Production
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import DAY, SampleService, depositor_of, statement
from tests.support.serving import get, request
from tests.support.valkey import Valkey

from hefu_service.api.strangers import Strangers
from hefu_service.jobs import ticker
from hefu_service.jobs.queue import LEDGER, connect, queue_of
from hefu_service.jobs.tasks import settle
from hefu_service.jobs.ticker import Ticker
from hefu_service.jobs.worker import LedgerWorker
from hefu_service.observing.gauges import Gauges
from hefu_service.observing.metrics import FILES, METHODS, RESERVED, Metrics, page
from hefu_service.ports.errors import ClockError, PortError, StorageError
from hefu_service.ports.outbox import Message, Waiting
from hefu_service.ports.rows import VaultBlob
from hefu_service.ports.store import Store
from hefu_service.publishing.publish import publish
from hefu_service.sealing.seal import seal_once
from hefu_service.serving import server
from hefu_service.settings import Settings

PATIENCE_S = 20


class Watched:
    """A service whose work is counted."""

    def __init__(self, service: SampleService, metrics: Metrics) -> None:
        self.metrics = metrics
        self.not_ready: dict[str, str] = {}
        self.sample = SampleService(service.data, replace(service.services, observer=metrics), service.clock)
        self.gauges = Gauges(self.sample.services, service.data, lambda: self.not_ready)
        self.page = page(metrics, self.gauges)

    def values(self) -> dict[str, float]:
        return values_of(self.page())


def values_of(text: bytes) -> dict[str, float]:
    """Each sample of a page, by its name and, if it has labels, their values."""
    return {
        " ".join((sample.name, *(sample.labels[name] for name in sorted(sample.labels)))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@contextmanager
def counting(folder: Path) -> Iterator[Metrics]:
    metrics = Metrics(folder)
    try:
        yield metrics
    finally:
        metrics.close()


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Metrics]:
    with counting(tmp_path / "metrics") as found:
        yield found


@pytest.fixture
def watched(service: SampleService, metrics: Metrics) -> Watched:
    return Watched(service, metrics)


@pytest.fixture
def api(watched: Watched) -> SampleApi:
    return api_of(watched.sample, answered=watched.metrics.answered, metrics=watched.page)


# What happens


def test_deposits_and_groups_are_counted_once_they_are_durable(watched: Watched) -> None:
    key = watched.sample.enrol()
    notes = [statement(key, number) for number in range(5)]
    watched.sample.front_door.accept(notes)
    watched.sample.front_door.accept(notes[:2])  # again, which makes no deposit
    watched.sample.accept(statement(key, 5))
    found = watched.values()
    assert found["hefu_deposits_accepted_total"] == 6
    assert (found["hefu_commit_deposits_count"], found["hefu_commit_deposits_sum"]) == (2, 6)
    assert (found["hefu_commit_deposits_bucket 1.0"], found["hefu_commit_deposits_bucket 8.0"]) == (1, 2)
    assert found["hefu_commit_duration_seconds_count"] == 2
    assert 0 < found["hefu_commit_duration_seconds_sum"] < PATIENCE_S


def test_a_commit_that_fails_is_not_counted(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    key = watched.sample.enrol()

    def broken(_: object) -> None:
        raise StorageError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("hefu_service.store.sql.SqlIntake.move_intake", lambda _self, head: broken(head))
        with pytest.raises(StorageError):
            watched.sample.deposit(key)
    assert watched.values()["hefu_deposits_accepted_total"] == 0


def test_sealing_and_publishing_are_timed_only_where_there_was_something_to_do(watched: Watched) -> None:
    watched.sample.deposit(watched.sample.enrol())
    for _ in range(3):
        settle(watched.sample.services)
    found = watched.values()
    assert found["hefu_seal_duration_seconds_count"] == 1
    assert found["hefu_publish_duration_seconds_count"] == 1
    assert found["hefu_publish_duration_seconds_sum"] > 0


def test_requests_are_counted_by_route_and_never_by_path(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    api.statement(note)
    api.statement(note)
    api.statement(b"no note")
    api.get("/v1/deposits/" + "0" * 64)
    api.get("/v1/deposits/" + "1" * 64)
    api.get("/nowhere/secret")
    api.open("/v1/deposits", method="SECRET")
    found = values_of(api.get("/metrics").data)
    assert found["hefu_http_requests_total POST /v1/deposits 201"] == 1
    assert found["hefu_http_requests_total POST /v1/deposits 200"] == 1
    assert found["hefu_http_requests_total POST /v1/deposits 400"] == 1
    assert found["hefu_http_requests_total GET /v1/deposits/<statement_id> 404"] == 2
    assert found["hefu_http_requests_total GET none 404"] == 1
    assert found["hefu_http_requests_total other none 405"] == 1
    assert found["hefu_http_request_duration_seconds_count POST /v1/deposits"] == 3
    assert found["hefu_http_request_duration_seconds_sum POST /v1/deposits"] > 0
    assert (found["hefu_refused_total malformed"], found["hefu_refused_total not-found"]) == (1, 3)
    assert "secret" not in api.get("/metrics").text.lower()


def test_a_page_names_nobody(api: SampleApi) -> None:
    key = api.service.enrol()
    note = statement(key)
    api.statement(note)
    api.get(f"/v1/enrolments/{depositor_of(key)}")
    answer = api.get("/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert depositor_of(key) not in answer.text
    assert not re.search(r"[0-9a-f]{32}", answer.text)


def test_a_ticker_s_failures_are_counted(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ticker, "SWEEP_S", 0.001)

    def work(_: object) -> None:
        raise StorageError("disk full")

    found = Ticker(watched.sample.services, window_ms=1, work=work)
    with caplog.at_level(logging.CRITICAL):
        found.start()
        until(lambda: watched.values().get("hefu_job_failures_total tick", 0) >= 2)
        found.stop()


def test_a_queue_s_failures_are_counted_by_task(
    watched: Watched, valkey: Valkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> int:
        raise ClockError("leapt")

    watched.sample.deposit(watched.sample.enrol())
    monkeypatch.setattr(watched.sample.clock, "now_ms", broken)
    valkey.flush()
    with connect(valkey.url) as redis, caplog.at_level(logging.CRITICAL):
        for name in ("hefu_service.jobs.tasks.settle", "os.getpid", "secret.name"):
            queue_of(redis, LEDGER).enqueue_call(name, failure_ttl=0)
        LedgerWorker(redis, watched.sample.services).work(burst=True, logging_level="CRITICAL")
    failures = {name: value for name, value in watched.values().items() if name.startswith("hefu_job_failures_total")}
    assert failures == {"hefu_job_failures_total settle": 1, "hefu_job_failures_total other": 2}


# How it stands


def test_gauges_tell_what_is_owed_and_how_much_of_the_promise_is_used(watched: Watched) -> None:
    sample = watched.sample
    key = sample.enrol()
    sample.deposit(key, 2)
    settle(sample.services)
    found = watched.values()
    assert (found["hefu_deposits"], found["hefu_deposits_waiting"], found["hefu_events_waiting"]) == (2, 0, 0)
    assert (found["hefu_records"], found["hefu_checkpoint_size"]) == (3, 3)
    assert (found["hefu_oldest_owed_age_seconds"], found["hefu_oldest_owed_promise_used_ratio"]) == (0, 0)
    assert 0 <= found["hefu_checkpoint_age_seconds"] < PATIENCE_S

    sample.deposit(key, 1, first=2)
    sample.clock.time_ms += DAY // 4
    sample.deposit(key, 2, first=3)
    sample.enrol("another")
    found = watched.values()
    assert (found["hefu_deposits"], found["hefu_deposits_waiting"], found["hefu_events_waiting"]) == (5, 3, 1)
    assert found["hefu_oldest_owed_age_seconds"] == pytest.approx(DAY / 4000, abs=1)
    assert found["hefu_oldest_owed_promise_used_ratio"] == pytest.approx(0.25, abs=0.001)

    assert seal_once(sample.services)  # and published by nobody
    sample.clock.time_ms += DAY
    found = watched.values()
    assert (found["hefu_deposits_waiting"], found["hefu_records"], found["hefu_checkpoint_size"]) == (0, 5, 3)
    assert found["hefu_oldest_owed_promise_used_ratio"] > 1
    publish(sample.services)
    found = watched.values()
    assert (found["hefu_oldest_owed_promise_used_ratio"], found["hefu_checkpoint_size"]) == (0, 5)


def test_a_ledger_that_has_published_nothing_but_its_genesis_owes_its_first_deposit(watched: Watched) -> None:
    watched.sample.deposit(watched.sample.enrol())
    watched.sample.clock.time_ms += DAY // 2
    assert watched.values()["hefu_oldest_owed_promise_used_ratio"] == pytest.approx(0.5, abs=0.001)


def test_a_clock_that_went_back_is_seen(watched: Watched) -> None:
    watched.sample.deposit(watched.sample.enrol())
    assert watched.values()["hefu_clock_believed"] == 1
    watched.sample.clock.time_ms -= 10_000
    found = watched.values()
    assert found["hefu_clock_believed"] == 0
    assert found["hefu_deposits"] == 1, "everything else is told all the same"
    watched.sample.clock.time_ms += 10_000
    assert watched.values()["hefu_clock_believed"] == 1


def test_vaults_are_added_up_but_not_at_each_look(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = iter([7, 9])
    monkeypatch.setattr("hefu_service.store.sql.SqlView.vault_bytes", lambda _: next(sums))
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert [watched.values()["hefu_vault_bytes"] for _ in range(2)] == [7, 7]
    now += 60
    assert [watched.values()["hefu_vault_bytes"] for _ in range(2)] == [9, 9]


def test_all_vaults_together_are_a_whole_number_of_bytes(filled: Store) -> None:
    with filled.intake() as intake:
        intake.add_vault_blob(VaultBlob(bytes(32), "other", 41, bytes(32), 0))
    with filled.view() as view:
        found = view.vault_bytes()
    assert (found, type(found)) == (42, int)


def test_where_the_database_does_not_answer_its_gauges_are_absent_and_the_rest_is_there(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.sample.deposit(watched.sample.enrol())

    def gone(_: object) -> None:
        raise StorageError("no database")

    monkeypatch.setattr("hefu_service.store.sql.SqlStore.view", gone)
    found = watched.values()
    assert found["hefu_deposits_accepted_total"] == 1
    assert found["hefu_disk_free_bytes"] > 0
    assert found["hefu_ready database"] == 1
    assert "hefu_checkpoint_age_seconds" in found
    assert "hefu_deposits" not in found
    monkeypatch.undo()
    watched.not_ready["database"] = "no answer within 2 s"
    found = watched.values()
    assert found["hefu_ready database"] == 0
    assert "hefu_deposits" not in found, "nobody asks what might not answer"


def test_messages_that_wait_are_counted_and_the_oldest_has_an_age(watched: Watched) -> None:
    def stand(count: int, age_s: int) -> bool:
        found = watched.values()
        shown = found["hefu_messages_waiting"], found["hefu_oldest_message_age_seconds"]
        return shown[0] == count and abs(shown[1] - age_s) < PATIENCE_S <= PATIENCE_S + shown[1]

    def add(destination: str, number: int, age_ms: int) -> Message:
        message = Message(destination, number, f"{number:032x}", now_ms - age_ms, b"{}")
        with watched.sample.services.store.outbox() as outbox:
            outbox.outlet(destination)
            outbox.add_message(message)
        return message

    now_ms = time.time_ns() // 1_000_000
    assert stand(0, 0)
    oldest, older = add("mail", 0, 3_600_000), add("webhook", 0, 600_000)
    add("webhook", 1, 0)
    assert stand(3, 3600)
    with watched.sample.services.store.outbox() as outbox:
        outbox.mark_sent(oldest, now_ms=now_ms)
    assert stand(2, 600)
    with watched.sample.services.store.outbox() as outbox:
        outbox.give_up(older.destination, made_before_ms=now_ms - 1, now_ms=now_ms)
    assert stand(1, 0), "what was given up waits no more"
    add("mail", 1, -3_600_000)
    assert stand(2, 0), "a clock that was put back makes no age below 0"


def test_messages_are_counted_by_every_database(store: Store) -> None:
    assert store.waiting() == Waiting(0, None)
    with store.outbox() as outbox:
        outbox.outlet("mail")
        outbox.add_message(Message("mail", 0, "0" * 32, 41, b"{}"))
        outbox.add_message(Message("mail", 1, "1" * 32, 42, b"{}"))
    assert store.waiting() == Waiting(2, 41)


def test_a_disk_that_hangs_delays_a_page_by_its_patience_and_the_rest_is_there(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hefu_service.observing.timeboxed.PATIENCE_S", 0.05)
    goes_on, asked = threading.Event(), []
    statvfs = os.statvfs

    def hangs(path: Path) -> os.statvfs_result:
        asked.append(path)
        goes_on.wait(PATIENCE_S)
        return statvfs(path)

    monkeypatch.setattr(os, "statvfs", hangs)
    for _ in range(3):
        started = time.monotonic()
        found = watched.values()
        assert time.monotonic() - started < PATIENCE_S / 2
        assert "hefu_disk_free_bytes" not in found
        assert found["hefu_ready disk"] == 1
        assert found["hefu_deposits"] == 0
    assert len(asked) == 1
    goes_on.set()
    until(lambda: watched.values().get("hefu_disk_free_bytes", 0) > 0)


def test_a_page_for_which_no_thread_could_be_had_takes_nothing_from_the_next(watched: Watched) -> None:
    with pytest.MonkeyPatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start"):
            watched.values()
    found = watched.values()
    assert found["hefu_disk_free_bytes"] > 0
    assert found["hefu_deposits_accepted_total"] == 0


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_counts_that_lie_on_a_disk_that_hangs_are_absent(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hefu_service.observing.timeboxed.PATIENCE_S", 0.05)
    goes_on = threading.Event()

    def hangs(*_: object) -> list[Metric]:
        goes_on.wait(PATIENCE_S)
        return []

    with monkeypatch.context() as patch:
        patch.setattr(MultiProcessCollector, "collect", hangs)
        found = watched.values()
        goes_on.set()
    assert "hefu_deposits_accepted_total" not in found
    assert found["hefu_deposits"] == 0
    until(lambda: watched.values().get("hefu_deposits_accepted_total") == 0)


def test_a_disk_that_fails_leaves_the_rest_of_a_page(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "statvfs", fails)
    found = watched.values()
    assert "hefu_disk_free_bytes" not in found
    assert found["hefu_deposits"] == 0


# Many processes, one after another and together

WORKING = """
import sys, time
from pathlib import Path
from hefu_service.observing.metrics import Metrics
metrics = Metrics(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    metrics.committed(1, 0.01)
print("counted", flush=True)
time.sleep(60)
"""


@contextmanager
def process(folder: Path, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has counted, and lives on."""
    command = [sys.executable, "-c", WORKING, str(folder), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "counted\n"
            yield child
        finally:
            child.kill()


def counted(metrics: Metrics) -> float:
    return values_of(page(metrics)())["hefu_deposits_accepted_total"]


def test_what_other_processes_count_is_seen_and_outlives_them(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    with counting(folder) as metrics:
        metrics.committed(1, 0.01)
        with process(folder, 10), process(folder, 20) as second:
            assert counted(metrics) == 31
            second.send_signal(signal.SIGKILL)
            second.wait()
            assert counted(metrics) == 31
            with process(folder, 300):
                assert counted(metrics) == 331
        metrics.committed(2, 0.01)
        assert counted(metrics) == 333
        assert len(list(folder.glob("*.db"))) == 3 * len(FILES), "the third took the place of the second"


def test_the_first_to_start_begins_anew_whatever_it_finds(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    with process(folder, 5):
        pass
    (folder / "counter_0.db").write_bytes(b"\xff" * 100)
    (folder / "histogram_7.db").write_bytes(b"")
    with counting(folder) as metrics:
        assert counted(metrics) == 0
        metrics.committed(1, 0.01)
        assert counted(metrics) == 1


def test_a_folder_that_cannot_be_used_costs_a_warning_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "metrics").write_text("a file")
    with counting(tmp_path / "metrics") as metrics:
        metrics.committed(3, 0.01)
        metrics.answered("GET", "/healthz", 200, 0.001, None)
        found = values_of(page(metrics)())
    assert found["hefu_deposits_accepted_total"] == 3
    assert not [name for name in found if name.endswith("_created")]
    assert "of this process alone" in caplog.text


def test_the_closed_sets_of_labels_fit_into_what_is_reserved(api: SampleApi, tmp_path: Path, metrics: Metrics) -> None:
    rules = [*api.application.url_map.iter_rules()]
    answered = [(method, rule.rule) for rule in rules for method in sorted(rule.methods or ())]
    answered += [(method, "none") for method in (*METHODS, "other")]
    for method, route in answered:
        for status in (200, 201, 202, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 500, 503, 507):
            metrics.answered(method, route, status, 0.1, f"a-problem-of-{status}")
    assert metrics.collect()
    sizes = [file.stat().st_size for file in (tmp_path / "metrics").glob("*.db")]
    assert sizes == [RESERVED] * len(FILES)
    assert all(file.stat().st_blocks * 512 >= RESERVED for file in (tmp_path / "metrics").glob("*.db"))


def test_counting_a_request_costs_next_to_nothing(metrics: Metrics) -> None:
    def cpu_s(count: int) -> float:
        started = time.thread_time()
        for _ in range(count):
            metrics.answered("POST", "/v1/deposits", 201, 0.004, None)
        return (time.thread_time() - started) / count

    assert min(cpu_s(2000) for _ in range(5)) < 30e-6


def test_a_group_is_counted_as_quickly_however_large_it_is(metrics: Metrics) -> None:
    def cpu_s(deposits: int) -> float:
        started = time.thread_time()
        for _ in range(1000):
            metrics.committed(deposits, 0.004)
        return time.thread_time() - started

    assert min(cpu_s(512) for _ in range(5)) < 2 * min(cpu_s(1) for _ in range(5))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_scrape_of_the_production_engine_shows_webs_and_workers(
    postgres: Postgres, valkey: Valkey, tmp_path: Path
) -> None:
    valkey.flush()
    production = Production(tmp_path / "data", postgres.create(), valkey.url)
    try:
        first, second = production.add_web(), production.add_web()
        production.add_worker()
        for web in (first, first, second):
            assert request(web.port, "POST", "/v1/deposits", b"no note", {"Content-Type": "text/plain"})[0] == 400

        def values() -> dict[str, float]:
            return values_of(get(second.port, "/metrics")[1])

        found = values()
        assert found["hefu_http_requests_total POST /v1/deposits 400"] == 3
        assert found["hefu_ready sealing"] == 1
        first.kill()
        assert values()["hefu_http_requests_total POST /v1/deposits 400"] == 3
        first.start()
        assert values()["hefu_http_requests_total POST /v1/deposits 400"] == 3
        assert len(list((tmp_path / "data" / "metrics").glob("counter_*.db"))) <= 3
        assert math.isclose(values()["hefu_records"], 1)
    finally:
        production.kill()


# Who may read them

METRICS_TOKEN = "f" * 32


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.8.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("10.0.0.9", {}, 403),
        ("2001:db8::1", {}, 403),
        ("", {}, 403),
        ("10.0.0.9", {"X-Forwarded-For": "127.0.0.1"}, 403),  # no proxy of ours: it may say what it likes
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1"}, 403),  # a proxy on this machine that is not set
        ("127.0.0.1", {"Forwarded": "for=198.51.100.1"}, 403),
        ("127.0.0.1", {"X-Real-IP": "198.51.100.1"}, 403),
        ("10.9.0.1", {"X-Forwarded-For": "127.0.0.1, 198.51.100.1"}, 403),  # the first was sent by the client itself
        ("10.9.0.1", {"X-Forwarded-For": "198.51.100.1"}, 403),
        ("10.9.0.1", {"X-Forwarded-For": "nonsense"}, 403),
        ("10.9.0.1", {"X-Forwarded-For": "127.0.0.1"}, 200),  # our proxy's own machine
        ("10.9.0.1", {}, 403),
    ],
)
def test_figures_are_for_this_machine_and_elsewhere_for_who_has_the_token(
    service: SampleService, peer: str, headers: dict[str, str], status: int
) -> None:
    strangers = Strangers([ip_network("10.9.0.0/16")])
    closed = api_of(service, strangers=strangers)
    assert closed.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code == status
    opened = api_of(service, strangers=strangers, metrics_token=METRICS_TOKEN)
    asked = {"environ_base": {"REMOTE_ADDR": peer}}
    refused = opened.get("/metrics", headers=headers, **asked)
    assert refused.status_code == (200 if status == 200 else 401)
    assert ("WWW-Authenticate" in refused.headers) == (status != 200)
    for wrong in ("", "Bearer", "Bearer " + "e" * 32, f"Bearer {METRICS_TOKEN}x", f"Basic {METRICS_TOKEN}"):
        told = opened.get("/metrics", headers=headers | {"Authorization": wrong}, **asked)
        assert told.status_code == refused.status_code
    shown = opened.get("/metrics", headers=headers | {"Authorization": f"Bearer {METRICS_TOKEN}"}, **asked)
    assert shown.status_code == 200


def test_a_short_or_unreadable_token_of_figures_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "log_to_stderr", lambda: None)  # it would outlive the test
    (tmp_path / "token").write_text("short\n")
    for name, words in (("token", "at least 32 characters"), ("none", "cannot read the token file")):
        with pytest.raises(PortError, match=words):
            server.serve(Settings(tmp_path, metrics_token_file=tmp_path / name))
