"""Engines and whatever else depends on the database's dialect; nothing outside this module does.

SQLite runs in WAL with full sync, through two engines. The writer begins IMMEDIATE: a transaction that began as a
reader could not wait for another writer, it would fail with "database is locked". The reader begins deferred and
refuses writes, so that it never takes the write lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from sqlalchemy import URL, BigInteger, Connection, Engine, Integer, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hefu_service.ports import StorageError

# A BIGINT key would not be SQLite's own row number, and cost a second index.
WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")
"""The type of whole numbers: 64 bits on every dialect."""

_WAIT_S: Final = 10  # for a lock, or a connection of the pool
_COMMON: Final = ("foreign_keys=ON", "recursive_triggers=ON", "synchronous=FULL", "fullfsync=ON")
# fullfsync is for macOS, where a sync stops at the drive's own cache. Without recursive_triggers an INSERT OR REPLACE
# would delete a row without asking the trigger that refuses it.


class Engines(NamedTuple):
    """Two ways into one database."""

    writer: Engine
    reader: Engine

    def dispose(self) -> None:
        """Close every connection that is not in use."""
        self.reader.dispose()
        self.writer.dispose()


@contextmanager
def translated(*, unknown: bool = False) -> Iterator[None]:
    """Turn the database's errors into StorageError; ``unknown`` as there."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        # PostgreSQL's second line, the detail, would quote the row.
        raise StorageError(f"database: {str(cause).partition(chr(10))[0]}", unknown=unknown) from error


def sqlite_url(path: Path) -> URL:
    """Name a database file."""
    return URL.create("sqlite", database=str(path.absolute()))


def open_engines(url: URL, *, create: bool = False) -> Engines:
    """Open a database; StorageError if there is none, unless ``create``."""
    if url.get_backend_name() != "sqlite":
        raise StorageError(f"databases of {url.get_backend_name()!r} are not supported, SQLite is")
    path = Path(url.database or "")
    try:
        if create:
            path.touch(mode=0o600)
        path.stat()
    except OSError as error:
        raise StorageError(f"database {path}: {error.strerror}") from error
    # Threads queue for the one writing connection, in turn and without sleeping as SQLite's own waiting does.
    writer = _sqlite_engine(path, "BEGIN IMMEDIATE", "journal_mode=WAL", pool_size=1, max_overflow=0)
    reader = _sqlite_engine(path, "BEGIN", "query_only=ON", pool_size=8, max_overflow=-1)
    return Engines(writer, reader)


def append_only(dialect: str, table: str) -> list[str]:
    """Give the DDL of the triggers that refuse to change or delete a table's rows."""
    if dialect != "sqlite":
        raise StorageError(f"databases of {dialect!r} are not supported, SQLite is")
    return [
        f"CREATE TRIGGER {table}_refuse_{action} BEFORE {action} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        for action in ("update", "delete")
    ]


def _sqlite_engine(path: Path, begin: str, pragma: str, **pool: int) -> Engine:
    engine = create_engine(
        # mode=rw: a database that is not there is an error, not an empty new one.
        URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"}),
        connect_args={"isolation_level": None, "timeout": _WAIT_S},  # None: the driver begins nothing by itself
        hide_parameters=True,
        pool_timeout=_WAIT_S,
        **pool,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        for setting in (*_COMMON, pragma):
            connection.execute(f"PRAGMA {setting}").close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
