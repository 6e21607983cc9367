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
    rosters,
    texts,
    times,
    wholes,
)
from tests.support.sample_ledger import ACKNOWLEDGEMENT, LOG, LOG_MLDSA44, ORIGIN, RECOVERY, START, depositor_signer

from hefu_ledger.encoding import canonical, parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import (
    MAX_BATCH,
    OPERATOR,
    Batch,
    Body,
    Clock,
    End,
    Enrolment,
    Genesis,
    KeyEvent,
    LedgerKey,
    LedgerKeys,
    record_type,
)
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
from hefu_ledger.records.roster import NO_ROSTER
from hefu_ledger.tlog.keys import COSIGNATURE, VerifierKey, format_vkey

VKEY = format_vkey(depositor_signer("acme").key)
WRONG_TYPE = format_vkey(depositor_signer("acme").key._replace(type=COSIGNATURE))
REASONS = texts | st.just("")
NUMBERS = st.integers(0, 9)
ENROLMENTS = NUMBERS.flatmap(lambda event: st.builds(Enrolment, st.just(event), wholes, texts, rosters(event)))
BATCHES = st.builds(Batch, st.integers(1, MAX_BATCH), wholes, st.fixed_dictionaries({"sha-256": hashes}))
ENDINGS = st.sampled_from([("retire", st.none()), ("compromised", times)])
EVENTS = st.tuples(NUMBERS, ENDINGS).flatmap(
    lambda drawn: st.builds(
        KeyEvent, st.just(drawn[1][0]), texts, st.just(drawn[0]), wholes, REASONS, rosters(drawn[0]), keys, drawn[1][1]
    )
)
LEDGER_KEYS = st.builds(
    LedgerKeys,
    acknowledgement=st.lists(st.just(ACKNOWLEDGEMENT.key), min_size=1, max_size=8).map(tuple),
    log=st.just((LOG.key,)),
    log_mldsa44=st.just((LOG_MLDSA44.key,)),
    recovery=st.just(RECOVERY.key),
)
LEDGER_EVENTS = st.sampled_from([("add", st.none()), ("retire", st.none()), ("compromised", times)]).flatmap(
    lambda drawn: st.builds(
        LedgerKey, st.just(drawn[0]), texts, wholes, wholes, LEDGER_KEYS, REASONS, st.just(LOG.key), drawn[1]
    )
)
ENDS = st.builds(End, texts.filter(lambda text: text != OPERATOR), texts, st.none() | st.just(LOG.key))
CLOCKS = st.builds(Clock, wholes, times, texts)
GENESES = st.builds(
    Genesis,
    acknowledgement=st.just(ACKNOWLEDGEMENT.key),
    log=st.just(LOG.key),
    log_mldsa44=st.just(LOG_MLDSA44.key),
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
    "ledger-key": LEDGER_EVENTS,
    "batch": BATCHES,
    "clock": CLOCKS,
    "end": ENDS,
}
RECORDS = st.sampled_from(sorted(BODIES)).flatmap(
    lambda kind: st.builds(Record, wholes, wholes, hashes, times, st.just(kind), BODIES[kind])
)
HEADER: dict[str, Any] = {
    "entries": 3,
    "format": FORMAT,
    "index": 1,
    "prev": "ab" * 32,
    "recorded_at": "2026-01-01T00:00:00.000Z",
}
ROSTER: dict[str, Any] = {
    "enrolment": 1,
    "identity": "ab" * 32,
    "keys": [
        {"from": 0, "key": "01" + "ab" * 32, "word": 0},
        {"from": 1, "key": "01" + "cd" * 32, "role": "approve", "word": 1},
    ],
    "reported": [{"key": "01" + "ef" * 32, "since": "2026-01-01T00:00:00.000Z"}],
    "signatures_required": 2,
}
MEMBERS: dict[str, dict[str, Any]] = {
    "genesis": {
        "keys": {
            "acknowledgement": format_vkey(ACKNOWLEDGEMENT.key),
            "log": format_vkey(LOG.key),
            "log_mldsa44": format_vkey(LOG_MLDSA44.key),
        },
        "longest_delay_ms": 1,
        "number_prefix": "FX",
        "origin": ORIGIN,
        "predecessor": "a note",
        "recovery": format_vkey(RECOVERY.key),
    },
    "enrolment": {"event": 2, "from_seq": 0, "possession": "a note", "roster": ROSTER},
    "key": {
        "action": "compromised",
        "by": "operator",
        "event": 2,
        "from_seq": 0,
        "reason": "失窃",
        "roster": ROSTER,
        "since": "2026-01-01T00:00:00.000Z",
        "vkey": VKEY,
    },
    "ledger-key": {
        "action": "compromised",
        "by": "a note",
        "event": 2,
        "from_seq": 0,
        "keys": {
            "acknowledgement": [format_vkey(ACKNOWLEDGEMENT.key)],
            "log": [format_vkey(LOG.key)],
            "log_mldsa44": [format_vkey(LOG_MLDSA44.key)],
            "recovery": format_vkey(RECOVERY.key),
        },
        "reason": "失窃",
        "since": "2026-01-01T00:00:00.000Z",
        "vkey": format_vkey(LOG.key),
    },
    "batch": {"count": 1, "first_seq": 0, "roots": {"sha-256": "ab" * 32}},
    "clock": {"from_seq": 0, "not_before": "2026-01-01T00:00:00.000Z", "reason": "x"},
    "end": {"by": "a note", "reason": "moved", "successor": format_vkey(LOG.key)},
}
LONG = Enrolment(0, 0, "\0" * 16_384, NO_ROSTER)
OPTIONAL = {"genesis": ["predecessor"], "end": ["successor"]}


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
        *(("batch", "recorded_at", value) for value in WRONG_TIMES),
        *(("batch", "type", value) for value in each("", "x" * 33, None, 1, [])),
        *(("batch", "count", value) for value in (*WRONG_WHOLES, 0, MAX_BATCH + 1)),
        *(("batch", "roots", {"sha-256": value}) for value in WRONG_HASHES),
        ("batch", "roots", {"sm3": "ab" * 32}),
        ("batch", "roots", {"sha-256": "ab" * 32, "sm3": "ab" * 32}),
        *(("clock", "from_seq", value) for value in WRONG_WHOLES),
        *(("clock", "not_before", value) for value in WRONG_TIMES),
        *(("clock", "reason", value) for value in each("", "x" * 401, None, 1)),
        *(("enrolment", "from_seq", value) for value in WRONG_WHOLES),
        *(("enrolment", "event", value) for value in (*WRONG_WHOLES, 0)),
        *(("enrolment", "possession", value) for value in each("", "x" * 16_385, None, 1)),
        *(("key", "action", value) for value in each("", "add", "retire", "Compromised", "remove", None)),
        *(("key", "by", value) for value in each("", "x" * 16_385, None)),
        *(("key", "event", value) for value in (*WRONG_WHOLES, 0)),
        *(("key", "from_seq", value) for value in WRONG_WHOLES),
        *(("key", "reason", value) for value in each("x" * 401, None, 1)),
        *(("key", "since", value) for value in WRONG_TIMES),
        *(("key", "vkey", value) for value in (*WRONG_VKEYS, WRONG_TYPE)),
        *(("ledger-key", "action", value) for value in each("", "retire", "remove", None)),
        *(("ledger-key", "by", value) for value in each("", "x" * 16_385, None)),
        *(("ledger-key", name, value) for name in ("event", "from_seq") for value in WRONG_WHOLES),
        *(("ledger-key", "since", value) for value in WRONG_TIMES),
        *(("end", "by", value) for value in each("", "operator", "x" * 16_385, None)),
        *(("end", "reason", value) for value in each("", "x" * 401, None, 1)),
        *(("end", "successor", value) for value in (*WRONG_VKEYS, WRONG_TYPE)),
        *(("genesis", "longest_delay_ms", value) for value in (*WRONG_WHOLES, 0)),
        *(("genesis", "number_prefix", value) for value in each("", "fx", "1F", "FO", "F" * 9, None)),
        *(("genesis", "origin", value) for value in (*WRONG_ORIGINS, "log.example/other")),
        *(("genesis", "predecessor", value) for value in each("", "x" * 8193, None)),
        *(("genesis", "recovery", value) for value in (*WRONG_VKEYS, VKEY, format_vkey(LOG.key))),
    ],
)
def test_every_member_is_checked(kind: str, name: str, wrong: object) -> None:
    assert_refused(parse_record, whole(kind) | {name: wrong})


