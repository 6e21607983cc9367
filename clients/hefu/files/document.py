"""Reading one document: its digests, and the certainty that it stood still meanwhile."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from hefu.errors import Problem
from hefu.files.platform import READ, reach, read_into, why
from hefu.files.scan import kind_of, printable
from hefu.ui.language import say
from hefu.ui.progress import SILENT
from hefu_ledger.digest import Digests, digest_stream


class UnreadableError(Exception):
    """A document could not be read whole and at rest; ``problem`` names it."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{printable(path)}: {cause}")
        self.problem = Problem(printable(path), cause)


class _Descriptor:
    """A file by its descriptor: cheaper than a file object, which counts in a folder of a million files."""

    __slots__ = ("_number", "_tell")

    def __init__(self, number: int, tell: Callable[[int], None]) -> None:
        self._number = number
        self._tell = tell

    def readinto(self, buffer: bytearray, /) -> int:
        count = read_into(self._number, buffer)
        self._tell(count)
        return count


def digest_document(path: str, tell: Callable[[int], None] = SILENT.read) -> Digests:
    """Hash a document; UnreadableError if that fails, or if the document changes while it is read.

    ``tell`` is called with the number of bytes of each piece read.
    """
    try:
        number = os.open(reach(path), READ)
    except OSError as error:
        raise UnreadableError(path, _why_not_opened(path, error)) from error
    try:
        before = os.fstat(number)
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableError(path, kind_of(before.st_mode))
        digests = digest_stream(_Descriptor(number, tell))
        after = os.fstat(number)
    except OSError as error:
        raise UnreadableError(path, why(error)) from error
    finally:
        os.close(number)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or digests.size != after.st_size:
        raise UnreadableError(path, say("folder.changed"))
    return digests


def _why_not_opened(path: str, error: OSError) -> str:
    return kind_of(os.lstat(path).st_mode) if os.path.islink(path) else why(error)
