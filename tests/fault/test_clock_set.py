"""The machine's clock is set back and forward under a running service: times stay in order, and nothing is lost."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.fault.accounting import account
from tests.fault.databases import Beginning, Begun
from tests.fault.figures import Figures
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import START, SampleService, SetClock, make_empty_database, services_on, statement

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.tlog.note import parse_note
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.time import BACK_MS
from hefu_service.outside.clock import LEAP_MS, SystemClock
from hefu_service.ports.errors import ClockError
from hefu_service.ports.store import Store
from hefu_service.store.sql import open_store

MS = 1_000_000  # ns
SECOND = 1_000 * MS


@dataclass
class Machine:
    """The two counts of time that a machine keeps; the one can be set."""

    wall: int = START * MS
    elapsed: int = 77 * SECOND

    def passes(self, ns: int) -> None:
        self.wall += ns
        self.elapsed += ns

    def clock(self, store: Store) -> SystemClock:
        """A new process's."""
        return SystemClock(store, wall_ns=lambda: self.wall, elapsed_ns=lambda: self.elapsed)


@dataclass
class Office:
    """A service on a machine, and what it has acknowledged."""

    sample: SampleService
    api: SampleApi
    machine: Machine
    begun: Begun
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))
    acknowledged: dict[bytes, bytes] = field(default_factory=dict)

    def deposit(self) -> int:
        """Deposit one more; the status."""
        note = statement(self.begun.key, next(self.numbers))
        answer = self.api.statement(note)
        if answer.status_code == 201:
            self.acknowledged[note] = answer.data
        else:
            assert answer.status_code == 503
            assert json.loads(answer.data)["type"] == "about:hefu/clock"
            assert "Retry-After" in answer.headers
        return answer.status_code

    def declare(self) -> None:
        """Declare the time that the clock shows, as the operator's command does: in a process of its own."""
        services = self.sample.services
        declare_clock(replace(services, clock=self.machine.clock(services.store)), reason="set by hand")

    def times(self) -> list[int]:
        """When each was received, in the order of acceptance."""
        return [parse_acceptance(parse_note(note).text).received_at for note in self.acknowledged.values()]

    def settle(self) -> None:
        """Seal what can be sealed at this time."""
        with suppress(ClockError):
            self.sample.settle()


@pytest.fixture(params=["sqlite", "postgresql"])
def office(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    sqlite = request.param == "sqlite"
    database = make_empty_database(tmp_path_factory.mktemp("empty")) if sqlite else request.getfixturevalue("postgres")
    begun = Beginning(tmp_path, database)()
    machine = Machine()
    machine.passes(60 * SECOND)
    with closing(open_store(begun.url)) as store:
        services = replace(services_on(begun.data, store, SetClock()), clock=machine.clock(store))
        sample = SampleService(begun.data, services, SetClock())
        yield Office(sample, api_of(sample), machine, begun)


def test_a_clock_set_back_stops_deposits_until_it_is_right_again(
    office: Office, figures: Figures, tmp_path: Path
) -> None:
    assert office.deposit() == 201
    office.machine.wall -= 2 * BACK_MS * MS
    figures.faults += 1
    assert [office.deposit() for _ in range(3)] == [503] * 3
    office.settle()  # what was accepted before is sealed all the same
    office.machine.wall += 2 * BACK_MS * MS
    assert office.deposit() == 201
    assert office.times() == sorted(office.times())
    account(office.sample.services, office.acknowledged, figures, tmp_path / "export")


def test_a_clock_that_leaps_forward_stops_deposits_until_it_is_right_again(
    office: Office, figures: Figures, tmp_path: Path
) -> None:
    assert office.deposit() == 201
    office.machine.wall += 2 * LEAP_MS * MS
    figures.faults += 1
    assert [office.deposit() for _ in range(3)] == [503] * 3
    office.machine.wall -= 2 * LEAP_MS * MS
    assert office.deposit() == 201
    account(office.sample.services, office.acknowledged, figures, tmp_path / "export")


@pytest.mark.parametrize("by", [-3_600_000, 3_600_000])
def test_a_time_that_was_declared_goes_on_the_ledger(office: Office, by: int, figures: Figures, tmp_path: Path) -> None:
    assert office.deposit() == 201
    office.machine.wall += by * MS
    figures.faults += 1
    assert office.deposit() == 503
    office.declare()
    assert office.deposit() == 201
    account(office.sample.services, office.acknowledged, figures, tmp_path / "export")
    with office.sample.services.store.view() as view:
        assert "clock" in [record.type for record in view.records(0, 100)]


@pytest.mark.parametrize("times", [60, pytest.param(3_000, marks=pytest.mark.soak)])
def test_however_the_clock_is_set_times_stay_in_order_and_nothing_is_lost(
    office: Office, times: int, chance: random.Random, figures: Figures, tmp_path: Path
) -> None:
    declared = [0]  # the deposits that a correction begins with
    for _ in range(times):
        office.machine.passes(chance.randrange(3 * SECOND))
        match chance.randrange(6):
            case 0:
                office.machine.wall += chance.choice((-1, 1)) * chance.randrange(20 * SECOND)
                figures.faults += 1
            case 1:
                office.settle()
            case 2 if office.deposit() == 503:
                office.declare()
                assert office.deposit() == 201
                declared.append(len(office.acknowledged) - 1)
            case _:
                office.deposit()
    every = office.times()
    for first, end in zip(declared, [*declared[1:], len(every)], strict=True):
        assert every[first:end] == sorted(every[first:end])
    if office.deposit() == 503:
        office.declare()
    account(office.sample.services, office.acknowledged, figures, tmp_path / "export")