@every_case("change", [{"keys": []}, {"extra": 1}, {"reported": None}, {"signatures_required": 0}, {"enrolment": 3}])
@every_case("kind", ["enrolment", "key"])
def test_a_roster_is_closed_and_of_its_event(kind: str, change: dict[str, Any]) -> None:
    wrong = whole(kind) | {"roster": ROSTER | change}
    if change == {"keys": []}:
        parse_record(canonical(wrong))
    else:
        assert_refused(parse_record, wrong)
    assert_closed(lambda data: parse_record(canonical(whole(kind) | {"roster": json.loads(data)})), ROSTER)


ONE, TWO = ROSTER["keys"]


@every_case(
    "wrong",
    [
        {"keys": [TWO, ONE]},
        {"keys": [ONE, TWO | {"from": 0, "word": 0}]},
        {"keys": [ONE, TWO | {"key": ONE["key"]}]},
        {"keys": [ONE | {"word": 1}]},
        {"keys": [TWO | {"from": 3}]},
        {"keys": [ONE | {"role": "prepare"}]},
        {"keys": [ONE | {"key": "01"}]},
        {"keys": [ONE | {"key": ONE["key"].upper()}]},
        {"keys": [{"from": n, "key": f"01{n:064x}", "word": n} for n in range(17)]},
        {"reported": ROSTER["reported"] * 2},
        {"reported": [{"key": f"01{n:064x}", "since": "2026-01-01T00:00:00.000Z"} for n in (2, 1)]},
        {"reported": [{"key": f"01{n:064x}", "since": "2026-01-01T00:00:00.000Z"} for n in range(299)]},
        {"reported": [{"key": "01" + "ef" * 32, "since": "2026-01-01"}]},
    ],
)
def test_a_roster_has_one_form(wrong: dict[str, Any]) -> None:
    good = whole("enrolment") | {"event": 20}
    parse_record(canonical(good))
    assert_refused(parse_record, good | {"event": 2, "roster": ROSTER | wrong})


