"""Many threads deposit, few transactions are committed, and nobody is told more than is durable."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.support.sample_service import SampleService, depositor_of, statement

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Accepted, Committer
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import retire_key
from hefu_service.intake.refusals import BusyError, KeyNotInForceError, OneOfManyError
from hefu_service.ports.errors import ClockError, StorageError
from hefu_service.ports.rows import Deposit
from hefu_service.ports.store import Intake, Store
from hefu_service.store.sql import SqlIntake

Outcome = list[Accepted] | BaseException


class Interrupt(BaseException):
    """Ends a thread, as a signal ends a process."""


def nothing() -> None:
    pass


@dataclass
class HeldStore:
    """A store whose commits a test can hold up, fail and count."""

    store: Store
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    goes_on: threading.Event = field(default_factory=threading.Event)
    commits: int = 0
    before_commit: Callable[[], None] = nothing
    after_commit: Callable[[], None] = nothing

    def __post_init__(self) -> None:
        self.goes_on.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @contextmanager
    def intake(self) -> Iterator[Intake]:
        self.arrived.release()
        assert self.goes_on.wait(20)
        with self.store.intake() as intake:
            yield intake
            self.before_commit()
        self.commits += 1
        self.after_commit()


@pytest.fixture
def store(service: SampleService) -> HeldStore:
    return HeldStore(service.services.store)


@pytest.fixture
def committer(service: SampleService, store: HeldStore) -> Committer:
    return Committer(replace(service.services, store=store))


@pytest.fixture
def key(service: SampleService) -> Ed25519Signer:
    return service.enrol()


def together(
    committer: Committer,
    store: HeldStore,
    requests: Sequence[Sequence[bytes]],
    *,
    meanwhile: Callable[[], object] = nothing,
) -> list[Outcome]:
    """Hold up the first request's commit until all others wait behind it, to be one group; ``meanwhile``, they wait."""
    store.goes_on.clear()
    with ThreadPoolExecutor(len(requests)) as pool:
        futures: list[Future[Outcome]] = []
        for place, request in enumerate(requests):
            futures.append(pool.submit(outcome, committer, request))
            if place == 0:
                assert store.arrived.acquire(timeout=20)
            else:
                wait_for(lambda: len(committer._queue) == len(futures) - 1)
        meanwhile()
        store.goes_on.set()
        return [future.result(20) for future in futures]


