"""The real service in a process of its own, on fresh data and a free port, for tests and benchmarks."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hefu_ledger.tlog.keys import Ed25519Signer
from tests.support.orphans import end_with_run
from tests.support.sample_service import possession_for

BIN = Path(sys.executable).parent
ORIGIN = "log.example/fengxian"
VERIFIED = ("--method", "营业执照核验", "--verified-by", "奉贤工作站")  # options of enrol
VERIFIED = ("--method", "营业执照核验", "--verified-by", "奉贤工作站")  # options of enrol
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("HEFU_")}


class Serving:
    """A data directory and the service that runs on it; may be killed and started again."""

    def __init__(self, data: Path, *, window_ms: int = 100, settings: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.settings = settings or {}  # in the environment
        self.prefix: list[str] = []  # a command that runs another
        self.port = free_port()
        self.window_ms = window_ms
        self._process: subprocess.Popen[bytes] | None = None
        self.log = data.with_name(f"{data.name}.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that was started, which has others below it."""
        if self._process is None:
            raise RuntimeError("the service does not run")
        return self._process.pid

    def init(self) -> None:
        """Begin the ledger."""
        run("hefu-service", "init", "--data", self.data, "--origin", ORIGIN)

    def enrol(self, name: str, uscc: str) -> str:
        """Issue an enrolment code."""
        words = ("--name", name, "--uscc", uscc, *VERIFIED, "--another-identity", "tests")
        return run("hefu-service", "enrol", "--data", self.data, *words).stdout.splitlines()[-1]

    def start(self, *flags: object) -> None:
        """Start serving, and wait until it is ready."""
        self.launch(*flags)
        self.await_ready()

    def launch(self, *flags: object) -> None:
        """Start serving, and wait for nothing."""
        command = [BIN / "hefu-service", "serve", "--data", self.data, "--port", self.port]
        words = [*self.prefix, *(str(word) for word in (*command, "--window-ms", self.window_ms, *flags))]
        with self.log.open("ab") as log:
            # A session of its own, so that a test can kill parent and child together.
            self._process = subprocess.Popen(
                words, stdout=log, stderr=log, env={**ENVIRONMENT, **self.settings}, start_new_session=True
            )
        end_with_run(self._process.pid)

    def await_ready(self) -> None:
        """Wait until it is ready; RuntimeError with its last words if it never is."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if self.ready():
                return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"the service did not start: {self.log.read_text()[-2000:]}")

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            return get(self.port, "/readyz")[0] == 200
        except OSError:
            return False

    def stop(self) -> int:
        """Stop as an operator would; the exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for it to end by itself; the exit code."""
        code = 0 if self._process is None else self._process.wait(30)
        self._process = None
        return code

    def kill(self) -> None:
        """SIGKILL every process of the service at once, as a power cut would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None


@contextmanager
def serving(data: Path, *flags: object, window_ms: int = 100) -> Iterator[Serving]:
    """A service on fresh data, killed at the end whatever happens."""
    service = Serving(data, window_ms=window_ms)
    service.init()
    service.start(*flags)
    try:
        yield service
    finally:
        service.kill()


def run(program: str, *words: object, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run one of the programs as a user would; ``expect`` None takes any exit code."""
    command = [str(word) for word in (BIN / program, *words)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120, check=False)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, headers (lower-case names), body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def get(port: int, path: str) -> tuple[int, bytes]:
    """GET: status and body."""
    status, _, body = request(port, "GET", path)
    return status, body


def post_json(port: int, path: str, value: object) -> tuple[int, Any]:
    """POST JSON: status and the JSON of the answer."""
    status, _, body = request(port, "POST", path, json.dumps(value).encode(), {"Content-Type": "application/json"})
    return status, json.loads(body)


def redeem(port: int, code: str, key: Ed25519Signer) -> tuple[int, Any]:
    """Enrol a key over HTTP, by the note that the code asks for."""
    status, asked = post_json(port, "/v1/enrolments", {"code": code})
    if status != 200:
        return status, asked
    note = possession_for(key, asked).decode()
    return post_json(port, "/v1/enrolments", {"code": code, "possession": note})


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
