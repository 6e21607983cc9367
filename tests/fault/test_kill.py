"""SIGKILL of the whole service at random moments while deposits stream in: what was acknowledged is never lost."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from tests.enrolling import enrol, make_statement
from tests.fault.ledger_data import replay
from tests.serving import BIN, ENVIRONMENT, Serving, get, run

from hefu_ledger.acceptance import parse_acceptance
from hefu_ledger.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.keys import Ed25519Signer
from hefu_ledger.note import parse_note
from hefu_ledger.policy import Policy, parse_policy
from hefu_ledger.receipt import parse_receipt
from hefu_ledger.statement import statement_id
from hefu_ledger.verify import verify_receipt
from hefu_service.wiring import open_services

CONNECTIONS = 6
MOST_ACKNOWLEDGED = 200  # before a kill
PATIENCE_S = 30


class Enterprise:
    """Sends without end; keeps what it has signed, the acknowledgements and the checkpoints it has seen."""

    def __init__(self, signers: list[Ed25519Signer]) -> None:
        self.signers = signers
        self.numbers = count()
        self.acknowledged: dict[bytes, bytes] = {}
        self.unanswered: dict[bytes, None] = {}
        self.checkpoints: dict[bytes, Checkpoint] = {}
        self.wrong: list[str] = []  # anything but an answer that was due
        self.progress = threading.Semaphore(0)
        self._lock = threading.Lock()

    def stream(self, port: int, name: str) -> None:
        """Deposit over one connection, one or several at a time, until the service is gone."""
        chance = random.Random(name)  # noqa: S311 -- no secret
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
            try:
                while True:
                    signer = chance.choice(self.signers)
                    request = [make_statement(signer, next(self.numbers)) for _ in range(chance.choice((1, 1, 1, 5)))]
                    with self._lock:
                        self.unanswered |= dict.fromkeys(request)
                    self.keep(dict(zip(request, post(connection, request, 201), strict=True)))
            except (OSError, http.client.HTTPException):
                pass
            except AssertionError as error:
                self.wrong.append(str(error))

    def watch(self, port: int) -> None:
        """Look at the checkpoint again and again, until the service is gone."""
        size = max((checkpoint.size for checkpoint in self.checkpoints.values()), default=0)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
            try:
                while True:
                    _, note = ask(connection, "GET", "/ledger/checkpoint")
                    checkpoint = self.checkpoints.setdefault(note, parse_checkpoint(parse_note(note).text))
                    if checkpoint.size < size:
                        self.wrong.append(f"the checkpoint went from {size} records back to {checkpoint.size}")
                    size = checkpoint.size
                    time.sleep(0.005)  # the service has other things to do
            except (OSError, http.client.HTTPException):
                pass

    @property
    def forks(self) -> int:
        """How many sizes were signed with more than one root."""
        roots = {(checkpoint.size, checkpoint.root) for checkpoint in self.checkpoints.values()}
        return len(roots) - len({size for size, _ in roots})

    def keep(self, acknowledgements: dict[bytes, bytes]) -> None:
        """Note what was acknowledged."""
        with self._lock:
            self.acknowledged |= acknowledgements
            for each in acknowledgements:
                self.unanswered.pop(each, None)
        self.progress.release(len(acknowledgements))


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, kind: str = "text/plain"
) -> tuple[int, bytes]:
    connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def post(connection: http.client.HTTPConnection, statements: list[bytes], *expected: int) -> list[bytes]:
    """Deposit statements; their acknowledgements. AssertionError for any other answer."""
    if len(statements) == 1:
        status, answer = ask(connection, "POST", "/v1/deposits", statements[0])
        assert status in expected, f"{status} {answer!r}"
        return [answer]
    body = json.dumps({"statements": [each.decode() for each in statements]}).encode()
    status, answer = ask(connection, "POST", "/v1/deposits", body, "application/json")
    assert status in expected, f"{status} {answer!r}"
    return [text.encode() for text in json.loads(answer)["acknowledgements"]]


class Siege:
    """A service that is killed again and again, and the enterprise that depends on it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.service = Serving(folder / "data")
        self.chance = random.Random(seed)  # noqa: S311 -- when a kill comes is no secret
        self.export = folder / "export"
        self.faults = 0
        self.lost: list[bytes] = []
        self.service.init()
        with open_services(self.service.data) as services:
            self.enterprise = Enterprise([enrol(services, f"{number}") for number in range(3)])
        self.service.start()
        self.policy = self._trust()

    def _trust(self) -> Policy:
        return parse_policy(get(self.service.port, "/v1/trust")[1].decode())

    def round(self) -> None:
        """Let deposits stream in, kill the service, perhaps once more while it starts, and look at what is left."""
        before = set(self.enterprise.acknowledged)
        self._stream_until_killed()
        if self.chance.random() < 0.3:
            self._kill_while_starting()
        self.service.window_ms = self.chance.choice((1, 20, 100))
        self.service.start()
        assert self._trust() == self.policy
        self._check({each: note for each, note in self.enterprise.acknowledged.items() if each not in before})
        assert (self.lost, self.enterprise.forks) == ([], 0)
        self._send_again()

    def _stream_until_killed(self) -> None:
        port, enterprise = self.service.port, self.enterprise
        enterprise.progress = threading.Semaphore(0)
        names = [f"{self.chance.random()}" for _ in range(CONNECTIONS)]
        threads = [threading.Thread(target=enterprise.stream, args=(port, name)) for name in names]
        threads.append(threading.Thread(target=enterprise.watch, args=(port,)))
        for thread in threads:
            thread.start()
        for _ in range(self.chance.randint(1, MOST_ACKNOWLEDGED)):
            assert enterprise.progress.acquire(timeout=PATIENCE_S), enterprise.wrong
        time.sleep(self.chance.uniform(0, 0.05))  # so that the moment is not always just after an answer
        self._kill()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert enterprise.wrong == []

    def _kill(self) -> None:
        self.service.kill()
        self.faults += 1

    def _kill_while_starting(self) -> None:
        command: list[Path | str] = [BIN / "hefu-service", "serve", "--data", self.service.data]
        command += ["--port", f"{self.service.port}"]
        with self.service.log.open("ab") as log:
            starting = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True)
        time.sleep(self.chance.uniform(0, 0.6))
        os.killpg(starting.pid, signal.SIGKILL)
        starting.wait(PATIENCE_S)
        self.faults += 1

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=PATIENCE_S)

    def _check(self, acknowledged: dict[bytes, bytes]) -> None:
        """Every acknowledgement is given again, byte for byte, and becomes a receipt that verifies."""
        with closing(self._connection()) as connection:
            for statement, acknowledgement in acknowledged.items():
                path = f"/v1/deposits/{statement_id(statement).hex()}"
                status, answer = ask(connection, "GET", path)
                if status != 200 or json.loads(answer)["acknowledgement"].encode() != acknowledgement:
                    self.lost.append(acknowledgement)
                    continue
                assert post(connection, [statement], 200) == [acknowledgement]
                data = _receipt(connection, path)
                receipt = parse_receipt(data)
                assert (receipt.statement.encode(), receipt.acknowledgement.encode()) == (statement, acknowledgement)
                assert verify_receipt(data, policy=self.policy).verdict == "proven"

    def _send_again(self) -> None:
        """Whatever became of what was not answered: sent again, it is accepted once, and no seq is missing."""
        with closing(self._connection()) as connection:
            for statement in list(self.enterprise.unanswered):
                self.enterprise.keep({statement: post(connection, [statement], 200, 201)[0]})
        texts = [parse_note(note).text for note in self.enterprise.acknowledged.values()]
        assert sorted(parse_acceptance(text).seq for text in texts) == list(range(len(texts)))

    def check_all(self) -> None:
        """Ask once more for all that was ever acknowledged."""
        self._check(self.enterprise.acknowledged)
        assert self.lost == []

    def audit(self) -> None:
        """Look at everything from the beginning: fsck, and a full replay past each checkpoint seen."""
        assert run("hefu-service", "fsck", "--data", self.service.data).stdout == "clean 无误\n"
        run("hefu-service", "export", "--data", self.service.data, "--out", self.export, "--statements")
        machine = replay(self.export, self.enterprise.checkpoints.values(), self.policy.logs[0].key)
        assert machine.deposits == len(self.enterprise.acknowledged)
        assert machine.broken_promises == 0

    def report(self, seed: int) -> str:
        """One line of figures."""
        sizes = {checkpoint.size for checkpoint in self.enterprise.checkpoints.values()}
        return (
            f"seed {seed}: {self.faults} faults, {len(self.enterprise.acknowledged)} acknowledged,"
            f" {len(self.lost)} lost, {len(sizes)} checkpoints seen, of up to {max(sizes, default=0)} records,"
            f" {self.enterprise.forks} forks\n"
        )


def _receipt(connection: http.client.HTTPConnection, path: str) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        status, data = ask(connection, "GET", f"{path}/receipt")
        if status == 200:
            return data
        assert status == 202, f"{status} {data!r}"
        time.sleep(0.02)
    raise AssertionError(f"{path} is not anchored after {PATIENCE_S} s")


@pytest.fixture
def seed() -> int:
    """Another one each time; set FAULT_SEED to the one that was printed to have it again."""
    return int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(2**32))


@pytest.fixture
def siege(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> Iterator[Siege]:
    sys.stdout.write(f"FAULT_SEED={seed}\n")
    siege = Siege(tmp_path, seed)
    try:
        yield siege
    finally:
        siege.service.kill()
        with capsys.disabled():
            sys.stdout.write(f"\n{siege.report(seed)}")


def test_nothing_acknowledged_is_lost_when_the_service_is_killed(siege: Siege) -> None:
    for _ in range(5):
        siege.round()
    siege.check_all()
    siege.audit()


@pytest.mark.soak
def test_nothing_acknowledged_is_lost_in_two_hundred_kills(siege: Siege) -> None:
    for number in range(200):
        siege.round()
        if number % 20 == 19:
            siege.audit()
    siege.check_all()
