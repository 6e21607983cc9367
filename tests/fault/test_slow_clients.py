"""Clients that are slow, stop halfway or never begin, on loopback without a proxy: everybody else is served."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from unittest.mock import Mock

import pytest
from tests.support.sample_service import ORIGIN, START, depositor_key, depositor_of, statement
from tests.support.serving import Serving, get, redeem, request

from hefu_ledger.deposit.vault import Upload, format_upload
from hefu_ledger.encoding import to_base64
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_service.api.arrivals import Arrivals
from hefu_service.publishing.fsck import fsck
from hefu_service.serving import slow_clients
from hefu_service.serving.connections import Unanswered, end, unanswered
from hefu_service.serving.slow_clients import Stalled
from hefu_service.wiring import open_services

NAME, USCC = "上海某某化妆品有限公司", "91310120MA1HP00194"
HEAD = b"POST /v1/deposits HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
THREADS = 64
PATIENCE_S = 15


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service that all these tests leave running."""
    serving = Serving(tmp_path_factory.mktemp("slow") / "data")
    serving.init()
    serving.start()
    yield serving
    serving.kill()


@pytest.fixture(scope="module")
def key(running: Serving) -> Ed25519Signer:
    return enrolled(running)


def enrolled(service: Serving) -> Ed25519Signer:
    code = service.enrol(NAME, USCC)
    key = depositor_key(code, "key")
    assert redeem(service.port, code, key)[0] == 201
    return key


_NUMBERS = iter(range(1_000_000))


def deposit(service: Serving, key: Ed25519Signer) -> int:
    """Deposit something new, in one attempt."""
    note = statement(key, next(_NUMBERS))
    return request(service.port, "POST", "/v1/deposits", note, {"Content-Type": "text/plain"})[0]


def dial(service: Serving, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), PATIENCE_S, (source, 0))


@contextmanager
def half_sent(service: Serving, count: int, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """So many bodies of which nothing comes after the first bytes."""
    with ExitStack() as stack:
        wires = [stack.enter_context(dial(service, source)) for _ in range(count)]
        for wire in wires:
            wire.sendall(HEAD % 100 + b"hefu-deposit/v1")
        yield wires


def read_answer(wire: socket.socket) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(wire)
    answer.begin()
    return answer.status, answer.read()


def check_nothing_is_lost(service: Serving) -> None:
    with open_services(service.data) as services:
        assert [each for each in fsck(services) if each.severity != "note"] == []


# Bodies


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
def test_half_sent_bodies_that_hold_every_thread_stop_nobody_for_long(
    running: Serving, key: Ed25519Signer, source: str
) -> None:
    with half_sent(running, 2 * THREADS, source) as wires:
        began = time.monotonic()
        assert [deposit(running, key) for _ in range(3)] == [201] * 3
        assert time.monotonic() - began < 8
        status, body = read_answer(wires[0])
        assert (status, json.loads(body)["type"]) == (408, "about:hefu/request-timeout")
        assert wires[0].recv(1) == b"", "and the connection is closed"
    assert deposit(running, key) == 201


def test_a_body_that_stops_or_drips_is_given_ten_seconds_and_one_that_only_pauses_is_served(
    running: Serving, key: Ed25519Signer
) -> None:
    note = statement(key, next(_NUMBERS))
    began = time.monotonic()
    with half_sent(running, 1) as (stopped,), dial(running) as dripping, dial(running) as pausing:
        pausing.sendall(HEAD % len(note) + note[:-9])
        dripping.sendall(HEAD % 100)
        stop = threading.Event()

        def drip() -> None:
            with suppress(OSError):
                while not stop.wait(0.2):
                    dripping.sendall(b"x")

        dripper = threading.Thread(target=drip)
        dripper.start()
        resume = threading.Timer(3, pausing.sendall, [note[-9:]])
        resume.start()
        try:
            assert deposit(running, key) == 201
            assert read_answer(pausing)[0] == 201
            assert [read_answer(stopped)[0], read_answer(dripping)[0]] == [408, 408]
            assert 9 < time.monotonic() - began < PATIENCE_S
        finally:
            stop.set()
            dripper.join()
            resume.join()


@pytest.mark.parametrize("ends", ["closes", "resets"])
def test_a_body_shorter_than_it_says_is_not_stored(running: Serving, key: Ed25519Signer, ends: str) -> None:
    note = statement(key, next(_NUMBERS))
    with dial(running) as wire:
        wire.sendall(HEAD % (len(note) + 1) + note)  # the whole statement, but not the whole body
        if ends == "resets":
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert deposit(running, key) == 201
    assert get(running.port, f"/v1/deposits/{sha256(note).hexdigest()}")[0] == 404


def test_a_depositor_sends_one_file_to_the_vaults_at_a_time(running: Serving, key: Ed25519Signer) -> None:
    slow, other = b"age-encryption.org/v1\n slow", enrolled(running)
    with dial(running) as wire:
        headers = vault_headers(key, slow) | {"Host": "x", "Expect": "100-continue"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        wire.sendall(f"PUT /v1/vault/{'1' * 64} HTTP/1.1\r\n{lines}\r\n".encode())
        assert wire.recv(99) == b"HTTP/1.1 100 Continue\r\n\r\n", "it waits for the body"

        def put(sender: Ed25519Signer, data: bytes = b"age-encryption.org/v1\n quick") -> int:
            return request(running.port, "PUT", f"/v1/vault/{'1' * 64}", data, vault_headers(sender, data))[0]

        assert put(key) == 503
        assert put(other) == 201
        wire.sendall(slow)
        assert read_answer(wire)[0] == 201
        assert put(key, slow) == 200


def vault_headers(key: Ed25519Signer, data: bytes) -> dict[str, str]:
    address = sha256(depositor_of(key).encode()).hexdigest()
    hashed, digest = sha256(address.encode()).digest(), sha256(data).digest()
    upload = Upload(hashed, START, depositor_of(key), "1" * 64, ORIGIN, digest, len(data))
    return {
        "Authorization": f"Bearer {address}",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(data)),
        "Hefu-Signature": to_base64(format_note(sign_note(format_upload(upload), [key]))),
    }


# Heads


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n",
        b"GET /healthz?" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/deposits HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/deposits HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /v1/deposits HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nnonsense",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    ],
    ids=["long header", "many headers", "long query", "negative", "two lengths", "length and chunks", "TLS"],
)
def test_what_is_no_request_or_has_too_long_a_head_is_refused(
    running: Serving, key: Ed25519Signer, head: bytes
) -> None:
    with dial(running) as wire, suppress(ConnectionError):  # it may be refused before all of it is sent
        wire.sendall(head)
        answer = wire.recv(12)
        assert answer == b"" or 400 <= int(answer[9:12]) < 500
    assert deposit(running, key) == 201


