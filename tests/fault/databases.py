"""A ledger that has just begun, on each kind of database, as often as a test wants one; processes that work on it."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL
from tests.support.postgres import Postgres
from tests.support.sample_service import RECOVERY, SampleService, SetClock, services_on

from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.publishing.genesis import begin_ledger
from hefu_service.store.engines import sqlite_url
from hefu_service.store.sql import open_store

_PROCESSES = multiprocessing.get_context("forkserver")  # what it has imported, each process has
_PROCESSES.set_forkserver_preload([__name__])


class Begun(NamedTuple):
    """A data directory, its database, and the key of the one depositor."""

    data: Path
    url: URL
    key: Ed25519Signer


class Beginning:
    """Makes them, each in the place of the last; ``database`` is a server, or an empty SQLite file to copy."""

    def __init__(self, folder: Path, database: Postgres | Path) -> None:
        self._data = folder / "data"
        self._database = database

    def __call__(self) -> Begun:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir()
        if isinstance(self._database, Path):
            url = sqlite_url(Path(shutil.copy(self._database, self._data / "hefu.sqlite3")))
        else:
            url = self._database.emptied()
        with opened(self._data, url) as sample:
            begin_ledger(sample.services, recovery=RECOVERY.key)
            key = sample.enrol()
            sample.settle()
        return Begun(self._data, url, key)


@contextmanager
def opened(data: Path, url: URL) -> Iterator[SampleService]:
    """Open it as a process does that has just started."""
    clock = SetClock()
    with closing(open_store(url)) as store:
        yield SampleService(data, services_on(data, store, clock), clock)


def process(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a process that does this; ``work`` is a function of a module, and takes nothing that is open."""
    started = _PROCESSES.Process(target=work, args=arguments, daemon=True)
    started.start()
    return started
