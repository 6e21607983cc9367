"""A database's schema is made by the migrations alone, at once or not at all, and another schema is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, inspect
from tests.support.postgres import Postgres, execute
from tests.support.sample_store import count, deposit, event

from hefu_service.ports.errors import StorageError
from hefu_service.ports.store import Store
from hefu_service.store import migrate
from hefu_service.store.engines import Engines, begin_upgrade, open_engines, sqlite_url
from hefu_service.store.migrate import upgrade
from hefu_service.store.sql import SqlStore, open_store
from hefu_service.store.tables import METADATA


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """A database without tables, of each kind in turn."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "bare.sqlite3")
    server: Postgres = request.getfixturevalue("postgres")
    return server.create()


def schema(url: URL) -> dict[str, tuple[list[str], list[str]]]:
    """Each table's columns and checks."""
    engines = open_engines(url)
    with engines.writer.connect() as connection:
        names = inspect(connection).get_table_names()
        found = {name: (columns(connection, name), checks(connection, name)) for name in names}
    engines.dispose()
    return {name: parts for name, parts in found.items() if name != "alembic_version"}


def columns(connection: Connection, table: str) -> list[str]:
    return [f"{column['name']} {column['type']}" for column in inspect(connection).get_columns(table)]


def checks(connection: Connection, table: str) -> list[str]:
    found = inspect(connection).get_check_constraints(table)
    return sorted(f"{check['name']}: {re.sub('[()]|::numeric', '', check['sqltext'])}" for check in found)


def test_the_tables_are_those_of_the_newest_migration(engines: Engines) -> None:
    with engines.writer.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_checks_are_those_of_the_newest_migration(bare: URL) -> None:
    upgrade(bare)
    migrated = schema(bare)
    engines = open_engines(bare)
    METADATA.drop_all(engines.writer)
    METADATA.create_all(engines.writer)
    engines.dispose()
    assert sum(len(checks) for _, checks in migrated.values()) >= 7
    assert migrated == schema(bare)


def test_upgrading_twice_is_harmless(filled: Store, url: URL) -> None:
    before = schema(url)
    upgrade(url)
    assert schema(url) == before
    assert count(filled) == 1


def test_processes_may_upgrade_at_once(bare: URL) -> None:
    code = "import sys; from hefu_service.store.migrate import upgrade; from sqlalchemy import make_url;"
    words = [sys.executable, "-c", code + "upgrade(make_url(sys.argv[1]))", bare.render_as_string(hide_password=False)]
    running = [subprocess.Popen(words, env={"PYTHONPATH": ":".join(sys.path)}) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    open_store(bare).close()


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ("DELETE FROM alembic_version", r"missing, this program's is \d+: run `hefu-service upgrade`"),
        ("UPDATE alembic_version SET version_num = '9999'", r"9999, this program's is \d+: a newer program"),
    ],
)
def test_another_schema_is_refused(bare: URL, change: str, remedy: str) -> None:
    upgrade(bare)
    alter(bare, change)
    with pytest.raises(StorageError, match=remedy):
        open_store(bare)


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(bare: URL) -> None:
    alter(bare, "CREATE TABLE checkpoints (mine TEXT)")  # in the way of the last table
    with pytest.raises(StorageError, match=r"checkpoints.* already exists"):
        upgrade(bare)
    assert schema(bare) == {"checkpoints": (["mine TEXT"], [])}


def test_an_upgrade_waits_for_no_table_that_is_in_use(postgres: Postgres) -> None:
    url = postgres.create()
    engines = open_engines(url)
    with engines.writer.begin() as connection:
        begin_upgrade(connection)
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "4s"
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        assert execute(url, held) == [(1,)]
    with engines.writer.begin() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "10s"
    engines.dispose()


def test_an_upgrade_keeps_the_texts_of_whoever_has_had_several_keys(bare: URL) -> None:
    """Of copies that were deposited before, the first one's deposit is the text's."""
    upgrade_to(bare, "0002")
    signed = [b"text %d\n\nlines %d\n" % (text, seq) for seq, text in enumerate((0, 1, 0))]
    for name in ("acme", "single"):  # as that schema has them
        alter(bare, f"INSERT INTO depositors VALUES ('{name}', {nonce(bare)}, '{{}}', 2)")  # noqa: S608 -- constants
    engines = open_engines(bare)
    with SqlStore(engines).intake() as intake:
        intake.add_deposits([deposit(seq, statement=note) for seq, note in enumerate(signed)])
        intake.add_deposits([deposit(3, nth=0, by="single", statement=b"other\n\nlines\n")])
        for number, (of, kind, body) in enumerate(
            [
                ("acme", "enrolment", b"{}"),
                ("single", "enrolment", b"{}"),
                ("acme", "key", b'{"action":"add"}'),
                ("single", "key", b'{"action":"retire"}'),
            ]
        ):
            intake.add_event(replace(event(number, of=of), type=kind, body=body))
    engines.dispose()
    upgrade(bare)
    texts = [sha256(text).digest() for text in (b"text 0\n", b"text 1\n", b"other\n")]
    with closing(open_store(bare)) as store, store.view() as view:
        found = view.known_texts(texts)
        known = [(each.id, each.another_identity, each.another_check_character) for each in view.depositors()]
    assert {text: row.seq for text, row in found.items()} == {texts[0]: 0, texts[1]: 1}
    assert known == [("acme", None, None), ("single", None, None)]


def nonce(url: URL) -> str:
    """32 bytes, as the database writes them."""
    return f"x'{'00' * 32}'" if url.get_backend_name() == "sqlite" else f"'\\x{'00' * 32}'"


def upgrade_to(url: URL, revision: str) -> None:
    """Bring an empty database to an earlier schema."""
    engines = open_engines(url, create=True)
    with engines.writer.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engines.dispose()


def alter(url: URL, statement: str) -> None:
    """Change a database as nobody should."""
    engines = open_engines(url, create=True)
    with engines.writer.begin() as connection:
        connection.exec_driver_sql(statement)
    engines.dispose()


def test_a_start_does_not_wait_for_alembic(store: Store, url: URL) -> None:
    store.close()
    code = "import sys; from hefu_service.store.sql import open_store; from sqlalchemy import make_url\n"
    code += "open_store(make_url(sys.argv[1])).close(); sys.exit('alembic' in sys.modules)"
    command = [sys.executable, "-c", code, url.render_as_string(hide_password=False)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
