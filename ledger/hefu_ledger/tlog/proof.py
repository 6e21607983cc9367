"""Proofs that carry their checkpoint with them (c2sp.org/tlog-proof, an untagged draft)."""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu_ledger.encoding import from_base64, parse_decimal, to_base64
from hefu_ledger.errors import MalformedError, UnknownFormatError
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import Note, format_note, parse_note

MAX_PATH: Final = 63
MAX_PROOF: Final = 131072  # bytes: a checkpoint at its limit, and as much again
_HEADER: Final = "c2sp.org/tlog-proof@v1"


class TlogProof(NamedTuple):
    """The RFC 6962 inclusion path of leaf ``index`` (from 0) under ``checkpoint``, its signatures unchecked.

    ``path`` holds at most 63 hashes of 32 bytes, the leaf's sibling first. ``extra`` is authenticated by nothing.
    """

    index: int  # type: ignore[assignment]  # tuple.index is of no use here
    path: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes | None = None


def parse_proof(data: bytes) -> TlogProof:
    """Read a proof of at most 128 KiB; UnknownFormatError for another version. Nothing is verified."""
    if len(data) > MAX_PROOF:
        raise MalformedError(f"proof of {len(data)} bytes, at most {MAX_PROOF} allowed")
    head, _, note = data.partition(b"\n\n")
    if not head.isascii():
        raise MalformedError("proof must be ASCII lines, a blank line and a checkpoint")
    header, *lines = head.decode().split("\n")
    if header != _HEADER:
        raise UnknownFormatError(f"proof starts with {header!r:.80}; known is {_HEADER!r}")
    extra = _parse_extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else None
    if not lines or not lines[0].startswith("index "):
        raise MalformedError("proof lacks its line 'index <number>'")
    if len(lines) > 1 + MAX_PATH:
        raise MalformedError(f"proof's path is longer than {MAX_PATH} hashes")
    path = tuple(from_base64(line, size=32) for line in lines[1:])
    checkpoint = parse_note(note)
    parse_checkpoint(checkpoint.text)
    return TlogProof(parse_decimal(lines[0][6:]), path, checkpoint, extra)


def _parse_extra(line: str) -> bytes:
    extra = from_base64(line[6:])
    if not extra:
        raise MalformedError("proof's line 'extra' is empty; without extra data there is no such line")
    return extra


def format_proof(proof: TlogProof) -> bytes:
    """Write the proof; MalformedError where ``parse_proof`` would not read the same back."""
    lines = [_HEADER, f"index {proof.index}", *map(to_base64, proof.path)]
    if proof.extra is not None:
        lines.insert(1, f"extra {to_base64(proof.extra)}")
    data = "\n".join(lines).encode() + b"\n\n" + format_note(proof.checkpoint)
    if parse_proof(data) != proof:
        raise MalformedError("proof holds a value that its format cannot carry")
    return data
