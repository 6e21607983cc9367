"""Services for the tests, each on a directory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sample_service import SampleService, begin, copied, make_empty_database, opened


@pytest.fixture(scope="session")
def begun_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a ledger with nothing but its genesis, to copy."""
    folder = tmp_path_factory.mktemp("begun")
    begin(folder / "data", make_empty_database(folder))
    return folder / "data"


@pytest.fixture
def service(begun_service: Path, tmp_path: Path) -> Iterator[SampleService]:
    """A service whose ledger has just begun."""
    with opened(copied(begun_service, tmp_path / "data")) as sample:
        yield sample
