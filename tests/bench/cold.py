"""``hefu verify`` from cold, against a bare interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.measure import Result
from tests.support.sample_ledger import POLICY, sample

from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.tlog.policy import format_policy

RUNS = 21
# Where bytecode may not be kept, every start would compile the program anew; a user's start does not.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def cold_verify(scratch: Path) -> Iterator[Result]:
    """The whole command, as a user runs it, in turns with ``python -c pass``."""
    ledger = sample()
    (scratch / "e.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (scratch / "d").write_bytes(b"formula 3")
    (scratch / "policy").write_text(format_policy(POLICY))
    program = Path(sys.executable).parent / "hefu"
    verify = [str(program), "verify", "e.json", "d", "--policy", "policy"]
    bare = [sys.executable, "-c", "pass"]
    times = [(_run(verify, scratch), _run(bare, scratch)) for _ in range(RUNS)]
    ours, baseline = (sorted(column)[RUNS // 2] for column in zip(*times, strict=True))
    yield Result("cold_verify", ours, "s", baseline, ours / baseline, "python -c pass")


def _run(command: Sequence[str], directory: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    return time.perf_counter() - began
