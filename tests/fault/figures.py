"""Figures of the fault runs: one JSON line a run, appended to the file that FAULT_REPORT names, and printed.

``python -m tests.fault.figures FILE`` adds the lines up, by run, as the table of ``deploy/RELIABILITY.md``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

_COUNTS = ("faults", "acknowledged", "lost", "forks", "broken_promises")


@dataclass
class Figures:
    """What was done to a service in one run, and what became of what it had acknowledged."""

    run: str
    faults: int = 0
    acknowledged: int = 0
    lost: int = 0
    forks: int = 0  # sizes of which two roots were signed
    broken_promises: int = 0  # deposits sealed later than their acknowledgements say

    def report(self) -> None:
        """Print them, and append them to the report, if one is asked for."""
        line = json.dumps(asdict(self))
        sys.stdout.write(f"{line}\n")
        if name := os.environ.get("FAULT_REPORT"):
            with Path(name).open("a") as file:
                file.write(f"{line}\n")


def table(lines: Iterable[str]) -> str:
    """The sums of each run, as rows of Markdown."""
    sums: dict[str, list[int]] = {}
    for line in lines:
        figures = json.loads(line)
        counts = sums.setdefault(figures["run"], [0] * len(_COUNTS))
        sums[figures["run"]] = [count + figures[name] for count, name in zip(counts, _COUNTS, strict=True)]
    return "".join(f"| `{run}` | {' | '.join(f'{count:,}' for count in counts)} |\n" for run, counts in sums.items())


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1]).read_text().splitlines()))
