"""Tests replace few private names of the product: each couples a test to a detail that no caller sees."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
# As `rg 'setattr\(.*"(.*\.)?_[A-Za-z]|vars\(.*\)\["_[A-Z]' tests`; the ceiling only falls.
PRIVATE = re.compile(r'setattr\(.*"(?:.*\.)?_[A-Za-z]|vars\(.*\)\["_[A-Z]')
CEILING = 20


def test_private_names_that_tests_replace_become_fewer() -> None:
    places = [
        f"{path.relative_to(TESTS)}:{number}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if path != Path(__file__) and PRIVATE.search(line)
    ]
    assert len(places) <= CEILING, f"{len(places)}, more than {CEILING}; give it a public seam:\n" + "\n".join(places)
    assert len(places) == CEILING, f"only {len(places)} are left: lower the ceiling from {CEILING}"
