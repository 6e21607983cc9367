"""Paths as the index keeps them, and the facts about evidence that only the disk knows."""

from __future__ import annotations

import os

from hefu.files.platform import reach
from hefu.home.entries import Entry
from hefu_ledger.deposit.state import ANCHORED, PREPARED, REFUSED


def as_utf8(word: str) -> str:
    """A word that SQLite takes: bytes of another encoding, which no name or number here has, are spelt out."""
    return word.encode("utf-8", "backslashreplace").decode()


def as_on_disk(entry: Entry) -> Entry:
    """An entry with the two facts that its row does not hold: a refusal beside the part, and evidence that is gone."""
    if entry.state == PREPARED and exists(f"{entry.evidence}.{REFUSED}"):
        return entry._replace(state=REFUSED)
    return entry._replace(gone=entry.state == ANCHORED and bool(entry.evidence) and not exists(entry.evidence))


def exists(path: str) -> bool:
    """Whether there is anything at a path."""
    return os.path.exists(reach(path))


def document_path(base: bytes | None, name: str) -> bytes | None:
    """The path of a document whose name is relative to ``base``."""
    return None if base is None else base.rstrip(b"/") + b"/" + name.encode()


def path_bytes(path: str) -> bytes:
    """The bytes of an absolute path."""
    return os.fsencode(os.path.abspath(path))


def span_below(folder: str) -> tuple[bytes, bytes]:
    """Between which two every path in a folder sorts."""
    start = path_bytes(folder).rstrip(b"/") + b"/"
    return start, start[:-1] + b"0"  # the byte after the slash
