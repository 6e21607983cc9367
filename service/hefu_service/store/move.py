"""The move of a ledger from its database into another, empty one.

::

    the source is locked ── rows that only grow, some at a time ──▶ the target, marked "coming"
      ── in one transaction of the target: rows that change, and the proof of every table ──
      the source is marked "gone" ── the target's mark is dropped

A process that dies leaves one database or none to start on, never two; the same command goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import URL, ColumnElement, Connection, Engine, Table, delete, func, insert, select

from hefu_service.ports.errors import StorageError
from hefu_service.store.engines import (
    Engines,
    check_durable,
    let_all_read,
    lock_all,
    open_engines,
    put,
    refuse_writes,
    take_time,
    translated,
)
from hefu_service.store.mark import COMING, GONE, MARK, ledger_of, place_of, read_mark
from hefu_service.store.migrate import check_revision, upgrade
from hefu_service.store.tables import APPEND_ONLY, INTAKE_HEAD, LEDGER_HEAD, METADATA
from hefu_service.texts import sentence

ROWS: Final = 2_000  # of one transaction
_TABLES: Final = METADATA.sorted_tables  # each after those that it refers to
_REFERRED: Final = {key.column.table for table in _TABLES for key in table.foreign_keys}
_GROWING: Final = [table for table in _TABLES if table.name in APPEND_ONLY or table in _REFERRED]
_CHANGING: Final = [table for table in _TABLES if table not in _GROWING]

COPIED: Final = "copied"
COMPARED: Final = "compared"
Tell = Callable[[str, str, int, int], None]
"""Called with the step, a table's name, the rows that are done, and all of them."""


class Proof(NamedTuple):
    """A table that is the same in both databases: its rows, and the hex digest over them, in any order."""

    table: str
    rows: int
    digest: str


def move(source: URL, target: URL, tell: Tell) -> list[Proof]:
    """Move a ledger, or go on with its move; no proofs where it had arrived already.

    StorageError where it cannot; the source then is the ledger's as before.
    """
    with closing_engines(source) as old_engines, translated():
        check_revision(old_engines.reader)
        with old_engines.writer.connect() as old, old.begin() as leaving:
            lock_all(old, _TABLES)
            ledger = _ledger_to_move(old, target)
            upgrade(target)
            with closing_engines(target) as new_engines:
                check_durable(new_engines.writer)
                if _has_arrived(old, new_engines.writer, ledger):
                    return []
                _claim(new_engines.writer, ledger, place_of(source))
                for table in _GROWING:
                    _fill(old, new_engines.writer, table, tell)
                with new_engines.writer.begin() as new:
                    take_time(new)
                    proofs = _finish(old, new, tell)
                    _mark_gone(old, place_of(target), ledger)
                    leaving.commit()  # before the target's: a crash between the two leaves none to start on
    return proofs


@contextmanager
def closing_engines(url: URL) -> Iterator[Engines]:
    """Open a database, and close it at the end."""
    engines = open_engines(url)
    try:
        yield engines
    finally:
        engines.dispose()


def holds_ledger(url: URL) -> bool:
    """Whether a database holds a ledger that has not moved away."""
    with closing_engines(url) as engines, translated(), engines.reader.connect() as connection:
        return ledger_of(connection) is not None and read_mark(connection) is None


def is_vacant(url: URL) -> bool:
    """Whether a database holds no ledger, and none has come to it or gone from it."""
    with closing_engines(url) as engines, translated(), engines.reader.connect() as connection:
        return ledger_of(connection) is None and read_mark(connection) is None


def has_gone(url: URL) -> bool:
    """Whether the ledger of a database has moved away. SQLite then has all rows in its one file."""
    with closing_engines(url) as engines, translated(), engines.writer.connect() as connection:
        mark = read_mark(connection)
    return mark is not None and mark.state == GONE


def _ledger_to_move(old: Connection, target: URL) -> bytes:
    ledger, mark = ledger_of(old), read_mark(old)
    if ledger is None:
        raise StorageError(sentence("move.none"))
    if mark is not None and (mark.state, mark.place) != (GONE, place_of(target)):
        raise StorageError(sentence("move.elsewhere", place=mark.place))
    return ledger


def _has_arrived(old: Connection, target: Engine, ledger: bytes) -> bool:
    """Whether an earlier attempt died after its last step; StorageError where the ledger has arrived and gone since."""
    with target.connect() as new:
        mark, there = read_mark(new), ledger_of(new)
    if read_mark(old) is None or mark is not None:
        return False
    if there != ledger:
        raise StorageError(sentence("move.lost"))
    return True


