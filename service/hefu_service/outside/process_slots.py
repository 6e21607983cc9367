"""Places for processes to count in, as files that outlive them, so that no count is lost with a process.

Each process takes the first place that no living one holds and goes on from the counts there; there are never more
places than processes lived at once. No cleaning up is needed, however a process ended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hefu_service.outside.lock import exclusive
from hefu_service.ports.errors import StorageError
from hefu_service.texts import sentence


class Slot(NamedTuple):
    """A process's place, for as long as the lock (a file descriptor) is open."""

    number: int
    lock: int


def take_slot(folder: Path, files: Sequence[str], size: int) -> Slot:
    """Take a place, and have its files, named ``<file>_<number>.db``, with all of their ``size`` bytes on disk.

    If no other process holds a place all begin anew. StorageError if the disk does not do it.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with exclusive(folder):
            slot = _take(folder)
        for file in files:
            _reserve(folder / f"{file}_{slot.number}.db", size)
    except OSError as error:
        raise StorageError(sentence("file.count", path=folder, reason=error.strerror)) from error
    return slot


def _take(folder: Path) -> Slot:
    known = sum(1 for _ in folder.glob("*.lock"))
    locks = [_lock(folder / f"{number}.lock") for number in range(known + 1)]
    free = [Slot(number, lock) for number, lock in enumerate(locks) if lock is not None]
    if len(free) == len(locks):
        for left in folder.glob("*.db"):
            left.unlink()
    for other in free[1:]:
        os.close(other.lock)
    return free[0]


def _lock(path: Path) -> int | None:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _reserve(path: Path, size: int) -> None:
    # Writing through memory where the disk is full kills the process (SIGBUS).
    with path.open("ab") as file:
        path.chmod(0o600)
        file.write(bytes(max(size - file.tell(), 0)))
