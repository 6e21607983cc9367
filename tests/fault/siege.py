"""An enterprise that deposits without end, whatever becomes of the service, and what it is owed in the end."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from itertools import count

from tests.fault.figures import Figures
from tests.support.enrolling import make_statement
from tests.support.serving import get

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.receipt import parse_receipt
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.policy import Policy, parse_policy
from hefu_ledger.verify import verify_receipt

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
        chance = random.Random(name)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
            try:
                connection.connect()  # first: what is never sent needs no answer, and would be thousands
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

    def another(self) -> bytes:
        """Sign a new statement."""
        return make_statement(self.signers[0], next(self.numbers))

    def watch(self, port: int) -> None:
        """Look at the checkpoint again and again, until the service is gone."""
        size = max((checkpoint.size for checkpoint in self.checkpoints.copy().values()), default=0)
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
        roots = {(checkpoint.size, checkpoint.root) for checkpoint in self.checkpoints.copy().values()}
        return len(roots) - len({size for size, _ in roots})

    def keep(self, acknowledgements: Mapping[bytes, bytes]) -> None:
        """Note what was acknowledged."""
        with self._lock:
            self.acknowledged |= acknowledgements
            for each in acknowledgements:
                self.unanswered.pop(each, None)
        self.progress.release(len(acknowledgements))

    def await_progress(self, deposits: int) -> None:
        """Wait until so many more are acknowledged."""
        self.progress = threading.Semaphore(0)
        for _ in range(deposits):
            assert self.progress.acquire(timeout=PATIENCE_S), self.wrong


class Claims:
    """What an enterprise may ask of a service that has come back."""

    def __init__(self, enterprise: Enterprise, port: int, figures: Figures) -> None:
        self.enterprise = enterprise
        self.figures = figures
        self.port = port
        self.policy = self.trust()
        self._checked: set[bytes] = set()

    def trust(self) -> Policy:
        """Whose keys the service says to be the ledger's."""
        return parse_policy(get(self.port, "/v1/trust")[1].decode())

    def check(self, *, most: int | None = None) -> None:
        """Every acknowledgement not checked yet, or ``most`` of them, is given again, and its receipt verifies."""
        acknowledged = self.enterprise.acknowledged.copy()
        with self._connected() as connection:
            for statement in [each for each in acknowledged if each not in self._checked][:most]:
                self._check(connection, statement, acknowledged[statement])
        self._checked = set(acknowledged)
        self.figures.acknowledged = len(acknowledged)
        self.figures.forks = self.enterprise.forks
        assert (self.figures.lost, self.figures.forks, self.enterprise.wrong) == (0, 0, [])

    def send_again(self) -> None:
        """Whatever became of what was not answered: sent again, it is accepted once, and no seq is missing.

        One more is sent, so that what is owed is sealed now, and not with the next sweep.
        """
        with self._connected() as connection:
            self.enterprise.unanswered[self.enterprise.another()] = None
            for statement in list(self.enterprise.unanswered):
                self.enterprise.keep({statement: post(connection, [statement], 200, 201)[0]})
        texts = [parse_note(note).text for note in self.enterprise.acknowledged.values()]
        assert sorted(parse_acceptance(text).seq for text in texts) == list(range(len(texts)))

    def _check(self, connection: http.client.HTTPConnection, statement: bytes, acknowledgement: bytes) -> None:
        path = f"/v1/deposits/{statement_id(statement).hex()}"
        status, answer = ask(connection, "GET", path)
        if status != 200 or json.loads(answer)["acknowledgement"].encode() != acknowledgement:
            self.figures.lost += 1
            return
        assert post(connection, [statement], 200) == [acknowledgement]
        data = _receipt(connection, path)
        receipt = parse_receipt(data)
        assert (receipt.statement.encode(), receipt.acknowledgement.encode()) == (statement, acknowledgement)
        assert verify_receipt(data, policy=self.policy).verdict == "proven"

    def _connected(self) -> closing[http.client.HTTPConnection]:
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S))


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, kind: str = "text/plain"
) -> tuple[int, bytes]:
    """One request: status and body."""
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


def _receipt(connection: http.client.HTTPConnection, path: str) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        status, data = ask(connection, "GET", f"{path}/receipt")
        if status == 200:
            return data
        assert status == 202, f"{status} {data!r}"
        time.sleep(0.02)
    raise AssertionError(f"{path} is not anchored after {PATIENCE_S} s")
