"""The two ways to run the service, each real and whole, on fresh data: what a load is put on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL
from tests.support.postgres import execute, postgres_server
from tests.support.production import Production
from tests.support.serving import Serving
from tests.support.valkey import valkey_server

from hefu_service.store.engines import server_url, sqlite_url
from hefu_service.store.migrate import upgrade

WINDOW_MS = 1000  # the default


@dataclass(frozen=True, slots=True)
class Engine:
    """A service that may be killed and started again; ``bare`` is an empty database beside its own, of its schema."""

    name: str
    data: Path
    database: str | None  # as HEFU_DATABASE_URL
    bare: URL
    webs: list[Serving]
    production: Production | None = None  # which has the workers

    def start(self) -> None:
        """Start what was killed, and wait until every `serve` is ready."""
        for web in self.webs:
            web.start()

    def add_worker(self) -> None:
        """Start a worker, where there are any, and wait for nothing."""
        if self.production is not None:
            self.production.add_worker()

    def kill(self) -> None:
        """SIGKILL every process of the service; the database's server runs on."""
        (self.production or self.webs[0]).kill()

    @property
    def url(self) -> URL:
        """Its database."""
        return sqlite_url(self.data / "hefu.sqlite3") if self.database is None else server_url(self.database)

    @property
    def ports(self) -> list[int]:
        """Where it listens."""
        return [web.port for web in self.webs]

    @property
    def pids(self) -> dict[str, int]:
        """The processes that serve, and the worker; each may have others below it."""
        webs = {f"serve {n}": web.pid for n, web in enumerate(self.webs)}
        return webs if self.production is None else webs | {"worker": self.production.workers[-1].pid}

    def cpu_s(self) -> float:
        """The CPU time that all its processes have used."""
        return sum(_used(pid) for started in self.pids.values() for pid in _family(started))

    def memory(self) -> str:
        """The resident memory of each process and those it started."""
        return ", ".join(f"{name} {sum(map(_resident, _family(pid))) >> 20} MiB" for name, pid in self.pids.items())

    def disk(self) -> dict[str, int]:
        """Bytes on disk of each kind of data; of PostgreSQL without its write-ahead log, which does not grow."""
        if self.database is None:
            database = _on_disk(self.data.glob("hefu.sqlite3*"))
        else:
            database = execute(self.url, "SELECT pg_database_size(current_database())")[0][0]
        folders = {"private batches": "batches", "published": "ledger"}
        return {"database": database} | {
            kind: _on_disk((self.data / folder).rglob("*")) for kind, folder in folders.items()
        }


@contextmanager
def embedded(scratch: Path) -> Iterator[Engine]:
    """SQLite, and `serve` alone."""
    bare = sqlite_url(scratch / "bare.sqlite3")
    upgrade(bare)
    service = Serving(scratch / "data", window_ms=WINDOW_MS)
    service.init()
    try:
        service.start()
        yield Engine("embedded", service.data, None, bare, [service])
    finally:
        service.kill()


@contextmanager
def production(scratch: Path, webs: int = os.cpu_count() or 1) -> Iterator[Engine]:
    """PostgreSQL and Valkey, `serve` (as many as ``webs``) and `worker`."""
    with postgres_server() as server, valkey_server() as valkey:
        bare = server.create()
        upgrade(bare)
        running = Production(scratch / "data", server.create(), valkey.url, window_ms=WINDOW_MS)
        try:
            running.add_worker()
            for _ in range(webs):
                running.add_web()
            yield Engine("production", running.data, running.database, bare, running.webs, running)
        finally:
            running.kill()


ENGINES: Final[Mapping[str, Callable[[Path], AbstractContextManager[Engine]]]] = {
    "embedded": embedded,
    "production": production,
}


def _on_disk(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_blocks * 512 for path in paths)


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = [
        child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [pid, *(other for child in children for other in _family(int(child)))]


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
