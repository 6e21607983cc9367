"""A possession note reads back byte for byte, and says all that a voucher vouches for."""

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
    WRONG_VKEYS,
    WRONG_WHOLES,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    depositors,
    each,
    hashes,
    origins,
    roles,
    times,
)
from tests.support.sample_ledger import LOG, ORIGIN, START, depositor_signer

from hefu_ledger.encoding import titled
from hefu_ledger.errors import MalformedError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.possession import (
    FORMAT,
    MAX_POSSESSION,
    Possession,
    format_possession,
    parse_possession,
    parse_signed_possession,
)
from hefu_ledger.records.signing_key import parse_depositor_key, parse_signing_key
from hefu_ledger.tlog.keys import COSIGNATURE, MLDSA44, Ed25519Signer, VerifierKey, format_vkey
from hefu_ledger.tlog.note import format_note, sign_note

NEW = depositor_signer("acme", "new")
NEWER = VerifierKey(NEW.key.name, 0x07, b"a type that came later")
GOOD = Possession("acme", bytes(32), ORIGIN, START, 1, NEW.key)
MEMBERS: dict[str, Any] = {
    "depositor": "acme",
    "identity": "ab" * 32,
    "origin": ORIGIN,
    "requested_at": "2026-01-01T00:00:00.000Z",
    "signatures_required": 2,
    "vkey": format_vkey(NEW.key),
}


def read_possession(data: bytes) -> Possession:
    return parse_possession(titled(FORMAT, json.loads(data)))


@given(origins, depositors, roles, hashes, times, st.integers(1, 16))
def test_possession_notes_read_back_the_same(
    origin: str, depositor: str, role: str, identity: bytes, at: int, required: int
) -> None:
    signer = Ed25519Signer(depositor_key_name(origin, depositor), bytes(32))
    possession = Possession(depositor, identity, origin, at, required, signer.key, role)
    text = format_possession(possession)
    assert parse_possession(text) == possession
    assert format_possession(parse_possession(text)) == text
    note = sign_note(text, [signer])
    assert parse_signed_possession(format_note(note)) == (note, possession)


def test_a_possession_is_closed() -> None:
    assert_closed(read_possession, MEMBERS)
    assert read_possession(json.dumps(MEMBERS | {"role": "approve"}).encode()).role == "approve"


@every_case(
    ("name", "wrong"),
    [
        *(("depositor", value) for value in (*WRONG_DEPOSITORS, "beta")),
        *(("identity", value) for value in WRONG_HASHES),
        *(("origin", value) for value in (*WRONG_ORIGINS, "log.example/other")),
        *(("requested_at", value) for value in WRONG_TIMES),
        *(("signatures_required", value) for value in (*WRONG_WHOLES, 0, 17)),
        *(("vkey", value) for value in (*WRONG_VKEYS, format_vkey(LOG.key))),
        *(("role", value) for value in each("prepare", "read", "Approve", "", None, 1, [])),
    ],
)
def test_every_member_of_a_possession_is_checked(name: str, wrong: object) -> None:
    assert_refused(read_possession, MEMBERS | {name: wrong})


def test_another_version_of_a_possession_is_unknown() -> None:
    text = format_possession(GOOD)
    assert_unknown_version(lambda data: parse_possession(data.decode()), text.encode(), FORMAT)


def test_a_possession_note_has_at_most_16_kib() -> None:
    with pytest.raises(MalformedError, match=f"at most {MAX_POSSESSION}"):
        parse_signed_possession(b"x" * (MAX_POSSESSION + 1))


def test_a_depositor_s_key_signs_notes_or_is_of_a_type_unknown_here() -> None:
    assert parse_depositor_key(format_vkey(NEW.key)) == parse_signing_key(format_vkey(NEW.key)) == NEW.key
    assert read_possession(json.dumps(MEMBERS | {"vkey": format_vkey(NEWER)}).encode()).key == NEWER
    with pytest.raises(MalformedError, match="0x07"):
        parse_signing_key(format_vkey(NEWER))
    for cosigning in (NEW.key._replace(type=COSIGNATURE), VerifierKey(NEW.key.name, MLDSA44, bytes(1312))):
        with pytest.raises(MalformedError, match="cosigns"):
            parse_depositor_key(format_vkey(cosigning))
