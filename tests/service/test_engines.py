"""What differs from database to database: opening one, its locks, its triggers, and what would lose a commit."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event, make_url, select
from tests.support.postgres import Postgres, execute
from tests.support.sample_store import add, count, deposit

from hefu_service.ports.errors import StorageError
from hefu_service.ports.store import Store
from hefu_service.store.direct import fetch, look_up
from hefu_service.store.engines import Engines, append_only, open_engines, server_url, sqlite_url
from hefu_service.store.migrate import upgrade
from hefu_service.store.sql import SqlStore, open_store
from hefu_service.store.tables import APPEND_ONLY, INTAKE_HEAD, METADATA

ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
UPDATE, DELETE = "UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"


# --- what both refuse, each in its own way ---


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    ("url", "statement"),
    [
        ("sqlite", UPDATE),
        ("sqlite", DELETE),
        ("sqlite", "INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
        ("postgresql", UPDATE),
        ("postgresql", DELETE),
        ("postgresql", "TRUNCATE {table} CASCADE"),
        (
            "postgresql",
            "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}",
        ),
    ],
    indirect=["url"],
)
@pytest.mark.usefixtures("filled")
def test_the_database_refuses_to_change_what_is_append_only(engines: Engines, table: str, statement: str) -> None:
    with engines.writer.connect() as connection, pytest.raises(Exception, match="are append-only"):
        connection.exec_driver_sql(
            statement.format(table=table, key=key_of(table), column=key_of(table).split(", ")[0])
        )


def key_of(table: str) -> str:
    """The columns of a table's key."""
    return ", ".join(f'"{column.name}"' for column in METADATA.tables[table].primary_key)


def test_a_reader_cannot_write(engines: Engines) -> None:
    with engines.reader.connect() as connection, pytest.raises(Exception, match=r"read-?only"):
        connection.exec_driver_sql("UPDATE intake_head SET next_seq = 9")


NEXT_SEQ = select(INTAKE_HEAD.c.next_seq)


def test_looking_up_is_no_transaction(engines: Engines) -> None:
    begun: list[object] = []
    event.listen(engines.reader, "begin", begun.append)
    assert look_up(engines.reader, NEXT_SEQ, {}) == (0,)
    assert begun == []
    with engines.reader.begin() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.isolation_level is None, "the driver begins one by itself"
        assert getattr(driver, "autocommit", True)
        assert fetch(connection, NEXT_SEQ, {}) == [(0,)]
        assert begun == [connection]


