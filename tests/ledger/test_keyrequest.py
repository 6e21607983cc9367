"""A key request reads back byte for byte, and whatever it should not say is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    WRONG_TIMES,
    WRONG_VKEYS,
    ascii_texts,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    keys,
    times,
)
from tests.support.sample_ledger import START, depositor_signer

from hefu_ledger.encoding import titled
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.keyrequest import (
    FORMAT,
    MAX_REQUEST,
    KeyRequest,
    format_key_request,
    parse_key_request,
    parse_signed_key_request,
)
from hefu_ledger.tlog.keys import format_vkey

REASONS = ascii_texts | st.just("")
REQUESTS = st.one_of(
    st.builds(KeyRequest, st.sampled_from(["add", "retire"]), REASONS, times, keys, st.none()),
    st.builds(KeyRequest, st.just("compromised"), REASONS, times, keys, times),
)
KEY = depositor_signer("acme", "old").key
MEMBERS: dict[str, Any] = {
    "action": "compromised",
    "reason": "stolen",
    "requested_at": "2026-01-01T00:00:00.000Z",
    "since": "2026-01-01T00:00:00.000Z",
    "vkey": format_vkey(KEY),
}


def parse_members(data: bytes) -> KeyRequest:
    return parse_key_request(titled(FORMAT, json.loads(data)))


@given(REQUESTS)
def test_requests_read_back_the_same(request: KeyRequest) -> None:
    text = format_key_request(request)
    assert parse_key_request(text) == request
    assert format_key_request(parse_key_request(text)) == text


def test_a_request_is_closed() -> None:
    assert_closed(parse_members, MEMBERS)


@every_case(
    ("name", "wrong"),
    [
        *(("action", value) for value in ("", "add", "retire", "remove", "ADD", None)),
        *(("reason", value) for value in ("x" * 401, None, 1)),
        *((name, value) for name in ("requested_at", "since") for value in WRONG_TIMES),
        ("role", "approve"),
        *(("vkey", value) for value in WRONG_VKEYS),
    ],
)
def test_every_member_is_checked(name: str, wrong: object) -> None:
    assert_refused(parse_members, MEMBERS | {name: wrong})


@pytest.mark.parametrize("action", ["add", "retire"])
def test_only_a_compromise_has_a_since(action: str) -> None:
    members = {name: value for name, value in MEMBERS.items() if name != "since"} | {"action": action}
    assert parse_members(json.dumps(members).encode()).since is None
    assert_refused(parse_members, members | {"since": MEMBERS["since"]})


def test_another_version_is_unknown() -> None:
    text = format_key_request(KeyRequest("retire", "", START, KEY))
    assert_unknown_version(lambda data: parse_key_request(data.decode()), text.encode(), FORMAT)


def test_a_request_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(MalformedError, match="ASCII"):
        format_key_request(KeyRequest("retire", "员工离职", START, KEY))


def test_a_request_has_at_most_16_kib() -> None:
    with pytest.raises(MalformedError, match=f"at most {MAX_REQUEST}"):
        parse_signed_key_request(b"x" * (MAX_REQUEST + 1))
