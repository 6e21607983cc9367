"""A ledger of millions against an empty one, in one run: ``make bench-growth``, or ``python tests/bench/growth.py N``.

A speed of the grown ledger is at least 0.85 of the empty one's; start-up and recovery take no longer. Prints, too, what
a deposit takes on disk and what each process takes in memory. All that it writes is below TMPDIR, as is the data of a
PostgreSQL that it starts.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / name) for name in ("ledger", "service", "clients"))]

from tests.bench.depositors import enrol, statements
from tests.bench.engines import ENGINES, Engine
from tests.bench.growing import grow
from tests.bench.load import MANY, Loads, requests_at_random, target
from tests.bench.measure import seconds
from tests.support.serving import post_json

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.tlog.policy import Log, Policy
from hefu_ledger.verify import verify_receipt
from hefu_ledger.verify.verdict import PROVEN
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Committer
from hefu_service.jobs.tasks import settle
from hefu_service.receipts.receipts import Receipts
from hefu_service.services import Services
from hefu_service.wiring import open_services

TEN_MILLION = 10_000_000
SEALED = 5_000  # deposits of the batch that is timed
SHOWN = 2_000  # receipts made in process
VERIFIED = 100  # receipts verified as anyone would
LEAST = 0.85


class Measured(NamedTuple):
    """Deposits, sealing and receipts (over HTTP, in process) a second; seconds that a start and a recovery take.

    ``owed`` are the deposits that were not sealed when every process was killed.
    """

    deposits: float
    sealed: float
    receipts: float
    receipts_in_process: float
    start_s: float
    recovery_s: float
    owed: int
    memory: str


def measure(engine: Engine, depositors: Sequence[str], scratch: Path, seconds: float) -> Measured:
    """Everything in turn, on a ledger without a server."""
    with open_services(engine.data, engine.database) as services:
        sealed, made = _sealing(services, depositors), _making(services)
    start_s = _seconds(engine.start)
    engine.add_worker()
    loads = Loads(engine, scratch, seconds)
    receipts = loads.send(requests_at_random(engine, int(4000 * (seconds + 1))), connections=16)
    deposits = loads.send(loads.singles(5000))
    memory = engine.memory()
    _open_window(engine, depositors)
    engine.kill()
    owed = _owed(engine)
    recovery_s = _seconds(engine.start)
    return Measured(deposits.per_second, sealed, receipts.per_second, made, start_s, recovery_s, owed, memory)


def build(engine: Engine, depositors: Sequence[str], count: int) -> None:
    """Grow the ledger; receipts at random must then verify as they would for anyone."""
    began = time.perf_counter()
    with open_services(engine.data, engine.database) as services:
        for done in grow(services, engine.data, engine.url, depositors, count):
            print(f"  {done:,} deposits, {done / (time.perf_counter() - began):,.0f} a second", flush=True)
        policy = Policy(logs=(Log(services.signer.key),), witnesses=(), groups=(), quorum=None)
        receipts = Receipts(services)
        for statement in _at_random(services, VERIFIED):
            receipt = receipts.make(statement)
            if receipt is None or verify_receipt(format_receipt(receipt), policy=policy).verdict != PROVEN:
                raise ValueError(f"the receipt of {statement.hex()} does not verify")


@contextmanager
def begun(engine: str, scratch: Path) -> Iterator[tuple[Engine, list[str]]]:
    """A ledger with nothing but depositors, without a server."""
    scratch.mkdir()
    with ENGINES[engine](scratch) as running:
        depositors = enrol(running)
        running.kill()
        with open_services(running.data, running.database) as services:
            settle(services)
        yield running, depositors


def compare(empty: Measured, grown: Measured) -> Iterator[str]:
    """Both beside each other, and what the target is."""
    for name in ("deposits", "sealed", "receipts", "receipts_in_process"):
        old, new = getattr(empty, name), getattr(grown, name)
        yield f"{name + ' a second':<32}{old:>10,.0f}{new:>10,.0f}  " + target("of an empty ledger's", new / old, LEAST)
    for name in ("start_s", "recovery_s"):
        yield f"{name:<32}{getattr(empty, name):>10.2f}{getattr(grown, name):>10.2f}"
    yield f"recovered with deposits owed: empty {empty.owed:,}, grown {grown.owed:,}"
    yield f"memory: empty {empty.memory}; grown {grown.memory}"
    yield target("receipts a second at random", grown.receipts, 2000)


def disk(engine: Engine, count: int) -> str:
    """What a deposit takes."""
    return "bytes on disk a deposit: " + ", ".join(
        f"{kind} {size / count:,.0f}" for kind, size in engine.disk().items()
    )


def _sealing(services: Services, depositors: Sequence[str]) -> float:
    """Deposits sealed and published a second, in one batch."""
    committer, took = Committer(services), []
    for turn in range(3):  # of which the fastest counts: what else the machine does only ever adds
        made = statements(depositors, SEALED, first=(turn + 1) << 40)  # that nothing else here deposits
        for start in range(0, SEALED, 64):
            FrontDoor(committer).accept(made[start : start + 64])
        took.append(_seconds(lambda: settle(services)))
    return SEALED / min(took)


def _making(services: Services) -> float:
    """Receipts made a second by one thread, at random."""
    receipts, asked = Receipts(services), _at_random(services, SHOWN)
    return SHOWN / seconds(lambda: [format_receipt(made) for each in asked if (made := receipts.make(each))])


def _at_random(services: Services, count: int) -> list[bytes]:
    chance = random.Random(2)
    with services.store.view() as view:
        entries = view.ledger_head().entries
        found = [view.deposit_at(chance.randrange(entries)) for _ in range(count)]
    return [deposit.statement_id for deposit in found if deposit is not None]


def _open_window(engine: Engine, depositors: Sequence[str]) -> None:
    """Deposit what is not sealed before the window ends."""
    made = [each.decode() for each in statements(depositors, MANY, first=1 << 50)]
    status, answer = post_json(engine.ports[0], "/v1/deposits", {"statements": made})
    if status != 201:
        raise RuntimeError(f"not deposited: {status} {answer}")


def _owed(engine: Engine) -> int:
    with open_services(engine.data, engine.database) as services, services.store.view() as view:
        return view.intake_head().next_seq - view.ledger_head().entries


def _seconds(work: Callable[[], object]) -> float:
    return seconds(work, best_of=1)


def main() -> None:
    """Measure an empty ledger, build a large one, measure that."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=TEN_MILLION, help="deposits (%(default)s)")
    parser.add_argument("--engine", choices=list(ENGINES), default="embedded", help="%(default)s, if none is named")
    parser.add_argument("--seconds", type=float, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hefu-growth-") as name:
        scratch = Path(name)
        with begun(chosen.engine, scratch / "empty") as (engine, depositors):
            empty = measure(engine, depositors, scratch, chosen.seconds)
        with begun(chosen.engine, scratch / "grown") as (engine, depositors):
            print(f"building {chosen.count:,} deposits, {chosen.engine}", flush=True)
            build(engine, depositors, chosen.count)
            print(disk(engine, chosen.count), flush=True)
            for line in compare(empty, measure(engine, depositors, scratch, chosen.seconds)):
                print(line)


if __name__ == "__main__":
    main()
