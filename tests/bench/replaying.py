"""Leaves replayed a second at public depth, against a bare hashlib loop over as many hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Result, rate, seconds
from tests.support.sample_ledger import SampleLedger

from hefu_ledger.records.bodies import Batch
from hefu_ledger.replay import Replay
from hefu_ledger.tlog import merkle


def replay_leaves(_scratch: Path) -> Iterator[Result]:
    """In batches of 100,000, of 1,000 and of 1."""
    yield _replay("replay_leaves", batch=100_000, batches=10)
    yield _replay("replay_leaves_1000", batch=1_000, batches=500)
    yield _replay("replay_leaves_1", batch=1, batches=20_000)


def _replay(name: str, *, batch: int, batches: int) -> Result:
    ledger, leaves = _ledger(batch, batches)

    def replay() -> None:
        machine = Replay(full=False)
        fed = iter(leaves)
        for data in ledger.records:
            if machine.record(data).type == "batch":
                machine.leaves(next(fed))

    # A batch of n leaves takes n - 1 node hashes, its record a leaf hash, prev, and about one node of the tree.
    hashes = batches * (batch - 1 + 3)
    what = f"{hashes:,} bare SHA-256 of 65 bytes, batches of {batch:,}"
    return rate(name, batch * batches, seconds(replay), seconds(lambda: _hash(hashes)), "leaves/s", what)


def _ledger(batch: int, batches: int) -> tuple[SampleLedger, list[bytes]]:
    ledger = SampleLedger()
    ledger.begin()
    leaves = []
    for number in range(batches):
        hashes = [hashlib.sha256(b"%d" % seq).digest() for seq in range(number * batch, (number + 1) * batch)]
        leaves.append(b"".join(hashes))
        ledger.covered += batch
        ledger.now += 1
        roots = {"sha-256": merkle.root_of_leaves(leaves[-1])}
        ledger.append(Batch(batch, number * batch, roots))
    return ledger, leaves


def _hash(count: int) -> None:
    node, sha256 = bytes(65), hashlib.sha256
    for _ in range(count):
        sha256(node).digest()
