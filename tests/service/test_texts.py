"""A text is deposited once, whoever signs copies of it, however they meet; a depositor of one key pays nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.sample_api import api_of
from tests.support.sample_service import (
    RECOVERY,
    SampleService,
    SetClock,
    depositor_key,
    depositor_of,
    opened,
    services_on,
    statement,
)

from hefu_ledger.number import format_number
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.intake import statement_texts
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Accepted, Committer, _Waiter
from hefu_service.intake.enrolment import enrol, retire_key
from hefu_service.intake.refusals import ConflictError, OneOfManyError
from hefu_service.ports.rows import Deposit
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.store.sql import SqlIntake, SqlView, open_store

Outcome = list[Accepted] | Exception


@pytest.fixture
def keys(service: SampleService) -> tuple[Ed25519Signer, Ed25519Signer]:
    first = service.enrol()
    return first, service.enrol_another(first, "second", first)


def outcome(committer: Committer, *request: bytes) -> Outcome:
    try:
        return FrontDoor(committer).accept(request)
    except (ConflictError, OneOfManyError) as error:
        return error


def group(service: SampleService, requests: Sequence[Sequence[bytes]]) -> list[Outcome]:
    """What becomes of requests that are one group, as the thread that leads decides."""
    committer = service.committer
    waiters = [_Waiter(committer.check(request)) for request in requests]
    committer._commit(waiters)
    return [waiter.outcome if waiter.outcome is not None else [] for waiter in waiters]


def rows(service: SampleService) -> list[Deposit]:
    with service.services.store.view() as view:
        return list(view.deposits(0, 10_000))


def test_two_approvers_copies_of_one_statement_are_one_deposit(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    one, two = keys
    (first,) = service.accept(statement(one))
    for copy in (statement(two), statement(one, 0, two), statement(two, 0, one)):
        with pytest.raises(ConflictError, match="under other signature lines") as caught:
            service.accept(copy)
        assert sha256(statement(one)).hexdigest() in str(caught.value)
        assert format_number("FX", 0) in str(caught.value)
    assert service.accept(statement(one)) == [replace(first, again=True)]
    assert rows(service) == [first.deposit]
    service.settle()
    assert service.findings() == []


def test_another_text_of_the_same_documents_is_another_deposit(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    """What is told apart is the text that was signed: a depositor may well deposit a root under another kind."""
    one, two = keys
    service.accept(statement(one), statement(two, kind="capture"), statement(two, 1))
    assert len(rows(service)) == 3


def test_a_text_stays_deposited_after_the_keys_have_ended(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    one, two = keys
    service.accept(statement(one))
    retire_key(service.services, depositor_of(one), one.key, reason="left")
    with pytest.raises(ConflictError):
        service.accept(statement(two))
    service.accept(statement(two, 1))
    third = service.enrol_another(one, "third", two)
    with pytest.raises(ConflictError):
        service.accept(statement(third, 1))


def test_a_text_stays_deposited_after_a_restart(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    one, two = keys
    service.accept(statement(one))
    with opened(service.data) as again:
        assert isinstance(outcome(again.committer, statement(two)), ConflictError)


@pytest.mark.parametrize("requested", [False, True])
def test_what_the_only_key_deposited_is_not_deposited_again_by_the_second(
    service: SampleService, requested: bool
) -> None:
    one = service.enrol()
    service.deposit(one, 3)
    two = service.enrol_another(one, "second") if not requested else depositor_key(depositor_of(one), "second")
    if requested:
        enrol(service.services, service.vouched(two, one))
    for copy in (statement(two, 0), statement(two, 2, one)):
        with pytest.raises(ConflictError, match="under other signature lines"):
            service.accept(copy)
    third = service.enrol_another(one, "third", one)
    assert isinstance(outcome(service.committer, statement(third, 1)), ConflictError)
    service.deposit(two, 1, first=3)
    assert [row.nth for row in rows(service)] == [0, 1, 2, 3]


def test_of_what_the_only_key_deposited_the_last_is_kept(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held meanwhile; a depositor with millions of deposits must not hold up everyone."""
    monkeypatch.setattr(statement_texts, "_MOST_EARLIER", 2)
    one = service.enrol()
    service.deposit(one, 3)
    two = service.enrol_another(one, "second", one)
    assert [isinstance(outcome(service.committer, statement(two, n)), list) for n in range(3)] == [True, False, False]


def test_a_second_key_that_came_after_the_check_counts(service: SampleService) -> None:
    """The statement was checked when there was one key; it is kept by its text even so."""
    one = service.enrol()
    checked = service.committer.check([statement(one)])
    two = service.enrol_another(one, "second", one)
    service.committer.submit(checked)
    assert isinstance(outcome(service.committer, statement(two)), ConflictError)


