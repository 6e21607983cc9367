"""The store keeps what it accepted, whole or not at all, and never changes it; the same on every database."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from hashlib import sha256
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import URL
from tests.support.sample_store import HEAD_1, START, add, count, deposit, depositor, event, ledger, record

from hefu_service.ports.errors import HeadMovedError, StorageError
from hefu_service.ports.rows import Code, Deposit, Depositor, IntakeHead, LedgerHead, StoredRecord
from hefu_service.ports.store import Store
from hefu_service.store.engines import Engines
from hefu_service.store.sql import open_store

# --- all or nothing ---


def test_an_intake_that_raises_has_written_nothing(store: Store) -> None:
    with suppress(InterruptedError), store.intake() as intake:
        intake.add_deposits([deposit(0)])
        intake.add_event(event(0))
        intake.put_code(Code("acme", bytes(32), 1, None))
        intake.move_intake(IntakeHead(1, 2, 3))
        raise InterruptedError
    with store.view() as view:
        assert view.intake_head() == IntakeHead(0, 0, 0)
        assert (view.deposit_at(0), view.events(0), view.code("acme")) == (None, [], None)


@pytest.mark.parametrize(
    "second",
    [
        deposit(0, nth=1),
        deposit(1, nth=0),
        deposit(1, statement=b"statement 0"),
        deposit(1, by="nobody"),
        replace(deposit(1), statement_id=b"short"),
    ],
    ids=["seq taken", "nth taken", "statement taken", "unknown depositor", "not a hash"],
)
def test_a_group_whose_second_deposit_the_database_refuses_writes_nothing(store: Store, second: Deposit) -> None:
    with pytest.raises(StorageError) as caught:
        add(store, deposit(0), second)
    assert not caught.value.unknown
    assert count(store) == 0


def test_an_append_whose_second_record_the_database_refuses_writes_nothing(store: Store) -> None:
    with pytest.raises(StorageError, match="first_seq"):
        store.append(START, replace(HEAD_1, size=2), [record(0, first_seq=0), record(1, first_seq=0)])
    assert ledger(store) == (START, [])


@pytest.mark.parametrize(
    "stale",
    [
        replace(HEAD_1, size=2),
        replace(HEAD_1, entries=1),
        replace(HEAD_1, events=0),
        replace(HEAD_1, prev=b"q" * 32),
        replace(HEAD_1, frontier=()),
    ],
)
def test_a_stale_head_writes_nothing(store: Store, stale: LedgerHead) -> None:
    store.append(START, HEAD_1, [record(0)])
    with pytest.raises(HeadMovedError):
        store.append(stale, replace(stale, size=stale.size + 1), [record(stale.size)])
    assert ledger(store) == (HEAD_1, [record(0)])


@pytest.mark.parametrize("records", [[], [record(1)], [record(0), record(1)], [record(1), record(0)]])
def test_records_that_do_not_fill_the_ledger_up_to_its_new_size_are_a_mistake(
    store: Store, records: list[StoredRecord]
) -> None:
    with pytest.raises(ValueError, match="records to append"):
        store.append(START, HEAD_1, records)
    assert ledger(store) == (START, [])


def test_an_append_of_nothing_is_a_mistake(store: Store) -> None:
    with pytest.raises(ValueError, match="at least one"):
        store.append(START, replace(START, events=1), [])
    assert ledger(store) == (START, [])


@pytest.mark.parametrize("persisted", [True, False])
def test_a_commit_that_failed_may_have_happened_and_says_so(
    store: Store, engines: Engines, monkeypatch: pytest.MonkeyPatch, persisted: bool
) -> None:
    commit: Callable[[Any], None] = engines.writer.dialect.do_commit

    def fail(connection: Any) -> None:
        if persisted:
            commit(connection)
        raise engines.writer.dialect.loaded_dbapi.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(engines.writer.dialect, "do_commit", fail)
        with pytest.raises(StorageError, match="disk I/O error") as caught:
            add(store, deposit(0))
        assert caught.value.unknown
    assert count(store) == int(persisted)
    add(store, deposit(1))  # the connection is of use again


def test_an_intake_of_no_deposits_is_harmless(store: Store) -> None:
    add(store)
    assert count(store) == 0


# --- what is written stays ---


def test_a_checkpoint_that_is_kept_already_stays_as_it_is(filled: Store) -> None:
    filled.add_checkpoint(1, b"another")
    with filled.view() as view:
        assert view.latest_checkpoint() == b"note"


def test_a_code_takes_the_place_of_the_last_one(store: Store) -> None:
    for code in (Code("acme", b"1" * 32, 1, None), Code("acme", b"2" * 32, 2, "vkey")):
        with store.intake() as intake:
            intake.put_code(code)
            assert intake.code("acme") == code
    with store.view() as view:
        assert view.code("acme") == code


def test_a_depositors_last_deposits_come_newest_first(store: Store) -> None:
    with store.intake() as intake:
        intake.add_depositor(depositor("other"))
        intake.add_deposits([deposit(0), deposit(1, nth=0, by="other"), deposit(2, nth=1), deposit(3, nth=2)])
        assert list(intake.latest_of("acme", 2)) == [deposit(3, nth=2), deposit(2, nth=1)]
        assert list(intake.latest_of("acme", 9))[-1] == deposit(0)
        assert list(intake.latest_of("nobody", 9)) == []


def test_a_text_is_found_with_its_deposit(store: Store) -> None:
    one, two, never = (sha256(name).digest() for name in (b"one", b"two", b"never"))
    with store.intake() as intake:
        intake.add_deposits([deposit(0), deposit(1)])
        intake.add_texts({one: 0, two: 1})
        assert intake.known_texts([two]) == {two: deposit(1)}
    with store.view() as view:
        assert view.known_texts([one, two, never]) == {one: deposit(0), two: deposit(1)}
        assert view.known_texts([]) == {}
        many = [sha256(b"%d" % number).digest() for number in range(600)]
        assert view.known_texts([*many, one]) == {one: deposit(0)}


@pytest.mark.parametrize(
    "texts", [{b"t" * 32: 1}, {b"u" * 32: 7}, {b"short": 1}], ids=["kept already", "no such deposit", "not a hash"]
)
def test_a_text_that_the_database_refuses_takes_its_deposits_with_it(store: Store, texts: dict[bytes, int]) -> None:
    with store.intake() as intake:
        intake.add_deposits([deposit(0)])
        intake.add_texts({b"t" * 32: 0})

    def add_both() -> None:
        with store.intake() as intake:
            intake.add_deposits([deposit(1)])
            intake.add_texts(texts)

    with pytest.raises(StorageError):
        add_both()
    assert count(store) == 1
    with store.view() as view:
        assert view.known_texts([b"t" * 32, b"u" * 32]) == {b"t" * 32: deposit(0)}


# --- readers and writers ---


def test_a_view_is_one_snapshot_and_blocks_no_writer(store: Store) -> None:
    with store.view() as view:
        before = view.intake_head()
        with store.intake() as intake:
            intake.add_deposits([deposit(0)])
            intake.move_intake(IntakeHead(1, 5, 0))
            assert view.deposit_at(0) is None  # an open transaction blocks no reader either
        assert view.intake_head() == before
        assert list(view.deposits(0, 10)) == []
    assert count(store) == 1


def test_a_deposit_that_is_looked_up_by_itself_leaves_the_next_view_a_snapshot(store: Store) -> None:
    add(store, deposit(0))
    assert store.deposit(deposit(0).statement_id) == deposit(0)
    assert store.deposit(deposit(1).statement_id) is None
    with store.view() as view:
        before = view.intake_head()
        add(store, deposit(1))
        assert view.intake_head() == before
    assert store.deposit(deposit(1).statement_id) == deposit(1)


def test_a_stream_that_is_left_early_holds_nothing_back(store: Store) -> None:
    add(store, *map(deposit, range(3)))
    with store.view() as view:
        assert next(view.deposits(0, 3)) == deposit(0)
    add(store, deposit(3))
    assert count(store) == 4


def test_intakes_of_threads_and_processes_follow_one_another(store: Store, url: URL) -> None:
    other = open_store(url)  # with a pool of its own, as another process would have
    failures: list[BaseException] = []

    def work(store: Store) -> None:
        try:
            for _ in range(15):
                with store.intake() as intake:
                    seq = intake.intake_head().next_seq
                    intake.add_deposits([deposit(seq, nth=intake.next_nth(["acme"])["acme"])])
                    intake.move_intake(IntakeHead(seq + 1, 0, 0))
        except StorageError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(which,)) for which in (store, other) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failures == []
    with store.view() as view:
        assert [(row.seq, row.nth) for row in view.deposits(0, 100)] == [(seq, seq) for seq in range(60)]


def test_one_of_two_workers_with_the_same_head_appends(store: Store, url: URL) -> None:
    def append(store: Store, _: Barrier) -> str:
        try:
            store.append(START, HEAD_1, [record(0)])
        except HeadMovedError:
            return "moved"
        return "appended"

    assert sorted(of_two(store, url, append)) == ["appended", "moved"]


def test_workers_may_add_the_same_checkpoint_at_once(store: Store, url: URL) -> None:
    def publish(store: Store, together: Barrier) -> str:
        for size in range(1, 30):
            together.wait()
            store.add_checkpoint(size, b"note")
        return "published"

    assert of_two(store, url, publish) == ["published", "published"]


def of_two(store: Store, url: URL, work: Callable[[Store, Barrier], str]) -> list[str]:
    """What two workers at once come to, each with a pool of its own."""
    together = Barrier(2)
    with closing(open_store(url)) as other, ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, (store, other), (together, together)))


def test_many_depositors_and_statements_are_asked_for_at_once(store: Store) -> None:
    add(store, deposit(0), deposit(1))
    with store.view() as view:
        assert view.next_nth(["acme", "nobody"]) == {"acme": 2, "nobody": 0}
        assert view.next_nth([]) == {}
        unknown = [sha256(b"%d" % number).digest() for number in range(2000)]
        assert view.known([*unknown, deposit(1).statement_id]) == {deposit(1).statement_id: deposit(1)}
        assert view.known([]) == {}


# --- what errors tell ---


@pytest.mark.parametrize("wrong", [depositor(), replace(depositor("other"), identity_nonce=b"short")])
def test_an_error_shows_nothing_of_the_rows(store: Store, wrong: Depositor) -> None:
    with pytest.raises(StorageError, match="constraint") as caught, store.intake() as intake:
        intake.add_depositor(wrong)
    assert "合符公司" not in "".join(traceback.format_exception(caught.value))


def test_an_error_shows_nothing_of_deposits(store: Store) -> None:
    wrong = replace(deposit(0), statement_id=b"short", acceptance="secret")
    with pytest.raises(StorageError, match="constraint") as caught:
        add(store, wrong)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
