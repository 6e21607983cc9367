"""Every type of record reads back byte for byte, unknown types by their header, and nothing else gets in."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    WRONG_HASHES,
    WRONG_ORIGINS,
    WRONG_TIMES,
    WRONG_VKEYS,
    WRONG_WHOLES,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    each,
    hashes,
    keys,
    roles,
    texts,
    times,
    wholes,
)
from tests.support.sample_ledger import ACKNOWLEDGEMENT, LOG, ORIGIN, RECOVERY, depositor_signer

from hefu_ledger.encoding import canonical, parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import MAX_BATCH, Batch, Body, Clock, Enrolment, Genesis, KeyEvent, record_type
from hefu_ledger.records.record import (
    FORMAT,
    MAX_RECORD,
    NO_RECORD,
    Record,
    format_body,
    format_record,
    parse_body,
    parse_record,
    record_hash,
)
from hefu_ledger.records.role import PREPARE
from hefu_ledger.tlog.keys import COSIGNATURE, VerifierKey, format_vkey

VKEY = format_vkey(depositor_signer("acme").key)
WRONG_TYPE = format_vkey(depositor_signer("acme").key._replace(type=COSIGNATURE))
ENROLMENTS = st.builds(Enrolment, wholes, hashes, texts, st.integers(1, 16))
BATCHES = st.builds(
    Batch,
    st.integers(1, MAX_BATCH),
    wholes,
    st.fixed_dictionaries({"sha-256": hashes}, optional={"sm3": hashes}),
    times,
)
EVENTS = st.one_of(
    st.builds(KeyEvent, st.just("add"), texts, wholes, texts | st.just(""), keys, st.none(), roles),
    st.builds(KeyEvent, st.just("retire"), texts, wholes, texts | st.just(""), keys, st.none(), st.just(PREPARE)),
    st.builds(KeyEvent, st.just("compromised"), texts, wholes, texts | st.just(""), keys, times, st.just(PREPARE)),
)
CLOCKS = st.builds(Clock, wholes, times, texts)
GENESES = st.builds(
    Genesis,
    acknowledgement=st.just(ACKNOWLEDGEMENT.key),
    log=st.just(LOG.key),
    longest_delay_ms=wholes.filter(bool),
    number_prefix=st.sampled_from(["F", "FX", "A2345678"]),
    origin=st.just(ORIGIN),
    recovery=st.just(RECOVERY.key),
    predecessor=st.none() | texts,
)
BODIES: dict[str, st.SearchStrategy[Any]] = {
    "genesis": GENESES,
    "enrolment": ENROLMENTS,
    "key": EVENTS,
    "batch": BATCHES,
    "clock": CLOCKS,
}
RECORDS = st.sampled_from(sorted(BODIES)).flatmap(
    lambda kind: st.builds(Record, wholes, wholes, hashes, st.just(kind), BODIES[kind])
)
HEADER: dict[str, Any] = {"entries": 3, "format": FORMAT, "index": 1, "prev": "ab" * 32}
MEMBERS: dict[str, dict[str, Any]] = {
    "genesis": {
        "keys": {"acknowledgement": format_vkey(ACKNOWLEDGEMENT.key), "log": format_vkey(LOG.key)},
        "longest_delay_ms": 1,
        "number_prefix": "FX",
        "origin": ORIGIN,
        "predecessor": "a note",
        "recovery": format_vkey(RECOVERY.key),
    },
    "enrolment": {"from_seq": 0, "identity": "ab" * 32, "possession": "a note", "signatures_required": 1},
    "key": {
        "action": "compromised",
        "by": "operator",
        "from_seq": 0,
        "reason": "失窃",
        "since": "2026-01-01T00:00:00.000Z",
        "vkey": VKEY,
    },
    "batch": {
        "count": 1,
        "first_seq": 0,
        "roots": {"sha-256": "ab" * 32, "sm3": "cd" * 32},
        "sealed_at": "2026-01-01T00:00:00.000Z",
    },
    "clock": {"from_seq": 0, "not_before": "2026-01-01T00:00:00.000Z", "reason": "x"},
}
OPTIONAL = {"genesis": ["predecessor"]}


def whole(kind: str) -> dict[str, Any]:
    return HEADER | {"type": kind} | MEMBERS[kind]


@given(RECORDS)
def test_records_read_back_the_same(record: Record) -> None:
    data = format_record(record)
    assert parse_record(data) == record
    assert format_record(parse_record(data)) == data


@pytest.mark.parametrize("kind", sorted(MEMBERS))
def test_every_type_is_closed(kind: str) -> None:
    # A type that is not text is refused; another text is another type, whose members nobody knows.
    assert_closed(parse_record, whole(kind), *OPTIONAL.get(kind, []))


@every_case(
    ("kind", "name", "wrong"),
    [
        *(("batch", name, value) for name in ("entries", "index", "first_seq") for value in WRONG_WHOLES),
        *(("batch", "prev", value) for value in WRONG_HASHES),
        *(("batch", "type", value) for value in each("", "x" * 33, None, 1, [])),
        *(("batch", "count", value) for value in (*WRONG_WHOLES, 0, MAX_BATCH + 1)),
        *(("batch", "sealed_at", value) for value in WRONG_TIMES),
        *(("batch", "roots", {"sha-256": value}) for value in WRONG_HASHES),
        *(("batch", "roots", {"sha-256": "ab" * 32, "sm3": value}) for value in WRONG_HASHES),
        ("batch", "roots", {"sm3": "ab" * 32}),
        ("batch", "roots", {"sha-256": "ab" * 32, "md5": "ab" * 32}),
        *(("clock", "from_seq", value) for value in WRONG_WHOLES),
        *(("clock", "not_before", value) for value in WRONG_TIMES),
        *(("clock", "reason", value) for value in each("", "x" * 401, None, 1)),
        *(("enrolment", "from_seq", value) for value in WRONG_WHOLES),
        *(("enrolment", "identity", value) for value in WRONG_HASHES),
        *(("enrolment", "possession", value) for value in each("", "x" * 4097, None, 1)),
        *(("enrolment", "signatures_required", value) for value in (*WRONG_WHOLES, 0, 17)),
        *(("key", "action", value) for value in each("", "add", "retire", "Compromised", "remove", None)),
        *(("key", "by", value) for value in each("", "x" * 4097, None)),
        *(("key", "from_seq", value) for value in WRONG_WHOLES),
        *(("key", "reason", value) for value in each("x" * 401, None, 1)),
        *(("key", "since", value) for value in WRONG_TIMES),
        *(("key", "vkey", value) for value in (*WRONG_VKEYS, WRONG_TYPE)),
        *(("genesis", "longest_delay_ms", value) for value in (*WRONG_WHOLES, 0)),
        *(("genesis", "number_prefix", value) for value in each("", "fx", "1F", "FO", "F" * 9, None)),
        *(("genesis", "origin", value) for value in (*WRONG_ORIGINS, "log.example/other")),
        *(("genesis", "predecessor", value) for value in each("", "x" * 4097, None)),
        *(("genesis", "recovery", value) for value in (*WRONG_VKEYS, VKEY, format_vkey(LOG.key))),
    ],
)
def test_every_member_is_checked(kind: str, name: str, wrong: object) -> None:
    assert_refused(parse_record, whole(kind) | {name: wrong})


@every_case("role", ["acknowledgement", "log"])
@every_case("wrong", [*WRONG_VKEYS, VKEY])
def test_the_keys_of_genesis_must_be_named_after_their_roles(role: str, wrong: object) -> None:
    members = whole("genesis")
    assert_refused(parse_record, members | {"keys": members["keys"] | {role: wrong}})


@pytest.mark.parametrize("key", [LOG.key, ACKNOWLEDGEMENT.key])
def test_a_witness_key_signs_no_notes(key: VerifierKey) -> None:
    members = whole("genesis")
    role = "log" if key == LOG.key else "acknowledgement"
    wrong = format_vkey(key._replace(type=COSIGNATURE))
    with pytest.raises(MalformedError, match="0x01"):
        parse_record(canonical(members | {"keys": members["keys"] | {role: wrong}}))


def test_the_origin_of_genesis_is_narrower_than_the_names_of_keys() -> None:
    origin = "log.example/奉贤"
    log, acknowledgement, recovery = (
        format_vkey(LOG.key._replace(name=f"{origin}{role}")) for role in ("", "/acknowledgement", "/recovery")
    )
    keys = {"acknowledgement": acknowledgement, "log": log}
    with pytest.raises(MalformedError, match="not an origin"):
        parse_record(canonical(whole("genesis") | {"keys": keys, "origin": origin, "recovery": recovery}))


@pytest.mark.parametrize("action", ["add", "retire"])
def test_only_a_compromise_has_a_since(action: str) -> None:
    members = {name: value for name, value in whole("key").items() if name != "since"}
    parse_record(canonical(members | {"action": action}))
    assert_refused(parse_record, members)
    assert_refused(parse_record, members | {"action": action, "since": "2026-01-01T00:00:00.000Z"})


@every_case("role", ["prepare", "read", "Approve", "", None, 1, []])
def test_a_key_that_is_added_approves_or_states_no_role(role: object) -> None:
    members = {name: value for name, value in whole("key").items() if name != "since"} | {"action": "add"}
    body = parse_record(canonical(members | {"role": "approve"})).body
    assert isinstance(body, KeyEvent)
    assert body.role == "approve"
    assert_refused(parse_record, members | {"role": role})


@pytest.mark.parametrize("action", ["retire", "compromised"])
def test_a_key_that_ends_has_no_role(action: str) -> None:
    kept = [name for name in whole("key") if action == "compromised" or name != "since"]
    members = {name: whole("key")[name] for name in kept} | {"action": action}
    parse_record(canonical(members))
    assert_refused(parse_record, members | {"role": "approve"})


@given(st.dictionaries(st.text("abcdefgh", min_size=1), st.integers(0, 9) | st.lists(st.text(max_size=3)), max_size=4))
def test_a_type_nobody_knows_is_read_by_its_header(more: dict[str, Any]) -> None:
    record = parse_record(canonical(more | HEADER | {"type": "weather"}))
    assert record == Record(3, 1, b"\xab" * 32, "weather", None)
    with pytest.raises(ValueError, match="weather"):
        format_record(record)


@pytest.mark.parametrize("name", sorted(HEADER))
def test_a_type_nobody_knows_still_needs_its_header(name: str) -> None:
    assert_refused(parse_record, {key: value for key, value in HEADER.items() if key != name} | {"type": "weather"})


def test_a_record_has_at_most_16_kib() -> None:
    room = MAX_RECORD - len(canonical(HEADER | {"type": "weather", "x": ""}))
    assert parse_record(canonical(HEADER | {"type": "weather", "x": "x" * room})).type == "weather"
    with pytest.raises(MalformedError, match="16384"):
        parse_record(canonical(HEADER | {"type": "weather", "x": "x" * (room + 1)}))
    with pytest.raises(MalformedError, match="16384"):
        format_record(Record(0, 0, NO_RECORD, "enrolment", Enrolment(0, bytes(32), "\0" * 4096, 1)))


def test_another_version_is_unknown_even_with_other_members() -> None:
    assert_unknown_version(parse_record, canonical(whole("batch")), FORMAT)
    assert_unknown_version(parse_record, canonical({"format": FORMAT, "new": 1}), FORMAT)


@every_case("data", [b"", b"null", b"[]", b'"x"', b"{}", b"1"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_record(data)


def test_a_record_that_is_not_canonical_is_refused() -> None:
    good = canonical(whole("batch"))
    for bad in (good + b"\n", b" " + good, good.replace(b":1", b":1.0", 1), json.dumps(whole("batch")).encode()):
        with pytest.raises(MalformedError):
            parse_record(bad)


def test_prev_is_the_hash_of_the_bytes() -> None:
    data = canonical(whole("batch"))
    assert record_hash(data) == sha256(data).digest()
    assert bytes(32) == NO_RECORD


def test_writing_and_reading_know_the_same_types() -> None:
    bodies: list[Body] = [parse_record(canonical(whole(kind))).body for kind in MEMBERS]
    assert [type(body) for body in bodies] == [Genesis, Enrolment, KeyEvent, Batch, Clock]


# A body alone, as the service keeps what it owes to the ledger


@given(RECORDS)
def test_a_body_alone_is_read_back_as_its_record_s(record: Record) -> None:
    assert record.body is not None
    assert record_type(record.body) == record.type
    data = format_body(record.body)
    assert parse_body(record.type, data) == record.body
    assert canonical(parse_canonical(format_record(record), limit=MAX_RECORD) | json.loads(data)) == format_record(
        record
    )


@pytest.mark.parametrize("kind", sorted(MEMBERS))
def test_a_body_alone_is_closed_and_has_no_place(kind: str) -> None:
    assert_closed(lambda data: parse_body(kind, data), MEMBERS[kind], *OPTIONAL.get(kind, []))
    for name, member in HEADER.items():
        assert_refused(lambda data: parse_body(kind, data), MEMBERS[kind] | {name: member})


def test_a_body_that_no_record_could_hold_is_not_written() -> None:
    with pytest.raises(MalformedError, match="16384"):
        format_body(Enrolment(0, bytes(32), "\0" * 4096, 1))
    with pytest.raises(MalformedError, match="reason"):
        format_body(Clock(0, 0, "x" * 401))


def test_a_body_of_an_unknown_type_is_none() -> None:
    assert parse_body("weather", b"{}") is None