def test_copies_within_one_request_are_refused_and_the_same_bytes_are_not(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    one, two = keys
    refused = outcome(service.committer, statement(one, 1), statement(one), statement(two))
    assert isinstance(refused, OneOfManyError)
    assert refused.index == 2
    assert isinstance(refused.__cause__, ConflictError)
    assert sha256(statement(one)).hexdigest() in str(refused.__cause__)
    assert not rows(service)
    first, again = service.front_door.accept([statement(one), statement(one)])
    assert (first.again, again.again) == (False, True)


def test_copies_within_one_group_are_one_deposit(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    one, two = keys
    found = group(service, [[statement(one)], [statement(two)], [statement(one)], [statement(one, 1)]])
    assert isinstance(found[1], ConflictError)
    assert [isinstance(each, list) for each in found] == [True, False, True, True]
    assert [row.statement for row in rows(service)] == [statement(one), statement(one, 1)]


def test_a_refused_copy_takes_its_request_with_it_and_nothing_else(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    """A text that a refused request held is free: its request was not accepted."""
    one, two = keys
    found = group(
        service, [[statement(one, 0)], [statement(two, 5), statement(two, 0)], [statement(one, 5)], [statement(one, 6)]]
    )
    assert isinstance(found[1], OneOfManyError)
    assert [row.statement for row in rows(service)] == [statement(one, number) for number in (0, 5, 6)]


def test_another_depositors_texts_are_its_own(service: SampleService) -> None:
    for name in ("a", "b"):
        key = service.enrol(name)
        service.enrol_another(key, f"{name} second", key)
        service.deposit(key)
    assert len(rows(service)) == 2


def test_a_depositor_of_one_key_costs_no_query_more(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    key = service.enrol()
    pair = service.enrol("pair")
    service.enrol_another(pair, "second", pair)
    calls: list[str] = []

    def watch(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def watched(*args: object, **named: object) -> object:
            calls.append(name)
            return real(*args, **named)

        monkeypatch.setattr(owner, name, watched)

    watch(SqlView, "known_texts")
    watch(SqlIntake, "add_texts")
    service.deposit(key, 3)
    assert calls == []
    group(service, [[statement(pair, number)] for number in range(5)])
    assert calls == ["known_texts", "add_texts"], "one each for a whole group"


def test_a_known_statement_is_given_again_whatever_its_depositors_keys_have_become(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = service.enrol()
    (first,) = service.deposit(key)
    checked = service.committer.check([statement(key)])
    service.enrol_another(key, "second", key)

    def refuse(*_: object) -> None:
        raise ConflictError("no key state is needed for what is known")

    monkeypatch.setattr("hefu_service.intake.deposits.Gate.key_state_now", refuse)
    assert service.committer.submit(checked) == [replace(first, again=True)]


def test_the_answer_is_a_conflict_that_names_the_first(
    service: SampleService, keys: tuple[Ed25519Signer, Ed25519Signer]
) -> None:
    one, two = keys
    api = api_of(service)
    assert api.statement(statement(one)).status_code == 201
    for answer in (api.statement(statement(two)), api.statements([statement(one, 1), statement(two)])):
        assert answer.status_code == 409
        assert answer.json is not None
        assert answer.json["type"] == "about:hefu/conflict"
        assert sha256(statement(one)).hexdigest() in answer.json["detail"]
        assert format_number("FX", 0) in answer.json["detail"]
    assert answer.get_json()["index"] == 1
    assert api.statement(statement(one)).status_code == 200


def test_threads_and_processes_that_race_deposit_each_text_once(url: URL, tmp_path: Path) -> None:
    """Two stores, as two processes have; four threads, each with the copies of another signer."""
    clock = SetClock()
    with closing(open_store(url)) as store, closing(open_store(url)) as other:
        sample = SampleService(tmp_path, services_on(tmp_path, store, clock), clock)
        begin_ledger(sample.services, recovery=RECOVERY.key)
        one = sample.enrol()
        two = sample.enrol_another(one, "second", one)
        committers = [sample.committer, Committer(replace(sample.services, store=other))] * 2
        copies = [
            [statement(one, n), statement(two, n), statement(one, n, two), statement(two, n, one)] for n in range(12)
        ]
        together = threading.Barrier(4)

        def race(place: int) -> list[Outcome]:
            found = []
            for signed in copies:
                together.wait(20)
                found.append(outcome(committers[place], signed[place]))
            return found

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(race, range(4)))
        for number in range(len(copies)):
            assert [isinstance(found[number], list) for found in outcomes].count(True) == 1
        with store.view() as view:
            stored = list(view.deposits(0, 1000))
        assert [row.seq for row in stored] == list(range(len(copies)))
        assert len({row.statement.partition(b"\n\n")[0] for row in stored}) == len(copies)
