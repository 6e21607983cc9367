"""The ``Store`` port, in SQL that every supported database understands.

The intake lock is the lock on the intake head's row, taken by the first statement; on SQLite, which has no such thing,
it is the database's write lock, taken when the transaction begins.
"""

# ruff: noqa: D102 -- the protocols carry the contracts; implementations repeat nothing
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import (
    URL,
    ClauseElement,
    Connection,
    Executable,
    Table,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
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
from hefu_service.store.direct import change, insert_many, look_up
from hefu_service.store.engines import Engines, check_durable, open_engines, translated
from hefu_service.store.migrate import check_schema
from hefu_service.store.outbox import SqlOutbox, SqlUndelivered
from hefu_service.store.rows import Rows, one_of
from hefu_service.store.tables import (
    CHECKPOINTS,
    CODES,
    DEPOSITORS,
    DEPOSITS,
    EVENTS,
    INTAKE_HEAD,
    LEDGER_HEAD,
    RECORDS,
    STATEMENT_TEXTS,
    VAULT_BLOBS,
    VAULT_CLOSURES,
    VAULTS,
)

# Each statement is built once: its text for the database is then found in a cache. The heads are read without ``id``.
_INTAKE_HEAD: Final = select(*INTAKE_HEAD.c[1:])
_LOCK_INTAKE: Final = _INTAKE_HEAD.with_for_update()
_LEDGER_HEAD: Final = select(*LEDGER_HEAD.c[1:])
_MOVE_INTAKE: Final = update(INTAKE_HEAD).values(
    {column: bindparam(f"new_{column.name}") for column in INTAKE_HEAD.c[1:]}
)
_SWAP_LEDGER: Final = (
    update(LEDGER_HEAD)
    .where(*(column == bindparam(f"old_{column.name}") for column in LEDGER_HEAD.c[1:]))
    .values({column: bindparam(f"new_{column.name}") for column in LEDGER_HEAD.c[1:]})
)

_DEPOSIT: Final = select(DEPOSITS).where(DEPOSITS.c.statement_id == bindparam("statement_id"))
_DEPOSIT_AT: Final = select(DEPOSITS).where(DEPOSITS.c.seq == bindparam("seq"))
_DEPOSITS_FROM: Final = (
    select(DEPOSITS).where(DEPOSITS.c.seq >= bindparam("first")).order_by(DEPOSITS.c.seq).limit(bindparam("count"))
)
_LATEST_OF: Final = (
    select(DEPOSITS)
    .where(DEPOSITS.c.depositor == bindparam("depositor"))
    .order_by(DEPOSITS.c.nth.desc())
    .limit(bindparam("count"))
)
_DEPOSITOR: Final = select(DEPOSITORS).where(DEPOSITORS.c.id == bindparam("depositor"))
_CODE: Final = select(CODES).where(CODES.c.depositor == bindparam("depositor"))
_REPLACE_CODE: Final = update(CODES).where(CODES.c.depositor == bindparam("of"))
_EVENTS_FROM: Final = select(EVENTS).where(EVENTS.c.number >= bindparam("first")).order_by(EVENTS.c.number)
_EVENTS_OF: Final = select(EVENTS).where(EVENTS.c.depositor == bindparam("depositor")).order_by(EVENTS.c.number)

_RECORD: Final = select(RECORDS).where(RECORDS.c["index"] == bindparam("index"))
_RECORDS: Final = select(RECORDS).order_by(RECORDS.c["index"])
_RECORDS_FROM: Final = _RECORDS.where(RECORDS.c["index"] >= bindparam("first")).limit(bindparam("count"))
_RECORDS_OF: Final = _RECORDS.where(RECORDS.c.depositor == bindparam("depositor"))
_BATCH_FROM: Final = (
    select(RECORDS).where(RECORDS.c.first_seq <= bindparam("seq")).order_by(RECORDS.c.first_seq.desc()).limit(1)
)

_COVERING: Final = (
    select(CHECKPOINTS.c.note).where(CHECKPOINTS.c.size > bindparam("index")).order_by(CHECKPOINTS.c.size).limit(1)
)
_LATEST: Final = select(CHECKPOINTS.c.note).order_by(CHECKPOINTS.c.size.desc()).limit(1)
_ADD_CHECKPOINT: Final = text("INSERT INTO checkpoints (size, note) VALUES (:size, :note) ON CONFLICT DO NOTHING")

_STATEMENTS_OF: Final = (
    select(DEPOSITS.c.statement_id).where(DEPOSITS.c.depositor == bindparam("depositor")).order_by(DEPOSITS.c.nth)
)
_VAULTS: Final = select(VAULTS).order_by(VAULTS.c.address_hash)
_VAULT: Final = select(VAULTS.c.depositor).where(VAULTS.c.address_hash == bindparam("vault"))
_BLOBS: Final = select(VAULT_BLOBS).where(VAULT_BLOBS.c.vault == bindparam("vault")).order_by(VAULT_BLOBS.c.name)
_BLOB: Final = select(VAULT_BLOBS).where(
    VAULT_BLOBS.c.vault == bindparam("vault"), VAULT_BLOBS.c.name == bindparam("name")
)
_CLOSURE: Final = select(VAULT_CLOSURES).where(VAULT_CLOSURES.c.vault == bindparam("vault"))
_VAULT_BYTES: Final = select(func.coalesce(func.sum(VAULT_BLOBS.c.size), 0))
_OPEN_SIZES: Final = (
    select(VAULT_BLOBS.c.vault, func.sum(VAULT_BLOBS.c.size))
    .join_from(VAULTS, VAULT_BLOBS)
    .where(VAULTS.c.depositor == bindparam("depositor"))
    .where(VAULTS.c.address_hash.not_in(select(VAULT_CLOSURES.c.vault)))
    .group_by(VAULT_BLOBS.c.vault)
)


@cache
def _known(size: int) -> ClauseElement:
    return select(DEPOSITS).where(one_of(DEPOSITS.c.statement_id, size))


@cache
def _known_texts(size: int) -> ClauseElement:
    found = select(STATEMENT_TEXTS.c.text_sha256, DEPOSITS).join_from(STATEMENT_TEXTS, DEPOSITS)
    return found.where(one_of(STATEMENT_TEXTS.c.text_sha256, size))


@cache
def _last_nth(size: int) -> ClauseElement:
    # One look at the end of an index for each depositor; GROUP BY would read all that they ever deposited.
    last = select(func.max(DEPOSITS.c.nth)).where(DEPOSITS.c.depositor == DEPOSITORS.c.id).scalar_subquery()
    return select(DEPOSITORS.c.id, last).where(one_of(DEPOSITORS.c.id, size))


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
        return self._all(IntakeHead, _INTAKE_HEAD)[0]

    def ledger_head(self) -> LedgerHead:
        return self._all(_read_ledger_head, _LEDGER_HEAD)[0]

    def deposit(self, statement_id: bytes) -> Deposit | None:
        return self._first(Deposit, _DEPOSIT, statement_id=statement_id)

    def deposit_at(self, seq: int) -> Deposit | None:
        return self._first(Deposit, _DEPOSIT_AT, seq=seq)

    def deposits(self, first_seq: int, count: int) -> Iterator[Deposit]:
        return self._stream(Deposit, _DEPOSITS_FROM, first=first_seq, count=count)

    def latest_of(self, depositor: str, count: int) -> Iterator[Deposit]:
        return self._stream(Deposit, _LATEST_OF, depositor=depositor, count=count)

    def known(self, statement_ids: Sequence[bytes]) -> Mapping[bytes, Deposit]:
        return {deposit.statement_id: deposit for deposit in self._all_of(Deposit, _known, statement_ids)}

    def known_texts(self, hashes: Sequence[bytes]) -> Mapping[bytes, Deposit]:
        return dict(self._all_of(_text, _known_texts, hashes))

    def next_nth(self, depositors: Sequence[str]) -> Mapping[str, int]:
        last = {name: nth for name, nth in self._all_of(_pair, _last_nth, depositors) if nth is not None}
        return {depositor: last.get(depositor, -1) + 1 for depositor in depositors}

    def depositor(self, depositor: str) -> Depositor | None:
        return self._first(Depositor, _DEPOSITOR, depositor=depositor)

    def code(self, depositor: str) -> Code | None:
        return self._first(Code, _CODE, depositor=depositor)

    def events(self, first: int) -> Sequence[Event]:
        return self._all(Event, _EVENTS_FROM, first=first)

    def events_of(self, depositor: str) -> Sequence[Event]:
        return self._all(Event, _EVENTS_OF, depositor=depositor)

    def record(self, index: int) -> StoredRecord | None:
        return self._first(StoredRecord, _RECORD, index=index)

    def records(self, first: int, count: int) -> Iterator[StoredRecord]:
        return self._stream(StoredRecord, _RECORDS_FROM, first=first, count=count)

    def records_of(self, depositor: str) -> Sequence[StoredRecord]:
        return self._all(StoredRecord, _RECORDS_OF, depositor=depositor)

    def batch_of(self, seq: int) -> StoredRecord | None:
        batch = self._first(StoredRecord, _BATCH_FROM, seq=seq)
        return batch if batch is not None and seq < batch.entries else None

    def checkpoint_covering(self, index: int) -> bytes | None:
        return self._first(bytes, _COVERING, index=index)

    def latest_checkpoint(self) -> bytes | None:
        return self._first(bytes, _LATEST)

    def statements_of(self, depositor: str) -> Sequence[bytes]:
        return self._all(bytes, _STATEMENTS_OF, depositor=depositor)

    def vault_depositor(self, vault: bytes) -> str | None:
        return self._first(str, _VAULT, vault=vault)

    def vaults(self) -> Sequence[tuple[bytes, str]]:
        return self._all(_vault, _VAULTS)

    def vault_blob(self, vault: bytes, name: str) -> VaultBlob | None:
        return self._first(VaultBlob, _BLOB, vault=vault, name=name)

    def vault_blobs(self, vault: bytes) -> Sequence[VaultBlob]:
        return self._all(VaultBlob, _BLOBS, vault=vault)

    def vault_closure(self, vault: bytes) -> VaultClosure | None:
        return self._first(VaultClosure, _CLOSURE, vault=vault)

    def vault_bytes(self) -> int:
        return self._all(int, _VAULT_BYTES)[0]

    def open_sizes(self, depositor: str) -> Mapping[bytes, int]:
        return dict(self._all(_size, _OPEN_SIZES, depositor=depositor))


class SqlIntake(SqlView):
    """See ``ports.Intake``. Holds the intake lock from its construction to the end of its transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        (self._head,) = self._all(IntakeHead, _LOCK_INTAKE)

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
        if not self._write(_REPLACE_CODE, [{"of": code.depositor, **row}]):
            self._write(insert(CODES), [row])

    def bind_vault(self, vault: bytes, depositor: str) -> None:
        self._write(insert(VAULTS), [{"address_hash": vault, "depositor": depositor}])

    def add_vault_blob(self, blob: VaultBlob) -> None:
        self._write(insert(VAULT_BLOBS), _rows(VAULT_BLOBS, [blob]))

    def close_vault(self, closure: VaultClosure) -> None:
        self._write(insert(VAULT_CLOSURES), _rows(VAULT_CLOSURES, [closure]))

    def move_intake(self, head: IntakeHead) -> None:
        moved = {"new_next_seq": head.next_seq, "new_last_received_at": head.last_received_at}
        change(self._connection, _MOVE_INTAKE, moved | {"new_next_event": head.next_event})
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

    @contextmanager
    def view(self) -> Iterator[SqlView]:
        with self._reading() as connection:
            yield SqlView(connection)

    def deposit(self, statement_id: bytes) -> Deposit | None:
        try:
            with translated():  # a pool that is used up
                row = look_up(self._engines.reader, _DEPOSIT, {"statement_id": statement_id})
        except StorageError:  # once more, by the way that finds out whether the server has ended every connection
            with self.view() as view:
                return view.deposit(statement_id)
        return None if row is None else Deposit(*row)

    @contextmanager
    def intake(self) -> Iterator[SqlIntake]:
        with self._transaction() as connection:
            yield SqlIntake(connection)

    def append(self, old: LedgerHead, new: LedgerHead, records: Sequence[StoredRecord]) -> None:
        if not records or [record.index for record in records] != list(range(old.size, new.size)):
            raise ValueError(f"records to append must be those from index {old.size} to {new.size - 1}, at least one")
        with self._transaction() as connection:
            swapped = connection.execute(_SWAP_LEDGER, _ledger_head("old", old) | _ledger_head("new", new))
            if swapped.rowcount != 1:
                raise HeadMovedError(f"the ledger's head is no longer at size {old.size}: another worker sealed first")
            connection.execute(insert(RECORDS), _rows(RECORDS, records))

    def add_checkpoint(self, size: int, note: bytes) -> None:
        with self._transaction() as connection:
            connection.execute(_ADD_CHECKPOINT, {"size": size, "note": note})

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
