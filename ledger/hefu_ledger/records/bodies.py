"""The bodies of records by type: their members, written and read. ``record`` puts a header before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hefu_ledger.encoding import Fields, format_time
from hefu_ledger.errors import MalformedError
from hefu_ledger.names import acknowledgement_key_name, check_origin, recovery_key_name
from hefu_ledger.number import check_prefix
from hefu_ledger.records.keyrequest import ADD, ENDING, MAX_REQUEST, read_action, read_since
from hefu_ledger.records.possession import MAX_POSSESSION
from hefu_ledger.records.roster import Roster, parse_roster_value, roster_value
from hefu_ledger.records.signing_key import parse_depositor_key, parse_signing_key
from hefu_ledger.tlog.keys import MAX_VKEY, MLDSA44, VerifierKey, check_type, format_vkey, parse_vkey

MAX_BATCH: Final = 10_000_000  # deposits of one batch
MAX_PREDECESSOR: Final = 8192  # bytes of a checkpoint with the log's own lines
MAX_LEDGER_KEYS: Final = 8  # of one purpose at once
OPERATOR: Final = "operator"  # ``by`` of a record that no key signed


class Genesis(NamedTuple):
    """The first record: the ledger's keys and its promises."""

    acknowledgement: VerifierKey
    log: VerifierKey
    log_mldsa44: VerifierKey
    longest_delay_ms: int
    number_prefix: str
    origin: str
    recovery: VerifierKey
    predecessor: str | None = None  # the last checkpoint (a whole note) of the ledger this one continues


class Enrolment(NamedTuple):
    """A depositor's key, valid from deposit ``from_seq`` on, and the roster that it leads to."""

    event: int
    from_seq: int
    possession: str  # a whole note, see ``possession``
    roster: Roster


class KeyEvent(NamedTuple):
    """The end of a depositor's key, effective from deposit ``from_seq`` on, and the roster that it leads to.

    ``by`` is ``operator`` or a whole note by a key of the depositor (see ``keyrequest``). ``since`` (ms) belongs to a
    compromise: from when the key may have been in other hands.
    """

    action: str
    by: str
    event: int
    from_seq: int
    reason: str
    roster: Roster
    vkey: VerifierKey
    since: int | None = None


class LedgerKeys(NamedTuple):
    """The ledger's own keys in force, of each purpose in the order added."""

    acknowledgement: tuple[VerifierKey, ...]
    log: tuple[VerifierKey, ...]
    log_mldsa44: tuple[VerifierKey, ...]
    recovery: VerifierKey


class LedgerKey(NamedTuple):
    """A key of the ledger that comes or ends, by a request of the recovery key (a whole note in ``by``)."""

    action: str
    by: str
    event: int
    from_seq: int
    keys: LedgerKeys
    reason: str
    vkey: VerifierKey
    since: int | None = None


class Batch(NamedTuple):
    """A sealed batch: ``count`` deposits from ``first_seq`` on, under RFC 6962 roots by hash name."""

    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    first_seq: int
    roots: dict[str, bytes]


class Clock(NamedTuple):
    """An operator's declared correction of the clock: from deposit ``from_seq`` on, times start from ``not_before``."""

    from_seq: int
    not_before: int
    reason: str


class End(NamedTuple):
    """The last record of a ledger. ``by``: ``operator``, or a whole note of the recovery key (see ``ending``)."""

    by: str
    reason: str
    successor: VerifierKey | None = None  # the log key of the ledger that continues this one


KnownBody = Genesis | Enrolment | KeyEvent | LedgerKey | Batch | Clock | End
Body = KnownBody | None  # None: a type unknown here


def record_type(body: KnownBody) -> str:
    """The name of a body's type, as ``type`` of its record has it."""
    return _TYPES[type(body)]


def body_value(body: KnownBody) -> dict[str, Any]:
    """A body's members as JSON values."""
    members: dict[str, Any] = _WRITERS[type(body)](body)
    return members


def read_body(kind: str, members: object) -> Body:
    """Read the members of a record of type ``kind``; None for a type unknown here."""
    reader = _READERS.get(kind)
    return None if reader is None else reader(members)


