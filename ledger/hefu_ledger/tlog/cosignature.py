"""The message of a cosignature: a time and a checkpoint (c2sp.org/tlog-cosignature)."""

from __future__ import annotations

from typing import Final

from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.keys import COSIGNATURE, VerifierKey

MAX_TIME: Final = 2**63 - 1  # POSIX seconds
_SUBTREE: Final = b"subtree/v1\n\0"


def cosigned(key: VerifierKey, text: str, time_s: int) -> bytes:
    """The bytes that ``key`` signs to cosign a checkpoint's text at POSIX second ``time_s``.

    Of type COSIGNATURE: the whole text, below a header. Of type MLDSA44: ``subtree/v1`` from leaf 0 to the size; it
    names no extension lines, so MalformedError for a text that has some, or is no checkpoint.
    """
    if key.type == COSIGNATURE:
        return b"cosignature/v1\ntime %d\n%b" % (time_s, text.encode())
    checkpoint = parse_checkpoint(text)
    if checkpoint.extensions:
        raise MalformedError("checkpoint has extension lines, which no ML-DSA-44 cosignature covers")
    return b"".join((
        _SUBTREE,
        _counted(key.name, "key name"),
        time_s.to_bytes(8, "big"),
        _counted(checkpoint.origin, "origin"),
        bytes(8),
        checkpoint.size.to_bytes(8, "big"),
        checkpoint.root,
    ))  # fmt: skip


def _counted(text: str, thing: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise MalformedError(f"{thing} of {len(data)} bytes; an ML-DSA-44 cosignature carries at most 255")
    return bytes((len(data),)) + data
