"""The ``Store`` port, in SQL that every supported database understands.

The intake lock is the lock on the intake head's row, taken by the first statement; on SQLite, which has no such thing,
it is the database's write lock, taken when the transaction begins.
"""

# ruff: noqa: D102 -- the protocols carry the contracts; implementations repeat nothing
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import (
    URL,
    Connection,
    Executable,
    Table,
    insert,
)

from hefu_service.ports.errors import HeadMovedError, StorageError
from hefu_service.ports.outbox import Undelivered, Waiting
from hefu_service.ports.rows import (
    Code,
    Deposit,
    Depositor,
    Event,
    IntakeHead,
    LedgerHead,
    StoredRecord,
    VaultBlob,
    VaultClosure,
)
from hefu_service.ports.store import View
from hefu_service.store import queries
from hefu_service.store.direct import change, insert_many, look_up
from hefu_service.store.engines import Engines, check_durable, check_replicated, open_engines, translated
from hefu_service.store.migrate import check_schema
from hefu_service.store.outbox import SqlOutbox, SqlUndelivered
from hefu_service.store.rows import Rows
from hefu_service.store.tables import (
    CODES,
    DEPOSITORS,
    DEPOSITS,
    EVENTS,
    RECORDS,
    STATEMENT_TEXTS,
    VAULT_BLOBS,
    VAULT_CLOSURES,
    VAULTS,
)

_TRUSTED: Final = "hefu.trusted"


def open_store(url: URL) -> SqlStore:
    """Open a database whose commits are durable and whose schema is this program's; StorageError otherwise."""
    engines = open_engines(url)
    try:
        check_durable(engines.writer)
        check_schema(engines.reader)
    except BaseException:
        engines.dispose()
        raise
    return SqlStore(engines)


class SqlView(Rows):
    """See ``ports.View``. The snapshot is that of the first read."""

    def intake_head(self) -> IntakeHead:
        return self._all(IntakeHead, queries.READ_INTAKE)[0]

    def ledger_head(self) -> LedgerHead:
        return self._all(_read_ledger_head, queries.READ_LEDGER)[0]

    def deposit(self, statement_id: bytes) -> Deposit | None:
        return self._first(Deposit, queries.DEPOSIT, statement_id=statement_id)

    def deposit_at(self, seq: int) -> Deposit | None:
        return self._first(Deposit, queries.DEPOSIT_AT, seq=seq)

    def deposits(self, first_seq: int, count: int) -> Iterator[Deposit]:
        return self._stream(Deposit, queries.DEPOSITS_FROM, first=first_seq, count=count)

    def latest_of(self, depositor: str, count: int) -> Iterator[Deposit]:
        return self._stream(Deposit, queries.LATEST_OF, depositor=depositor, count=count)

    def known(self, statement_ids: Sequence[bytes]) -> Mapping[bytes, Deposit]:
        return {deposit.statement_id: deposit for deposit in self._all_of(Deposit, queries.known, statement_ids)}

    def known_texts(self, hashes: Sequence[bytes]) -> Mapping[bytes, Deposit]:
        return dict(self._all_of(_text, queries.known_texts, hashes))

    def next_nth(self, depositors: Sequence[str]) -> Mapping[str, int]:
        last = {name: nth for name, nth in self._all_of(_pair, queries.last_nth, depositors) if nth is not None}
        return {depositor: last.get(depositor, -1) + 1 for depositor in depositors}

    def depositor(self, depositor: str) -> Depositor | None:
        return self._first(Depositor, queries.DEPOSITOR, depositor=depositor)

    def depositors(self) -> Iterator[Depositor]:
        return self._stream(Depositor, queries.ALL_DEPOSITORS)

    def codes(self) -> Iterator[Code]:
        return self._stream(Code, queries.ALL_CODES)

    def code(self, depositor: str) -> Code | None:
        return self._first(Code, queries.CODE, depositor=depositor)

    def events(self, first: int) -> Sequence[Event]:
        return self._all(Event, queries.EVENTS_FROM, first=first)

    def events_of(self, depositor: str) -> Sequence[Event]:
        return self._all(Event, queries.EVENTS_OF, depositor=depositor)

    def last_event_of(self, depositor: str) -> Event | None:
        return self._first(Event, queries.LAST_EVENT_OF, depositor=depositor)

    def record(self, index: int) -> StoredRecord | None:
        return self._first(StoredRecord, queries.RECORD, index=index)

    def records(self, first: int, count: int) -> Iterator[StoredRecord]:
        return self._stream(StoredRecord, queries.RECORDS_FROM, first=first, count=count)

    def records_of(self, depositor: str) -> Sequence[StoredRecord]:
        return self._all(StoredRecord, queries.RECORDS_OF, depositor=depositor)

    def batch_of(self, seq: int) -> StoredRecord | None:
        batch = self._first(StoredRecord, queries.BATCH_FROM, seq=seq)
        return batch if batch is not None and seq < batch.entries else None

    def checkpoint_covering(self, index: int) -> bytes | None:
        return self._first(bytes, queries.COVERING, index=index)

    def latest_checkpoint(self) -> bytes | None:
        return self._first(bytes, queries.LATEST)

    def statements_of(self, depositor: str) -> Sequence[bytes]:
        return self._all(bytes, queries.STATEMENTS_OF, depositor=depositor)

    def vault_depositor(self, vault: bytes) -> str | None:
        return self._first(str, queries.VAULT_DEPOSITOR, vault=vault)

    def vaults(self) -> Sequence[tuple[bytes, str]]:
        return self._all(_vault, queries.ALL_VAULTS)

    def vault_blob(self, vault: bytes, name: str) -> VaultBlob | None:
        return self._first(VaultBlob, queries.BLOB, vault=vault, name=name)

    def vault_blobs(self, vault: bytes) -> Sequence[VaultBlob]:
        return self._all(VaultBlob, queries.BLOBS_OF, vault=vault)

    def vault_closure(self, vault: bytes) -> VaultClosure | None:
        return self._first(VaultClosure, queries.CLOSURE, vault=vault)

    def vault_bytes(self) -> int:
        return self._all(int, queries.VAULT_BYTES)[0]

    def vault_sizes(self, depositor: str) -> Mapping[bytes, int]:
        return dict(self._all(_size, queries.VAULT_SIZES, depositor=depositor))


