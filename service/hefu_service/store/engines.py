"""Engines, and all else that depends on the database's dialect; only this module and ``direct`` know dialects.

Both dialects have two engines, a writer and a reader that cannot write, and both are refused where a setting would let
a committed transaction be lost.

SQLite runs in WAL with full sync. The writer begins IMMEDIATE: a transaction that began as a reader could not wait for
another writer, it would fail with "database is locked". The reader begins deferred, so that it never takes the lock.

PostgreSQL's writer reads committed rows: a statement that has waited for a row sees it as its last writer left it,
where a snapshot would be too old to write upon. The reader has one snapshot a transaction. Both are said in each BEGIN,
so that they hold behind a pooler too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Insert,
    Integer,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from hefu_service.ports.errors import StorageError

# A BIGINT key would not be SQLite's own row number, and cost a second index.
WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")
"""The type of whole numbers: 64 bits on every dialect."""

_WAIT_S: Final = 10  # for a lock, or a connection of the pool


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
        raise storage_error(error.orig if isinstance(error, DBAPIError) else error, unknown=unknown) from None


def storage_error(cause: BaseException | None, *, unknown: bool = False) -> StorageError:
    """A database's error as one of the port's."""
    # The first line alone, and never the cause itself: PostgreSQL's next lines quote the row.
    return StorageError(f"database: {str(cause).partition(chr(10))[0]}", unknown=unknown)


def sqlite_url(path: Path) -> URL:
    """Name a database file."""
    return URL.create("sqlite", database=str(path.absolute()))


def server_url(name: str) -> URL:
    """Name a database by its URL, ``postgresql://…``; StorageError if it is none."""
    try:
        return make_url(name)
    except (ArgumentError, ValueError):
        raise StorageError("the name of the database is no URL such as postgresql://hefu@db.example/hefu") from None


def open_engines(url: URL, *, create: bool = False) -> Engines:
    """Open a database; StorageError if there is none, unless ``create`` (a server's database is never made here)."""
    match url.get_backend_name():
        case "sqlite":
            return _open_sqlite(Path(url.database or ""), create=create)
        case "postgresql":
            return _open_postgresql(url.set(drivername="postgresql+psycopg"))
        case other:
            raise _unsupported(other)


def check_durable(engine: Engine) -> None:
    """Raise StorageError, naming the setting, if a commit could be lost; each new connection is asked again."""
    with translated(), engine.connect():
        pass


def check_replicated(connection: Connection) -> None:
    """Raise StorageError, ``unknown``, if the commit just made was answered with a warning.

    PostgreSQL ends a cancelled wait for a standby with success and a warning, whose words depend on its language.
    """
    if warnings := connection.info.get(_WARNINGS):
        raise StorageError(f"database: committed, but with a warning: {'; '.join(warnings)}", unknown=True)


def begin_upgrade(connection: Connection) -> None:
    """Wait for other processes that upgrade; the transaction then waits 4 s at most for those that work."""
    if connection.dialect.name == "postgresql":  # SQLite's transaction has begun with the lock on everything
        connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE)))
        connection.execute(text("SET LOCAL lock_timeout = '4s'"))


def append_only(dialect: str, table: str) -> list[str]:
    """Give the DDL of the triggers that refuse to change or delete a table's rows."""
    match dialect:
        case "sqlite":
            return [
                f"CREATE TRIGGER {table}_refuse_{action} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
                for action in ("update", "delete")
            ]
        case "postgresql":
            refuse = f"RAISE EXCEPTION '{table} are append-only'"
            changes = f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"
            return [
                f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refuse}; END $$",
                f"CREATE TRIGGER {table}_refuse {changes} EXECUTE FUNCTION {table}_refuse()",
            ]
        case other:
            raise _unsupported(other)


def lock_all(connection: Connection, tables: Sequence[Table]) -> None:
    """Let others read and not write until the end of the transaction, which may take its time."""
    if connection.dialect.name == "postgresql":  # SQLite's transaction has begun with the lock on everything
        take_time(connection)
        names = ", ".join(table.name for table in tables)
        connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


def take_time(connection: Connection) -> None:
    """Let this one transaction wait for another database as long as it must."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def let_all_read(connection: Connection, table: Table) -> None:
    """Let every role read a table."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"GRANT SELECT ON {table.name} TO PUBLIC"))


def put(connection: Connection, table: Table, *, replacing: bool) -> Insert:
    """Insert a row unless one of its key is there, which is replaced or left as it is."""
    statement = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    changed = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=others)
    chosen: Insert = changed if replacing else statement.on_conflict_do_nothing()
    return chosen


def refuse_writes(connection: Connection, tables: Sequence[Table]) -> None:
    """Refuse every further write, of programs that have the database open too."""
    for table in tables:
        for statement in _moved(connection.dialect.name, table.name):
            connection.exec_driver_sql(statement)


def _moved(dialect: str, table: str) -> list[str]:
    told = f"{table}: this ledger has moved to another database"
    if dialect == "postgresql":
        refuse = f"RAISE EXCEPTION '{told}'"
        changes = f"BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH STATEMENT"
        return [
            f"CREATE FUNCTION {table}_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refuse}; END $$",
            f"CREATE TRIGGER {table}_moved {changes} EXECUTE FUNCTION {table}_moved()",
        ]
    return [
        f"CREATE TRIGGER {table}_moved_{action} BEFORE {action} ON {table} BEGIN SELECT RAISE(ABORT, '{told}'); END"
        for action in ("insert", "update", "delete")
    ]


