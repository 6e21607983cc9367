"""A standby of the tests' own PostgreSQL, for which the primary's commits wait; it can be taken away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from tests.support.orphans import end_with_run
from tests.support.postgres import Postgres, execute

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


class Pair:
    """A primary and its only standby, which is synchronous."""

    def __init__(self, primary: Postgres, url: URL, folder: Path) -> None:
        self.primary = primary
        self.url = url  # of a database of the primary
        self._folder = folder

    def with_standby(self) -> None:
        """Start the standby, and wait until the primary waits for it."""
        self._control("start", "-o", f"-h '' -k {self._folder}", "-l", str(self._folder / "log"))
        end_with_run(int((self._folder / "postmaster.pid").read_text().split()[0]))
        self._await("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")

    def without_standby(self) -> None:
        """Take the standby away: later commits are on one machine."""
        self._control("stop", "-m", "immediate")
        self._await("SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_replication)")

    def await_waiting(self) -> None:
        """Wait until a commit waits for the standby; no reader sees it yet."""
        self._await(WAITING)

    def cancel(self) -> None:
        """Cancel the commit that waits for the standby, as a tool against long queries does."""
        self.await_waiting()
        execute(self.url, WAITING.replace("pid", "pg_cancel_backend(pid)", 1))

    def crash(self) -> None:
        """Let the primary crash and recover: commits that waited for the standby are visible now."""
        self.await_waiting()
        self.primary.crash()
        self.primary.start()

    def _await(self, query: str) -> None:
        deadline = time.monotonic() + 20
        while not execute(self.url, query):
            assert time.monotonic() < deadline, query
            time.sleep(0.02)

    def _control(self, *words: str) -> None:
        self.primary.control(self._folder, *words)


@contextmanager
def pair_of(primary: Postgres) -> Iterator[Pair]:
    """Copy a primary of our own, and let its commits wait for the copy."""
    assert primary.own is not None
    folder = primary.own.pgdata.parent / "standby"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, primary.own.pgdata.owner())
    url = primary.create()
    primary.run("pg_basebackup", "-D", str(folder), "-h", str(primary.own.pgdata), "-U", "postgres", "-R", "-c", "fast")
    (folder / ".s.PGSQL.5432.lock").unlink()  # it names the primary, whose socket lies in its own folder
    pair = Pair(primary, url, folder)
    execute(url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    execute(url, "SELECT pg_reload_conf()")
    pair.with_standby()
    try:
        yield pair
    finally:
        primary.control(folder, "stop", "-m", "immediate")
