"""Statements written by SQLAlchemy and run by the driver directly, which is faster than SQLAlchemy's own way.

A deposit costs five statements and a receipt one. Each runs in the transaction of the connection that it is given,
which MUST have begun: nothing here begins one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ClauseElement, Connection, Dialect, Engine, PoolProxiedConnection, Table, insert

from hefu_service.ports.errors import StorageError
from hefu_service.store.engines import storage_error

_COPIED_AS: Final = {bytes: "bytea", int: "int8", str: "text"}  # int8: engines.WHOLE on PostgreSQL


def fetch(connection: Connection, query: ClauseElement, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """All rows of a query, their values as the driver gives them: no booleans on SQLite."""
    with _cursor(connection.connection, connection.dialect, query, parameters) as cursor:
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def change(connection: Connection, statement: ClauseElement, parameters: Mapping[str, object]) -> int:
    """As ``fetch``, of a statement that gives no rows; gives how many it met."""
    with _cursor(connection.connection, connection.dialect, statement, parameters) as cursor:
        return int(cursor.rowcount)


def look_up(engine: Engine, query: ClauseElement, parameters: Mapping[str, object]) -> tuple[Any, ...] | None:
    """The first row of a query that needs no snapshot: in no transaction, and so in one round trip."""
    with _translated(engine.dialect):
        connection = engine.raw_connection()
    try:
        with _cursor(connection, engine.dialect, query, parameters) as cursor:
            row: tuple[Any, ...] | None = cursor.fetchone()
    except StorageError:
        connection.invalidate()  # its state is unknown, so it is not used again
        raise
    finally:
        connection.close()
    return row


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have a value for every column, in the order of the columns, by the fastest way there is."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    elif rows:
        _insert(connection, table, rows)


@contextmanager
def _cursor(
    connection: PoolProxiedConnection, dialect: Dialect, statement: ClauseElement, parameters: Mapping[str, object]
) -> Iterator[Any]:
    written = _written(statement, dialect)
    given = {**written.constants, **parameters}
    with _translated(dialect), closing(connection.cursor()) as cursor:
        cursor.execute(written.text, given if written.order is None else [given[name] for name in written.order])
        yield cursor


@contextmanager
def _translated(dialect: Dialect) -> Iterator[None]:
    try:
        yield
    except dialect.loaded_dbapi.Error as error:  # past SQLAlchemy, which would have wrapped it
        raise storage_error(error) from None


class _Written(NamedTuple):
    """A statement as the driver takes it; ``order`` of the parameters' names, where it goes by their places."""

    text: str
    constants: Mapping[str, object]
    order: Sequence[str] | None


@lru_cache(maxsize=1024)
def _written(statement: ClauseElement, dialect: Dialect) -> _Written:
    compiled: Any = statement.compile(dialect=dialect)
    constants = {name: compiled.params[name] for bind, name in compiled.bind_names.items() if not bind.required}
    return _Written(str(compiled), constants, compiled.positiontup if compiled.positional else None)


_insert_into: Final = cache(insert)  # one for each table, whose text is then found


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    text = _written(_insert_into(table), connection.dialect).text
    with _translated(connection.dialect), closing(connection.connection.cursor()) as cursor:
        cursor.executemany(text, [tuple(row.values()) for row in rows])


def _copy(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """COPY in its binary form, which is faster than INSERTs."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    text = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'
    cursor: Any = connection.connection.cursor()  # psycopg's own
    with _translated(connection.dialect), cursor, cursor.copy(text) as copy:
        copy.set_types([_COPIED_AS[column.type.python_type] for column in table.columns])
        for row in rows:
            copy.write_row(tuple(row.values()))