class SqlIntake(SqlView):
    """See ``ports.Intake``. Holds the intake lock from its construction to the end of its transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        (self._head,) = self._all(IntakeHead, queries.LOCK_INTAKE)

    def intake_head(self) -> IntakeHead:
        return self._head  # as it was locked, or moved since

    def add_deposits(self, deposits: Sequence[Deposit]) -> None:
        insert_many(self._connection, DEPOSITS, _rows(DEPOSITS, deposits))

    def add_texts(self, texts: Mapping[bytes, int]) -> None:
        self._write(insert(STATEMENT_TEXTS), [{"text_sha256": text, "seq": seq} for text, seq in texts.items()])

    def add_event(self, event: Event) -> None:
        self._write(insert(EVENTS), _rows(EVENTS, [event]))

    def add_depositor(self, depositor: Depositor) -> None:
        self._write(insert(DEPOSITORS), _rows(DEPOSITORS, [depositor]))

    def put_code(self, code: Code) -> None:
        (row,) = _rows(CODES, [code])
        if not self._write(queries.REPLACE_CODE, [{"of": code.depositor, **row}]):
            self._write(insert(CODES), [row])

    def bind_vault(self, vault: bytes, depositor: str) -> None:
        self._write(insert(VAULTS), [{"address_hash": vault, "depositor": depositor}])

    def add_vault_blob(self, blob: VaultBlob) -> None:
        self._write(insert(VAULT_BLOBS), _rows(VAULT_BLOBS, [blob]))

    def close_vault(self, closure: VaultClosure) -> None:
        self._write(insert(VAULT_CLOSURES), _rows(VAULT_CLOSURES, [closure]))

    def move_intake(self, head: IntakeHead) -> None:
        moved = {"new_next_seq": head.next_seq, "new_last_received_at": head.last_received_at}
        change(self._connection, queries.MOVE_INTAKE, moved | {"new_next_event": head.next_event})
        self._head = head

    def _write(self, statement: Executable, rows: list[dict[str, Any]]) -> int:
        """Execute it for each row, if any; give the number of rows met."""
        if not rows:
            return 0
        with translated():
            return self._connection.execute(statement, rows if len(rows) > 1 else rows[0]).rowcount


class SqlStore:
    """See ``ports.Store``. Threads may share it; processes may not."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._check: Callable[[View], None] | None = None
        self._trusted = object()  # the mark of connections that were checked

    def guard(self, check: Callable[[View], None]) -> None:
        self._check = check

    def distrust(self) -> None:
        self._trusted = object()

    @contextmanager
    def view(self) -> Iterator[SqlView]:
        with self._reading() as connection:
            yield SqlView(connection)

    def deposit(self, statement_id: bytes) -> Deposit | None:
        try:
            with translated():  # a pool that is used up
                row = look_up(self._engines.reader, queries.DEPOSIT, {"statement_id": statement_id})
        except StorageError:  # once more, by the way that finds out whether the server has ended every connection
            with self.view() as view:
                return view.deposit(statement_id)
        return None if row is None else Deposit(*row)

    def deposit_now(self, statement_id: bytes) -> tuple[Deposit | None, int]:
        try:
            with translated():
                row = look_up(self._engines.reader, queries.DEPOSIT_NOW, {"statement_id": statement_id})
        except StorageError:
            with self.view() as view:
                return view.deposit(statement_id), view.ledger_head().events
        return (None, 0) if row is None else (Deposit(*row[:-1]), row[-1])

    @contextmanager
    def intake(self) -> Iterator[SqlIntake]:
        with self._transaction() as connection:
            intake, trusted = SqlIntake(connection), self._trusted
            if self._check is not None and connection.info.get(_TRUSTED) is not trusted:
                self._check(intake)
                connection.info[_TRUSTED] = trusted
            yield intake

    def append(self, old: LedgerHead, new: LedgerHead, records: Sequence[StoredRecord]) -> None:
        if not records or [record.index for record in records] != list(range(old.size, new.size)):
            raise ValueError(f"records to append must be those from index {old.size} to {new.size - 1}, at least one")
        with self._transaction() as connection:
            swapped = connection.execute(queries.SWAP_LEDGER, _ledger_head("old", old) | _ledger_head("new", new))
            if swapped.rowcount != 1:
                raise HeadMovedError(f"the ledger's head is no longer at size {old.size}: another worker sealed first")
            connection.execute(insert(RECORDS), _rows(RECORDS, records))

    def add_checkpoint(self, size: int, note: bytes) -> None:
        with self._transaction() as connection:
            connection.execute(queries.ADD_CHECKPOINT, {"size": size, "note": note})

    @contextmanager
    def outbox(self) -> Iterator[SqlOutbox]:
        with self._transaction() as connection:
            yield SqlOutbox(connection)

    def undelivered(self, count: int) -> Sequence[Undelivered]:
        with self._reading() as connection:
            return SqlUndelivered(connection).first(count)

    def waiting(self) -> Waiting:
        with self._reading() as connection:
            return SqlUndelivered(connection).waiting()

    def close(self) -> None:
        self._engines.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(), self._engines.reader.connect() as connection:
            connection.begin()  # which ends with the connection: there is nothing to commit
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated(), self._engines.writer.connect() as connection, connection.begin() as transaction:
            yield connection
            try:
                with translated(unknown=True):
                    transaction.commit()
                    check_replicated(connection)
            except StorageError:
                connection.invalidate()  # closed, not reused: a commit that failed leaves its transaction open
                raise


