"""The product is written in plain words: counts of the words that make a sentence hard to skim may only fall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = {".py", ".md", ".json", ".yaml", ".html", ".css", ".js"}
VAGUE = r"(?i)\b(?:whatever|whoever|whichever|nobody|somebody|anybody)\b"
WHAT = r"(?i)\bwhat\b"


def _files() -> Iterator[Path]:
    for room in ("ledger", "service", "clients", "docs"):
        yield from (path for path in sorted((ROOT / room).rglob("*")) if path.suffix in KINDS)
    for pattern in ("README*", "deploy/*.md", "CONTRIBUTING.md"):
        yield from sorted(ROOT.glob(pattern))


def _places(pattern: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {word}"
        for path in _files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for word in re.findall(pattern, line)
    ]


# A ceiling only falls: a count that is more than ``slack`` below it asks for a lower one.
@pytest.mark.parametrize(("pattern", "ceiling", "slack"), [(VAGUE, 0, 0), (WHAT, 183, 20)], ids=["vague", "what"])
def test_words_that_say_little_become_fewer(pattern: str, ceiling: int, slack: int) -> None:
    places = _places(pattern)
    assert len(places) <= ceiling, f"{len(places)}, more than {ceiling}; name the thing instead:\n" + "\n".join(places)
    assert len(places) >= ceiling - slack, f"only {len(places)} are left: lower the ceiling from {ceiling}"
