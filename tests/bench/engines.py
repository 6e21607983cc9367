"""The two ways to run the service, each real and whole, on fresh data: what a load is put on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL
from tests.postgres import postgres_server
from tests.production import Production
from tests.serving import Serving
from tests.valkey import valkey_server

from hefu_service.store.engines import sqlite_url
from hefu_service.store.migrate import upgrade

WINDOW_MS = 1000  # the default


class Engine(NamedTuple):
    """A running service; ``bare`` is an empty database beside its own, of the same schema."""

    name: str
    data: Path
    database: str | None  # as HEFU_DATABASE_URL
    bare: URL
    ports: list[int]
    pids: dict[str, int]  # of the processes that serve, and of workers

    def cpu_s(self) -> float:
        """The CPU time that all its processes have used."""
        return sum(_used(pid) for started in self.pids.values() for pid in _family(started))

    def memory(self) -> str:
        """The resident memory of each process and those it started."""
        return ", ".join(f"{name} {sum(map(_resident, _family(pid))) >> 20} MiB" for name, pid in self.pids.items())


@contextmanager
def embedded(scratch: Path) -> Iterator[Engine]:
    """SQLite, and `serve` alone."""
    service = Serving(scratch / "data", window_ms=WINDOW_MS)
    service.init()
    service.start()
    try:
        yield running(service)
    finally:
        service.kill()


def running(service: Serving) -> Engine:
    """`serve` alone, which was started already."""
    bare = sqlite_url(service.data.with_name("bare.sqlite3"))
    upgrade(bare)
    return Engine("embedded", service.data, None, bare, [service.port], {"serve": service.pid})


@contextmanager
def production(scratch: Path, webs: int = 1) -> Iterator[Engine]:
    """PostgreSQL and Valkey, `serve` (as many as ``webs``) and `worker`."""
    with postgres_server() as server, valkey_server() as valkey:
        bare = server.create()
        upgrade(bare)
        running = Production(scratch / "data", server.create(), valkey.url, window_ms=WINDOW_MS)
        try:
            worker = running.add_worker()
            serving = [running.add_web() for _ in range(webs)]
            pids = {f"serve {n}": web.pid for n, web in enumerate(serving)} | {"worker": worker.pid}
            ports = [web.port for web in serving]
            yield Engine("production", running.data, running.database, bare, ports, pids)
        finally:
            running.kill()


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
