"""Text in columns: a Chinese character takes the room of two letters on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import combining, east_asian_width


def aligned(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The heading and the rows as lines; each column is as wide as its widest cell, the last one is not filled up."""
    table = [heading, *rows]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    return ["  ".join(_filled(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in table]


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(0 if combining(each) else 1 + (east_asian_width(each) in "WF") for each in text)


def _filled(cell: str, size: int) -> str:
    return cell + " " * (size - width(cell))
