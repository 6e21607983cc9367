"""The programs of the service go on when the shell ends that began them: a terminal is closed, an operator logs out."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.enrolling import enrol, submit
from tests.support.orphans import end_with_run
from tests.support.postgres import Postgres
from tests.support.serving import BIN, ENVIRONMENT, ORIGIN, Serving, get

from hefu_service.wiring import create_data, open_services


def begun_by_a_shell(words: str, log: Path, **settings: str) -> int:
    """Start a command in the background of a shell that ends then; its process, in a group of its own."""
    script = f"set -m; exec 2>>{log}; {words} >>{log} & echo $!"
    environment = {**ENVIRONMENT, **settings, "PATH": f"{BIN}:{os.environ['PATH']}"}
    pid = int(subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, env=environment, check=True).stdout)
    end_with_run(pid)
    return pid


def hang_up(pid: int) -> None:
    """As the kernel does when a terminal closes."""
    time.sleep(1)  # longer than a process takes to see that its parent has ended
    os.killpg(pid, signal.SIGHUP)
    time.sleep(0.5)


def until(true: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.05)


def test_a_worker_goes_on_sealing_after_its_shell_has_ended(postgres: Postgres, tmp_path: Path) -> None:
    url, data, log = postgres.create(), tmp_path / "data", tmp_path / "log"
    database = url.render_as_string(hide_password=False)
    create_data(data, ORIGIN, database)
    settings = {"HEFU_DATABASE_URL": database, "HEFU_REDIS_URL": f"unix://{tmp_path}/none"}
    worker = begun_by_a_shell(f"hefu-service worker --data {data} --window-ms 100", log, **settings)
    until(lambda: log.exists() and "working" in log.read_text(), log)
    hang_up(worker)
    with open_services(data, database) as services:
        submit(services, enrol(services), 0)

        def sealed() -> bool:
            with services.store.view() as view:
                return view.ledger_head().entries == 1

        until(sealed, log)
    os.killpg(worker, signal.SIGTERM)


def test_a_service_goes_on_answering_after_its_shell_has_ended(tmp_path: Path) -> None:
    service = Serving(tmp_path / "data")
    service.init()
    log = tmp_path / "log"
    server = begun_by_a_shell(f"hefu-service serve --data {service.data} --port {service.port}", log)
    until(service.ready, log)
    children = Path(f"/proc/{server}/task/{server}/children")
    before = children.read_text()
    hang_up(server)
    assert get(service.port, "/readyz")[0] == 200, log.read_text()[-2000:]
    assert children.read_text() == before, "the process that answers was begun anew"
    os.killpg(server, signal.SIGTERM)
