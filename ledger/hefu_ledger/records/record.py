"""Records 账本条目: the entries of the ledger, canonical JSON of at most 65,535 bytes each (c2sp.org/tlog-tiles).

Every record has ``{entries, format, index, prev, recorded_at, type}``: how many deposits are covered so far, its own
index, the SHA-256 of the record before it (64 zeros in the first), and when the service wrote it. A type that is not
known here is covered by the hashes all the same; only its meaning is unchecked.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from hefu_ledger.encoding import Fields, canonical, check_format, format_time, parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import Body, KnownBody, body_value, read_body, record_type

FORMAT: Final = "hefu-record/v1"
MAX_RECORD: Final = 65_535  # bytes
NO_RECORD: Final = bytes(32)  # ``prev`` of the first record
_HEADER: Final = frozenset({"entries", "format", "index", "prev", "recorded_at", "type"})
_MOST_HEADER: Final = 320  # bytes of those members at their longest


class Record(NamedTuple):
    """One entry of the ledger; ``recorded_at`` in ms."""

    entries: int
    index: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    prev: bytes
    recorded_at: int
    type: str
    body: Body


def format_record(record: Record) -> bytes:
    """Write a record of a known type."""
    if record.body is None:
        raise ValueError(f"records of type {record.type!r} can be read, not written")
    header = {
        "entries": record.entries,
        "format": FORMAT,
        "index": record.index,
        "prev": record.prev.hex(),
        "recorded_at": format_time(record.recorded_at),
        "type": record.type,
    }
    return _bounded(canonical(header | body_value(record.body)))


def parse_record(data: bytes) -> Record:
    """Read a record; of a type unknown here only the header, its body None."""
    value = parse_canonical(data, limit=MAX_RECORD)
    if isinstance(value, dict):
        check_format(value.get("format"), FORMAT)
    members = frozenset(value) if isinstance(value, dict) else frozenset()
    header = Fields(value, "record", _HEADER, members)
    kind = header.text("type", limit=32)
    return Record(
        entries=header.whole("entries"),
        index=header.whole("index"),
        prev=header.hash("prev"),
        recorded_at=header.time("recorded_at"),
        type=kind,
        body=read_body(kind, {name: member for name, member in value.items() if name not in _HEADER}),
    )


def format_body(body: KnownBody) -> bytes:
    """Write a record's own members, without its place in the ledger; MalformedError if no record could hold them."""
    data = canonical(body_value(body))
    parse_body(record_type(body), _bounded(data, _MOST_HEADER))  # a text that can be written may be too long to read
    return data


def parse_body(kind: str, data: bytes) -> Body:
    """Read a record's own members; None for a type unknown here."""
    return read_body(kind, parse_canonical(data, limit=MAX_RECORD))


def record_hash(data: bytes) -> bytes:
    """SHA-256 (32 bytes) of a record's bytes, the ``prev`` of the next record."""
    return sha256(data).digest()


def _bounded(data: bytes, more: int = 0) -> bytes:
    if len(data) + more > MAX_RECORD:
        raise MalformedError(f"record of {len(data) + more} bytes, at most {MAX_RECORD} allowed")
    return data
