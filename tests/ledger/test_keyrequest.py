"""Key requests: round trips, a closed schema, and on whose word a key record stands."""

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
    roles,
    times,
)
from tests.support.sample_ledger import START, depositor_signer

from hefu_ledger.encoding import titled
from hefu_ledger.errors import MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.records.bodies import KeyEvent
from hefu_ledger.records.keyrequest import FORMAT, KeyRequest, format_key_request, parse_key_request, verify_key_event
from hefu_ledger.tlog.keys import COSIGNATURE, Ed25519Signer, format_vkey
from hefu_ledger.tlog.note import format_note, sign_note

REASONS = ascii_texts | st.just("")
REQUESTS = st.one_of(
    st.builds(KeyRequest, st.just("add"), REASONS, keys, st.none(), roles),
    st.builds(KeyRequest, st.just("retire"), REASONS, keys, st.none(), st.just("prepare")),
    st.builds(KeyRequest, st.just("compromised"), REASONS, keys, times, st.just("prepare")),
)
OLD, OTHER, NEW, STRANGER = (depositor_signer("acme", label) for label in ("old", "other", "new", "stranger"))
MEMBERS: dict[str, Any] = {
    "action": "compromised",
    "reason": "stolen",
    "since": "2026-01-01T00:00:00.000Z",
    "vkey": format_vkey(OLD.key),
}


def parse_members(data: bytes) -> KeyRequest:
    return parse_key_request(titled(FORMAT, json.loads(data)))


def event(request: KeyRequest, signers: list[Ed25519Signer], **changes: object) -> KeyEvent:
    by = format_note(sign_note(format_key_request(request), signers)).decode()
    record = KeyEvent(request.action, by, 0, request.reason, request.vkey, request.since, request.role)
    return record._replace(**changes)  # type: ignore[arg-type]  # tests know the fields


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
        *(("since", value) for value in WRONG_TIMES),
        ("role", "approve"),
        *(("vkey", value) for value in (*WRONG_VKEYS, format_vkey(OLD.key._replace(type=COSIGNATURE)))),
    ],
)
def test_every_member_is_checked(name: str, wrong: object) -> None:
    assert_refused(parse_members, MEMBERS | {name: wrong})


def test_another_version_is_unknown() -> None:
    text = format_key_request(KeyRequest("retire", "", OLD.key))
    assert_unknown_version(lambda data: parse_key_request(data.decode()), text.encode(), FORMAT)


def test_a_request_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(MalformedError, match="ASCII"):
        format_key_request(KeyRequest("retire", "员工离职", OLD.key))


RETIRE, ADD = KeyRequest("retire", "left", OLD.key), KeyRequest("add", "laptop", NEW.key)
LOST = KeyRequest("compromised", "lost", OLD.key, START)


@every_case(
    ("request_", "signers"),
    [
        (RETIRE, [OLD]),
        (RETIRE, [OTHER]),
        (RETIRE, [OLD, OTHER]),
        (LOST, [OTHER]),
        (ADD, [NEW, OLD]),
        (ADD, [OTHER, NEW]),
    ],
)
def test_a_key_in_force_speaks_for_its_depositor(request_: KeyRequest, signers: list[Ed25519Signer]) -> None:
    assert verify_key_event(event(request_, signers), enrolled=[OLD.key, OTHER.key]) is True


@every_case(
    ("request_", "signers"),
    [
        (RETIRE, [STRANGER]),
        (RETIRE, [OLD, STRANGER]),
        (ADD, [NEW]),
        (ADD, [OLD]),
        (ADD, [NEW, STRANGER]),
        (ADD, [NEW, OLD, STRANGER]),
        (KeyRequest("retire", "", NEW.key), [NEW]),
    ],
)
def test_a_stranger_does_not_nor_a_new_key_alone(request_: KeyRequest, signers: list[Ed25519Signer]) -> None:
    with pytest.raises(VerificationError, match="not signed by an enrolled key"):
        verify_key_event(event(request_, signers), enrolled=[OLD.key, OTHER.key])


@every_case("role", ["prepare", "read", "Approve", "", None, 1, []])
def test_a_key_that_is_added_approves_or_states_no_role(role: object) -> None:
    members = {"action": "add", "reason": "", "vkey": format_vkey(NEW.key)}
    assert parse_members(json.dumps(members | {"role": "approve"}).encode()).role == "approve"
    assert_refused(parse_members, members | {"role": role})


@every_case(
    ("request_", "signers", "granted"),
    [
        (ADD, [NEW, OTHER], False),
        (ADD, [NEW, OLD], True),
        (ADD, [NEW, OTHER, OLD], True),
        (RETIRE, [OTHER], False),
        (LOST, [OTHER], False),
        (KeyRequest("retire", "left", OTHER.key), [OTHER], True),
        (KeyRequest("compromised", "stolen", OTHER.key, START), [OTHER], True),
        (KeyRequest("retire", "left", OTHER.key), [OLD], True),
    ],
)
def test_where_a_key_approves_no_other_adds_a_key_or_ends_any_but_itself(
    request_: KeyRequest, signers: list[Ed25519Signer], granted: bool
) -> None:
    record, enrolled = event(request_, signers), [OLD.key, OTHER.key]
    assert verify_key_event(record, enrolled=enrolled) is True
    if granted:
        assert verify_key_event(record, enrolled=enrolled, approvers=[OLD.key]) is True
    else:
        with pytest.raises(VerificationError, match="not signed by a key that approves"):
            verify_key_event(record, enrolled=enrolled, approvers=[OLD.key])


def test_the_record_gives_a_key_the_role_that_was_asked_for() -> None:
    with pytest.raises(VerificationError, match="something else"):
        verify_key_event(event(ADD, [NEW, OLD], role="approve"), enrolled=[OLD.key])


@pytest.mark.parametrize(
    "changes",
    [{"action": "compromised", "since": START}, {"reason": "another"}, {"vkey": OTHER.key}, {"since": START}],
)
def test_the_record_says_what_the_request_says(changes: dict[str, object]) -> None:
    with pytest.raises(VerificationError, match="something else"):
        verify_key_event(event(RETIRE, [OLD], **changes), enrolled=[OLD.key])


def test_the_operators_word_is_told_apart() -> None:
    assert verify_key_event(event(RETIRE, [OLD], by="operator"), enrolled=[OLD.key]) is False


@pytest.mark.parametrize("by", ["Operator", "operator\n", "", "somebody"])
def test_whatever_else_is_no_note_is_refused(by: str) -> None:
    with pytest.raises(MalformedError):
        verify_key_event(event(RETIRE, [OLD], by=by), enrolled=[OLD.key])


def test_a_request_of_another_version_is_unknown() -> None:
    record = event(RETIRE, [OLD])
    with pytest.raises(UnknownFormatError):
        verify_key_event(record._replace(by=record.by.replace("hefu-key/v1", "hefu-key/v2")), enrolled=[OLD.key])


def test_a_request_has_at_most_4_kib() -> None:
    with pytest.raises(MalformedError, match="at most 4096"):
        verify_key_event(event(RETIRE, [OLD], by="x" * 4097), enrolled=[OLD.key])
