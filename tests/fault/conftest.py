"""A ledger that has grown almost to the end of its first tile, for faults to happen to copies of it; their figures."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fault.figures import Figures
from tests.fault.ledger_data import LedgerData, grow


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> LedgerData:
    """The ledger to copy."""
    return grow(tmp_path_factory.mktemp("grown") / "data")


@pytest.fixture
def fresh(grown: LedgerData, tmp_path: Path) -> Callable[[], LedgerData]:
    """Makes copies of it."""

    def copy() -> LedgerData:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        shutil.copytree(grown.path, tmp_path / "data")
        return grown._replace(path=tmp_path / "data")

    return copy


@pytest.fixture
def chance() -> random.Random:
    """Another one each time; set FAULT_SEED to the one that was printed to have it again."""
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"FAULT_SEED={seed}\n")
    return random.Random(seed)  # noqa: S311 -- where faults fall is no secret


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What a run counts, reported at its end, however it ends."""
    figures = Figures(f"{request.path.stem}::{request.node.name}")
    yield figures
    figures.report()
