"""The digests of a document: SHA-256 and SM3 (GB/T 32905) in one pass."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple, Protocol

_FIRST: Final = 1 << 14  # holds most documents of a large folder; zeroing a bigger buffer for each would cost more
_NEXT: Final = 1 << 18

try:
    _BASES = [hashlib.sha256(), hashlib.new("sm3")]  # copied for each document, which spares a look-up by name
except ValueError:  # FIPS providers and some static builds of OpenSSL have no SM3
    _BASES = [hashlib.sha256()]


class Readable(Protocol):
    """A binary file, buffered or raw."""

    def readinto(self, buffer: bytearray, /) -> int | None:
        """Fill the buffer from its start; return the number of bytes, 0 at the end, None where none came yet."""


class Digests(NamedTuple):
    """SHA-256 and SM3 of a document (32 bytes each) and its size in bytes; no ``sm3`` where OpenSSL lacks it."""

    sha256: bytes
    sm3: bytes | None
    size: int


def digest_stream(file: Readable) -> Digests:
    """Hash ``file`` from where it stands to its end, in constant memory.

    Raises BlockingIOError for a non-blocking file with nothing to give yet, since that is not its end.
    """
    hashes = [base.copy() for base in _BASES]
    size = 0
    buffer = bytearray(_FIRST)
    while count := file.readinto(buffer):
        part = memoryview(buffer)[:count]
        for running in hashes:
            running.update(part)
        size += count
        if count == _FIRST:
            buffer = bytearray(_NEXT)
    if count is None:
        raise BlockingIOError("the file has nothing to give yet; a document is read in blocking mode")
    sha256, *sm3 = [running.digest() for running in hashes]
    return Digests(sha256, sm3[0] if sm3 else None, size)
