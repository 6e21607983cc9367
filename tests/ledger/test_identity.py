"""Identities and possession notes: round trips, closed schemas, and who must have signed."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    WRONG_DEPOSITORS,
    WRONG_ORIGINS,
    WRONG_TIMES,
    WRONG_VKEYS,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    depositors,
    each,
    origins,
    roles,
    texts,
    times,
)
from tests.support.sample_ledger import LOG, ORIGIN, depositor_signer, opened_identity

from hefu_ledger.encoding import canonical, titled
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.identity import (
    MAX_IDENTITY,
    Identity,
    format_identity,
    parse_identity,
    verify_identity,
    verify_possession,
)
from hefu_ledger.records.possession import (
    MAX_POSSESSION,
    POSSESSION,
    Possession,
    format_possession,
    parse_possession,
    parse_signed_possession,
)
from hefu_ledger.records.signing_key import parse_signing_key
from hefu_ledger.section import OpenedSection, close
from hefu_ledger.tlog.keys import COSIGNATURE, Ed25519Signer, VerifierKey, format_vkey
from hefu_ledger.tlog.note import format_note, sign_note

USCC = "91310120MA1HP00194"
LINES = texts.filter(lambda text: not any(category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in text))
IDENTITIES = st.builds(Identity, LINES, LINES, st.just(USCC), times, LINES)
MEMBERS: dict[str, Any] = {
    "method": "营业执照核验",
    "name": "上海某化妆品有限公司",
    "uscc": USCC,
    "verified_at": "2026-01-01T00:00:00.000Z",
    "verified_by": "奉贤工作站",
}
NEW, EARLIER, STRANGER = (depositor_signer("acme", label) for label in ("new", "earlier", "stranger"))
PUBLIC = {"depositor": "acme", "origin": ORIGIN, "vkey": format_vkey(NEW.key)}


def read_identity(data: bytes) -> Identity:
    return parse_identity(data.decode())


def read_possession(data: bytes) -> Possession:
    return parse_possession(titled(POSSESSION, json.loads(data)))


@given(IDENTITIES)
def test_identities_read_back_the_same(identity: Identity) -> None:
    text = format_identity(identity)
    assert parse_identity(text) == identity
    assert format_identity(parse_identity(text)) == text


def test_an_identity_is_closed() -> None:
    assert_closed(read_identity, MEMBERS)


@every_case(
    ("name", "wrong"),
    [
        *(("method", value) for value in ("", "x" * 101, None)),
        *(("name", value) for value in ("", "x" * 201, None)),
        *(("verified_by", value) for value in ("", "x" * 201, None)),
        *(("verified_at", value) for value in WRONG_TIMES),
        *((name, f"a{value}b") for name in ("method", "name", "verified_by") for value in "\n\r\x1b\x85\u2028\u202e"),
        *(
            ("uscc", value)
            for value in ("", USCC[:-1], USCC[:-1] + "O", USCC.lower(), f" {USCC}", USCC.replace("9", "９", 1))
        ),
    ],
)
def test_every_member_of_an_identity_is_checked(name: str, wrong: object) -> None:
    assert_refused(read_identity, MEMBERS | {name: wrong})


def test_an_identity_has_at_most_4_kib() -> None:
    with pytest.raises(MalformedError, match=f"at most {MAX_IDENTITY}"):
        parse_identity(" " * (MAX_IDENTITY + 1))


def test_an_identity_must_be_the_one_committed_to() -> None:
    opened = opened_identity("acme")
    assert verify_identity(opened, commitment=close(opened)) == parse_identity(opened.text)
    for wrong in (opened._replace(nonce=bytes(32)), opened._replace(text=opened.text + " "), opened_identity("beta")):
        with pytest.raises(VerificationError, match="identity"):
            verify_identity(wrong, commitment=close(opened))
    with pytest.raises(MalformedError):
        verify_identity(OpenedSection(bytes(32), "{}"), commitment=close(OpenedSection(bytes(32), "{}")))


@given(origins, depositors, roles)
def test_possession_notes_read_back_the_same(origin: str, depositor: str, role: str) -> None:
    signer = Ed25519Signer(depositor_key_name(origin, depositor), bytes(32))
    possession = Possession(depositor, origin, signer.key, role)
    text = format_possession(possession)
    assert parse_possession(text) == possession
    assert format_possession(parse_possession(text)) == text
    note = sign_note(text, [signer])
    assert parse_signed_possession(format_note(note)) == (note, possession)
    assert verify_possession(note, possession, earlier=[]) is False


def test_a_possession_is_closed() -> None:
    assert_closed(read_possession, PUBLIC)


@every_case(
    ("name", "wrong"),
    [
        *(("depositor", value) for value in (*WRONG_DEPOSITORS, "beta")),
        *(("origin", value) for value in (*WRONG_ORIGINS, "log.example/other")),
        *(("vkey", value) for value in (*WRONG_VKEYS, format_vkey(LOG.key))),
        ("vkey", format_vkey(NEW.key._replace(type=COSIGNATURE))),
        *(("role", value) for value in each("prepare", "read", "Approve", "", None, 1, [])),
    ],
)
def test_every_member_of_a_possession_is_checked(name: str, wrong: object) -> None:
    assert_refused(read_possession, PUBLIC | {name: wrong})


def test_another_version_of_a_possession_is_unknown() -> None:
    text = format_possession(Possession("acme", ORIGIN, NEW.key))
    assert_unknown_version(lambda data: parse_possession(data.decode()), text.encode(), POSSESSION)


def test_a_possession_note_has_at_most_4_kib() -> None:
    with pytest.raises(MalformedError, match=f"at most {MAX_POSSESSION}"):
        parse_signed_possession(b"x" * (MAX_POSSESSION + 1))


@every_case(
    ("signers", "earlier", "vouched"),
    [
        ([NEW], [], False),
        ([NEW], [EARLIER], False),
        ([NEW, EARLIER], [EARLIER], True),
        ([EARLIER, NEW], [EARLIER, STRANGER], True),
        ([EARLIER], [EARLIER], None),
        ([NEW, STRANGER], [EARLIER], None),
        ([STRANGER], [EARLIER], None),
        ([NEW, EARLIER], [], None),
    ],
)
def test_the_new_key_signs_and_earlier_ones_vouch(
    signers: list[Ed25519Signer], earlier: list[Ed25519Signer], vouched: bool | None
) -> None:
    possession = Possession("acme", ORIGIN, NEW.key)
    note = sign_note(format_possession(possession), signers)
    keys: list[VerifierKey] = [signer.key for signer in earlier]
    if vouched is None:
        with pytest.raises(VerificationError, match="possession"):
            verify_possession(note, possession, earlier=keys)
    else:
        assert verify_possession(note, possession, earlier=keys) is vouched


@pytest.mark.parametrize(("signers", "vouched"), [([NEW, EARLIER], True), ([NEW, STRANGER], False), ([NEW], False)])
def test_where_a_key_approves_no_other_vouches(signers: list[Ed25519Signer], vouched: bool) -> None:
    possession = Possession("acme", ORIGIN, NEW.key, "approve")
    note = sign_note(format_possession(possession), signers)
    keys = [EARLIER.key, STRANGER.key]
    assert verify_possession(note, possession, earlier=keys, approvers=[EARLIER.key]) is vouched


def test_a_possession_note_of_another_text_does_not_verify() -> None:
    possession = Possession("acme", ORIGIN, NEW.key)
    note = sign_note(format_possession(possession._replace(depositor="beta")), [NEW])
    with pytest.raises(VerificationError):
        verify_possession(note._replace(text=format_possession(possession)), possession, earlier=[])


def test_a_key_that_signs_notes_is_of_type_1() -> None:
    assert parse_signing_key(format_vkey(NEW.key)) == NEW.key
    with pytest.raises(MalformedError, match="0x04"):
        parse_signing_key(format_vkey(NEW.key._replace(type=COSIGNATURE)))


def test_an_identity_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(MalformedError):
        parse_identity(json.dumps(MEMBERS, ensure_ascii=False))
    assert read_identity(canonical(MEMBERS)).uscc == USCC
