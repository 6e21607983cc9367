"""Deposits acknowledged a second, one document each, 32 at a time, against a bare loop of SQLite commits."""

from __future__ import annotations

import http.client
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from tests.bench.measure import Result, rate, seconds
from tests.serving import ORIGIN, Serving, post_json, serving

from hefu_ledger.identity import Possession, format_possession
from hefu_ledger.keys import Ed25519Signer
from hefu_ledger.merkle import leaf_hash
from hefu_ledger.names import depositor_key_name
from hefu_ledger.note import format_note, sign_note
from hefu_ledger.statement import Statement, format_statement

CONNECTIONS = 32
COUNT = 16_000
COMMITS = 5_000


def single_acknowledged(scratch: Path) -> Iterator[Result]:
    """Statements signed beforehand, posted over kept-alive connections; each answer is durable (synchronous=FULL)."""
    with serving(scratch / "data") as service:
        signer = enrol(service, scratch / "data")
        statements = [statement(signer, number) for number in range(COUNT)]
        post(service.port, statements[:500])
        began = time.perf_counter()
        post(service.port, statements[500:])
        took = time.perf_counter() - began
    bare = seconds(lambda: commits(scratch / "bare.sqlite3"), best_of=1) / COMMITS * (COUNT - 500)
    yield rate("single_acknowledged", COUNT - 500, took, bare, "deposits/s", "bare SQLite commits, one row each")


def enrol(service: Serving, data: Path) -> Ed25519Signer:
    """Enrol one depositor; its key is known to this benchmark alone."""
    code = service.enrol("上海某某化妆品有限公司", "91310120MA1HP00194")
    depositor = code.partition(".")[0]
    signer = Ed25519Signer(depositor_key_name(ORIGIN, depositor), sha256(str(data).encode()).digest())
    possession = format_note(sign_note(format_possession(Possession(depositor, ORIGIN, signer.key)), [signer]))
    post_json(service.port, "/v1/enrolments", {"code": code, "possession": possession.decode()})
    return signer


def statement(signer: Ed25519Signer, number: int) -> bytes:
    """A signed statement of one document."""
    depositor = signer.key.name.rpartition("/")[2]
    root = leaf_hash(sha256(b"%d" % number).digest())
    return format_note(sign_note(format_statement(Statement(1, depositor, "file", ORIGIN, root)), [signer]))


def post(port: int, statements: Sequence[bytes]) -> None:
    """Send all statements, a share on each connection; anything but an acknowledgement ends the benchmark."""
    failures: list[str] = []

    def send(share: Sequence[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for each in share:
            connection.request("POST", "/v1/deposits", each, {"Content-Type": "text/plain"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 201:
                failures.append(f"{answer.status} {body[:200]!r}")
                return
        connection.close()

    threads = [threading.Thread(target=send, args=(statements[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])


def commits(path: Path) -> None:
    """One row a transaction, with the service's own durability."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, statement BLOB)")
    for number in range(COMMITS):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare VALUES (?, ?)", (number, bytes(500)))
        connection.execute("COMMIT")
    connection.close()
