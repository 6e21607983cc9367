"""The production engine on one machine: web and worker processes on one PostgreSQL, one Redis and one directory."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL

from hefu_service.wiring import create_data
from tests.support.orphans import end_with_run
from tests.support.serving import BIN, ENVIRONMENT, ORIGIN, Serving


class Production:
    """A ledger that has just begun; processes are started one by one, and killed at the end."""

    def __init__(
        self,
        data: Path,
        database: URL,
        redis_url: str,
        *,
        window_ms: int = 100,
        settings: Mapping[str, str] | None = None,  # more of them
    ) -> None:
        self.data = data
        self.database = str(database._replace(password=None))
        self.webs: list[Serving] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self.log = data.with_name("worker.log")
        self._window_ms = window_ms
        self._settings = {"HEFU_DATABASE_URL": self.database, "HEFU_REDIS_URL": redis_url, **(settings or {})}
        if isinstance(database.password, str):
            self._settings["PGPASSWORD"] = os.environ["PGPASSWORD"] = database.password
        create_data(data, ORIGIN, self.database)

    def add_web(self) -> Serving:
        """Start a process that takes deposits."""
        web = Serving(self.data, window_ms=self._window_ms, settings=self._settings)
        web.log = self.data.with_name(f"web{len(self.webs)}.log")
        self.webs.append(web)
        web.start()
        return web

    def add_worker(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start a process that seals and tells."""
        command = [BIN / "hefu-service", "worker", "--data", self.data, "--window-ms", self._window_ms, *flags]
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, env={**ENVIRONMENT, **self._settings}
            )
        end_with_run(worker.pid)
        self.workers.append(worker)
        return worker

    def replace_worker(self, number: int) -> None:
        """SIGKILL a worker and start another in its place."""
        worker = self.workers[number]
        worker.kill()
        worker.wait(30)
        self.add_worker()
        self.workers[number] = self.workers.pop()

    def stop(self) -> list[int]:
        """Stop as an operator would, webs first; the exit codes."""
        codes = [web.stop() for web in self.webs]
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        return codes + [worker.wait(30) for worker in self.workers]

    def kill(self) -> None:
        """SIGKILL every process."""
        for web in self.webs:
            web.kill()
        for worker in self.workers:
            worker.kill()
            worker.wait(30)
