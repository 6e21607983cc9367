"""Text that another program has saved again: PowerShell writes UTF-16, and some editors a byte order mark."""

from __future__ import annotations

import codecs
from typing import Final

_BEGINNINGS: Final = (
    (codecs.BOM_UTF16_LE, "text.utf16"),
    (codecs.BOM_UTF16_BE, "text.utf16"),
    (codecs.BOM_UTF8, "text.mark"),
    (b"\x1f\x8b", "text.gzip"),
    (b"<!", "text.page"),
    (b"<html", "text.page"),
)


def as_utf8(data: bytes) -> bytes:
    """The same text in UTF-8 without a byte order mark; other bytes stay as they are."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16").encode()
        except UnicodeError:
            return data
    return data.removeprefix(codecs.BOM_UTF8)


def foreign_kind(beginning: bytes) -> str:
    """The kind of a file that is no text of ours, as a key of the catalogue; empty where its beginning shows none."""
    start = beginning.lstrip().lower()
    return next((kind for mark, kind in _BEGINNINGS if beginning.startswith(mark) or start.startswith(mark)), "")
