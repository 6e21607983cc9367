"""Records 账本条目: the entries of the ledger, canonical JSON of at most 16 KiB each.

Every record has ``{entries, format, index, prev, type}``: how many deposits are covered so far, its own index, and
the SHA-256 of the record before it (64 zeros in the first). A type that is not known here is covered by the hashes
all the same; only its meaning is unchecked.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, canonical, check_format, format_time, parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.names import acknowledgement_key_name, check_origin, recovery_key_name
from hefu_ledger.number import check_prefix
from hefu_ledger.records.identity import MAX_POSSESSION, PREPARE, parse_signing_key, read_role, role_member
from hefu_ledger.tlog.keys import VerifierKey, format_vkey

FORMAT: Final = "hefu-record/v1"
MAX_RECORD: Final = 16_384  # bytes
NO_RECORD: Final = bytes(32)  # ``prev`` of the first record
MAX_BATCH: Final = 10_000_000  # deposits of one batch
MAX_SIGNATURES: Final = 16
OPERATOR: Final = "operator"  # ``by`` of a key event that no key of the depositor signed
_HEADER: Final = frozenset({"entries", "format", "index", "prev", "type"})
_MOST_HEADER: Final = 256  # bytes of those members at their longest


class Genesis(NamedTuple):
    """The first record: the ledger's keys and its promises."""

    acknowledgement: VerifierKey
    log: VerifierKey
    longest_delay_ms: int
    number_prefix: str
    origin: str
    recovery: VerifierKey
    predecessor: str | None = None  # the last checkpoint (a whole note) of the ledger this one continues


class Enrolment(NamedTuple):
    """A depositor's key and identity commitment (32 bytes), valid from deposit ``from_seq`` on."""

    from_seq: int
    identity: bytes
    possession: str  # a whole note, see ``identity``
    signatures_required: int


class KeyEvent(NamedTuple):
    """A key's addition, retirement or compromise, effective from deposit ``from_seq`` on.

    ``by`` is ``operator`` or a whole note by a key of the same depositor (see ``keyrequest``). ``since`` (ms) belongs
    to a compromise: from when the key may have been in other hands. ``role`` is that of a key that is added.
    """

    action: str
    by: str
    from_seq: int
    reason: str
    vkey: VerifierKey
    since: int | None = None
    role: str = PREPARE


class Batch(NamedTuple):
    """A sealed batch: ``count`` deposits from ``first_seq`` on, under RFC 6962 roots by hash name."""

    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    first_seq: int
    roots: dict[str, bytes]
    sealed_at: int


class Clock(NamedTuple):
    """An operator's declared correction of the clock: from deposit ``from_seq`` on, times start from ``not_before``."""

    from_seq: int
    not_before: int
    reason: str


KnownBody = Genesis | Enrolment | KeyEvent | Batch | Clock
Body = KnownBody | None  # None: a type unknown here


class Record(NamedTuple):
    """One entry of the ledger."""

    entries: int
    index: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    prev: bytes
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
        "type": record.type,
    }
    return _bounded(canonical(header | _WRITERS[record.type](record.body)))


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
        type=kind,
        body=_read_body(kind, {name: member for name, member in value.items() if name not in _HEADER}),
    )


def record_type(body: KnownBody) -> str:
    """The name of a body's type, as ``type`` of its record has it."""
    return _TYPES[type(body)]


def format_body(body: KnownBody) -> bytes:
    """Write a record's own members, without its place in the ledger; MalformedError if no record could hold them."""
    kind = record_type(body)
    data = canonical(_WRITERS[kind](body))
    parse_body(kind, _bounded(data, _MOST_HEADER))  # a text that can be written may be longer than one may be read
    return data


def parse_body(kind: str, data: bytes) -> Body:
    """Read a record's own members; None for a type unknown here."""
    return _read_body(kind, parse_canonical(data, limit=MAX_RECORD))


def record_hash(data: bytes) -> bytes:
    """SHA-256 (32 bytes) of a record's bytes, the ``prev`` of the next record."""
    return sha256(data).digest()


def read_action(fields: Fields, where: str) -> str:
    """Read the action on a key; ``since`` belongs to a compromise alone, ``role`` to an addition alone."""
    action = fields.text("action", limit=16)
    if action not in {"add", "retire", "compromised"} or fields.has("since") != (action == "compromised"):
        raise MalformedError(f"{where}: action is add, retire or compromised, the last alone with since")
    if fields.has("role") and action != "add":
        raise MalformedError(f"{where}: only a key that is added has a role")
    return action


def _bounded(data: bytes, more: int = 0) -> bytes:
    if len(data) + more > MAX_RECORD:
        raise MalformedError(f"record of {len(data) + more} bytes, at most {MAX_RECORD} allowed")
    return data


def _read_body(kind: str, members: object) -> Body:
    reader = _READERS.get(kind)
    return None if reader is None else reader(members)