def _closed(value: object, kind: str, required: str, optional: str = "") -> Fields:
    return Fields(value, f"{kind} record", frozenset(required.split()), frozenset(optional.split()))


def _write_genesis(body: Genesis) -> dict[str, Any]:
    members: dict[str, Any] = {
        "keys": {
            "acknowledgement": format_vkey(body.acknowledgement),
            "log": format_vkey(body.log),
            "log_mldsa44": format_vkey(body.log_mldsa44),
        },
        "longest_delay_ms": body.longest_delay_ms,
        "number_prefix": body.number_prefix,
        "origin": body.origin,
        "recovery": format_vkey(body.recovery),
    }
    return members if body.predecessor is None else members | {"predecessor": body.predecessor}


def _read_genesis(value: object) -> Genesis:
    fields = _closed(value, "genesis", "keys longest_delay_ms number_prefix origin recovery", "predecessor")
    keys = Fields(fields.raw("keys"), "genesis keys", frozenset({"acknowledgement", "log", "log_mldsa44"}))
    origin = check_origin(fields.raw("origin"))
    return Genesis(
        acknowledgement=_named(keys, "acknowledgement", acknowledgement_key_name(origin)),
        log=_named(keys, "log", origin),
        log_mldsa44=_named_mldsa44(keys.text("log_mldsa44", limit=MAX_VKEY), origin),
        longest_delay_ms=fields.whole("longest_delay_ms", low=1),
        number_prefix=check_prefix(fields.text("number_prefix", limit=8)),
        origin=origin,
        recovery=_named(fields, "recovery", recovery_key_name(origin)),
        predecessor=fields.text("predecessor", limit=MAX_PREDECESSOR) if fields.has("predecessor") else None,
    )


def _named(fields: Fields, purpose: str, name: str) -> VerifierKey:
    return _check_name(parse_signing_key(fields.text(purpose, limit=MAX_VKEY)), name)


def _named_mldsa44(text: str, name: str) -> VerifierKey:
    return _check_name(check_type(parse_vkey(text), (MLDSA44,), "the log's key of ML-DSA-44"), name)


def _check_name(key: VerifierKey, name: str) -> VerifierKey:
    if key.name != name:
        raise MalformedError(f"a key of the ledger must be named {name!r}, not {key.name!r:.100}")
    return key


def _write_enrolment(body: Enrolment) -> dict[str, Any]:
    return body._asdict() | {"roster": roster_value(body.roster)}


def _read_enrolment(value: object) -> Enrolment:
    fields = _closed(value, "enrolment", "event from_seq possession roster")
    event = fields.whole("event")
    return Enrolment(
        event=event,
        from_seq=fields.whole("from_seq"),
        possession=fields.text("possession", limit=MAX_POSSESSION),
        roster=parse_roster_value(fields.raw("roster"), event=event),
    )


def _write_key(body: KeyEvent) -> dict[str, Any]:
    members = body._asdict() | {"roster": roster_value(body.roster), "vkey": format_vkey(body.vkey)}
    return _with_since(members, body.since)


def _with_since(members: dict[str, Any], since: int | None) -> dict[str, Any]:
    del members["since"]
    return members if since is None else members | {"since": format_time(since)}


def _read_key(value: object) -> KeyEvent:
    fields = _closed(value, "key", "action by event from_seq reason roster vkey", "since")
    event = fields.whole("event")
    return KeyEvent(
        action=read_action(fields, "key record", ENDING),
        by=fields.text("by", limit=MAX_REQUEST),
        event=event,
        from_seq=fields.whole("from_seq"),
        reason=fields.text("reason", limit=400, empty=True),
        roster=parse_roster_value(fields.raw("roster"), event=event),
        vkey=parse_depositor_key(fields.text("vkey", limit=MAX_VKEY)),
        since=read_since(fields),
    )


def _write_ledger_key(body: LedgerKey) -> dict[str, Any]:
    keys: dict[str, Any] = {name: list(map(format_vkey, getattr(body.keys, name))) for name in _LISTS}
    members = body._asdict() | {"vkey": format_vkey(body.vkey)}
    return _with_since(members | {"keys": keys | {"recovery": format_vkey(body.keys.recovery)}}, body.since)