def _claim(target: Engine, ledger: bytes, place: str) -> None:
    """Mark an empty target, or find it marked by an earlier attempt."""
    with target.begin() as new:
        mark = read_mark(new)
        if mark is not None:
            if (mark.state, mark.ledger) != (COMING, ledger):
                raise StorageError(sentence("move.not_empty"))
        else:
            if not _is_empty(new):
                raise StorageError(sentence("move.not_empty"))
            MARK.create(new)
            let_all_read(new, MARK)
            new.execute(insert(MARK), {"id": 1, "state": COMING, "place": place, "ledger": ledger})


def _is_empty(new: Connection) -> bool:
    heads = [new.execute(select(*columns)).one() for columns in _BEGINNING]
    others = [table for table in _TABLES if table not in (INTAKE_HEAD, LEDGER_HEAD)]
    return not any(map(any, heads)) and not any(_count(new, table) for table in others)


_BEGINNING: Final = (
    (INTAKE_HEAD.c.next_seq, INTAKE_HEAD.c.next_event),
    (LEDGER_HEAD.c.size, LEDGER_HEAD.c.entries),
)


def _fill(old: Connection, target: Engine, table: Table, tell: Tell) -> None:
    """Copy the rows that the target lacks; those that an earlier attempt brought are passed over where they can be."""
    total = _count(old, table)
    with target.connect() as new:
        reached = _reached(new, table)
        done = 0 if reached is None else _count(new, table)
    if done:
        tell(COPIED, table.name, done, total)
    _copy(old, target, table, reached, lambda more: tell(COPIED, table.name, done + more, total))
    with target.connect() as new:
        complete = _count(new, table) == total and table.name in APPEND_ONLY
    if not complete and reached is not None:  # the source has grown since, in between
        _copy(old, target, table, None, lambda more: tell(COPIED, table.name, more, total))


def _copy(old: Connection, target: Engine, table: Table, after: Any, tell: Callable[[int], None]) -> None:
    query = select(table).order_by(*table.primary_key)
    if after is not None:
        query = query.where(_key(table) > after)
    done = 0
    for rows in _chunks(old, query):
        with target.begin() as new:
            new.execute(put(new, table, replacing=table.name not in APPEND_ONLY), rows)
        done += len(rows)
        tell(done)


def _key(table: Table) -> ColumnElement[Any]:
    return next(iter(table.primary_key))


def _reached(new: Connection, table: Table) -> Any:
    """The last key that has arrived; None where keys have no order that both databases keep, as texts have not."""
    if len(table.primary_key) > 1 or _key(table).type.python_type is str:
        return None
    return new.scalar(select(func.max(_key(table))))


def _chunks(old: Connection, query: Any) -> Iterator[Sequence[dict[str, Any]]]:
    found = old.execute(query, execution_options={"yield_per": ROWS})
    with closing(found):
        for rows in found.mappings().partitions():
            yield [dict(row) for row in rows]


def _finish(old: Connection, new: Connection, tell: Tell) -> list[Proof]:
    """Copy the rows that change, hold every table against its source, and drop the mark; all or nothing."""
    for table in reversed(_CHANGING):
        new.execute(delete(table))
    for table in _CHANGING:
        for rows in _chunks(old, select(table)):
            new.execute(insert(table), rows)
        tell(COPIED, table.name, _count(new, table), _count(old, table))
    proofs = [_prove(old, new, table, tell) for table in _TABLES]
    MARK.drop(new)
    return proofs


def _prove(old: Connection, new: Connection, table: Table, tell: Tell) -> Proof:
    total = 2 * _count(old, table)
    there = _digest(old, table, lambda done: tell(COMPARED, table.name, done, total))
    here = _digest(new, table, lambda done: tell(COMPARED, table.name, there[0] + done, total))
    if there != here:
        raise StorageError(sentence("move.differs", table=table.name, there=there[0], here=here[0]))
    return Proof(table.name, *here)


def _digest(connection: Connection, table: Table, tell: Callable[[int], None]) -> tuple[int, str]:
    """The number of rows, and the sum of their hashes: no order of texts is the same in every database."""
    count = total = 0
    for rows in _chunks(connection, select(table)):
        count += len(rows)
        total += sum(int.from_bytes(sha256(_bytes(row)).digest(), "big") for row in rows)
        tell(count)
    return count, f"{total % (1 << 256):064x}"


def _bytes(row: dict[str, Any]) -> bytes:
    parts = [value if isinstance(value, bytes) else repr(value).encode() for value in row.values()]
    kinds = [type(value).__name__ for value in row.values()]
    return repr([(kind, len(part)) for kind, part in zip(kinds, parts, strict=True)]).encode() + b"".join(parts)


def _mark_gone(old: Connection, place: str, ledger: bytes) -> None:
    """Refuse the source from now on, also to programs that have it open."""
    if read_mark(old) is None:
        MARK.create(old)
        let_all_read(old, MARK)
        old.execute(insert(MARK), {"id": 1, "state": GONE, "place": place, "ledger": ledger})
        refuse_writes(old, _TABLES)


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
