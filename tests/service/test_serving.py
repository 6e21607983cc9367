"""The service as a process: it starts, refuses to start, drains, dies, and lives through a full disk."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.sample_service import depositor_key, statement
from tests.support.serving import BIN, ENVIRONMENT, VERIFIED, Serving, free_port, get, redeem, request, run

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import parse_note
from hefu_service.intake.enrolment import issue_code
from hefu_service.publishing.fsck import fsck
from hefu_service.receipts.receipts import deposit_state
from hefu_service.wiring import open_services

NAME, USCC = "上海某某化妆品有限公司", "91310120MA1HP00194"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a ledger that has just begun."""
    service = Serving(tmp_path_factory.mktemp("serving") / "data")
    service.init()
    return service.data


@pytest.fixture
def service(begun: Path, tmp_path: Path) -> Iterator[Serving]:
    """A service that a test starts and ends as it likes."""
    shutil.copytree(begun, tmp_path / "data")
    serving = Serving(tmp_path / "data")
    yield serving
    serving.kill()


@pytest.fixture(scope="module")
def running(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service for the tests that leave it running."""
    data = tmp_path_factory.mktemp("running") / "data"
    shutil.copytree(begun, data)
    serving = Serving(data)
    serving.start()
    yield serving
    serving.kill()


def enrolled(service: Serving) -> Ed25519Signer:
    """A key of a new depositor."""
    with open_services(service.data) as services:
        code = issue_code(
            services, name=NAME, uscc=USCC, method="营业执照核验", verified_by="工作站", another_identity="tests"
        )
    return enrolled_with(service, code)


def enrolled_with(service: Serving, code: str) -> Ed25519Signer:
    key = depositor_key(code, "key")
    status, _ = redeem(service.port, code, key)
    assert status == 201
    return key


def id_of(note: bytes) -> str:
    return sha256(note).hexdigest()


def deposit(service: Serving, note: bytes) -> tuple[int, dict[str, str], bytes]:
    return request(service.port, "POST", "/v1/deposits", note, {"Content-Type": "text/plain"})


def state_of(service: Serving, note: bytes) -> object:
    return json.loads(get(service.port, f"/v1/deposits/{id_of(note)}")[1])["state"]


def seq_of(acknowledgement: bytes) -> int:
    return parse_acceptance(parse_note(acknowledgement).text).seq


def serve(data: Path, *flags: object, expect: int = 2) -> str:
    """What a service that cannot start says."""
    done = run("hefu-service", "serve", "--data", data, *flags, expect=expect)
    assert "Traceback" not in done.stderr
    assert "backtrace" not in done.stderr
    return done.stderr


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def parent_of(service: Serving) -> int:
    return int((service.data / "lock").read_text())


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return met


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Starting


def test_a_second_service_on_the_same_data_is_refused_and_told_whose_they_are(running: Serving) -> None:
    assert f"process {parent_of(running)}" in serve(running.data, "--port", free_port())
    assert running.ready()


def test_a_port_that_is_taken_is_said_plainly(service: Serving) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in serve(service.data, "--port", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 -- on a port of 127.0.0.1, all of them
def test_a_port_of_another_ledger_s_service_is_refused_and_not_shared(
    running: Serving, service: Serving, host: str
) -> None:
    assert "Address already in use" in serve(service.data, "--port", running.port, "--host", host)
    assert running.ready()


def test_of_two_services_that_start_at_one_moment_on_one_address_one_is_refused(begun: Path, tmp_path: Path) -> None:
    pair = [Serving(Path(shutil.copytree(begun, tmp_path / name))) for name in ("one", "two")]
    pair[1].port = pair[0].port
    try:
        for each in pair:
            each.launch()
        assert wait_until(lambda: any("Address already in use" in each.log.read_text() for each in pair), 20)
        assert wait_until(pair[0].ready, 20)
    finally:
        for each in pair:
            each.kill()


def test_a_service_starts_again_while_connections_to_the_earlier_one_linger(service: Serving) -> None:
    service.start()
    with socket.create_connection(("127.0.0.1", service.port)):
        service.stop()  # the server closes first: its end of the connection stays in TIME_WAIT
    service.start()


# Ending


def test_sigterm_drains_what_was_accepted_and_exits_0(service: Serving) -> None:
    service.window_ms = 60_000  # nothing is sealed before the end
    service.start()
    key = enrolled(service)
    notes = [statement(key, number) for number in range(9)]
    assert deposit(service, notes[0])[0] == 201
    assert state_of(service, notes[0]) == "accepted"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda note: deposit(service, note), notes[1:]))
    started = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - started < 10
    assert {status for status, _, _ in answers} == {201}
    with open_services(service.data) as services:
        states = [deposit_state(services, sha256(note).digest()) for note in notes]
        assert [each.state for each in states if each] == ["anchored"] * 9


def test_the_child_ends_within_two_seconds_of_its_parent_s_death(service: Serving) -> None:
    service.start()
    os.kill(parent_of(service), signal.SIGKILL)
    assert wait_until(lambda: not listens(service.port), 2)
    service.kill()
    service.start()
    assert service.ready(), "the lock went with them"
    os.kill(parent_of(service), signal.SIGINT)
    assert service.wait() == 0


def test_a_child_that_dies_ends_the_service_with_3(service: Serving) -> None:
    service.start()
    for child in children(parent_of(service)):
        os.kill(child, signal.SIGKILL)
    assert service.wait() == 3
    assert "ended by itself" in service.log.read_text()
    assert '"logger": "_granian"' in service.log.read_text(), "the server's own lines are JSON as well"


# Serving


LOADING = """
import gc, os, sys
from pathlib import Path
from hefu_service.serving.server import _load
from hefu_service.settings import Settings
_load(Settings(Path(sys.argv[1])), os.getppid())
print(gc.get_freeze_count())
"""


def test_what_is_there_at_the_start_is_searched_for_garbage_no_more(begun: Path) -> None:
    """Such a search holds up every request; what serving itself makes is a thousandth of it."""
    command = [sys.executable, "-c", LOADING, str(begun)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=ENVIRONMENT)
    assert int(done.stdout) > 10_000


def test_every_line_of_its_log_is_json_and_holds_nothing_of_whoever_asks(running: Serving) -> None:
    key = enrolled(running)
    note = statement(key)
    acknowledgement = deposit(running, note)[2]
    identity = id_of(note)
    assert wait_until(lambda: get(running.port, f"/v1/deposits/{identity}/receipt")[0] == 200, 5)
    get(running.port, f"/{identity}")
    private = b'{"seed":"%b"}' % identity.encode()
    request(running.port, "POST", "/v1/verify", private, {"Content-Type": "application/json"})
    assert wait_until(lambda: '"private-half"' in running.log.read_text(), 5)
    log = running.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line.get("url") == running.url for line in lines)
    assert any(line.get("route") == "/v1/verify" and line["status"] == 422 for line in lines)
    depositor = parse_acceptance(parse_note(acknowledgement).text).depositor
    for hidden in (identity, depositor, NAME, USCC, note.splitlines()[-1].decode()):
        assert hidden not in log


CHUNKED = b"POST /v1/deposits HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_bodies_are_bounded_whether_or_not_they_say_how_long_they_are(running: Serving) -> None:
    def chunked(body: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as wire:
            wire.sendall(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            return wire.recv(12)

    assert deposit(running, b"x" * 5000)[0] == 413
    assert deposit(running, b"x" * 300_000)[0] == 413
    assert chunked(b"x" * 5000) == b"HTTP/1.1 413"
    assert chunked(statement(enrolled(running))) == b"HTTP/1.1 201"


def test_served_files_are_closed(running: Serving) -> None:
    (child,) = children(parent_of(running))

    def open_files() -> int:
        return sum(1 for _ in Path(f"/proc/{child}/fd").iterdir())

    get(running.port, "/ledger/checkpoint")
    before = open_files()
    for _ in range(30):
        assert get(running.port, "/ledger/checkpoint")[0] == 200
    assert wait_until(lambda: open_files() <= before + 5, 2)


# A disk that does not take more


@contextmanager
def no_file_may_grow(pid: int) -> Iterator[None]:
    """Let every write of a process fail, as on a full disk."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def check_refused_for_storage(answer: tuple[int, dict[str, str], bytes]) -> None:
    status, headers, body = answer
    assert (status, json.loads(body)["type"]) == (503, "about:hefu/storage")
    assert int(headers["retry-after"]) > 0
    assert "detail" not in json.loads(body)


def test_where_no_file_may_grow_nothing_is_half_written_and_it_recovers(running: Serving) -> None:
    key = enrolled(running)
    _, _, first = deposit(running, statement(key))
    (child,) = children(parent_of(running))
    with no_file_may_grow(child):
        for number in (1, 2):
            check_refused_for_storage(deposit(running, statement(key, number)))
        assert get(running.port, "/healthz")[0] == 200
        assert get(running.port, f"/v1/deposits/{id_of(statement(key, 1))}")[0] == 404
    status, _, second = deposit(running, statement(key, 2))
    assert status == 201
    assert seq_of(second) == seq_of(first) + 1, "no number was lost"
    assert wait_until(lambda: state_of(running, statement(key, 2)) == "anchored", 15)
    assert wait_until(running.ready, 15)
    with open_services(running.data) as services:
        assert not list(fsck(services))


class Mounted:
    """A service whose data lie on a small disk of its own, in a mount namespace that goes with it."""

    def __init__(self, service: Serving, begun: Path) -> None:
        script = 'mount -t tmpfs -o size=4m tmpfs "$0" && cp -a "$1"/. "$0" && shift && exec "$@"'
        service.data.mkdir(exist_ok=True)
        words = ["serve", "--data", service.data, "--port", service.port, "--window-ms", "100"]
        command = ["unshare", "-rm", "sh", "-c", script, service.data, begun, BIN / "hefu-service", *words]
        with service.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True
            )

    def inside(self, *words: object) -> bytes:
        """What a command prints that runs where the disk can be seen."""
        enter = ["nsenter", "-t", str(self.process.pid), "-U", "-m", "--preserve-credentials"]
        done = subprocess.run([*enter, *map(str, words)], capture_output=True, check=True, env=ENVIRONMENT, timeout=60)
        return done.stdout

    def end(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def mounted(begun: Path, tmp_path: Path) -> Iterator[tuple[Serving, Mounted]]:
    probe = "mount -t tmpfs tmpfs /tmp"
    if subprocess.run(["unshare", "-rm", "sh", "-c", probe], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a disk of their own (unshare -rm)")
    service = Serving(tmp_path / "disk")
    disk = Mounted(service, begun)
    try:
        assert wait_until(service.ready, 15), service.log.read_text()
        yield service, disk
    finally:
        disk.end()


def test_a_full_disk_refuses_what_it_cannot_keep_and_recovers(mounted: tuple[Serving, Mounted]) -> None:
    service, disk = mounted
    words = ("enrol", "--data", service.data, "--name", NAME, "--uscc", USCC, *VERIFIED)
    key = enrolled_with(service, disk.inside(BIN / "hefu-service", *words).decode().strip())
    assert deposit(service, statement(key))[0] == 201

    disk.inside("sh", "-c", f"cat /dev/zero > {service.data}/filler || true")
    numbers = iter(range(1, 1000))
    accepted = 1
    while (answer := deposit(service, statement(key, next(numbers))))[0] == 201:
        accepted += 1  # what room the database had left
    check_refused_for_storage(answer)
    assert state_of(service, statement(key)), "what is there can still be read"
    disk.inside("rm", service.data / "filler")
    assert wait_until(lambda: deposit(service, statement(key, 1000))[0] == 201, 5)

    status, _, acknowledgement = deposit(service, statement(key, 1002))
    assert (status, seq_of(acknowledgement)) == (201, accepted + 1), "no number was lost"
    assert wait_until(lambda: state_of(service, statement(key, 1002)) == "anchored", 20)
    assert b"clean" in disk.inside(BIN / "hefu-service", "fsck", "--data", service.data)


def test_a_read_only_directory_cannot_be_served_and_says_so(begun: Path, tmp_path: Path) -> None:
    shutil.copytree(begun, tmp_path / "data")
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", script, tmp_path / "data", BIN / "hefu-service", "serve"]
    done = subprocess.run(
        [*map(str, command), "--data", str(tmp_path / "data"), "--port", str(free_port())],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )
    if re.search("unshare|mount", done.stderr):
        pytest.skip("this system lets nobody mount a disk of their own (unshare -rm)")
    assert done.returncode == 2
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
