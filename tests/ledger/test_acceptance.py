"""An acceptance reads back byte for byte, and whatever it should not say is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    WRONG_DEPOSITORS,
    WRONG_HASHES,
    WRONG_ORIGINS,
    WRONG_TIMES,
    WRONG_WHOLES,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    depositors,
    hashes,
    origins,
    times,
    wholes,
)
from tests.support.sample_ledger import ORIGIN, START

from hefu_ledger.deposit.acceptance import (
    FORMAT,
    MAX_ACCEPTANCE,
    MAX_SEQ,
    Acceptance,
    format_acceptance,
    parse_acceptance,
)
from hefu_ledger.encoding import titled
from hefu_ledger.errors import MalformedError
from hefu_ledger.number import format_number

ACCEPTANCES = st.builds(
    Acceptance,
    anchor_by=times,
    depositor=depositors,
    event=wholes,
    nth=wholes,
    origin=origins,
    received_at=times,
    seq=st.integers(0, MAX_SEQ),
    statement=hashes,
)
MEMBERS: dict[str, Any] = {
    "anchor_by": "2026-01-02T00:00:00.000Z",
    "depositor": "acme",
    "event": 2,
    "nth": 1,
    "origin": ORIGIN,
    "received_at": "2026-01-01T00:00:00.000Z",
    "seq": 7,
    "statement": "ab" * 32,
}
GOOD = Acceptance(START, "acme", 2, 1, ORIGIN, START, 7, bytes(32))


def parse_members(data: bytes) -> Acceptance:
    return parse_acceptance(titled(FORMAT, json.loads(data)))


@given(ACCEPTANCES)
def test_acceptances_read_back_the_same(acceptance: Acceptance) -> None:
    text = format_acceptance(acceptance)
    assert len(text) < MAX_ACCEPTANCE
    assert parse_acceptance(text) == acceptance
    assert format_acceptance(parse_acceptance(text)) == text


def test_an_acceptance_is_closed() -> None:
    assert_closed(parse_members, MEMBERS)


@every_case(
    ("name", "wrong"),
    [
        *((name, value) for name in ("anchor_by", "received_at") for value in WRONG_TIMES),
        *(("depositor", value) for value in WRONG_DEPOSITORS),
        *(("origin", value) for value in WRONG_ORIGINS),
        *((name, value) for name in ("event", "nth", "seq") for value in WRONG_WHOLES),
        *(("statement", value) for value in WRONG_HASHES),
    ],
)
def test_every_member_is_checked(name: str, wrong: object) -> None:
    assert_refused(parse_members, MEMBERS | {name: wrong})


def test_every_seq_that_parses_has_a_deposit_number() -> None:
    """A larger one would end a verification with an exception in place of a verdict."""
    assert format_number("FX", parse_members(json.dumps(MEMBERS | {"seq": MAX_SEQ}).encode()).seq)
    with pytest.raises(ValueError, match="out of range"):
        format_number("FX", MAX_SEQ + 1)
    with pytest.raises(MalformedError, match="seq"):
        parse_members(json.dumps(MEMBERS | {"seq": MAX_SEQ + 1}).encode())


def test_another_version_is_unknown() -> None:
    assert_unknown_version(lambda data: parse_acceptance(data.decode()), format_acceptance(GOOD).encode(), FORMAT)
