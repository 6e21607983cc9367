"""A run of the tests that is killed leaves no server behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.support.proxy import NGINX

ROOT = Path(__file__).parents[2]
RUN = """
import threading
from contextlib import nullcontext
from pathlib import Path
from tests.support.postgres import postgres_server
from tests.support.production import Production
from tests.support.proxy import NGINX, proxy_before
from tests.support.serving import Serving
from tests.support.valkey import valkey_server


def test_servers(tmp_path):
    with postgres_server() as postgres, valkey_server() as valkey:
        production = Production(tmp_path / "production", postgres.create(), valkey.url)
        production.add_worker()
        web = production.add_web()
        sqlite = Serving(tmp_path / "data")
        sqlite.init()
        sqlite.start()
        with nullcontext() if NGINX is None else proxy_before(sqlite.port, tmp_path / "data", tmp_path / "nginx"):
            Path("ready").write_text("")
            threading.Event().wait()
"""


def _below(folder: Path) -> list[str]:
    """The processes which name the folder in their command line, or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = (entry / "cwd").readlink()
        except (OSError, ValueError):
            continue
        if line and f"{folder}/" in f"{line}/ {place}/":
            found.append(f"{entry.name}: {line}")
    return found


def _await(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder with a short path, for sockets, that the user whom PostgreSQL runs as may enter, unlike pytest's."""
    with TemporaryDirectory(prefix="hefu-run-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no process handles on this system")
def test_no_server_outlives_a_killed_run_of_the_tests(open_folder: Path) -> None:
    (open_folder / "test_servers.py").write_text(RUN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", str(open_folder), "--basetemp", str(open_folder / "base"), "--import-mode=importlib"]
    command.append(str(open_folder / "test_servers.py"))
    places = os.pathsep.join(str(ROOT / name) for name in (".", "ledger", "service", "clients"))
    environment = {**os.environ, "PYTHONPATH": places, "TMPDIR": str(open_folder)}
    for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL"):
        environment.pop(name, None)
    with (open_folder / "log").open("wb") as log:
        run = subprocess.Popen(command, cwd=open_folder, env=environment, stdout=log, stderr=log)
        try:
            _await(lambda: (open_folder / "ready").exists() or run.poll() is not None, 120)
            assert run.poll() is None, (open_folder / "log").read_text()
            started = "\n".join(_below(open_folder))
            for server in ("postgres", "valkey-server", "hefu-service serve", "hefu-service worker"):
                assert server in started, started
            assert NGINX is None or "nginx" in started, started
        finally:
            run.kill()
            run.wait(30)
    _await(lambda: not _below(open_folder), 15)
    assert _below(open_folder) == []
