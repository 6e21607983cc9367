"""Every system call on the data is made to fail, or is the last: what was acknowledged stays, recovery is clean."""

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
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests.fault import driver
from tests.fault.accounting import account
from tests.fault.figures import Figures
from tests.fault.ledger_data import LedgerData, accept
from tests.support.enrolling import make_statement

from hefu_service.wiring import open_services

CALLS: Final[tuple[str, ...]] = (
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "link",
    "linkat",
    "rename",
    "renameat",
    "unlink",
    "mkdir",
    "rmdir",
    "fchmod",
    "chmod",
    "fchown",
)
# As the last call, one of these leaves what the one before it left. Not close: strace would not make the call, and the
# file would stay open and locked, where any real close that fails has closed it.
CHANGELESS: Final[tuple[str, ...]] = (
    "read",
    "pread64",
    "getdents64",
    "newfstatat",
    "fstat",
    "stat",
    "lstat",
    "statx",
    "access",
    "readlink",
    "lseek",
    "mmap",
    "fcntl",
    "flock",
)
TRACED = ",".join(f"?{name}" for name in (*CALLS, *CHANGELESS))  # "?": not every machine has each of them
CLEAR = (
    "Input/output error",
    "disk I/O error",
    "unable to open database file",
    "readonly database",
    "disk image is malformed",
    "locking protocol",
)  # the last four: SQLite, of what it could not read
FAIL, KILL = ACTIONS = "error=EIO", "signal=KILL"
SAMPLE = 8
PATIENCE_S = 60

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


class Fault(NamedTuple):
    """What is done to the ``nth`` call (from 1) of this name."""

    name: str
    nth: int
    action: str


class Run(NamedTuple):
    """How a run of the driver ended."""

    code: int
    errors: str
    acknowledged: dict[bytes, bytes]


def drive(data: LedgerData, log: Path, *flags: str) -> Run:
    log.unlink(missing_ok=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(PATIENCE_S)
    with ours, theirs:
        command = [sys.executable, driver.__file__, data.path, _depositor(data), theirs.fileno()]
        command += [log, "-e", f"trace={TRACED},sendto", *flags]
        driving = subprocess.Popen(
            [str(word) for word in command],
            env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        told = [*iter(lambda: ours.recv(65536), b"")]
        errors = driving.communicate(timeout=PATIENCE_S)[1]
    acknowledgements = [each for each in told if each != driver.TRACED]
    return Run(driving.returncode, errors, dict(zip(statements(data), acknowledgements, strict=False)))


def statements(data: LedgerData) -> list[bytes]:
    return [make_statement(data.signer, number) for request in driver.REQUESTS for number in request]


def _depositor(data: LedgerData) -> str:
    return data.signer.key.name.rpartition("/")[2]


@pytest.fixture
def faults(fresh: Callable[[], LedgerData], tmp_path: Path) -> list[Fault]:
    """Every fault that can happen to the data directory, as a run without any shows."""
    data = fresh()
    run = drive(data, tmp_path / "log")
    if driver.UNTRACED in run.errors:
        pytest.skip(driver.UNTRACED)
    assert (run.code, len(run.acknowledged)) == (0, 5), run.errors
    calls: Counter[str] = Counter()
    found = []
    for name, words in re.findall(r"^\d+ +(\w+)\((.*)", (tmp_path / "log").read_text(), re.M):
        calls[name] += 1
        if str(data.path) in words:
            found += [Fault(name, calls[name], action) for action in ACTIONS if name in CALLS or action is FAIL]
    assert {"openat", "write", "pwrite64", "fsync", "fdatasync"} < {fault.name for fault in found}
    return found


class MissedError(Exception):
    """The nth call of that name was another one in this run: threads take turns as they like."""


def suffer(data: LedgerData, fault: Fault, log: Path) -> Run:
    run = drive(data, log, "-e", f"inject={fault.name}:{fault.action}:when={fault.nth}")
    if fault.action is FAIL:
        hit = [line for line in log.read_text().splitlines() if line.endswith("(INJECTED)")]
        if [str(data.path) in line for line in hit] != [True]:
            raise MissedError(hit)
        assert run.code in (0, driver.REFUSED), run.errors  # survived, or an error with a name; never a traceback
        assert run.code == 0 or any(each in run.errors for each in CLEAR), run.errors
    else:
        assert run.code == -9
    return run


def survives(fresh: Callable[[], LedgerData], fault: Fault, folder: Path, figures: Figures) -> None:
    data = fresh()
    run = suffer(data, fault, folder / "log")
    figures.faults += 1
    acknowledged = {**data.acknowledged, **run.acknowledged}
    with open_services(data.path) as services:
        for each in statements(data):  # whatever became of it, it can be sent again
            again = accept(services, each)
            assert again == {each: acknowledged.setdefault(each, again[each])}
        account(services, acknowledged, figures, folder / "export")
    shutil.rmtree(folder / "export")


def test_a_call_that_fails_or_is_the_last_loses_nothing(
    fresh: Callable[[], LedgerData], faults: list[Fault], chance: random.Random, figures: Figures, tmp_path: Path
) -> None:
    for fault in chance.sample(faults, SAMPLE):
        sys.stdout.write(f"{fault}\n")
        with suppress(MissedError):
            survives(fresh, fault, tmp_path, figures)
    assert figures.faults


@pytest.mark.soak
def test_any_call_that_fails_or_is_the_last_loses_nothing(
    fresh: Callable[[], LedgerData], faults: list[Fault], figures: Figures, tmp_path: Path
) -> None:
    failed: list[str] = []
    for fault in faults:
        try:
            with suppress(MissedError):
                survives(fresh, fault, tmp_path, figures)
        except Exception as error:
            failed.append(f"{fault}: {type(error).__name__}: {error}"[:1000])
    assert not failed, "\n".join((f"{len(failed)} of {len(faults)}", *failed))
    assert figures.faults > 0.95 * len(faults)