def _rows(table: Table, values: Sequence[object]) -> list[dict[str, Any]]:
    """Give each value's fields under the names of the table's columns."""
    names = table.columns.keys()
    fields = attrgetter(*names)
    return [dict(zip(names, fields(value), strict=True)) for value in values]


def _pair(depositor: str, nth: int | None) -> tuple[str, int | None]:
    return depositor, nth


def _text(text_sha256: bytes, *deposit: Any) -> tuple[bytes, Deposit]:
    return text_sha256, Deposit(*deposit)


def _vault(address_hash: bytes, depositor: str) -> tuple[bytes, str]:
    return address_hash, depositor


def _size(vault: bytes, size: int) -> tuple[bytes, int]:
    return vault, int(size)  # PostgreSQL's sums are decimals


def _read_ledger_head(size: int, entries: int, events: int, prev: bytes, frontier: bytes) -> LedgerHead:
    hashes = tuple(frontier[start : start + 32] for start in range(0, len(frontier), 32))
    return LedgerHead(size, entries, events, prev, hashes)


def _ledger_head(age: str, head: LedgerHead) -> dict[str, Any]:
    """Give the parameters of a swap, ``age`` old or new."""
    return {
        f"{age}_size": head.size,
        f"{age}_entries": head.entries,
        f"{age}_events": head.events,
        f"{age}_prev": head.prev,
        f"{age}_frontier": b"".join(head.frontier),
    }
