"""A ledger that has grown almost to the end of its first tile, for faults to happen to copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
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