@every_case("purpose", ["acknowledgement", "log", "log_mldsa44"])
@every_case("wrong", [[], ["x" * 4097], [7], "a vkey", [format_vkey(LOG.key)] * 9])
def test_each_list_of_the_ledgers_keys_has_1_to_8_of_them(purpose: str, wrong: object) -> None:
    members = whole("ledger-key")
    assert_refused(parse_record, members | {"keys": members["keys"] | {purpose: wrong}})


@every_case("role", ["acknowledgement", "log", "log_mldsa44"])
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
    keys = whole("genesis")["keys"] | {"acknowledgement": acknowledgement, "log": log}
    with pytest.raises(MalformedError, match="not an origin"):
        parse_record(canonical(whole("genesis") | {"keys": keys, "origin": origin, "recovery": recovery}))


@pytest.mark.parametrize(("kind", "action"), [("key", "retire"), ("ledger-key", "add"), ("ledger-key", "retire")])
def test_only_a_compromise_has_a_since(kind: str, action: str) -> None:
    members = {name: value for name, value in whole(kind).items() if name != "since"}
    parse_record(canonical(members | {"action": action}))
    assert_refused(parse_record, members)
    assert_refused(parse_record, members | {"action": action, "since": "2026-01-01T00:00:00.000Z"})


@given(st.dictionaries(st.text("abcdefgh", min_size=1), st.integers(0, 9) | st.lists(st.text(max_size=3)), max_size=4))
def test_a_type_nobody_knows_is_read_by_its_header(more: dict[str, Any]) -> None:
    record = parse_record(canonical(more | HEADER | {"type": "weather"}))
    assert record == Record(3, 1, b"\xab" * 32, START, "weather", None)
    with pytest.raises(ValueError, match="weather"):
        format_record(record)


@pytest.mark.parametrize("name", sorted(HEADER))
def test_a_type_nobody_knows_still_needs_its_header(name: str) -> None:
    assert_refused(parse_record, {key: value for key, value in HEADER.items() if key != name} | {"type": "weather"})


def test_a_record_has_at_most_65_535_bytes() -> None:
    room = MAX_RECORD - len(canonical(HEADER | {"type": "weather", "x": ""}))
    assert parse_record(canonical(HEADER | {"type": "weather", "x": "x" * room})).type == "weather"
    with pytest.raises(MalformedError, match="65535"):
        parse_record(canonical(HEADER | {"type": "weather", "x": "x" * (room + 1)}))
    with pytest.raises(MalformedError, match="65535"):
        format_record(Record(0, 0, NO_RECORD, 0, "enrolment", LONG))


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
    assert [type(body) for body in bodies] == [Genesis, Enrolment, KeyEvent, LedgerKey, Batch, Clock, End]


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
    with pytest.raises(MalformedError, match="65535"):
        format_body(LONG)
    with pytest.raises(MalformedError, match="reason"):
        format_body(Clock(0, 0, "x" * 401))


def test_a_body_of_an_unknown_type_is_none() -> None:
    assert parse_body("weather", b"{}") is None
