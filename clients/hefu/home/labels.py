"""HOME/labels.json: notes of the depositor's own about deposits and documents. Private, never sent, only ever added to.

Each line is a canonical JSON object ``{at, target, text}``; of several about one target the last is shown. A target is
a statement's SHA-256 in hex, or that with ``/`` and a document's position.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu.files.atomic import replace
from hefu_ledger.encoding import Fields, canonical, format_time, parse_canonical

FILE: Final = "labels.json"
MAX_TEXT: Final = 1000  # characters
_MEMBERS: Final = frozenset({"at", "target", "text"})
_LIMIT: Final = 8192  # bytes of a line


class Label(NamedTuple):
    """``at`` in ms; an empty ``text`` takes the label away."""

    at: int
    target: str
    text: str


def read_labels(home: str) -> list[Label]:
    """Read every label, in the order they were given."""
    return [parse_label(line) for line in _read(home).splitlines()]


def append_label(home: str, label: Label) -> None:
    """Add a label. Durable on return; only one process may do so at a time."""
    replace(f"{home}/{FILE}", _read(home) + format_label(label) + b"\n")


def format_label(label: Label) -> bytes:
    """Write a label as one line, without its end."""
    return canonical(label._asdict() | {"at": format_time(label.at)})


def parse_label(data: bytes) -> Label:
    """Read a label."""
    fields = Fields(parse_canonical(data, limit=_LIMIT), "label", _MEMBERS)
    text = fields.text("text", limit=MAX_TEXT, empty=True)
    return Label(fields.time("at"), fields.text("target", limit=100), text)


def _read(home: str) -> bytes:
    try:
        with open(f"{home}/{FILE}", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
