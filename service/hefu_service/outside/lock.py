"""Locks between processes, on files; the system releases them when their holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hefu_service.ports.errors import PortError, StorageError
from hefu_service.texts import sentence


@contextmanager
def only_service(path: Path) -> Iterator[None]:
    """Hold ``DATA/lock``, in which our process id is written; PortError, naming its process, if another holds it."""
    # The file stays when the lock goes: a lock on a deleted file excludes no other process.
    with _opened(path, os.O_RDWR | os.O_CREAT) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise PortError(sentence("lock.another", holder=holder, data=path.parent)) from None
        with suppress(OSError):  # on a full disk the service still serves; only its process id is missing
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)
        yield


@contextmanager
def one_of_many(path: Path) -> Iterator[None]:
    """Hold ``DATA/lock`` beside others of the same kind; PortError if one holds it that must be alone."""
    with _opened(path, os.O_RDWR | os.O_CREAT) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PortError(sentence("lock.alone", data=path.parent)) from None
        yield


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until a folder is ours alone, against threads of this process as well; StorageError if there is none."""
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:  # a file system of another machine may have no locks
            raise StorageError(sentence("file.lock", path=folder, reason=error.strerror)) from error
        yield


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        file = os.open(path, flags, 0o600)
    except OSError as error:
        raise StorageError(sentence("file.lock", path=path, reason=error.strerror)) from error
    try:
        yield file
    finally:
        with suppress(OSError):  # the lock is gone even where closing fails
            os.close(file)
