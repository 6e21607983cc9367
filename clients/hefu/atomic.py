"""Files that appear whole or not at all, and survive a power cut once the call has returned."""

from __future__ import annotations

import errno
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


def sync_folder(path: str) -> None:
    """Make the names in the folder of ``path`` durable."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(path: str, data: bytes, mode: int) -> Iterator[str]:
    """A durable file of a passing name beside ``path``, gone at the end whatever happened."""
    temporary = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
