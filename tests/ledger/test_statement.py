"""A statement reads back byte for byte, and whatever it should not say is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    WRONG_DEPOSITORS,
    WRONG_HASHES,
    WRONG_KINDS,
    WRONG_ORIGINS,
    WRONG_TIMES,
    WRONG_WHOLES,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    depositors,
    hashes,
    kinds,
    origins,
    times,
    wholes,
)
from tests.support.sample_ledger import ORIGIN, depositor_signer

from hefu_ledger.deposit.statement import (
    FORMAT,
    MAX_COUNT,
    MAX_STATEMENT,
    Seen,
    Statement,
    format_statement,
    parse_signed_statement,
    parse_statement,
    statement_id,
)
from hefu_ledger.encoding import titled
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.note import format_note, sign_note

STATEMENTS = st.builds(
    Statement,
    count=st.integers(1, MAX_COUNT),
    depositor=depositors,
    kind=kinds,
    origin=origins,
    root=hashes,
    not_after=st.none() | times,
    previous=st.none() | hashes,
    registration=st.none() | hashes,
    seen=st.none() | st.builds(Seen, hashes, wholes.filter(bool)),
)
MEMBERS: dict[str, Any] = {
    "count": 3,
    "depositor": "acme",
    "kind": "file",
    "not_after": "2026-01-01T00:00:00.000Z",
    "origin": ORIGIN,
    "previous": "ab" * 32,
    "registration": "cd" * 32,
    "root": "ef" * 32,
    "seen": {"root": "01" * 32, "size": 4},
}
GOOD = Statement(1, "acme", "file", ORIGIN, bytes(32))


def parse_members(data: bytes) -> Statement:
    return parse_statement(titled(FORMAT, json.loads(data)))


@given(STATEMENTS)
def test_statements_read_back_the_same(statement: Statement) -> None:
    text = format_statement(statement)
    assert parse_statement(text) == statement
    assert format_statement(parse_statement(text)) == text


@given(STATEMENTS)
def test_signed_statements_read_back_the_same(statement: Statement) -> None:
    note = sign_note(format_statement(statement), [depositor_signer("acme"), depositor_signer("acme", "second")])
    assert parse_signed_statement(format_note(note)) == (note, statement)


def test_a_statement_is_closed() -> None:
    assert_closed(parse_members, MEMBERS, "not_after", "previous", "registration", "seen")
    assert_closed(
        lambda data: parse_members(json.dumps(MEMBERS | {"seen": json.loads(data)}).encode()), MEMBERS["seen"]
    )


@every_case(
    ("name", "wrong"),
    [
        *(("count", value) for value in (*WRONG_WHOLES, 0, MAX_COUNT + 1)),
        *(("depositor", value) for value in WRONG_DEPOSITORS),
        *(("kind", value) for value in WRONG_KINDS),
        *(("not_after", value) for value in WRONG_TIMES),
        *(("origin", value) for value in WRONG_ORIGINS),
        *((name, value) for name in ("root", "previous", "registration") for value in WRONG_HASHES),
        *(("seen", {"root": value, "size": 4}) for value in WRONG_HASHES),
        *(("seen", {"root": "01" * 32, "size": value}) for value in (*WRONG_WHOLES, 0)),
    ],
)
def test_every_member_is_checked(name: str, wrong: object) -> None:
    assert_refused(parse_members, MEMBERS | {name: wrong})


def test_another_version_is_unknown() -> None:
    assert_unknown_version(lambda data: parse_statement(data.decode()), format_statement(GOOD).encode(), FORMAT)


@every_case(
    "change", [("{", " {"), ("1,", "1.0,"), ("1,", "01,"), (":1", ":-0"), ("}\n", "}"), ("}\n", "}\n\n"), ("{", "\n{")]
)
def test_other_spellings_are_refused(change: tuple[str, str]) -> None:
    with pytest.raises(MalformedError):
        parse_statement(format_statement(GOOD).replace(*change, 1))


def test_a_whole_statement_has_at_most_16_kib() -> None:
    signers = [depositor_signer("acme", f"{number}") for number in range(16)]
    note = format_note(sign_note(format_statement(GOOD), signers))
    assert len(note) < MAX_STATEMENT == 16_384
    parse_signed_statement(note)
    long = format_note(sign_note(format_statement(GOOD._replace(origin="o" * 200, seen=Seen(bytes(32), 1))), signers))
    padding = "x" * (MAX_STATEMENT - len(long))
    for extra, refused in ((padding, False), (padding + "x", True)):
        data = long.replace(b"/acme ", f"/acme{extra} ".encode(), 1)
        assert len(data) == MAX_STATEMENT + refused
        if refused:
            with pytest.raises(MalformedError, match="at most 16384"):
                parse_signed_statement(data)
        else:
            parse_signed_statement(data)


def test_its_identity_is_the_hash_of_the_whole_note() -> None:
    note = sign_note(format_statement(GOOD), [depositor_signer("acme")])
    assert statement_id(note) == statement_id(format_note(note)) == sha256(format_note(note)).digest()
    again = sign_note(format_statement(GOOD), [depositor_signer("acme"), depositor_signer("acme", "second")])
    assert statement_id(again) != statement_id(note)


def test_a_statement_without_a_signature_is_refused() -> None:
    text = format_statement(GOOD).encode()
    for data in (text, text + b"\n", b""):
        with pytest.raises(MalformedError):
            parse_signed_statement(data)
