"""Sealing turns what was accepted into records: once, in order, and only if two programs agree on the root."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sample_service import ORIGIN, RECOVERY, START, SampleService, depositor_of

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import Batch
from hefu_ledger.records.record import Record, parse_record
from hefu_ledger.tlog.merkle import root_of_leaves
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import retire_key
from hefu_service.ports.errors import HeadMovedError
from hefu_service.ports.rows import Deposit, LedgerHead
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.sealing import batch, seal
from hefu_service.sealing.appender import Chain
from hefu_service.sealing.batch import batch_body, batch_root, leaf_hashes
from hefu_service.sealing.seal import seal_once
from hefu_service.sealing.stops import SealingStoppedError

HASHES = st.binary(min_size=32, max_size=32)


def head(service: SampleService) -> LedgerHead:
    with service.services.store.view() as view:
        return view.ledger_head()


def records(service: SampleService) -> list[Record]:
    with service.services.store.view() as view:
        return [parse_record(record.data) for record in view.records(0, 1000)]


def batches(service: SampleService) -> list[Batch]:
    return [record.body for record in records(service) if isinstance(record.body, Batch)]


def sealed_batches(service: SampleService) -> list[Record]:
    return [record for record in records(service) if isinstance(record.body, Batch)]


def types(service: SampleService) -> list[str]:
    return [record.type for record in records(service)]


def deposits(service: SampleService) -> list[Deposit]:
    with service.services.store.view() as view:
        return list(view.deposits(0, 1000))


def test_nothing_owed_seals_nothing(service: SampleService) -> None:
    before = head(service)
    assert not seal_once(service.services)
    assert head(service) == before


def test_events_alone_make_records_and_no_batch(service: SampleService) -> None:
    service.enrol()
    assert seal_once(service.services)
    assert not seal_once(service.services)
    assert types(service) == ["genesis", "enrolment"]


def test_a_batch_covers_what_was_accepted_since_the_last_one(service: SampleService) -> None:
    key = service.enrol()
    for first, count in ((0, 3), (3, 1), (4, 2)):
        service.deposit(key, count, first=first)
        assert seal_once(service.services)
    assert not seal_once(service.services)
    assert [(each.first_seq, each.count) for each in batches(service)] == [(0, 3), (3, 1), (4, 2)]
    assert [record.entries for record in records(service)] == [0, 0, 3, 4, 6]
    assert head(service).entries == 6


def test_a_large_backlog_is_sealed_in_several_batches(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "MOST_DEPOSITS", 4)
    service.deposit(service.enrol(), 9)
    service.settle()
    assert [each.count for each in batches(service)] == [4, 4, 1]
    assert not service.findings()


def test_owed_events_stand_before_the_batch_that_reaches_them(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key, 2)
    second = service.enrol_another(key, "second")
    service.deposit(second, 1, first=2)
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    service.deposit(second, 1, first=3)
    service.settle()
    assert types(service) == ["genesis", "enrolment", "enrolment", "key", "batch"]
    assert not service.findings()


def test_the_private_batch_file_is_on_disk_before_the_record(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.deposit(service.enrol(), 3)
    read: list[int] = []

    def append(*_: object) -> None:
        read.append(len(service.services.batch_files.read(0, 3)))

    monkeypatch.setattr("hefu_service.store.sql.SqlStore.append", append)
    seal_once(service.services)
    assert read == [3]


def test_a_batch_is_recorded_now_but_neither_before_a_deposit_nor_before_the_last_batch(service: SampleService) -> None:
    key = service.enrol()
    for number in range(3):
        service.deposit(key, first=number)
        service.clock.time_ms -= 100  # before the deposit that is sealed
        seal_once(service.services)
        service.clock.time_ms += 500
        service.deposit(key, first=10 + number)
        service.clock.time_ms += 500
        seal_once(service.services)
        service.clock.time_ms -= 400  # before the last batch, and after the last deposit
    received = [parse_acceptance(deposit.acceptance).received_at for deposit in deposits(service)]
    sealed = [each.recorded_at for each in sealed_batches(service)]
    assert all(early <= late for early, late in zip(received, sealed, strict=True))
    assert sealed == sorted(sealed)
    assert not any(finding.where == "replay" for finding in service.findings())
    service.clock.time_ms += 5_000
    service.deposit(key, first=3)
    service.clock.time_ms += 5_000
    seal_once(service.services)
    assert sealed_batches(service)[-1].recorded_at == service.clock.time_ms


@pytest.mark.parametrize("sealed_before", [True, False])
def test_a_batch_has_the_times_of_one_side_of_a_correction(service: SampleService, sealed_before: bool) -> None:
    key = service.enrol()
    service.clock.time_ms += 3_600_000  # an hour ahead, by mistake
    service.deposit(key, 2)
    if sealed_before:
        seal_once(service.services)
    service.clock.time_ms -= 3_600_000
    declared = declare_clock(service.services, reason="set by hand")
    declare_clock(service.services, reason="and again")
    service.deposit(key, 2, first=2)
    service.settle()
    assert types(service) == ["genesis", "enrolment", "batch", "clock", "clock", "batch"]
    assert [(each.first_seq, each.count) for each in batches(service)] == [(0, 2), (2, 2)]
    assert sealed_batches(service)[0].recorded_at > declared + 3_000_000
    assert declared < sealed_batches(service)[1].recorded_at < declared + 1_000
    assert not service.findings()


def test_any_number_of_workers_seal_each_deposit_once(service: SampleService) -> None:
    key = service.enrol()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with suppress(HeadMovedError):
                seal_once(service.services)

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work) for _ in range(4)]
        for number in range(25):
            service.deposit(key, first=number)
        stop.set()
        for worker in workers:
            worker.result()
    service.settle()
    ends = [(each.first_seq, each.first_seq + each.count) for each in batches(service)]
    assert [first for first, _ in ends] == [0, *(end for _, end in ends[:-1])]
    assert ends[-1][1] == 25
    assert all(each.count > 0 for each in batches(service))
    assert not service.findings()


def test_a_worker_that_comes_second_writes_nothing(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.deposit(service.enrol(), 2)
    real = service.services.batch_files.write
    first = iter([True])

    def write(_: object, first_seq: int, found: Sequence[Deposit]) -> None:
        real(first_seq, found)
        if next(first, False):
            seal_once(service.services)  # another worker is through before this one has its record

    monkeypatch.setattr("hefu_service.outside.files.BatchFolder.write", write)
    with pytest.raises(HeadMovedError):
        seal_once(service.services)
    assert types(service) == ["genesis", "enrolment", "batch"]


def test_a_longer_run_than_a_crash_has_left_on_disk_can_be_sealed(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key, 2)
    service.services.batch_files.write(0, deposits(service))
    service.deposit(key, 1, first=2)
    service.settle()
    assert [each.count for each in batches(service)] == [3]
    assert not service.findings()


def test_two_opinions_that_differ_stop_the_sealing(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.deposit(service.enrol(), 3)
    before = head(service)
    with monkeypatch.context() as patch:
        patch.setattr(batch, "second_opinion", lambda leaves: sha256(leaves).digest())
        with pytest.raises(SealingStoppedError, match="merkletools"):
            seal_once(service.services)
    assert head(service) == before
    assert not (service.data / "batches").exists()
    with monkeypatch.context() as patch:  # and if it is ours that is wrong
        patch.setattr(batch, "root_of_leaves", lambda leaves: sha256(leaves).digest())
        with pytest.raises(SealingStoppedError, match="merkletools"):
            seal_once(service.services)
    assert seal_once(service.services)


@given(st.lists(HASHES, min_size=1, max_size=70))
def test_both_opinions_are_rfc_6962(hashes: list[bytes]) -> None:
    leaves = b"".join(hashes)
    assert batch_root(leaves) == root_of_leaves(leaves) == batch.second_opinion(leaves)


def test_the_second_opinion_is_computed_by_merkletools_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merkletools.MerkleTools.get_merkle_root", lambda _: "ab" * 32)
    assert batch.second_opinion(bytes(64)) == b"\xab" * 32


def test_the_second_opinion_tells_an_inner_node_from_a_leaf() -> None:
    left, right, last = (bytes([number]) * 32 for number in range(3))
    inner = sha256(left + right).digest()  # what stock merkletools would take for the two leaves
    assert batch.second_opinion(left + right + last) != batch.second_opinion(inner + last)


ALTERED: dict[str, Callable[[Deposit], Deposit]] = {
    "the acceptance is of another seq": lambda it: replace(it, acceptance=it.acceptance.replace('"seq":1', '"seq":2')),
    "the acceptance has another nth": lambda it: replace(it, acceptance=it.acceptance.replace('"nth":1', '"nth":0')),
    "the acceptance is for another ledger": lambda it: replace(it, acceptance=it.acceptance.replace(ORIGIN, "other")),
    "the acceptance cannot be read": lambda it: replace(it, acceptance=it.acceptance + " "),
    "a bit of the statement has flipped": lambda it: replace(it, statement=it.statement.replace(b't":1', b't":3')),
    "the statement cannot be read": lambda it: replace(it, statement=b"x"),
    "the row is of another depositor": lambda it: replace(it, depositor="another"),
    "the row is of another statement": lambda it: replace(it, statement_id=bytes(32)),
    "the row has another seq": lambda it: replace(it, seq=2),
    "the row has another nth": lambda it: replace(it, nth=0),
}


@pytest.mark.parametrize("altered", ALTERED)
def test_what_is_read_back_must_be_what_was_accepted(service: SampleService, altered: str) -> None:
    service.deposit(service.enrol(), 3)
    rows = deposits(service)
    leaf_hashes(rows, first_seq=0, origin=ORIGIN)
    rows[1] = ALTERED[altered](rows[1])
    with pytest.raises(SealingStoppedError, match="deposit 1"):
        leaf_hashes(rows, first_seq=0, origin=ORIGIN)


def test_a_deposit_that_is_missing_stops_the_sealing(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.deposit(service.enrol(), 3)
    monkeypatch.setattr("hefu_service.store.sql.SqlView.deposits", lambda *_: iter(()))
    with pytest.raises(SealingStoppedError, match="3 deposits are owed from 0 on, 0 are stored"):
        seal_once(service.services)


def test_a_record_stored_as_a_batch_must_be_one(service: SampleService) -> None:
    with service.services.store.view() as view:
        genesis = view.record(0)
    assert genesis is not None
    with pytest.raises(SealingStoppedError):
        batch_body(genesis)


def test_a_ledger_is_begun_once(service: SampleService) -> None:
    with pytest.raises(ValueError, match="has begun"):
        begin_ledger(service.services, recovery=RECOVERY.key)


def test_a_ledger_without_genesis_seals_nothing(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = LedgerHead(0, 0, 0, bytes(32), ())
    monkeypatch.setattr("hefu_service.sealing.seal.check_past", lambda _: None)
    monkeypatch.setattr("hefu_service.store.sql.SqlView.ledger_head", lambda _: empty)
    with pytest.raises(SealingStoppedError, match="genesis"):
        seal_once(service.services)


@pytest.mark.parametrize("reason", ["", "x" * 401, "x" * 20_000, "\ud800"])
def test_an_event_that_no_record_could_say_is_refused_when_it_is_made(service: SampleService, reason: str) -> None:
    """Once it is owed, it would be in the way of everything after it."""
    with pytest.raises(MalformedError):
        declare_clock(service.services, reason=reason)
    assert not seal_once(service.services)


def test_a_record_that_could_not_be_read_is_not_appended(service: SampleService) -> None:
    chain = Chain(head(service), now_ms=START)
    with pytest.raises(MalformedError):
        chain.add(Batch(count=0, first_seq=0, roots={"sha-256": bytes(32)}))
    assert not chain.records