# Answers


def test_clients_that_do_not_read_their_answers_stop_nobody(running: Serving, key: Ed25519Signer) -> None:
    leaves = running.data / "ledger" / "batches" / "999999" / "leaves"
    leaves.parent.mkdir(parents=True)
    leaves.write_bytes(bytes(8_000_000))
    try:
        with ExitStack() as stack:
            wires = [stack.enter_context(socket.socket()) for _ in range(2 * THREADS)]
            for wire in wires:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                wire.connect(("127.0.0.1", running.port))
                wire.sendall(b"GET /ledger/batches/999999/leaves HTTP/1.1\r\nHost: x\r\n\r\n")
            began = time.monotonic()
            assert [deposit(running, key) for _ in range(3)] == [201] * 3
            assert time.monotonic() - began < 5
            assert {wire.recv(12) for wire in wires} == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        until(lambda: get(running.port, "/ledger/batches/999999/leaves") == (200, bytes(8_000_000)))
    finally:
        leaves.unlink()
        leaves.parent.rmdir()


# Connections


@pytest.mark.parametrize("count", [1500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_idle_connections_keep_nobody_out(running: Serving, key: Ed25519Signer, count: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    try:
        with ExitStack() as stack:
            wires = [stack.enter_context(dial(running, f"127.0.0.{2 + n % 8}")) for n in range(count)]
            for wire in wires[::2]:  # half of them have asked for something once, half never do
                wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            for wire in wires[::2]:
                assert wire.recv(12) == b"HTTP/1.1 200"
            began = time.monotonic()
            assert [deposit(running, key) for _ in range(5)] == [201] * 5
            assert time.monotonic() - began < 5
            with half_sent(running, THREADS):
                assert deposit(running, key) == 201
            assert time.monotonic() - began < 15
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert deposit(running, key) == 201


def test_after_all_of_this_the_ledger_is_whole(running: Serving, key: Ed25519Signer) -> None:
    note = statement(key, next(_NUMBERS))
    assert request(running.port, "POST", "/v1/deposits", note, {"Content-Type": "text/plain"})[0] == 201
    until(lambda: get(running.port, f"/v1/deposits/{sha256(note).hexdigest()}/receipt")[0] == 200)
    check_nothing_is_lost(running)
    assert '"level": "error"' not in running.log.read_text()


# What is ended, and what is not


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's end of a connection and a server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            yield client, server


def test_a_connection_is_unanswered_from_its_first_byte_to_the_answer(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    client, server = pair
    port = server.getsockname()[1]

    def found() -> list[Unanswered]:
        return list(unanswered(port))

    assert found() == []
    client.sendall(b"question")
    until(lambda: bool(found()))
    (one,) = found()
    assert (one.peer, one.received) == (client.getsockname(), 8)
    assert list(unanswered(port + 1)) == []
    time.sleep(0.02)  # two steps of the kernel's clock, which knows no order within one
    server.sendall(b"answer")
    until(lambda: not found())


def test_what_is_ended_can_still_be_answered_and_another_s_connection_is_left(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    client, server = pair
    client.sendall(b"half")
    until(lambda: bool(list(unanswered(server.getsockname()[1]))))
    (one,) = unanswered(server.getsockname()[1])
    end(one._replace(peer=("127.0.0.1", 1)))
    server.setblocking(False)
    assert server.recv(9) == b"half"
    with pytest.raises(BlockingIOError):
        server.recv(9)
    end(one)
    assert server.recv(9) == b""
    server.sendall(b"too late")
    assert client.recv(9) == b"too late"


class Watched:
    """A look at connections that a test makes up, at a time that it sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, threads: int = 8) -> None:
        self.now = 1000.0
        self.connections: list[Unanswered] = []
        self.ended: list[int] = []
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr(slow_clients, "unanswered", lambda _: self.connections)
        monkeypatch.setattr(slow_clients, "end", lambda each: self.ended.append(each.peer[1]))
        self.arrivals = Arrivals()
        self._stalled = Stalled(self.arrivals, port=80, threads=threads)

    def expect(self, count: int, address: str = "a", size: int = 0) -> None:
        for _ in range(count):
            self.arrivals.expect(address, size).__enter__()

    def connect(self, number: int, address: str = "a", *, silent_ms: int = 0, received: int = 100) -> None:
        self.connections = [each for each in self.connections if each.peer[1] != number]
        self.connections.append(Unanswered(0, (address, number), 0, received, silent_ms))

    def look(self, after: float) -> list[int]:
        self.now += after
        self.ended.clear()
        self._stalled.look()
        return sorted(self.ended)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_only_as_many_are_ended_as_have_bodies_overdue_the_longest_silent_first(watched: Watched) -> None:
    watched.expect(2)
    for number in range(4):
        watched.connect(number, silent_ms=3000 + number)
    assert watched.look(9.9) == []
    assert watched.look(0.2) == [2, 3]
    assert watched.look(0.1) == [0, 1], "those bodies still have not ended: it was others"
    assert watched.look(0.1) == []


def test_who_is_at_another_address_or_has_only_just_asked_is_left_alone(watched: Watched) -> None:
    watched.expect(3)
    watched.connect(1, "b", silent_ms=9000)
    watched.connect(2, silent_ms=1)
    assert watched.look(11) == []
    assert watched.look(2) == [2]


def test_a_long_body_has_as_long_as_it_takes(watched: Watched) -> None:
    watched.expect(1, size=64 << 20)
    watched.connect(1, silent_ms=3000)
    assert watched.look(1000) == []
    assert watched.look(40) == [1]


def test_who_moves_least_is_ended_first(watched: Watched) -> None:
    watched.expect(1)
    for number, received in ((1, 10_000), (2, 100)):
        watched.connect(number)
        watched.look(1)
        watched.connect(number, received=received)
    assert watched.look(10) == [2]


def test_where_half_of_the_threads_wait_two_seconds_of_silence_are_enough(watched: Watched) -> None:
    watched.expect(5)
    watched.connect(1, silent_ms=2000)
    watched.connect(2, silent_ms=1000)
    watched.connect(3, "b", silent_ms=9000)
    assert watched.look(1) == [1]
    watched.connect(4)
    assert watched.look(0.5) == []
    watched.connect(4, received=20_000)
    assert watched.look(2) == [2], "4 goes on"


def test_without_slow_bodies_nobody_looks(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_clients, "unanswered", Mock(side_effect=AssertionError))
    assert watched.look(100) == []
    with watched.arrivals.expect("a", 0):
        assert watched.look(0.4) == []
    assert watched.look(100) == []


# Parents


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_when_serve_is_killed_no_orphan_serves_on_not_even_for_slow_clients(tmp_path: Path) -> None:
    service = Serving(tmp_path / "data")
    service.init()
    service.start()
    try:
        key = enrolled(service)
        left = children(service.pid)
        with half_sent(service, 3):
            assert deposit(service, key) == 201
            os.kill(service.pid, signal.SIGKILL)
            until(lambda: not any(runs(pid) for pid in left), 3)
            until(lambda: not listens(service.port), 1)
        service.kill()
        service.start()
        assert deposit(service, key) == 201, "and the next takes over"
    finally:
        service.kill()
