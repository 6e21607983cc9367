"""Loads on the whole service over loopback, from a generator in a process of its own: ``python tests/bench/load.py``.

Everything shares the machine's cores: generator, service and, in production, PostgreSQL and Valkey. A target is printed
beside what was reached, and bare work done in the same run beside both.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / name) for name in ("ledger", "service", "clients"))]

from tests.bench import baselines
from tests.bench.depositors import enrol, statements
from tests.bench.engines import Engine, embedded, production
from tests.bench.generating import Load, generate, get, post
from tests.bench.strangers import STRANGERS, strangers
from tests.bench.trivial import trivial_server

from hefu_service.ports.rows import Deposit
from hefu_service.wiring import open_services

MANY = 64  # statements of one request
MOST = {"single": 5000, "many": 100, "receipts": 5000}  # requests a second that are made ready for a closed loop


@dataclass
class Loads:
    """A running service and the scenarios on it, in turn; each yields lines for people."""

    engine: Engine
    scratch: Path
    seconds: float
    connections: int = 64
    rate: float = 0  # of single statements, open loop; 0: half of what the closed loop has reached
    used: int = 0  # statements
    depositors: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.depositors = enrol(self.engine)

    def single(self) -> Iterator[str]:
        """One statement a request: as fast as it goes, then at half of that."""
        first = deposited(self.engine)
        closed = self.send(self.singles(MOST["single"]))
        yield f"single, {self.connections} connections    {closed.text()}"
        yield target("deposits/s", closed.per_second, 2000, aim=3000)
        rows = self._rows(first)
        size, bare = self._bare(rows)
        yield target(f"of bare verify + commit + sign, {size} a group ({bare:,.0f}/s)", closed.per_second / bare, 0.4)
        yield from self.half(self.rate or closed.per_second / 2)

    def half(self, rate: float) -> Iterator[str]:
        """One statement a request, arriving at random, and receipts watched for."""
        load = self.send(self.singles(rate * 1.2), rate=rate, receipts=20)
        yield f"single, {rate:,.0f}/s arriving    {load.text()}"
        yield limit("acknowledged, p99 ms", load.latency["p99"], 30)
        yield limit("deposit to receipt, p99 ms", load.receipt["p99"], 2000)

    def verifiers(self) -> Iterator[str]:
        """One statement a request, as fast as it goes, while strangers have long receipts verified; and without."""
        before = self.send(self.singles(MOST["single"])).per_second
        with strangers(self.scratch, self.engine.ports, self._time()) as answered:
            beset = self.send(self.singles(MOST["single"]))
        after = self.send(self.singles(MOST["single"])).per_second
        told = ", ".join(f"{count} of {status}" for status, count in sorted(answered.items()))
        yield f"single, {STRANGERS} strangers verify ({told})    {beset.text()}"
        alone = (before + after) / 2
        yield target(f"of deposits/s without them ({alone:,.0f}/s)", beset.per_second / alone, 0.8, aim=0.9)

    def many(self) -> Iterator[str]:
        """64 statements a request."""
        made = self._statements(int(self._time() * MOST["many"]) * MANY)
        requests = [_many(made[start : start + MANY]) for start in range(0, len(made), MANY)]
        load = self.send(requests, connections=8)
        yield f"many, {MANY} a request    {load.text()}"
        bare = baselines.per_second(baselines.verify_and_sign(made[:1000]))
        yield target(f"of bare verify + sign on one core ({bare:,.0f}/s)", MANY * load.per_second / bare, 0.75)

    def folder(self) -> Iterator[str]:
        """One statement of a million documents: the service's part."""
        made = statements(self.depositors, 20, first=self._take(20), documents=1_000_000)
        load = generate(
            self.scratch, [post(each) for each in made], ports=self.engine.ports, seconds=0.5, connections=1, rate=10
        )
        yield f"folder of 1,000,000    {load.text()}"
        yield limit("the service's part, longest ms", load.latency["max"], 50)

    def receipts(self) -> Iterator[str]:
        """Receipts of deposits at random."""
        asked = requests_at_random(self.engine, int(self._time() * MOST["receipts"]))
        load = self.send(asked, connections=16)
        yield f"receipts at random    {load.text()}"
        yield target("receipts/s", load.per_second, 2000)

    def _bare(self, rows: list[Deposit]) -> tuple[int, float]:
        """The groups that the service committed (deposits of one group have one time), and bare ones of that size."""
        groups = len({json.loads(row.acceptance.partition("\n")[2])["received_at"] for row in rows})
        size = max(1, round(len(rows) / groups))
        return size, baselines.grouped(self.engine.bare, rows, size)

    def _rows(self, first: int) -> list[Deposit]:
        with open_services(self.engine.data, self.engine.database) as services, services.store.view() as view:
            return list(view.deposits(first, 10_000))

    def singles(self, rate: float) -> list[bytes]:
        """Requests of one statement, enough for ``rate`` a second."""
        return [post(each) for each in self._statements(int(self._time() * rate))]

    def _statements(self, count: int) -> list[bytes]:
        return statements(self.depositors, count, first=self._take(count))

    def _take(self, count: int) -> int:
        first, self.used = self.used, self.used + count
        return first

    def _time(self) -> float:
        return self.seconds + 1

    def send(self, requests: list[bytes], connections: int = 0, **job: float) -> Load:
        """Let the generator send requests, for as long as each scenario lasts."""
        connections = connections or self.connections
        ports, before = self.engine.ports, self.engine.cpu_s()
        load = generate(self.scratch, requests, ports=ports, seconds=self.seconds, connections=connections, **job)
        return load._replace(service_us=1e6 * (self.engine.cpu_s() - before) / max(1, load.sent))


