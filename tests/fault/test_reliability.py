"""The page of figures names the runs that there are."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "deploy" / "RELIABILITY.md"


def test_every_run_that_the_page_names_is_a_test() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE.read_text())
    assert named
    assert [f"{file}::{name}" for file, name in named if f"def {name}(" not in (HERE / file).read_text()] == []
