"""The clock is believed only as long as it moves as fast as the machine's own count of time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.sample_service import START, SampleService

from hefu_service.intake.correction import declare_clock
from hefu_service.outside.clock import SystemClock
from hefu_service.ports.errors import ClockError

SECOND = 1_000_000_000


@dataclass
class Machine:
    """The two counts of time that a machine keeps."""

    wall: int = START * 1_000_000
    elapsed: int = 77 * SECOND

    def passes(self, ns: int) -> None:
        self.wall += ns
        self.elapsed += ns


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(service: SampleService, machine: Machine) -> SystemClock:
    return SystemClock(service.services.store, wall_ns=lambda: machine.wall, elapsed_ns=lambda: machine.elapsed)


def test_the_clock_shows_milliseconds_since_1970(clock: SystemClock, machine: Machine) -> None:
    machine.passes(1_999_999)
    assert clock.now_ms() == START + 1


def test_time_that_really_passed_is_no_leap(clock: SystemClock, machine: Machine) -> None:
    machine.passes(86_400 * SECOND)
    assert clock.now_ms() == START + 86_400_000


def test_a_small_correction_is_believed_and_a_greater_one_is_not(clock: SystemClock, machine: Machine) -> None:
    machine.wall += 5 * SECOND
    assert clock.now_ms() == START + 5_000
    machine.wall += 5 * SECOND + 1_000_000
    with pytest.raises(ClockError, match="leapt forward by 5001 ms"):
        clock.now_ms()


def test_a_leap_stays_refused_however_often_one_asks(clock: SystemClock, machine: Machine) -> None:
    machine.wall += 60 * SECOND
    for _ in range(3):
        machine.passes(3_600 * SECOND)
        with pytest.raises(ClockError):
            clock.now_ms()


def test_a_leap_is_forgotten_when_the_clock_is_put_back(clock: SystemClock, machine: Machine) -> None:
    machine.wall += 60 * SECOND
    with pytest.raises(ClockError):
        clock.now_ms()
    machine.wall -= 60 * SECOND
    assert clock.now_ms() == START


def test_a_declaration_ends_the_alarm(clock: SystemClock, machine: Machine, service: SampleService) -> None:
    machine.wall += 60 * SECOND
    with pytest.raises(ClockError):
        clock.now_ms()
    declare_clock(service.services, reason="set by hand")
    assert clock.now_ms() == START + 60_000
    machine.wall += 60 * SECOND  # it was about that leap, not about the next
    with pytest.raises(ClockError):
        clock.now_ms()


def test_a_declaration_made_before_the_leap_does_not_excuse_it(
    clock: SystemClock, machine: Machine, service: SampleService
) -> None:
    declare_clock(service.services, reason="set by hand")
    machine.wall += 60 * SECOND
    for _ in range(2):
        with pytest.raises(ClockError):
            clock.now_ms()


def test_an_enrolment_is_no_declaration(clock: SystemClock, machine: Machine, service: SampleService) -> None:
    machine.wall += 60 * SECOND
    with pytest.raises(ClockError):
        clock.now_ms()
    service.enrol()
    with pytest.raises(ClockError):
        clock.now_ms()


def test_a_new_process_believes_the_clock_it_finds(service: SampleService, machine: Machine) -> None:
    machine.wall += 3_600 * SECOND
    clock = SystemClock(service.services.store, wall_ns=lambda: machine.wall, elapsed_ns=lambda: machine.elapsed)
    assert clock.now_ms() == START + 3_600_000


def test_the_real_clock_moves_forward(service: SampleService) -> None:
    clock = SystemClock(service.services.store)
    assert clock.now_ms() <= clock.now_ms()
