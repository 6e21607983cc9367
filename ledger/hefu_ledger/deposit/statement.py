"""A statement 存证声明: the note in which an enterprise deposits commitments, and the only thing it ever sends.

Line 1 ``hefu-deposit/v1``, line 2 canonical JSON, signed by keys enrolled for the depositor. ``root`` is the
RFC 6962 root over the commitments (leaf data: the 32 bytes of each), ``count`` how many the depositor declares.
The SHA-256 of the whole note is the statement's id: the same bytes again are the same deposit.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time, parse_titled, titled
from hefu_ledger.names import check_depositor, check_kind, check_origin
from hefu_ledger.tlog.note import Note, format_note, parse_note

FORMAT: Final = "hefu-deposit/v1"
MAX_STATEMENT: Final = 16_384  # bytes of the whole note
MAX_COUNT: Final = 10_000_000  # commitments of one statement
_REQUIRED: Final = frozenset({"count", "depositor", "kind", "origin", "root"})
_OPTIONAL: Final = frozenset({"not_after", "previous", "registration", "seen"})
_SEEN: Final = frozenset({"root", "size"})


class Seen(NamedTuple):
    """The last checkpoint the depositor had verified: the statement is younger than it."""

    root: bytes
    size: int


class Statement(NamedTuple):
    """The text of a statement; hashes are 32 bytes, ``previous`` and ``registration`` statement ids.

    ``not_after``: the statement may be received up to then (ms).
    """

    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    depositor: str
    kind: str
    origin: str
    root: bytes
    not_after: int | None = None
    previous: bytes | None = None
    registration: bytes | None = None
    seen: Seen | None = None


def format_statement(statement: Statement) -> str:
    """Write the note text to sign."""
    members: dict[str, Any] = {
        "count": statement.count,
        "depositor": statement.depositor,
        "kind": statement.kind,
        "origin": statement.origin,
        "root": statement.root.hex(),
    }
    if statement.not_after is not None:
        members["not_after"] = format_time(statement.not_after)
    for name, value in (("previous", statement.previous), ("registration", statement.registration)):
        if value is not None:
            members[name] = value.hex()
    if statement.seen is not None:
        members["seen"] = {"root": statement.seen.root.hex(), "size": statement.seen.size}
    return titled(FORMAT, members)


def parse_statement(text: str) -> Statement:
    """Read a statement's note text."""
    fields = Fields(parse_titled(text, FORMAT, limit=MAX_STATEMENT), "statement", _REQUIRED, _OPTIONAL)
    return Statement(
        count=fields.whole("count", low=1, high=MAX_COUNT),
        depositor=check_depositor(fields.raw("depositor")),
        kind=check_kind(fields.raw("kind")),
        origin=check_origin(fields.raw("origin")),
        root=fields.hash("root"),
        not_after=fields.time("not_after") if fields.has("not_after") else None,
        previous=fields.hash("previous") if fields.has("previous") else None,
        registration=fields.hash("registration") if fields.has("registration") else None,
        seen=_seen(fields.raw("seen")) if fields.has("seen") else None,
    )


def parse_signed_statement(data: bytes) -> tuple[Note, Statement]:
    """Read a whole statement (at most 16 KiB); signatures are not checked."""
    note = parse_note(data, limit=MAX_STATEMENT)
    return note, parse_statement(note.text)


def statement_id(note: Note | bytes) -> bytes:
    """The statement's id: SHA-256 (32 bytes) of the whole signed note."""
    return sha256(note if isinstance(note, bytes) else format_note(note)).digest()


def _seen(value: object) -> Seen:
    fields = Fields(value, "seen", _SEEN)
    return Seen(root=fields.hash("root"), size=fields.whole("size", low=1))
