"""Every system call that writes is made to fail, or is the last: what was acknowledged stays, and recovery is clean."""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.enrolling import make_statement
from tests.fault import driver
from tests.fault.ledger_data import LedgerData, check_after_recovery

CALLS = ("openat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "link", "linkat", "rename", "renameat")
CALLS += ("unlink", "mkdir", "rmdir")
TRACED = ",".join(f"?{name}" for name in CALLS)  # "?": not every machine has each of them
SAMPLE = 14

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


class Fault(NamedTuple):
    """What is done to the ``nth`` call (from 1) of this name."""

    name: str
    nth: int
    action: str  # error=EIO | signal=KILL


class Run(NamedTuple):
    """How a run of the driver ended."""

    code: int
    errors: str
    acknowledged: dict[bytes, bytes]


def drive(data: LedgerData, log: Path, *inject: str) -> Run:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = ["strace", "-f", "-y", "-s", "5", "-o", log, "-e", f"trace={TRACED},sendto", *inject]
        command += [sys.executable, "-B", driver.__file__, data.path, _depositor(data), theirs.fileno()]
        done = subprocess.run(
            [str(word) for word in command],
            env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        theirs.close()
        told = [*iter(lambda: ours.recv(65536), b"")]
    acknowledgements = [each for each in told if each != driver.BEGUN]
    return Run(done.returncode, done.stderr, dict(zip(statements(data), acknowledgements, strict=False)))


def statements(data: LedgerData) -> list[bytes]:
    return [make_statement(data.signer, number) for request in driver.REQUESTS for number in request]


def _depositor(data: LedgerData) -> str:
    return data.signer.key.name.rpartition("/")[2]


@pytest.fixture
def faults(fresh: Callable[[], LedgerData], tmp_path: Path) -> list[Fault]:
    """Every fault that can happen to the data directory, as a run without any shows."""
    data = fresh()
    run = drive(data, tmp_path / "log")
    assert (run.code, len(run.acknowledged)) == (0, 5), run.errors
    before, begun, after = (tmp_path / "log").read_text().partition(f'"{driver.BEGUN.decode()}"')
    assert begun
    calls = Counter(re.findall(r"^\d+ +(\w+)\(", before, re.M))
    found = []
    for name, words in re.findall(r"^\d+ +(\w+)\((.*)", after, re.M):
        calls[name] += 1
        if str(data.path) in words and name in CALLS:
            found += [Fault(name, calls[name], action) for action in ("error=EIO", "signal=KILL")]
    assert {"openat", "write", "pwrite64", "fsync", "fdatasync"} < {fault.name for fault in found}
    return found


def suffer(data: LedgerData, fault: Fault, log: Path) -> Run:
    run = drive(data, log, "-e", f"inject={fault.name}:{fault.action}:when={fault.nth}")
    if fault.action == "error=EIO":
        hit = [line for line in log.read_text().splitlines() if line.endswith("(INJECTED)")]
        assert [str(data.path) in line for line in hit] == [True], hit
        assert run.code in (0, driver.REFUSED), run.errors  # survived, or an error with a name; never a traceback
        assert run.code == 0 or "Input/output error" in run.errors or "disk I/O error" in run.errors, run.errors
    else:
        assert run.code == -9
    return run


def survives(fresh: Callable[[], LedgerData], fault: Fault, log: Path) -> None:
    data = fresh()
    run = suffer(data, fault, log)
    check_after_recovery(data.path, {**data.acknowledged, **run.acknowledged}, statements(data))


def test_a_call_that_fails_or_is_the_last_loses_nothing(
    fresh: Callable[[], LedgerData], faults: list[Fault], tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    picked = random.Random(seed).sample(faults, SAMPLE)  # noqa: S311 -- where faults fall is no secret
    for fault in picked:
        sys.stdout.write(f"seed {seed}: {fault}\n")
        survives(fresh, fault, tmp_path / "log")


@pytest.mark.soak
def test_any_call_that_fails_or_is_the_last_loses_nothing(
    fresh: Callable[[], LedgerData], faults: list[Fault], tmp_path: Path
) -> None:
    failed = []
    for fault in faults:
        try:
            survives(fresh, fault, tmp_path / "log")
        except (AssertionError, Exception) as error:
            failed.append((fault, error))
    assert failed == [], f"{len(failed)} of {len(faults)}"