def deposited(engine: Engine) -> int:
    """How many deposits there are."""
    with open_services(engine.data, engine.database) as services, services.store.view() as view:
        return view.intake_head().next_seq


def requests_at_random(engine: Engine, count: int) -> list[bytes]:
    """Requests for receipts, of any of the deposits that are published."""
    chance = random.Random(1)
    with open_services(engine.data, engine.database) as services, services.store.view() as view:
        published = view.ledger_head().entries
        found = [view.deposit_at(chance.randrange(published)) for _ in range(count)]
    return [get(f"/v1/deposits/{deposit.statement_id.hex()}/receipt") for deposit in found if deposit is not None]


def own_cost(scratch: Path) -> Iterator[str]:
    """The generator against a server that does nothing."""
    with trivial_server() as port:
        load = generate(scratch, [post(bytes(600))] * 100_000, ports=[port], seconds=0.5)
    yield f"generator alone    {load.per_second:,.0f} requests/s, {load.cpu_us:.0f} us of CPU each"


def bare_work(scratch: Path) -> Iterator[str]:
    """What the machine does now."""
    yield f"bare fdatasync {baselines.syncs(scratch):,.0f}/s, hashlib SHA-256 {baselines.hashed() / 1e6:,.0f} MB/s"


def _many(made: Sequence[bytes]) -> bytes:
    return post(json.dumps({"statements": [each.decode() for each in made]}).encode(), "application/json")


def target(what: str, value: float, least: float, aim: float = 0) -> str:
    """What was reached, and whether it is enough."""
    aimed = f", aim {aim:,.4g}" if aim else ""
    return f"    {'ok  ' if value >= least else 'MISS'} {value:,.4g} {what} (at least {least:,.4g}{aimed})"


def limit(what: str, value: float, most: float) -> str:
    """What it took, and whether it is little enough."""
    return f"    {'ok  ' if value <= most else 'MISS'} {value:,.4g} {what} (at most {most:,.4g})"


def run(engine: str, scenarios: Sequence[str], **options: Any) -> None:
    """Start an engine, put each scenario on it and print what came of it."""
    webs = options.pop("webs")
    with tempfile.TemporaryDirectory(prefix="hefu-load-") as name:
        scratch = Path(name)
        running = embedded(scratch) if engine == "embedded" else production(scratch, webs)
        with running as service:
            print(
                f"\n{engine}: {', '.join(f'{what} is process {pid}' for what, pid in service.pids.items())}", flush=True
            )
            loads = Loads(service, scratch, **options)
            for scenario in scenarios:
                for line in SCENARIOS[scenario](loads):
                    print(line, flush=True)
            print(f"memory: {service.memory()}")


SCENARIOS = {
    "single": Loads.single,
    "half": lambda loads: loads.half(loads.rate or 1000),
    "verifiers": Loads.verifiers,
    "many": Loads.many,
    "folder": Loads.folder,
    "receipts": Loads.receipts,
}


def main() -> None:
    """Run the scenarios named, or all but what `single` includes, on the engines named, or both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="all, if none is named")
    parser.add_argument("--engine", choices=["embedded", "production"], action="append")
    parser.add_argument(
        "--webs", type=int, default=os.cpu_count(), help="`serve` processes in production (%(default)s: one a core)"
    )
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0, help="single statements a second, arriving at random")
    chosen = parser.parse_args()
    scenarios = chosen.scenarios or [name for name in SCENARIOS if name != "half"]
    with tempfile.TemporaryDirectory(prefix="hefu-load-") as scratch:
        for line in (*bare_work(Path(scratch)), *own_cost(Path(scratch))):
            print(line, flush=True)
    for engine in chosen.engine or ["embedded", "production"]:
        options = {"seconds": chosen.seconds, "connections": chosen.connections, "rate": chosen.rate}
        run(engine, scenarios, webs=chosen.webs, **options)


if __name__ == "__main__":
    main()
