"""Whatever happens in whatever order, a store reads as lists in memory do."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import URL
from tests.support.postgres import Postgres
from tests.support.sample_store import START, deposit, depositor, event, record

from hefu_service.ports.errors import HeadMovedError
from hefu_service.ports.rows import Code, Deposit, Depositor, Event, IntakeHead, LedgerHead, StoredRecord
from hefu_service.ports.store import Store, View
from hefu_service.store.engines import sqlite_url
from hefu_service.store.sql import open_store


class StoreMachine(RuleBasedStateMachine):
    """A store beside lists."""

    def emptied(self) -> URL:
        """A database with nothing in it."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.url = self.emptied()
        self.store: Store = open_store(self.url)
        self.intake_head = IntakeHead(0, 0, 0)
        self.ledger_head = START
        self.depositors: dict[str, Depositor] = {}
        self.codes: dict[str, Code] = {}
        self.deposits: list[Deposit] = []
        self.events: list[Event] = []
        self.records: list[StoredRecord] = []
        self.checkpoints: dict[int, bytes] = {}
        self.texts: dict[bytes, int] = {}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def first_depositor(self) -> None:
        self.enrol(None)

    @rule(used_for=st.none() | st.text(max_size=5))
    def enrol(self, used_for: str | None) -> None:
        new = depositor(f"d{len(self.depositors)}")
        code = Code(new.id, sha256(new.id.encode()).digest(), len(self.depositors), used_for)
        with self.store.intake() as intake:
            intake.add_depositor(new)
            intake.put_code(code)
        self.depositors[new.id], self.codes[new.id] = new, code

    def group(self, data: st.DataObject) -> list[Deposit]:
        picks = data.draw(st.lists(st.sampled_from(sorted(self.depositors)), max_size=4))
        group: list[Deposit] = []
        for by in picks:
            seq = len(self.deposits) + len(group)
            nth = sum(row.depositor == by for row in [*self.deposits, *group])
            group.append(deposit(seq, nth=nth, by=by))
        return group

    @rule(data=st.data(), fails=st.booleans())
    def accept(self, data: st.DataObject, fails: bool) -> None:
        group = self.group(data)
        texts = {sha256(b"text %d" % row.seq).digest(): row.seq for row in group if data.draw(st.booleans())}
        received_at = data.draw(st.integers(0, 2**53))
        head = IntakeHead(len(self.deposits) + len(group), received_at, self.intake_head.next_event)
        with suppress(InterruptedError), self.store.intake() as intake:
            assert intake.intake_head() == self.intake_head
            intake.add_deposits(group)
            intake.add_texts(texts)
            intake.move_intake(head)
            assert intake.intake_head() == head
            if fails:
                raise InterruptedError
        if not fails:
            self.deposits += group
            self.texts |= texts
            self.intake_head = head

    @rule(data=st.data())
    def note_event(self, data: st.DataObject) -> None:
        new = event(len(self.events), of=data.draw(st.none() | st.sampled_from(sorted(self.depositors))))
        self.intake_head = replace(self.intake_head, next_event=len(self.events) + 1)
        with self.store.intake() as intake:
            intake.add_event(new)
            intake.move_intake(self.intake_head)
        self.events.append(new)

    @rule(data=st.data(), stale=st.booleans())
    def seal(self, data: st.DataObject, stale: bool) -> None:
        covered = self.ledger_head.entries
        owners = data.draw(st.lists(st.none() | st.sampled_from(sorted(self.depositors)), max_size=3))
        new = [record(len(self.records) + i, entries=covered, of=owner) for i, owner in enumerate(owners)]
        if covered < len(self.deposits):
            new.append(record(len(self.records) + len(new), first_seq=covered, entries=len(self.deposits)))
        if not new:
            return
        size = len(self.records) + len(new)
        hashes = tuple(sha256(b"%d" % number).digest() for number in range(size.bit_count()))
        head = LedgerHead(size, new[-1].entries, size, sha256(new[-1].data).digest(), hashes)
        if stale:
            with pytest.raises(HeadMovedError):
                self.store.append(replace(self.ledger_head, prev=b"s" * 32), head, new)
            return
        self.store.append(self.ledger_head, head, new)
        self.records += new
        self.ledger_head = head

    @precondition(lambda self: self.records)
    @rule(note=st.binary(min_size=1, max_size=4))
    def publish(self, note: bytes) -> None:
        self.store.add_checkpoint(len(self.records), note)
        self.checkpoints.setdefault(len(self.records), note)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.url)

    @invariant()
    def intake_reads_as_the_model(self) -> None:
        with self.store.view() as view:
            assert view.intake_head() == self.intake_head
            assert list(view.deposits(0, 1000)) == self.deposits
            assert list(view.deposits(1, 2)) == self.deposits[1:3]
            assert list(view.events(0)) == self.events
            assert list(view.events(1)) == self.events[1:]
            ids = [row.statement_id for row in self.deposits]
            assert view.known([*ids[1:], bytes(32)]) == dict(zip(ids[1:], self.deposits[1:], strict=True))
            texts = [sha256(b"text %d" % row.seq).digest() for row in self.deposits]
            assert view.known_texts(texts) == {text: self.deposits[seq] for text, seq in self.texts.items()}
            assert [view.deposit(one) for one in ids] == self.deposits
            assert [view.deposit_at(seq) for seq in range(len(ids) + 1)] == [*self.deposits, None]
            self.each_depositor(view)

    def each_depositor(self, view: View) -> None:
        counts = {name: sum(row.depositor == name for row in self.deposits) for name in self.depositors}
        assert view.next_nth([*self.depositors]) == counts
        for name in self.depositors:
            assert view.depositor(name) == self.depositors[name]
            assert view.code(name) == self.codes[name]
            assert list(view.events_of(name)) == [row for row in self.events if row.depositor == name]
            assert list(view.records_of(name)) == [row for row in self.records if row.depositor == name]
        assert (view.depositor("nobody"), view.code("nobody")) == (None, None)

    @invariant()
    def ledger_reads_as_the_model(self) -> None:
        with self.store.view() as view:
            assert view.ledger_head() == self.ledger_head
            assert list(view.records(0, 1000)) == self.records
            assert list(view.records(1, 2)) == self.records[1:3]
            assert [view.record(index) for index in range(len(self.records) + 1)] == [*self.records, None]
            batches = [(row, row.first_seq) for row in self.records if row.first_seq is not None]
            sealed = [row for row, first_seq in batches for _ in range(first_seq, row.entries)]
            unsealed = [None] * (len(self.deposits) + 1 - len(sealed))
            assert [view.batch_of(seq) for seq in range(len(self.deposits) + 1)] == [*sealed, *unsealed]
            sizes = sorted(self.checkpoints)
            for index in range(len(self.records) + 1):
                covering = next((self.checkpoints[size] for size in sizes if size > index), None)
                assert view.checkpoint_covering(index) == covering
            assert view.latest_checkpoint() == (self.checkpoints[sizes[-1]] if sizes else None)


def read_as_model(emptied: Callable[[Path], URL], *, examples: int) -> None:
    class Machine(StoreMachine):
        def emptied(self) -> URL:
            return emptied(self.folder)

    steps = settings(max_examples=examples, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Machine, settings=steps)


def test_the_store_reads_as_its_model_on_sqlite(empty_database: Path) -> None:
    def emptied(folder: Path) -> URL:
        return sqlite_url(Path(shutil.copy(empty_database, folder / "hefu.sqlite3")))

    read_as_model(emptied, examples=20)


def test_the_store_reads_as_its_model_on_postgresql(postgres: Postgres) -> None:
    read_as_model(lambda _: postgres.emptied(), examples=8)
