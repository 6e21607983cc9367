"""Which test runs which line of the ledger, and how long each takes."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from coverage import Coverage

Lines = dict[str, dict[int, set[str]]]  # of each file, by line from 1, the tests that run it


class Covered(NamedTuple):
    """``seconds``: of each test."""

    lines: Lines
    seconds: dict[str, float]


class _Recorder:
    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        begun = time.perf_counter()
        self._coverage.switch_context(item.nodeid)
        yield
        self._coverage.switch_context("")
        self.seconds[item.nodeid] = time.perf_counter() - begun


def record(folder: Path, files: Sequence[str], tests: Sequence[str], answer: Path) -> int:
    """Run tests and write what they cover; the test runner's exit status. To be called in a process of its own."""
    coverage = Coverage(data_file=None, include=[str(folder / file) for file in files], config_file=False)
    recorder = _Recorder(coverage)
    coverage.start()
    status = pytest.main(["-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests], plugins=[recorder])
    coverage.stop()
    data = coverage.get_data()
    lines = {
        file: {
            line: [name for name in names if name]
            for line, names in data.contexts_by_lineno(str(folder / file)).items()
        }
        for file in files
    }
    answer.write_text(json.dumps({"lines": lines, "seconds": recorder.seconds}))
    return int(status)


def joined(answers: Sequence[Path]) -> Covered:
    """What several runs wrote."""
    found = Covered({}, {})
    for answer in answers:
        value = json.loads(answer.read_text())
        found.seconds.update(value["seconds"])
        for file, lines in value["lines"].items():
            for line, names in lines.items():
                found.lines.setdefault(file, {}).setdefault(int(line), set()).update(names)
    return found
