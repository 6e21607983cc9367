"""``make mutants``: change the verifier in one place after another, and run the tests that cover the place.

A mutant that turns no test red is printed: a test is missing, or the change makes no difference, which
``equivalents.txt`` then says with its reason. Exit status 1 where one is left.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

import cryptography.x509
import hypothesis.strategies
import pytest

from tests.mutants.covering import Covered, joined, record
from tests.mutants.mutations import Mutant, mutants

ROOT: Final = Path(__file__).resolve().parents[2]
TESTS: Final = "tests/ledger"
FIRST: Final = ("verify/*.py", "records/roster.py", "tlog/note.py", "tlog/policy.py")
ALL: Final = ("replay/*.py", "records/*.py", "deposit/receipt.py", "tlog/merkle.py", "timestamp/*.py")
EQUIVALENTS: Final = Path(__file__).with_name("equivalents.txt")
LONGEST_S: Final = 60  # of one mutant: a test that never ends is red
ENOUGH_S: Final = 25.0  # of covering tests, one case of each test first
WARM: Final = (cryptography.x509, hypothesis.strategies)  # imported once, before each fork


class _Mutated(MetaPathFinder, Loader):
    """Imports one module with a change in it."""

    def __init__(self, file: str, mutant: Mutant) -> None:
        parts = file.removeprefix("ledger/").removesuffix(".py").split("/")
        self._is_package = parts[-1] == "__init__"
        self._name = ".".join(parts[:-1] if self._is_package else parts)
        self._path = str(ROOT / file)
        self._code = compile(mutant.tree, self._path, "exec")

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        del path, target
        if fullname != self._name:
            return None
        folder = [str(Path(self._path).parent)] if self._is_package else None
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=self, submodule_search_locations=folder
        )

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102  # of this repository, but for one change


def main(patterns: Sequence[str]) -> int:
    """Try all mutants of the files; the exit status."""
    begun = time.monotonic()
    files = sorted(
        {str(path.relative_to(ROOT)) for each in patterns for path in (ROOT / "ledger/hefu_ledger").glob(each)}
    )
    covered = _cover(files)
    todo = [(file, mutant) for file in files for mutant in mutants((ROOT / file).read_text())]
    known, killed, bad = dict(_equivalents()), 0, 0
    for name, is_killed in _tried(todo, covered):
        killed += is_killed
        if is_killed == (name in known):
            bad += 1
            print(f"{'killed, though said to be equivalent' if is_killed else 'survived'}: {name}", flush=True)
    print(f"{len(todo)} mutants, {killed} killed, {bad} to look at, {time.monotonic() - begun:.0f} s")
    return 1 if bad else 0


def _cover(files: Sequence[str]) -> Covered:
    """Run the tests once, in as many processes as there are cores."""
    tests = sorted(str(path.relative_to(ROOT)) for path in (ROOT / TESTS).glob("test_*.py"))
    shares = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        answers = [Path(folder) / f"{share}.json" for share in range(shares)]
        children = [
            _fork(partial(record, ROOT, files, tests[share::shares], answer)) for share, answer in enumerate(answers)
        ]
        if any(os.waitpid(child, 0)[1] for child in children):
            sys.exit("the tests fail without any mutant; run make test first")
        return joined(answers)


def _tried(todo: Sequence[tuple[str, Mutant]], covered: Covered) -> Iterator[tuple[str, bool]]:
    """Each mutant by name, and whether a test turned red; as many at once as there are cores.

    One thread alone forks: a child of several could wait for ever for a lock that another thread held.
    """
    waiting, running = deque(todo), deque[tuple[str, int, float]]()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            file, mutant = waiting.popleft()
            name, tests = f"{file}: {mutant.name}", _tests(file, mutant, covered)
            if tests:
                running.append((name, _fork(partial(_run, file, mutant, tests)), time.monotonic()))
            else:
                yield name, False
        for _ in range(len(running)):
            name, child, begun = running.popleft()
            status = _status(child, 0.01 if time.monotonic() - begun < LONGEST_S else 0)
            if status is None:
                running.append((name, child, begun))
            else:
                yield name, status != 0


def _tests(file: str, mutant: Mutant, covered: Covered) -> list[str]:
    """The covering tests, the fastest first, and of each test one case before the others."""
    lines = covered.lines.get(file, {})
    names = sorted(set().union(*(lines.get(line, ()) for line in mutant.lines)), key=lambda name: covered.seconds[name])
    seen: dict[str, int] = {}
    ranked = []
    for name in names:
        test = name.partition("[")[0]
        seen[test] = seen.get(test, 0) + 1
        ranked.append((seen[test], name))
    chosen: list[str] = []
    left = ENOUGH_S
    for _, name in sorted(ranked, key=lambda each: each[0]):
        left -= covered.seconds[name]
        if left < 0 and chosen:
            break
        chosen.append(name)
    return chosen


def _run(file: str, mutant: Mutant, tests: Sequence[str]) -> int:
    sys.meta_path.insert(0, _Mutated(file, mutant))
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests]))


def _fork(work: Callable[[], int]) -> int:
    """Run ``work`` in a child, which says nothing; its process id."""
    child = os.fork()
    if child:
        return child
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    status = 70
    try:
        status = work()
    finally:
        os._exit(status)


def _status(child: int, wait_s: float) -> int | None:
    """The exit status of a child that has ended, None of one that runs; without any wait it is killed: -9."""
    if wait_s == 0:
        os.kill(child, signal.SIGKILL)
    found, status = os.waitpid(child, 0 if wait_s == 0 else os.WNOHANG)
    if not found:
        time.sleep(wait_s)
        return None
    return os.waitstatus_to_exitcode(status)


def _equivalents() -> Iterator[tuple[str, str]]:
    """The mutants that make no difference, each with its reason on the line below."""
    lines = [line for line in EQUIVALENTS.read_text().splitlines() if line and not line.startswith("#")]
    for name, reason in zip(lines[::2], lines[1::2], strict=True):
        if not reason.startswith("    "):
            raise SystemExit(f"{EQUIVALENTS.name}: no reason below {name!r}")
        yield name, reason.strip()


if __name__ == "__main__":
    sys.exit(main(FIRST + ALL if "ALL" in sys.argv[1:] else sys.argv[1:] or FIRST))
