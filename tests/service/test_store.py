"""The store keeps what it accepted, whole or not at all, and never changes it."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
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
from sqlalchemy import URL, make_url

from hefu_service.ports import (
    Code,
    Deposit,
    Depositor,
    Event,
    HeadMovedError,
    IntakeHead,
    LedgerHead,
    StorageError,
    Store,
    StoredRecord,
    View,
)
from hefu_service.store.engines import Engines, append_only, open_engines, sqlite_url
from hefu_service.store.migrate import upgrade
from hefu_service.store.sql import SqlStore, open_store
from hefu_service.store.tables import APPEND_ONLY, METADATA

START = LedgerHead(size=0, entries=0, events=0, prev=bytes(32), frontier=())
HEAD_1 = LedgerHead(size=1, entries=0, events=1, prev=b"p" * 32, frontier=(b"f" * 32,))


def depositor(name: str = "acme") -> Depositor:
    return Depositor(id=name, identity_nonce=b"n" * 32, identity_text='{"name":"合符公司"}', signatures_required=2)


def deposit(seq: int, *, nth: int | None = None, by: str = "acme", statement: bytes = b"") -> Deposit:
    statement = statement or b"statement %d" % seq
    return Deposit(seq, by, seq if nth is None else nth, sha256(statement).digest(), statement, f"acceptance {seq}\n")


def record(index: int, *, first_seq: int | None = None, entries: int = 0, of: str | None = None) -> StoredRecord:
    return StoredRecord(
        index, "batch" if first_seq is not None else "key", b"record %d" % index, entries, of, first_seq
    )


def event(number: int, *, of: str | None = None) -> Event:
    return Event(number, "key", b'{"action":"retire"}', of, None if of is None else "vkey", 7)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "empty.sqlite3"
    upgrade(sqlite_url(path))
    return path


@pytest.fixture
def path(empty_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "hefu.sqlite3"))


@pytest.fixture
def url(path: Path) -> URL:
    return sqlite_url(path)


@pytest.fixture
def engines(url: URL) -> Iterator[Engines]:
    engines = open_engines(url)
    yield engines
    engines.dispose()


@pytest.fixture
def store(engines: Engines) -> Store:
    store = SqlStore(engines)
    with store.intake() as intake:
        intake.add_depositor(depositor())
    return store


def add(store: Store, *deposits: Deposit) -> None:
    with store.intake() as intake:
        intake.add_deposits(deposits)


def count(store: Store) -> int:
    with store.view() as view:
        return len(list(view.deposits(0, 1000)))


def ledger(store: Store) -> tuple[LedgerHead, list[StoredRecord]]:
    with store.view() as view:
        return view.ledger_head(), list(view.records(0, 1000))


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
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(engines.writer.dialect, "do_commit", fail)
        with pytest.raises(StorageError, match="disk I/O error") as caught:
            add(store, deposit(0))
        assert caught.value.unknown
    assert count(store) == int(persisted)
    add(store, deposit(1))  # the connection is of use again


def test_a_full_disk_is_a_storage_error_and_writes_nothing(store: Store, engines: Engines) -> None:
    with engines.writer.connect() as connection:  # the pool's only one
        connection.exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(StorageError, match="full") as caught:
        add(store, *(deposit(seq, statement=b"%d" % seq * 4000) for seq in range(20)))
    assert not caught.value.unknown
    assert count(store) == 0


def test_an_intake_of_no_deposits_is_harmless(store: Store) -> None:
    add(store)
    assert count(store) == 0


# --- what is written stays ---


@pytest.fixture
def filled(store: Store) -> Store:
    add(store, deposit(0))
    with store.intake() as intake:
        intake.add_event(event(0))
    store.append(START, HEAD_1, [record(0)])
    store.add_checkpoint(1, b"note")
    return store


KEYS = {"deposits": "seq", "events": "number", "records": '"index"', "checkpoints": "size"}


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET {key} = {key} + 1",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ],
    ids=["update", "delete", "replace"],
)
@pytest.mark.usefixtures("filled")
def test_the_database_refuses_to_change_what_is_append_only(engines: Engines, table: str, statement: str) -> None:
    with engines.writer.connect() as connection, pytest.raises(Exception, match=f"{table} are append-only"):
        connection.exec_driver_sql(statement.format(table=table, key=KEYS[table]))


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


def test_a_stream_that_is_left_early_holds_nothing_back(store: Store) -> None:
    add(store, *map(deposit, range(3)))
    with store.view() as view:
        assert next(view.deposits(0, 3)) == deposit(0)
    add(store, deposit(3))
    assert count(store) == 4


def test_a_reader_cannot_write(engines: Engines) -> None:
    with engines.reader.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("UPDATE intake_head SET next_seq = 9")


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


def test_every_commit_is_synced_and_readers_never_wait(engines: Engines) -> None:
    with engines.writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_many_depositors_and_statements_are_asked_for_at_once(store: Store) -> None:
    add(store, deposit(0), deposit(1))
    with store.view() as view:
        assert view.next_nth(["acme", "nobody"]) == {"acme": 2, "nobody": 0}
        assert view.next_nth([]) == {}
        unknown = [sha256(b"%d" % number).digest() for number in range(2000)]
        assert view.known([*unknown, deposit(1).statement_id]) == {deposit(1).statement_id: deposit(1)}
        assert view.known([]) == {}


# --- opening, and what errors tell ---


def test_an_error_shows_nothing_of_the_rows(store: Store) -> None:
    with pytest.raises(StorageError) as caught, store.intake() as intake:
        intake.add_depositor(depositor())
    assert "合符公司" not in "".join(traceback.format_exception(caught.value))


def test_a_database_that_is_missing_is_not_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        open_store(sqlite_url(tmp_path / "hefu.sqlite3"))
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_vanishes_is_not_replaced_by_an_empty_one(path: Path) -> None:
    engines = open_engines(sqlite_url(path))
    path.unlink()
    with pytest.raises(StorageError, match="unable to open"), SqlStore(engines).intake():
        pass
    assert not path.exists()


def test_a_path_below_a_file_is_a_storage_error(path: Path) -> None:
    with pytest.raises(StorageError, match="Not a directory"):
        upgrade(sqlite_url(path / "hefu.sqlite3"))


def test_a_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.write_bytes(b"x" * 4096)
    with pytest.raises(StorageError, match="not a database"):
        open_store(sqlite_url(path))


def test_any_name_of_a_directory_will_do(tmp_path: Path) -> None:
    directory = tmp_path / "100% 合符?mode=memory#1"
    directory.mkdir()
    url = sqlite_url(directory / "hefu.sqlite3")
    upgrade(url)
    open_store(url).close()
    assert (directory / "hefu.sqlite3").stat().st_size > 0


def test_a_new_database_is_closed_to_others(tmp_path: Path) -> None:
    upgrade(sqlite_url(tmp_path / "hefu.sqlite3"))
    assert (tmp_path / "hefu.sqlite3").stat().st_mode & 0o777 == 0o600


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(StorageError, match="'mysql' are not supported"):
        open_engines(make_url("mysql://localhost/hefu"))
    with pytest.raises(StorageError, match="'mysql' are not supported"):
        append_only("mysql", "deposits")


# --- the schema ---


def schema(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL")
        return sorted(" ".join(sql.split()) for (sql,) in rows if "alembic_version" not in sql)


def checks(statements: list[str]) -> list[str]:
    return sorted(check for sql in statements for check in re.findall(r"CONSTRAINT ck_\w+ CHECK \([^,]*?= \d+\)", sql))


def test_the_tables_are_those_of_the_newest_migration(engines: Engines) -> None:
    with engines.writer.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_checks_are_those_of_the_newest_migration(path: Path, tmp_path: Path) -> None:
    declared = tmp_path / "declared.sqlite3"
    engines = open_engines(sqlite_url(declared), create=True)
    METADATA.create_all(engines.writer)
    engines.dispose()
    assert len(checks(schema(path))) == 7
    assert checks(schema(path)) == checks(schema(declared))


def test_upgrading_twice_is_harmless(filled: Store, path: Path, url: URL) -> None:
    before = schema(path)
    upgrade(url)
    assert schema(path) == before
    assert count(filled) == 1


def test_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from hefu_service.store.migrate import upgrade as up;"
    code += "from hefu_service.store.engines import sqlite_url; up(sqlite_url(Path(sys.argv[1])))"
    path = tmp_path / "hefu.sqlite3"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    running = [subprocess.Popen([sys.executable, "-c", code, path], env=environment) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    open_store(sqlite_url(path)).close()


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ("DELETE FROM alembic_version", "missing.*0001.*hefu-service upgrade"),
        ("UPDATE alembic_version SET version_num = '9999'", "9999.*0001.*newer program"),
    ],
)
def test_another_schema_is_refused(path: Path, url: URL, change: str, remedy: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    with pytest.raises(StorageError, match=remedy):
        open_store(url)


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "hefu.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE checkpoints (mine TEXT)")  # in the way of the last table
    with pytest.raises(StorageError, match="checkpoints already exists"):
        upgrade(sqlite_url(path))
    assert schema(path) == ["CREATE TABLE checkpoints (mine TEXT)"]


# --- the model ---


class StoreMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, the store reads as lists in memory do."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.url = sqlite_url(Path(shutil.copy(self.template, self.folder / "hefu.sqlite3")))
        self.store: Store = open_store(self.url)
        self.intake_head = IntakeHead(0, 0, 0)
        self.ledger_head = START
        self.depositors: dict[str, Depositor] = {}
        self.codes: dict[str, Code] = {}
        self.deposits: list[Deposit] = []
        self.events: list[Event] = []
        self.records: list[StoredRecord] = []
        self.checkpoints: dict[int, bytes] = {}

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
        received_at = data.draw(st.integers(0, 2**53))
        head = IntakeHead(len(self.deposits) + len(group), received_at, self.intake_head.next_event)
        with suppress(InterruptedError), self.store.intake() as intake:
            assert intake.intake_head() == self.intake_head
            intake.add_deposits(group)
            intake.move_intake(head)
            assert intake.intake_head() == head
            if fails:
                raise InterruptedError
        if not fails:
            self.deposits += group
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


def test_the_store_reads_as_its_model(empty_database: Path) -> None:
    class Machine(StoreMachine):
        template = empty_database

    run_state_machine_as_test(Machine, settings=settings(max_examples=20, stateful_step_count=20, deadline=None))
