"""An auditor's memory between two runs: the last checkpoint of a ledger that held."""

from __future__ import annotations

from hefu.files.atomic import PUBLIC, replace
from hefu_ledger.encoding import Fields, canonical, parse_plain
from hefu_ledger.tlog.note import Note, format_note, parse_note

_LIMIT = 262_144  # bytes


def read_state(path: str) -> Note | None:
    """Read the remembered checkpoint; None if there is no such file yet."""
    try:
        with open(path, "rb") as file:
            fields = Fields(parse_plain(file.read(_LIMIT + 1), limit=_LIMIT), "state", frozenset({"checkpoint"}))
    except FileNotFoundError:
        return None
    return parse_note(fields.text("checkpoint", limit=_LIMIT).encode())


def write_state(path: str, checkpoint: Note) -> None:
    """Remember a checkpoint. Durable on return."""
    data = canonical({"checkpoint": format_note(checkpoint).decode()}) + b"\n"
    replace(path, data, mode=PUBLIC)
