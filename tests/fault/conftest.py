"""A ledger that has grown almost to the end of its first tile, for faults to happen to copies of it; their figures."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
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
    return partial(_copied, grown, tmp_path / "data")


@pytest.fixture
def copy(crossed: LedgerData, tmp_path: Path) -> Callable[[], LedgerData]:
    """Makes copies of what the test file lets the ledger grow to, its ``crossed``."""
    return partial(_copied, crossed, tmp_path / "data")


def _copied(data: LedgerData, path: Path) -> LedgerData:
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(data.path, path)
    return data._replace(path=path)


@pytest.fixture
def chance() -> random.Random:
    """Another one each time; set FAULT_SEED to the one that was printed to have it again."""
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"FAULT_SEED={seed}\n")
    return random.Random(seed)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What a run counts, reported at its end, however it ends."""
    figures = Figures(f"{request.path.stem}::{request.node.name}")
    yield figures
    figures.report()
