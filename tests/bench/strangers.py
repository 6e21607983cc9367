"""Strangers who have receipts verified all the time: ``strangers.py BODY SECONDS STRANGERS PORT...``, a program.

Each sends the next receipt when the last is answered, and none heeds Retry-After. Their machine is not the service's,
so here they run at the lowest priority. Prints how often each status was answered, as JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

EVENTS = 62  # records of one depositor's keys: the most that a receipt holds
CHECKPOINTS = 16
STRANGERS = 16


def longest_receipt() -> bytes:
    """A receipt that takes as long as one can, well formed and of another ledger."""
    from tests.support.sample_ledger import SampleLedger, depositor_signer  # noqa: PLC0415 -- not for the program

    from hefu_ledger.deposit.receipt import format_receipt  # noqa: PLC0415 -- the same

    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    for number in range(1, EVENTS):
        ledger.enrol("acme", str(number), earlier=depositor_signer("acme"))
    ledger.deposit("acme", {"formula.txt": b"aqua, glycerin"})
    ledger.seal()
    return format_receipt(ledger.receipt(0, list(range(1, EVENTS + 1)), [ledger.checkpoint()] * CHECKPOINTS))


@contextmanager
def strangers(scratch: Path, ports: Sequence[int], seconds: float) -> Iterator[Counter[str]]:
    """Strangers meanwhile; how often each status was answered is known afterwards."""
    body = scratch / "receipt"
    body.write_bytes(longest_receipt())
    command = [sys.executable, __file__, body, seconds, STRANGERS, *ports]
    answered: Counter[str] = Counter()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield answered
            answered.update(json.loads(process.communicate(timeout=60)[0]))
        finally:
            process.kill()


def _ask(port: int, body: bytes, until: float, statuses: Counter[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < until:
        try:
            connection.request("POST", "/v1/verify", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            statuses[str(answer.status)] += 1
        except (OSError, http.client.HTTPException):  # answered before all was sent
            statuses["cut off"] += 1
            connection.close()


def main(path: str, seconds: str, count: str, *ports: str) -> None:
    """Run the strangers, and print the statuses of their answers."""
    os.nice(19)
    body, until, statuses = Path(path).read_bytes(), time.monotonic() + float(seconds), Counter[str]()
    threads = [
        threading.Thread(target=_ask, args=(int(ports[number % len(ports)]), body, until, statuses))
        for number in range(int(count))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(statuses))


if __name__ == "__main__":
    main(*sys.argv[1:])
