"""Checkpoints: a log's origin, size and root as the text of a signed note (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

from typing import NamedTuple

from hefu_ledger.encoding import from_base64, parse_decimal, to_base64
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.merkle import EMPTY_ROOT


class Checkpoint(NamedTuple):
    """A tree of ``size`` leaves with the RFC 6962 ``root`` (32 bytes); ``extensions``: lines without meaning here."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint's note: lines that are not empty, each ended by a line feed."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise MalformedError("checkpoint must be three or more lines, none empty: origin, size, root")
    origin, size, root, *extensions = lines
    if min(map(min, lines)) < " ":
        raise MalformedError("checkpoint holds a control character")
    checkpoint = Checkpoint(origin, parse_decimal(size), from_base64(root, size=32), tuple(extensions))
    if not checkpoint.size and checkpoint.root != EMPTY_ROOT:
        raise MalformedError("checkpoint of size 0 must carry the root of the empty tree, SHA-256 of nothing")
    return checkpoint


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """Write the text to sign; MalformedError where ``parse_checkpoint`` would not read the same back."""
    lines = (checkpoint.origin, str(checkpoint.size), to_base64(checkpoint.root), *checkpoint.extensions)
    text = "".join(f"{line}\n" for line in lines)
    if parse_checkpoint(text) != checkpoint:  # a line end inside a line would move the lines below
        raise MalformedError("checkpoint's origin and extensions must be single lines")
    return text