def _begin_by(engine: Engine, begin: str) -> None:
    """Begin transactions in our own words; the engine's driver begins none by itself."""

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _unsupported(dialect: str) -> StorageError:
    return StorageError(f"databases of {dialect!r} are not supported, SQLite and PostgreSQL are")


def _refuse(unsafe: list[str]) -> None:
    if unsafe:
        raise StorageError(f"the database would lose commits when the machine fails: {', '.join(unsafe)}; set it right")


# --- SQLite ---

_PRAGMAS: Final = ("foreign_keys=ON", "recursive_triggers=ON", "synchronous=FULL", "fullfsync=ON")
# fullfsync is for macOS, where a sync stops at the drive's own cache. Without recursive_triggers an INSERT OR REPLACE
# would delete a row without asking the trigger that refuses it.
_DURABLE: Final = {"journal_mode": "wal", "synchronous": 2}  # 2: FULL


def _open_sqlite(path: Path, *, create: bool) -> Engines:
    try:
        if create:
            path.touch(mode=0o600)
        path.stat()
    except OSError as error:
        raise StorageError(f"database {path}: {error.strerror}") from error
    # Threads queue for the one writing connection, in turn and without sleeping as SQLite's own waiting does.
    writer = _sqlite_engine(path, "BEGIN IMMEDIATE", "journal_mode=WAL", cache_mib=64, pool_size=1, max_overflow=0)
    # The one used last is taken first: few are kept busy, and their caches still hold the indexes.
    readers = {"pool_size": 64, "max_overflow": -1, "pool_use_lifo": True}
    reader = _sqlite_engine(path, "BEGIN", "query_only=ON", cache_mib=8, **readers)
    return Engines(writer, reader)


def _sqlite_engine(path: Path, begin: str, pragma: str, *, cache_mib: int, **pool: int) -> Engine:
    """``cache_mib`` holds the inner pages of the indexes of tens of millions of deposits; SQLite's own 2 do not."""
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
        for setting in (*_PRAGMAS, pragma, f"cache_size=-{1024 * cache_mib}"):
            connection.execute(f"PRAGMA {setting}").close()
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _DURABLE}
        _refuse([f"{name}={found[name]}" for name, safe in _DURABLE.items() if found[name] != safe])

    _begin_by(engine, begin)
    return engine


# --- PostgreSQL ---

_UPGRADE: Final = 0x68656675  # the advisory lock's number: "hefu"
_UNSAFE: Final = (
    "SELECT name || '=' || setting FROM pg_settings"
    " WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'"
    " OR name = 'synchronous_commit' AND setting = 'local' ORDER BY name"  # a standby would not be waited for
)
_WARNINGS: Final = "hefu.warnings"  # of a writer's connection, since its last COMMIT was sent
# A process that hangs in the middle of a transaction must not hold the head's row for ever.
_PATIENCE: Final = f"SET lock_timeout = '{_WAIT_S}s'; SET idle_in_transaction_session_timeout = '{_WAIT_S}s'"
# A server that vanishes without a word, as when its machine fails, would hold the commit of all that waits for hours.
_NOTICED: Final = {
    "connect_timeout": _WAIT_S,
    "tcp_user_timeout": 1000 * _WAIT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def _open_postgresql(url: URL) -> Engines:
    writer = _postgresql_engine(url, "BEGIN ISOLATION LEVEL READ COMMITTED", pool_size=4, max_overflow=0)
    reader = _postgresql_engine(url, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", pool_size=8, max_overflow=8)

    @event.listens_for(writer, "connect")
    def be_patient(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.execute(_PATIENCE)
        warnings: list[str] = record.info.setdefault(_WARNINGS, [])

        def hear(notice: Any) -> None:
            if notice.severity_nonlocalized == "WARNING":
                warnings.append(notice.message_primary)

        connection.add_notice_handler(hear)

    @event.listens_for(writer, "commit")
    def refuse_failed(connection: Connection) -> None:
        """The server would roll back, and call it a success."""
        if connection.connection.driver_connection.info.transaction_status.name == "INERROR":  # type: ignore[union-attr]  # psycopg's
            raise StorageError("database: a statement had failed before the commit; nothing was written")
        connection.info[_WARNINGS].clear()

    return Engines(writer, reader)


def _postgresql_engine(url: URL, begin: str, **pool: int) -> Engine:
    noticed = {name: value for name, value in _NOTICED.items() if name not in url.query}  # the URL's own word counts
    try:
        engine = create_engine(
            url,
            connect_args={**noticed, "client_encoding": "utf8", "autocommit": True},
            hide_parameters=True,
            pool_timeout=_WAIT_S,
            **pool,
        )
    except ModuleNotFoundError:
        raise StorageError("PostgreSQL needs psycopg: pip install 'hefu[postgres]'") from None

    @event.listens_for(engine, "connect")
    def check(connection: Any, _: object) -> None:
        _refuse([row[0] for row in connection.execute(_UNSAFE)])

    _begin_by(engine, begin)
    return engine
