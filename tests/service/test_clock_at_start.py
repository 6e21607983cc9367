"""A clock that is wrong at the start is not believed: the ledger, the release and time servers know better."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.service.told import Told
from tests.support.enrolling import enrol, make_statement
from tests.support.receivers import Receiver
from tests.support.sample_api import api_of
from tests.support.sample_service import DAY, START, SampleService, statement
from tests.support.serving import Serving, get, request, run
from tests.support.time_server import time_server

from hefu_ledger.encoding import format_time
from hefu_ledger.records.record import parse_record
from hefu_service.intake.correction import declare_clock
from hefu_service.observing.gauges import Gauges
from hefu_service.observing.readiness import Readiness
from hefu_service.outbox.alarms import CLOCK
from hefu_service.outbox.messages import RAISED
from hefu_service.outside import known_times as known_times_module
from hefu_service.outside.clock import SystemClock, elapsed_ns
from hefu_service.outside.known_times import OFF_MS, KnownTimes, known_times
from hefu_service.outside.sntp import measure
from hefu_service.ports.errors import ClockError
from hefu_service.sealing.seal import last_time
from hefu_service.services import Services
from hefu_service.settings import Settings
from hefu_service.wiring import clock_doubts, comparing, open_services

MS = 1_000_000
TEXT = {"Content-Type": "text/plain"}


class Machine:
    """A machine whose clock a test sets, and whose service starts anew as often as it wants."""

    def __init__(self, sample: SampleService, now_ms: int) -> None:
        self.sample = sample
        self.wall_ms = now_ms

    def start(self, known: KnownTimes | None = None) -> SystemClock:
        """The clock of a new process."""
        with self.sample.services.store.view() as view:
            found = KnownTimes(last_time(view)) if known is None else known
        return SystemClock(self.sample.services.store, lambda: found, wall_ns=lambda: self.wall_ms * MS)

    def believes(self, known: KnownTimes | None = None) -> bool:
        try:
            self.start(known).now_ms()
        except ClockError:
            return False
        return True


@pytest.fixture
def machine(service: SampleService) -> Machine:
    service.deposit(service.enrol(), 1)
    service.settle()
    with service.services.store.view() as view:
        last_ms = last_time(view)
    assert last_ms is not None
    return Machine(service, last_ms)


@pytest.mark.parametrize(
    ("by_ms", "believed"),
    [(0, True), (-1_000, True), (-1_001, False), (35 * DAY, True), (35 * DAY + 1, False), (400 * DAY, False)],
)
def test_the_ledgers_last_time_bounds_the_clock_at_the_start(machine: Machine, by_ms: int, believed: bool) -> None:
    machine.wall_ms += by_ms
    assert machine.believes() is believed


def test_a_ledger_that_has_only_begun_bounds_the_clock_by_its_first_record(service: SampleService) -> None:
    with service.services.store.view() as view:
        first = view.record(0)
        assert first is not None
        assert last_time(view) == parse_record(first.data).recorded_at


def test_a_clock_before_the_release_is_not_believed(machine: Machine) -> None:
    assert not machine.believes(KnownTimes(released_ms=machine.wall_ms + 1))
    assert machine.believes(KnownTimes(released_ms=machine.wall_ms))


def test_a_release_is_read_as_it_was_written_and_a_clone_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert known_times_module.released_ms() is None
    (tmp_path / "released").write_text(f"{format_time(START)}\n")
    monkeypatch.setattr(known_times_module, "files", lambda _: tmp_path)
    assert known_times_module.released_ms() == START


def test_a_doubted_clock_is_refused_until_it_is_right_and_then_believed_at_once(machine: Machine) -> None:
    for wrong_ms in (-3 * DAY, 400 * DAY):
        right_ms, machine.wall_ms = machine.wall_ms, machine.wall_ms + wrong_ms
        clock = machine.start()
        for _ in range(2):
            with pytest.raises(ClockError, match="hefu-service clock"):
                clock.now_ms()
        machine.wall_ms = right_ms  # a leap, forward or back, but to a time that agrees
        assert clock.now_ms() == right_ms
        machine.wall_ms += 60_000
        with pytest.raises(ClockError, match="leapt forward"):
            clock.now_ms()
        machine.wall_ms = right_ms


def test_a_declaration_ends_the_doubt_here_and_at_the_next_start(machine: Machine) -> None:
    services = machine.sample.services
    for by_ms in (400 * DAY, -300 * DAY):
        machine.wall_ms += by_ms
        clock = machine.start()
        with pytest.raises(ClockError):
            clock.now_ms()
        operators = SystemClock(services.store, wall_ns=lambda: machine.wall_ms * MS)  # as `hefu-service clock` has it
        declare_clock(replace(services, clock=operators), reason="set by hand")
        assert clock.now_ms() == machine.wall_ms
        assert machine.believes()


def test_time_servers_are_asked_once_and_only_true_answers_count() -> None:
    with (
        time_server() as right,
        time_server(off_s=-7) as behind,
        time_server(silent=True) as silent,
        time_server(echo=False) as forged,
        time_server(first=0b11_100_100) as unsynchronised,
        time_server(stratum=0) as refusing,
    ):
        mute = [silent, forged, unsynchronised, refusing]
        started = time.monotonic()
        told = measure([server.name for server in (right, behind, *mute)] + ["no.such.invalid"], elapsed_ns)
        assert time.monotonic() - started < 4
    offset_ms = (time.time_ns() - elapsed_ns()) // MS
    true_ms, behind_ms = told[right.name], told[behind.name]
    assert true_ms is not None
    assert behind_ms is not None
    assert abs(true_ms - offset_ms) < 500
    assert abs(behind_ms + 7_000 - offset_ms) < 500
    assert [told[server.name] for server in mute] + [told["no.such.invalid"]] == [None] * 5


def test_the_times_of_after_2036_are_read() -> None:
    with time_server(off_s=20 * 365.25 * 86_400) as later:
        told = measure([later.name], elapsed_ns)[later.name]
    assert told is not None
    assert abs(told - 20 * 365.25 * DAY - (time.time_ns() - elapsed_ns()) // MS) < 500


@pytest.mark.parametrize(("off_ms", "believed"), [(OFF_MS, True), (OFF_MS + 1, False), (-OFF_MS - 1, False)])
def test_one_time_server_that_disagrees_is_enough(machine: Machine, off_ms: int, believed: bool) -> None:
    clock = SystemClock(machine.sample.services.store, wall_ns=lambda: 10**18, elapsed_ns=lambda: 0)
    true_ms = 10**12 + off_ms
    known = KnownTimes(servers={"right": 10**12, "other": true_ms, "silent": None})
    assert (known.doubt(clock.now_ms(), 10**12) is None) is believed


def test_a_silent_time_server_neither_agrees_nor_disagrees_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with time_server(silent=True) as silent, caplog.at_level(logging.WARNING):
        known = known_times(None, idle_days=35, servers=(silent.name,), elapsed_ns=elapsed_ns)
    assert known.doubt(0, 0) is None
    assert known.silent == [silent.name]
    assert [record.event for record in caplog.records] == [{"server": silent.name}]  # type: ignore[attr-defined]


def test_every_probe_of_a_doubting_service_says_so_until_the_operator_declares(told: Told, receiver: Receiver) -> None:
    sample = told.sample  # its ledger's last time is of 2026-01-01
    key = sample.enrol()
    sample.deposit(key)
    sample.settle()
    settings = Settings(sample.data, idle_days=1)
    assert len(clock_doubts(replace(sample.services, clock=operators(sample)), settings)) == 1
    services = comparing(told.services, settings)
    doubting, told.services = SampleService(sample.data, services, sample.clock), services
    answer = api_of(doubting).statement(statement(key, 5))
    assert (answer.status_code, json.loads(answer.data)["type"]) == (503, "about:hefu/clock")
    ready = Readiness(services, sample.data, lambda: None)
    assert "more than 1 days after the ledger's last time" in ready.not_ready()["clock"]
    assert believed(services, ready) == 0
    told.tell()
    assert [post.said["data"]["alarm"] for post in receiver.posts if post.said["type"] == RAISED] == [CLOCK]
    declare_clock(replace(sample.services, clock=operators(sample)), reason="compared with the time service")
    assert api_of(doubting).statement(statement(key, 5)).status_code == 201
    assert "clock" not in ready.not_ready()
    assert believed(services, ready) == 1


def operators(sample: SampleService) -> SystemClock:
    """The clock of a process that ``hefu-service clock`` runs in."""
    return SystemClock(sample.services.store)


def believed(services: Services, ready: Readiness) -> float:
    pages = Gauges(services, Path(), ready.not_ready).collect()
    return next(each.samples[0].value for each in pages if each.name == "hefu_clock_believed")


def test_the_real_service_asks_its_time_servers_and_takes_nothing_until_the_operator_declares(tmp_path: Path) -> None:
    with time_server(off_s=60) as wrong, time_server(silent=True) as silent:
        service = Serving(tmp_path / "data", settings={"HEFU_NTP": f"{wrong.name}, {silent.name}"})
        service.init()
        with open_services(service.data) as services:
            note = make_statement(enrol(services, "1"), 1)
        service.launch()
        try:
            await_answer(service)
            status, body = get(service.port, "/readyz")
            assert status == 503
            assert b"off a time server's" in body
            assert request(service.port, "POST", "/v1/deposits", note, TEXT)[0] == 503
            assert silent.name in service.log.read_text()
            run("hefu-service", "clock", "--data", service.data, "--reason", "compared with another source")
            assert request(service.port, "POST", "/v1/deposits", note, TEXT)[0] == 201
        finally:
            service.kill()


def await_answer(service: Serving) -> None:
    """Wait until it answers at all."""
    for _ in range(300):
        try:
            get(service.port, "/healthz")
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(service.log.read_text()[-2000:])