@pytest.mark.usefixtures("filled")
def test_a_look_up_that_failed_leaves_no_connection_that_is_spoilt(
    engines: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    with engines.reader.connect() as connection:
        spoilt: Any = connection.connection.driver_connection
    spoilt.close()
    with pytest.raises(StorageError, match="closed"):
        look_up(engines.reader, NEXT_SEQ, {})
    assert look_up(engines.reader, NEXT_SEQ, {}) == (0,)
    assert caplog.messages == []  # the pool would show what it found, and where


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_lookup_where_no_connection_can_be_made_is_a_storage_error(tmp_path: Path, dialect: str) -> None:
    url, path = URL.create("postgresql", database="hefu", query={"host": str(tmp_path)}), tmp_path / "hefu.sqlite3"
    if dialect == "sqlite":
        url = sqlite_url(path)
        upgrade(url)
    with closing(SqlStore(open_engines(url))) as store:
        path.unlink(missing_ok=True)
        with pytest.raises(StorageError, match=r"^database: .*(unable to open|failed: No such file)[^\n]*$"):
            store.deposit(bytes(32))


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(StorageError, match="'mysql' are not supported"):
        open_engines(make_url("mysql://localhost/hefu"))
    with pytest.raises(StorageError, match="'mysql' are not supported"):
        append_only("mysql", "deposits")


# --- SQLite ---


@ON_SQLITE
def test_every_commit_is_synced_and_readers_never_wait(engines: Engines) -> None:
    with engines.writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_copy_that_is_not_in_wal_is_put_into_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:  # as VACUUM INTO leaves it
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    open_store(sqlite_url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_sqlite_without_full_sync_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hefu_service.store.engines._PRAGMAS", ("synchronous=NORMAL",))
    with pytest.raises(StorageError, match=r"would lose commits.*: synchronous=1;"):
        open_store(sqlite_url(path))


def test_sqlite_that_cannot_do_wal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_shared_memory(url: URL, **options: Any) -> Engine:
        return create_engine(url.update_query_dict({"vfs": "unix-dotfile"}), **options)

    monkeypatch.setattr("hefu_service.store.engines.create_engine", without_shared_memory)
    with pytest.raises(StorageError, match=r"would lose commits.*: journal_mode=delete;"):
        upgrade(sqlite_url(tmp_path / "hefu.sqlite3"))


@ON_SQLITE
def test_a_full_disk_is_a_storage_error_and_writes_nothing(store: Store, engines: Engines) -> None:
    with engines.writer.connect() as connection:  # the pool's only one
        connection.exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(StorageError, match="full") as caught:
        add(store, *(deposit(seq, statement=b"%d" % seq * 4000) for seq in range(20)))
    assert not caught.value.unknown
    assert count(store) == 0


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


# --- PostgreSQL ---


@pytest.mark.parametrize("setting", ["off", "local"])
@ON_POSTGRESQL
def test_a_session_that_does_not_wait_for_the_disk_or_the_standby_is_refused(url: URL, setting: str) -> None:
    careless = url.update_query_dict({"options": f"-csynchronous_commit={setting}"})
    with pytest.raises(StorageError, match=rf"would lose commits.*: synchronous_commit={setting};"):
        open_store(careless)
    with pytest.raises(StorageError, match=f"synchronous_commit={setting}"):
        upgrade(careless)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
@ON_POSTGRESQL
def test_a_server_that_does_not_survive_a_power_cut_is_refused(postgres: Postgres, url: URL, setting: str) -> None:
    if postgres.own is None:
        pytest.skip("this PostgreSQL is not ours to misconfigure")
    postgres.configure(setting, "off")
    try:
        with pytest.raises(StorageError, match=f"would lose commits.*: {setting}=off;"):
            open_store(url)
    finally:
        postgres.configure(setting, None)


@ON_POSTGRESQL
def test_a_connection_that_is_made_later_is_asked_again(url: URL, store: Store, engines: Engines) -> None:
    engines.writer.dispose()
    execute(url, f"ALTER DATABASE {url.database} SET synchronous_commit = off")
    try:
        with pytest.raises(StorageError, match="synchronous_commit=off"):
            add(store, deposit(0))
    finally:
        execute(url, f"ALTER DATABASE {url.database} RESET synchronous_commit")
    add(store, deposit(0))


@ON_POSTGRESQL
@pytest.mark.parametrize(("engine", "says"), [("writer", "read committed, off"), ("reader", "repeatable read, on")])
def test_each_transaction_says_itself_how_it_is_isolated(engines: Engines, engine: str, says: str) -> None:
    other = (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE"  # of another's session
    )
    asked = "SELECT current_setting('transaction_isolation') || ', ' || current_setting('transaction_read_only')"
    with getattr(engines, engine).connect() as connection:
        connection.exec_driver_sql(other)
        connection.commit()
        assert connection.exec_driver_sql(asked).scalar() == says


@ON_POSTGRESQL
@pytest.mark.parametrize("engine", ["writer", "reader"])
def test_a_server_that_vanishes_without_a_word_is_noticed(engines: Engines, engine: str) -> None:
    with getattr(engines, engine).connect() as connection:
        driver: Any = connection.connection.driver_connection
        asked = driver.info.get_parameters()
        seconds = [asked[f"keepalives_{name}"] for name in ("idle", "interval", "count")]
        assert (asked["connect_timeout"], asked["tcp_user_timeout"], *seconds) == ("10", "10000", "10", "5", "3")


@ON_POSTGRESQL
def test_the_url_may_say_how_long_to_wait_for_a_server(url: URL) -> None:
    engines = open_engines(url.update_query_dict({"connect_timeout": "2"}))
    with engines.reader.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.info.get_parameters()["connect_timeout"] == "2"
    engines.dispose()


@ON_POSTGRESQL
def test_a_transaction_that_has_failed_is_not_said_to_be_committed(store: Store) -> None:
    with pytest.raises(StorageError, match="nothing was written") as caught:
        add_twice(store)
    assert not caught.value.unknown
    assert count(store) == 0
    add(store, deposit(0))


def add_twice(store: Store) -> None:
    """Add a deposit, and not see that it is refused a second time."""
    with store.intake() as intake:
        intake.add_deposits([deposit(0)])
        with suppress(StorageError):
            intake.add_deposits([deposit(0)])


@ON_POSTGRESQL
def test_a_server_that_has_ended_all_connections_is_noticed_by_the_first_that_is_used(url: URL, store: Store) -> None:
    add(store, deposit(0))
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(store.view())
    end_sessions(url)
    found = []
    for _ in range(6):
        with suppress(StorageError):
            found.append(store.deposit(deposit(0).statement_id))
    assert found == [deposit(0)] * 5


@ON_POSTGRESQL
def test_an_intake_that_hangs_does_not_hold_up_the_others_for_ever(url: URL, engines: Engines) -> None:
    with engines.writer.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        connection.rollback()  # takes nothing back
        for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == "10s"
    with engines.reader.connect() as connection:  # a long export holds nothing back
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "0"
    open_store(url).close()


@ON_POSTGRESQL
def test_an_intake_that_waits_too_long_has_written_nothing(
    url: URL, store: Store, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.writer.dispose()
    monkeypatch.setattr("hefu_service.store.engines._PATIENCE", "SET lock_timeout = '10ms'")
    with closing(open_store(url)) as other, other.intake(), pytest.raises(StorageError, match="lock timeout") as caught:
        add(store, deposit(0))
    assert not caught.value.unknown
    assert count(store) == 0


def test_a_server_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    url = URL.create("postgresql", database="hefu", query={"host": str(tmp_path)})
    with pytest.raises(StorageError, match="connection"):
        open_store(url)


@ON_POSTGRESQL
def test_a_server_s_database_is_not_made_by_an_upgrade(url: URL) -> None:
    with pytest.raises(StorageError, match='"nowhere" does not exist'):
        upgrade(url.set(database="nowhere"))


def test_without_its_driver_postgresql_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StorageError, match=r"hefu\[postgres\]"):
        open_engines(make_url("postgresql://localhost/hefu"))


@pytest.mark.parametrize("name", ["", "hefu", "postgresql", "postgresql://host:port/hefu"])
def test_a_server_s_name_is_a_url(name: str) -> None:
    with pytest.raises(StorageError, match="no URL such as"):
        server_url(name)


@ON_POSTGRESQL
def test_a_connection_that_the_server_has_ended_is_replaced(store: Store, url: URL) -> None:
    with store.view() as view:  # so that the reader has one as well
        assert view.deposit_at(0) is None
    end_sessions(url)
    with pytest.raises(StorageError) as caught:
        add(store, deposit(0))
    assert not caught.value.unknown
    with pytest.raises(StorageError), store.view() as view:
        view.intake_head()
    add(store, deposit(0))
    assert count(store) == 1


@ON_POSTGRESQL
def test_a_copy_that_is_cut_off_has_written_nothing(store: Store, url: URL) -> None:
    with pytest.raises(StorageError) as caught:
        add_when(store, lambda: end_sessions(url))
    assert not caught.value.unknown
    assert count(store) == 0
    add(store, deposit(0))


def add_when(store: Store, done: Callable[[], None]) -> None:
    """Add a deposit in a transaction in which something happens first."""
    with store.intake() as intake:
        done()
        intake.add_deposits([deposit(0)])


def end_sessions(url: URL) -> None:
    """End every session of a database but our own."""
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