def _closed(value: object, kind: str, required: str, optional: str = "") -> Fields:
    return Fields(value, f"{kind} record", frozenset(required.split()), frozenset(optional.split()))


def _write_genesis(body: Genesis) -> dict[str, Any]:
    members: dict[str, Any] = {
        "keys": {"acknowledgement": format_vkey(body.acknowledgement), "log": format_vkey(body.log)},
        "longest_delay_ms": body.longest_delay_ms,
        "number_prefix": body.number_prefix,
        "origin": body.origin,
        "recovery": format_vkey(body.recovery),
    }
    return members if body.predecessor is None else members | {"predecessor": body.predecessor}


def _read_genesis(value: object) -> Genesis:
    fields = _closed(value, "genesis", "keys longest_delay_ms number_prefix origin recovery", "predecessor")
    keys = Fields(fields.raw("keys"), "genesis keys", frozenset({"acknowledgement", "log"}))
    origin = check_origin(fields.raw("origin"))
    return Genesis(
        acknowledgement=_key(keys, "acknowledgement", acknowledgement_key_name(origin)),
        log=_key(keys, "log", origin),
        longest_delay_ms=fields.whole("longest_delay_ms", low=1),
        number_prefix=check_prefix(fields.text("number_prefix", limit=8)),
        origin=origin,
        recovery=_key(fields, "recovery", recovery_key_name(origin)),
        predecessor=fields.text("predecessor", limit=MAX_POSSESSION) if fields.has("predecessor") else None,
    )


def _key(fields: Fields, role: str, name: str) -> VerifierKey:
    key = parse_signing_key(fields.text(role, limit=400))
    if key.name != name:
        raise MalformedError(f"genesis: the {role} key must be named {name!r}, not {key.name!r:.100}")
    return key


def _write_enrolment(body: Enrolment) -> dict[str, Any]:
    return body._asdict() | {"identity": body.identity.hex()}


def _read_enrolment(value: object) -> Enrolment:
    fields = _closed(value, "enrolment", "from_seq identity possession signatures_required")
    return Enrolment(
        from_seq=fields.whole("from_seq"),
        identity=fields.hash("identity"),
        possession=fields.text("possession", limit=MAX_POSSESSION),
        signatures_required=fields.whole("signatures_required", low=1, high=MAX_SIGNATURES),
    )


def _write_key(body: KeyEvent) -> dict[str, Any]:
    members: dict[str, Any] = {
        "action": body.action,
        "by": body.by,
        "from_seq": body.from_seq,
        "reason": body.reason,
        "vkey": format_vkey(body.vkey),
        **role_member(body.role),
    }
    return members if body.since is None else members | {"since": format_time(body.since)}


def _read_key(value: object) -> KeyEvent:
    fields = _closed(value, "key", "action by from_seq reason vkey", "role since")
    return KeyEvent(
        action=read_action(fields, "key record"),
        by=fields.text("by", limit=MAX_POSSESSION),
        from_seq=fields.whole("from_seq"),
        reason=fields.text("reason", limit=400, empty=True),
        vkey=parse_signing_key(fields.text("vkey", limit=400)),
        since=fields.time("since") if fields.has("since") else None,
        role=read_role(fields),
    )


def _write_batch(body: Batch) -> dict[str, Any]:
    return {
        "count": body.count,
        "first_seq": body.first_seq,
        "roots": {name: root.hex() for name, root in body.roots.items()},
        "sealed_at": format_time(body.sealed_at),
    }


def _read_batch(value: object) -> Batch:
    fields = _closed(value, "batch", "count first_seq roots sealed_at")
    roots = Fields(fields.raw("roots"), "roots", frozenset({"sha-256"}), frozenset({"sm3"}))
    return Batch(
        count=fields.whole("count", low=1, high=MAX_BATCH),
        first_seq=fields.whole("first_seq"),
        roots={name: roots.hash(name) for name in ("sha-256", "sm3") if roots.has(name)},
        sealed_at=fields.time("sealed_at"),
    )


def _write_clock(body: Clock) -> dict[str, Any]:
    return body._asdict() | {"not_before": format_time(body.not_before)}


def _read_clock(value: object) -> Clock:
    fields = _closed(value, "clock", "from_seq not_before reason")
    return Clock(fields.whole("from_seq"), fields.time("not_before"), fields.text("reason", limit=400))


_TYPES: Final[dict[type, str]] = {
    Genesis: "genesis",
    Enrolment: "enrolment",
    KeyEvent: "key",
    Batch: "batch",
    Clock: "clock",
}
_WRITERS: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "genesis": _write_genesis,
    "enrolment": _write_enrolment,
    "key": _write_key,
    "batch": _write_batch,
    "clock": _write_clock,
}
_READERS: Final[dict[str, Callable[[object], KnownBody]]] = {
    "genesis": _read_genesis,
    "enrolment": _read_enrolment,
    "key": _read_key,
    "batch": _read_batch,
    "clock": _read_clock,
}