def outcome(committer: Committer, request: Sequence[bytes]) -> Outcome:
    try:
        return FrontDoor(committer).accept(request)
    except BaseException as error:  # an interrupt too is an outcome here
        return error


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(20_000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("waited in vain")


def only(found: Outcome) -> Accepted:
    assert isinstance(found, list), found
    (accepted,) = found
    return accepted


def rows(service: SampleService) -> list[Deposit]:
    with service.services.store.view() as view:
        return list(view.deposits(0, 10_000))


def failing(error: Exception, *, when: Callable[[], bool] = lambda: True) -> Callable[[], None]:
    def fail() -> None:
        if when():
            raise error

    return fail


def once() -> Callable[[], bool]:
    times = iter([True])
    return lambda: next(times, False)


def test_what_waits_is_committed_at_once_and_each_is_told_of_its_own(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    requests = [[statement(key, number)] for number in range(9)]
    outcomes = together(committer, store, requests)
    assert store.commits == 2
    assert [only(each).deposit.statement for each in outcomes] == [data for (data,) in requests]
    assert [only(each).deposit.seq for each in outcomes] == list(range(9))
    assert [only(each).deposit for each in outcomes] == rows(service)


def test_a_lone_deposit_is_committed_alone(store: HeldStore, committer: Committer, key: Ed25519Signer) -> None:
    for number in range(3):
        FrontDoor(committer).accept([statement(key, number)])
    assert store.commits == 3


def test_nothing_is_told_before_it_is_durable(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    """While a commit is under way, nobody has an answer and nobody else can read the deposit."""
    told: list[Outcome] = []
    visible: list[int] = []

    def look() -> None:
        visible.append(len(rows(service)))
        assert not told

    store.before_commit = look
    thread = threading.Thread(target=lambda: told.append(outcome(committer, [statement(key)])))
    thread.start()
    thread.join(20)
    assert visible == [0]
    assert [only(each).deposit for each in told] == rows(service)


def test_a_failed_commit_tells_nobody_and_stores_nothing(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    store.before_commit = failing(StorageError("full"))
    outcomes = together(committer, store, [[statement(key, number)] for number in range(4)])
    assert all(isinstance(each, StorageError) for each in outcomes)
    assert not rows(service)
    store.before_commit = nothing
    assert only(outcome(committer, [statement(key)])).deposit.seq == 0


def test_one_bad_deposit_of_a_group_fails_alone(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    bad = service.enrol("bad")
    FrontDoor(committer).accept([statement(bad)])
    store.arrived.acquire()
    outcomes = together(
        committer,
        store,
        [[statement(key, 0)], [statement(key, 1)], [statement(bad, 1)], [statement(key, 2)]],
        meanwhile=lambda: retire_key(service.services, depositor_of(bad), bad.key, reason="lost"),
    )
    assert isinstance(outcomes[2], KeyNotInForceError)
    assert [only(each).deposit.seq for each in (outcomes[0], outcomes[1], outcomes[3])] == [1, 2, 3]
    service.settle()
    assert not service.findings()


def test_a_deposit_that_the_database_refuses_fails_alone(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = statement(key, 2)
    real = SqlIntake.add_deposits

    def add_deposits(self: SqlIntake, deposits: Sequence[Deposit]) -> None:
        real(self, deposits)
        if any(deposit.statement == poison for deposit in deposits):
            raise StorageError("refused")

    monkeypatch.setattr(SqlIntake, "add_deposits", add_deposits)
    outcomes = together(committer, store, [[statement(key, number)] for number in range(5)])
    assert isinstance(outcomes[2], StorageError)
    assert [only(each).deposit.seq for place, each in enumerate(outcomes) if place != 2] == [0, 1, 2, 3]
    assert len(rows(service)) == 4


@pytest.mark.parametrize("others", [0, 3])
def test_a_commit_that_may_have_happened_is_looked_up_before_anyone_is_told(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer, others: int
) -> None:
    """The commit happened, its answer was lost: the same deposits are found, and accepted only once."""
    store.after_commit = failing(StorageError("connection lost", unknown=True), when=once())
    outcomes = together(committer, store, [[statement(key, number)] for number in range(1 + others)])
    assert [only(each).deposit for each in outcomes] == rows(service)
    assert len(rows(service)) == 1 + others


def test_a_commit_that_may_have_happened_and_did_not_is_made_again(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    store.before_commit = failing(StorageError("connection lost", unknown=True), when=once())
    assert only(outcome(committer, [statement(key)])).deposit == rows(service)[0]


def test_a_commit_that_stays_uncertain_is_told_as_such(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    store.after_commit = failing(StorageError("connection lost", unknown=True))
    found = outcome(committer, [statement(key)])
    assert isinstance(found, StorageError)
    assert found.unknown
    store.after_commit = nothing
    assert only(outcome(committer, [statement(key)])).again
    assert len(rows(service)) == 1


def test_a_certain_failure_is_not_tried_twice(store: HeldStore, committer: Committer, key: Ed25519Signer) -> None:
    tries: list[int] = []
    store.before_commit = lambda: tries.append(1)
    store.after_commit = failing(StorageError("full"))
    assert isinstance(outcome(committer, [statement(key)]), StorageError)
    assert len(tries) == 1


@pytest.mark.parametrize("interrupted", [1, 2])
def test_an_interrupted_leader_tells_its_group_and_hands_over(
    store: HeldStore, committer: Committer, key: Ed25519Signer, interrupted: int
) -> None:
    """The first commit is of one request, the second of the three that waited; then one more comes."""
    commits = iter(range(1, 10))

    def interrupt() -> None:
        if next(commits) == interrupted:
            raise Interrupt

    store.before_commit = interrupt
    outcomes = together(committer, store, [[statement(key, number)] for number in range(4)])
    group = outcomes[:1] if interrupted == 1 else outcomes[1:]
    assert isinstance(group[0], Interrupt)
    assert all(isinstance(each, StorageError) and each.unknown for each in group[1:])
    assert sum(isinstance(each, list) for each in outcomes) == 4 - len(group)
    assert only(outcome(committer, [statement(key, 9)])).deposit.seq == 4 - len(group)


def test_the_same_statement_again_gets_the_same_acknowledgement(
    service: SampleService, committer: Committer, key: Ed25519Signer
) -> None:
    first, again = (only(outcome(committer, [statement(key)])) for _ in range(2))
    assert (first.again, again.again) == (False, True)
    assert first.deposit == again.deposit
    assert rows(service) == [first.deposit]


def test_the_same_statement_at_once_is_accepted_once(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    outcomes = together(committer, store, [[statement(key, 9)], *[[statement(key)] for _ in range(5)]])
    deposits = [only(each) for each in outcomes[1:]]
    assert len({each.deposit.seq for each in deposits}) == 1
    assert [each.again for each in deposits].count(False) == 1
    assert len(rows(service)) == 2


def test_the_same_statement_twice_in_one_request_is_accepted_once(
    service: SampleService, committer: Committer, key: Ed25519Signer
) -> None:
    first, again = FrontDoor(committer).accept([statement(key), statement(key)])
    assert first.deposit == again.deposit
    assert len(rows(service)) == 1


def test_a_request_of_many_is_accepted_whole_or_not_at_all(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    bad = service.enrol("bad")
    outcomes = together(
        committer,
        store,
        [[statement(key, 0)], [statement(key, 1), statement(bad, 0), statement(key, 2)], [statement(key, 3)]],
        meanwhile=lambda: retire_key(service.services, depositor_of(bad), bad.key, reason="lost"),
    )
    refused = outcomes[1]
    assert isinstance(refused, OneOfManyError)
    assert refused.index == 1
    assert isinstance(refused.__cause__, KeyNotInForceError)
    assert [row.statement for row in rows(service)] == [statement(key, 0), statement(key, 3)]


def test_another_depositors_events_refuse_nobody(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    requests = [[statement(key, number)] for number in range(3)]
    outcomes = together(committer, store, requests, meanwhile=lambda: service.enrol("other"))
    assert [only(each).deposit.seq for each in outcomes] == [0, 1, 2]


def test_each_depositor_has_a_gapless_number_of_its_own(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    other = service.enrol("other")
    requests = [[statement(each, number)] for number in range(3) for each in (key, other)]
    together(committer, store, requests)
    together(committer, store, [[statement(key, 7)], [statement(other, 7)]])
    for each in (key, other):
        assert [row.nth for row in rows(service) if row.depositor == depositor_of(each)] == [0, 1, 2, 3]


def test_times_never_go_back_and_a_clock_a_second_behind_is_an_alarm(
    service: SampleService, committer: Committer, key: Ed25519Signer
) -> None:
    FrontDoor(committer).accept([statement(key, 0)])
    last = parse_acceptance(rows(service)[0].acceptance).received_at
    service.clock.time_ms = last - 1_000 - 1
    FrontDoor(committer).accept([statement(key, 1)])
    assert parse_acceptance(rows(service)[1].acceptance).received_at == last
    service.clock.time_ms = last - 1_000 - 2
    with pytest.raises(ClockError, match="1001 ms behind"):
        FrontDoor(committer).accept([statement(key, 2)])
    assert len(rows(service)) == 2


def test_an_alarm_of_the_clock_does_not_concern_what_was_accepted_before(
    service: SampleService, store: HeldStore, committer: Committer, key: Ed25519Signer
) -> None:
    first = only(outcome(committer, [statement(key, 0)]))
    store.arrived.acquire()
    service.clock.time_ms -= 60_000
    outcomes = together(committer, store, [[statement(key, 1)], [statement(key, 2)], [statement(key, 0)]])
    assert [type(each) for each in outcomes[:2]] == [ClockError, ClockError]
    assert only(outcomes[2]).deposit == first.deposit


def test_a_declared_correction_lets_times_start_earlier(
    service: SampleService, committer: Committer, key: Ed25519Signer
) -> None:
    FrontDoor(committer).accept([statement(key, 0)])
    service.clock.time_ms -= 3_600_000
    with pytest.raises(ClockError):
        FrontDoor(committer).accept([statement(key, 1)])
    declared = declare_clock(service.services, reason="set by hand")
    FrontDoor(committer).accept([statement(key, 1)])
    assert declared <= parse_acceptance(rows(service)[1].acceptance).received_at < declared + 1_000
    service.settle()
    assert not service.findings()


def test_too_many_that_wait_are_told_to_come_back_and_nothing_is_stored(
    service: SampleService, store: HeldStore, key: Ed25519Signer
) -> None:
    committer = Committer(replace(service.services, store=store), most_waiting=2)
    late: list[Outcome] = []
    outcomes = together(
        committer,
        store,
        [[statement(key, number)] for number in range(3)],
        meanwhile=lambda: late.append(outcome(committer, [statement(key, 9)])),
    )
    assert isinstance(late[0], BusyError)
    assert late[0].retry_after_s > 0
    assert len([only(each) for each in outcomes]) == len(rows(service)) == 3


def test_a_group_is_no_larger_than_its_bound(service: SampleService, store: HeldStore, key: Ed25519Signer) -> None:
    committer = Committer(replace(service.services, store=store), most_statements=4)
    pairs = [[statement(key, number), statement(key, 100 + number)] for number in range(5)]
    outcomes = together(committer, store, [*pairs, [statement(key, 200 + number) for number in range(9)]])
    assert all(isinstance(each, list) for each in outcomes)
    assert store.commits == 4  # 2, 4, 4, and the nine that no bound can split
    assert len(rows(service)) == 19


def test_it_is_told_how_many_deposits_each_commit_has_added(service: SampleService, key: Ed25519Signer) -> None:
    counts: list[int] = []
    committer = Committer(service.services, accepted=counts.append)
    FrontDoor(committer).accept([statement(key, 0), statement(key, 1)])
    FrontDoor(committer).accept([statement(key, 0)])
    FrontDoor(committer).accept([statement(key, 0), statement(key, 2)])
    assert counts == [2, 1]


def test_many_threads_leave_no_gap_and_no_double(service: SampleService, key: Ed25519Signer) -> None:
    statements = [statement(key, number) for number in range(120)]
    draws = [random.Random(seed).sample(statements, 60) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(lambda draw: [only(outcome(service.committer, [data])) for data in draw], draws))
    stored = rows(service)
    assert [row.seq for row in stored] == [row.nth for row in stored] == list(range(len(stored)))
    by_statement = {row.statement: row for row in stored}
    assert len(by_statement) == len(stored) == len({data for draw in draws for data in draw})
    for draw, found in zip(draws, accepted, strict=True):
        assert [by_statement[data] for data in draw] == [each.deposit for each in found]
    times = [parse_acceptance(row.acceptance).received_at for row in stored]
    assert times == sorted(times)
    assert sum(not each.again for found in accepted for each in found) == len(stored)
    service.settle()
    assert not service.findings()
