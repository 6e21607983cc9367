"""An identity reads back byte for byte, and must be the one that was committed to."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import (
    WRONG_TIMES,
    assert_closed,
    assert_refused,
    texts,
    times,
)
from tests.support.sample_ledger import opened_identity

from hefu_ledger.encoding import canonical
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.records.identity import (
    MAX_IDENTITY,
    Identity,
    format_identity,
    parse_identity,
    verify_identity,
)
from hefu_ledger.section import OpenedSection, close

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


def read_identity(data: bytes) -> Identity:
    return parse_identity(data.decode())


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


def test_an_identity_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(MalformedError):
        parse_identity(json.dumps(MEMBERS, ensure_ascii=False))
    assert read_identity(canonical(MEMBERS)).uscc == USCC
