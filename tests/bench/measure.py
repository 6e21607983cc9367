"""One measurement beside its baseline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Result(NamedTuple):
    """``value`` and ``baseline`` in ``unit``; ``ratio`` is time against the baseline's time."""

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float
    what: str

    def line(self) -> str:
        """One line for people."""
        pair = f"{self.value:>12,.0f} {self.unit}" if self.value >= 10 else f"{self.value:>12.4f} {self.unit}"
        return (
            f"{self.name:<28}{pair:<28} {self.ratio:5.2f} x the time of {self.what} ({self.baseline:,.4g} {self.unit})"
        )

    def value_of(self) -> dict[str, Any]:
        """The entry of ``bench.json``."""
        return {name: value for name, value in self._asdict().items() if name != "name"}


def rate(name: str, count: int, seconds: float, baseline_seconds: float, unit: str, what: str) -> Result:
    """A rate against the bare work's rate for the same count."""
    return Result(name, count / seconds, unit, count / baseline_seconds, seconds / baseline_seconds, what)


def seconds(work: Callable[[], object], *, best_of: int = 3) -> float:
    """The shortest of a few runs: what else the machine does only ever adds."""
    times = []
    for _ in range(best_of):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
