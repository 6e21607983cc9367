"""Files that appear whole or not at all, and survive a power cut once the call has returned."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PRIVATE = 0o600  # bundles, evidence and keys can open what a deposit hides
PUBLIC = 0o644
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)


def write_new(path: str, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write a file that must not exist yet; FileExistsError otherwise, with nothing changed. Durable on return."""
    with _temporary(path, data, mode) as temporary:
        publish(temporary, path)


def replace(path: str, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write a file, or the new contents of one, in a single step. Durable on return."""
    with _temporary(path, data, mode) as temporary:
        os.replace(temporary, path)
    sync_folder(path)


def publish(part: str, path: str) -> None:
    """Give a finished file its name, which nobody may have (FileExistsError). Durable on return."""
    try:
        os.link(part, path)  # unlike a rename, it never takes the place of what is there
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):  # FAT and some network disks know no links: the check is all there is
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        os.rename(part, path)
    else:
        os.unlink(part)
    sync_folder(path)


def temporary_name(path: str) -> str:
    """Under which name a file is written, and may be left by a crash."""
    return f"{path}.tmp"


def sync_folder(path: str) -> None:
    """Make the names in the folder of ``path`` durable."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(path: str, data: bytes, mode: int) -> Iterator[str]:
    """A durable file beside ``path`` under a passing name; a name left by a crash is taken over."""
    temporary = temporary_name(path)
    descriptor = _open_alone(temporary, mode)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(descriptor)
        yield temporary
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)


def _open_alone(path: str, mode: int) -> int:
    """Open a file, empty, that no other process has open this way; it waits for one that has."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                os.truncate(descriptor, 0)
                return descriptor
        os.close(descriptor)  # it was given its name, or removed, while we waited
