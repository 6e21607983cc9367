"""Rows of deposits put into the service's own table by the driver alone, with the service's own durability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import URL

from hefu_service.ports.rows import Deposit
from hefu_service.store.engines import open_engines


class Rows(Protocol):
    """A connection; what was inserted is sure to be there once it is committed."""

    def insert(self, deposits: Sequence[Deposit]) -> None:
        """Insert them in one go."""

    def commit(self) -> None:
        """Durable on return."""

    def vacuum(self) -> None:
        """Leave the database as it would be, had its rows come over months."""


@contextmanager
def rows(url: URL) -> Iterator[Rows]:
    """Connect to a database of the service's schema."""
    engines = open_engines(url)
    connection = engines.writer.raw_connection()
    try:
        yield (_Postgresql if url.get_backend_name() == "postgresql" else _Sqlite)(connection.driver_connection)
    finally:
        connection.close()
        engines.dispose()


def _row(deposit: Deposit) -> tuple[object, ...]:
    return deposit.seq, deposit.depositor, deposit.nth, deposit.statement_id, deposit.statement, deposit.acceptance


class _Sqlite:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.execute("PRAGMA cache_size=-1000000")  # 1 GB: identities are random, and so are their index's pages

    def insert(self, deposits: Sequence[Deposit]) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO deposits VALUES (?, ?, ?, ?, ?, ?)", map(_row, deposits))

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def vacuum(self) -> None:
        """Nobody does."""


class _Postgresql:
    """Each COPY is a transaction, for the connection commits by itself; larger ones would touch no fewer pages."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def insert(self, deposits: Sequence[Deposit]) -> None:
        with self._connection.cursor() as cursor, cursor.copy("COPY deposits FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "text", "int8", "bytea", "bytea", "text"])
            for deposit in deposits:
                copy.write_row(_row(deposit))

    def commit(self) -> None:
        """It is."""

    def vacuum(self) -> None:
        # Autovacuum would have done the one many times by then, and the checkpointer the other every five minutes.
        self._connection.execute("VACUUM (ANALYZE)")
        self._connection.execute("CHECKPOINT")