def _read_ledger_key(value: object) -> LedgerKey:
    fields = _closed(value, "ledger-key", "action by event from_seq keys reason vkey", "since")
    return LedgerKey(
        action=read_action(fields, "ledger-key record", (ADD, *ENDING)),
        by=fields.text("by", limit=MAX_REQUEST),
        event=fields.whole("event"),
        from_seq=fields.whole("from_seq"),
        keys=_read_ledger_keys(fields.raw("keys")),
        reason=fields.text("reason", limit=400, empty=True),
        vkey=parse_vkey(fields.text("vkey", limit=MAX_VKEY)),
        since=read_since(fields),
    )


def _read_ledger_keys(value: object) -> LedgerKeys:
    fields = Fields(value, "the ledger's keys", frozenset({*_LISTS, "recovery"}))
    lists = {name: fields.items(name, low=1, high=MAX_LEDGER_KEYS) for name in _LISTS}
    if not all(isinstance(text, str) and len(text) <= MAX_VKEY for texts in lists.values() for text in texts):
        raise MalformedError(f"the ledger's keys: each is a vkey of at most {MAX_VKEY} characters")
    return LedgerKeys(
        acknowledgement=tuple(map(parse_vkey, lists["acknowledgement"])),
        log=tuple(map(parse_vkey, lists["log"])),
        log_mldsa44=tuple(map(parse_vkey, lists["log_mldsa44"])),
        recovery=parse_signing_key(fields.text("recovery", limit=MAX_VKEY)),
    )


def _write_batch(body: Batch) -> dict[str, Any]:
    return body._asdict() | {"roots": {name: root.hex() for name, root in body.roots.items()}}


def _read_batch(value: object) -> Batch:
    fields = _closed(value, "batch", "count first_seq roots")
    roots = Fields(fields.raw("roots"), "roots", frozenset({"sha-256"}))
    return Batch(
        count=fields.whole("count", low=1, high=MAX_BATCH),
        first_seq=fields.whole("first_seq"),
        roots={"sha-256": roots.hash("sha-256")},
    )


def _write_clock(body: Clock) -> dict[str, Any]:
    return body._asdict() | {"not_before": format_time(body.not_before)}


def _read_clock(value: object) -> Clock:
    fields = _closed(value, "clock", "from_seq not_before reason")
    return Clock(fields.whole("from_seq"), fields.time("not_before"), fields.text("reason", limit=400))


def _write_end(body: End) -> dict[str, Any]:
    members = {"by": body.by, "reason": body.reason}
    return members if body.successor is None else members | {"successor": format_vkey(body.successor)}


def _read_end(value: object) -> End:
    fields = _closed(value, "end", "by reason", "successor")
    body = End(
        by=fields.text("by", limit=MAX_REQUEST),
        reason=fields.text("reason", limit=400),
        successor=parse_signing_key(fields.text("successor", limit=MAX_VKEY)) if fields.has("successor") else None,
    )
    if body.by == OPERATOR and body.successor is not None:
        raise MalformedError("end record: the recovery key alone names a successor, the operator does not")
    return body


_LISTS: Final = ("acknowledgement", "log", "log_mldsa44")
_TYPES: Final[dict[type, str]] = {
    Genesis: "genesis",
    Enrolment: "enrolment",
    KeyEvent: "key",
    LedgerKey: "ledger-key",
    Batch: "batch",
    Clock: "clock",
    End: "end",
}
_WRITERS: Final[dict[type, Callable[[Any], dict[str, Any]]]] = {
    Genesis: _write_genesis,
    Enrolment: _write_enrolment,
    KeyEvent: _write_key,
    LedgerKey: _write_ledger_key,
    Batch: _write_batch,
    Clock: _write_clock,
    End: _write_end,
}
_READERS: Final[dict[str, Callable[[object], KnownBody]]] = {
    "genesis": _read_genesis,
    "enrolment": _read_enrolment,
    "key": _read_key,
    "ledger-key": _read_ledger_key,
    "batch": _read_batch,
    "clock": _read_clock,
    "end": _read_end,
}
