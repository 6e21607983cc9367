"""What disks and systems differ in: calls that Windows does not have, names that its disks cannot tell apart or hold.

Everything here is asked for by what the system can do, so that the tests can take it away.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import Any, Final

from hefu.errors import ClientError
from hefu.ui.language import say

WINDOWS: Final = os.sep == "\\"
# Without O_BINARY Windows changes line ends; a path may have become a link or a pipe since it was found, and neither
# is followed, or waited for, where the system can be told so.
_ANYWHERE: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
READ: Final = os.O_RDONLY | _ANYWHERE | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
WRITE: Final = os.O_WRONLY | os.O_CREAT | _ANYWHERE | getattr(os, "O_NOFOLLOW", 0)
WRITE_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ANYWHERE

_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
_NO_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
# NFS without its lock daemon, many FUSE and CIFS mounts.
NO_LOCKS: Final = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_IN_USE: Final = (32, 33)  # Windows: a sharing violation, a lock violation
_CAUSES: Final = {
    errno.ENOENT: "disk.missing",
    errno.EACCES: "disk.denied",
    errno.EPERM: "disk.denied",
    errno.EISDIR: "disk.folder",
    errno.ENOTDIR: "disk.no_folder",
    errno.ENOSPC: "disk.full",
}
_LONG: Final = 240  # characters; Windows takes 259 of a file, and fewer of a folder, that is not written \\?\
_RESERVED: Final = frozenset('<>:"|?*\\')
_DEVICES: Final = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))])
_LOCK: Final = ".hefu-lock"


def names_are_utf8() -> bool:
    """Whether the names that Python gives are those of the disk: through GBK or Latin-1 it would give others."""
    return sys.getfilesystemencoding().lower().replace("_", "-") in ("utf-8", "utf8")


def check_names() -> None:
    """ClientError where ``names_are_utf8`` does not hold, as in a program that began in such a locale."""
    if not names_are_utf8():
        raise ClientError(say("disk.encoding", encoding=sys.getfilesystemencoding()))


def read_into(descriptor: int, buffer: bytearray) -> int:
    """Read what fits into ``buffer``, or as much as there is at once."""
    if hasattr(os, "readv"):
        return os.readv(descriptor, (buffer,))
    data = os.read(descriptor, len(buffer))
    buffer[: len(data)] = data
    return len(data)


def sync_folder(path: str) -> None:
    """Make the names in a folder durable, as far as system and disk can: Windows and some network disks do it alone."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def name(part: str, path: str) -> None:
    """Move a file to a free name; FileExistsError if the name is taken."""
    try:
        os.link(part, path)  # unlike a rename, it never takes the place of what is there
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):  # FAT and some network disks know no links: the check is all there is
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        os.rename(part, path)
    else:
        with suppress(FileNotFoundError):  # another process took it for a crash's
            os.unlink(part)


def can_lock_open_files() -> bool:
    """Whether one process can wait for another to be done with a file, and a file be moved while it is open."""
    return _module("fcntl") is not None


def lock(descriptor: int) -> None:
    """Wait until no other process has this open file locked; for ``can_lock_open_files``."""
    fcntl = _module("fcntl")
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def lock_folder(path: str) -> int:
    """Lock a folder until the descriptor that is returned is closed. BlockingIOError if another process has."""
    fcntl = _module("fcntl")
    if fcntl is not None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return _locked(descriptor, lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return _lock_here(path, fcntl)
    msvcrt = _module("msvcrt")  # it locks files alone; the file stays, since removing it would race
    descriptor = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_CREAT | _ANYWHERE, 0o600)
    return _locked(descriptor, lambda: msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1))


def _lock_here(path: str, fcntl: Any) -> int:
    """Lock a file of this computer that stands for a folder on a disk without locks; other computers do not see it."""
    from hashlib import sha256
    from tempfile import gettempdir

    name = f"hefu-{os.geteuid()}-{sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]}.lock"
    try:
        descriptor = os.open(
            os.path.join(gettempdir(), name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | _ANYWHERE, 0o600
        )
        return _locked(descriptor, lambda: fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError as error:
        raise ClientError(say("disk.no_locks", path=path, cause=why(error))) from None


def why(error: OSError) -> str:
    """The cause of a failure, without the path."""
    if getattr(error, "winerror", None) in _IN_USE:
        return say("disk.in_use")
    key = _CAUSES.get(error.errno or 0)
    if key is not None:
        return say(key)
    return error.strerror or type(error).__name__


def shown_as(path: str) -> str | None:
    """The name by which the disk knows ``path`` if it is spelt otherwise: case, or the form of an accent."""
    folder, wanted = os.path.split(path)
    names = os.listdir(folder or ".")
    return None if wanted in names else next((other for other in names if _alike(other) == _alike(wanted)), None)


def unfit(path: str) -> str:
    """Why a file cannot have this relative name here, with ``/`` between its parts; empty if it can."""
    if not WINDOWS:
        return ""
    for part in path.split("/"):
        if _RESERVED & set(part) or any(character < " " for character in part):
            return say("disk.reserved")
        if part.endswith((".", " ")):
            return say("disk.ending")
        if part.partition(".")[0].rstrip().lower() in _DEVICES:
            return say("disk.device", part=part)
    return ""


def reach(path: str) -> str:
    r"""The path as the system takes it however long it is: on Windows ``\\?\C:\…`` beyond 240 characters."""
    if not WINDOWS or len(path) < _LONG or path.startswith("\\\\?\\"):
        return path
    whole = os.path.abspath(path)  # that form knows no / and no ..
    return f"\\\\?\\UNC\\{whole[2:]}" if whole.startswith("\\\\") else f"\\\\?\\{whole}"


def _alike(text: str) -> str:
    from unicodedata import normalize  # a cold start does without it

    return normalize("NFC", text).casefold()


def _locked(descriptor: int, attempt: Any) -> int:
    try:
        attempt()
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            raise BlockingIOError(error.errno, "locked") from None
        raise
    return descriptor


def _module(name: str) -> Any:
    """A module that not every system has; None where it is missing."""
    try:
        return __import__(name)
    except ImportError:
        return None
