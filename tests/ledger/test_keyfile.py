"""The key file reads back exactly, and says what is wrong with it without showing it."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.keyfile import format_key, format_mldsa44_key, parse_key, parse_mldsa44_key
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer, format_vkey

NAME = "log.example/fengxian/depositor/acme"
SEED = bytes(range(32))


@given(st.binary(min_size=32, max_size=32))
def test_a_key_file_reads_back(seed: bytes) -> None:
    signer = parse_key(format_key(NAME, seed))
    assert signer.key.name == NAME
    assert format_key(signer.key.name, seed) == format_key(NAME, seed)


def test_a_key_is_written_as_go_writes_it() -> None:
    # The example of golang.org/x/mod/sumdb/note.
    text = b"PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n"
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert format_vkey(parse_key(text).key) == vkey


@given(st.binary(min_size=32, max_size=32))
def test_a_key_file_of_ml_dsa_reads_back_and_neither_type_is_taken_for_the_other(seed: bytes) -> None:
    data = format_mldsa44_key(NAME, seed)
    assert parse_mldsa44_key(data).key == MLDSA44Signer(NAME, seed).key
    for parse, other in ((parse_key, data), (parse_mldsa44_key, format_key(NAME, seed))):
        with pytest.raises(MalformedError, match="not a key file"):
            parse(other)


@given(st.integers(0, len(format_key(NAME, SEED)) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused_or_another_key_and_never_shown(place: int, change: int) -> None:
    data = bytearray(format_key(NAME, SEED))
    data[place] ^= change
    with pytest.raises(MalformedError) as caught:
        parse_key(bytes(data))
    assert "AAECAwQF" not in str(caught.value)
    assert caught.value.__cause__ is None


@every_case("data", [b"", b"\n", b"PRIVATE+KEY+", b"a+b+c", format_key(NAME, SEED)[:-1], b"\xff"])
def test_what_is_no_key_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match="not a key file"):
        parse_key(data)


GOOD = format_key(NAME, SEED).decode().removesuffix("\n")
KEY_ID = GOOD.split("+")[3]
ENCODED = GOOD.split("+", 4)[4]
BAD_KEYS = {
    "empty": "",
    "public": format_vkey(Ed25519Signer(NAME, SEED).key),
    "no prefix": GOOD.removeprefix("PRIVATE+KEY+"),
    "prefix twice": "PRIVATE+KEY+" + GOOD,
    "lower case prefix": GOOD.replace("PRIVATE", "private"),
    "another id": GOOD.replace(KEY_ID, "00000000"),
    "upper case id": GOOD.replace(KEY_ID, KEY_ID.upper()),
    "another name": GOOD.replace(NAME, "log.example/other"),
    "another type": GOOD.replace("+AQAB", "+BAAB"),
    "short seed": GOOD.replace(ENCODED, ENCODED[:40]),
    "not base64": GOOD.replace(ENCODED, "*" + ENCODED[1:]),
    "stray bits": GOOD[:-1] + "=",
    "space": GOOD + " ",
    "no line feed": GOOD + "\0",
    "two lines": GOOD + "\n" + GOOD,
    "no name": GOOD.replace(NAME, ""),
}


@every_case("text", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_another_spelling_of_a_private_key_is_refused_and_not_shown(text: str) -> None:
    assert text != GOOD
    with pytest.raises(MalformedError) as caught:
        parse_key(text.encode() + b"\n")
    shown = "".join(traceback.format_exception(caught.value))
    assert ENCODED[:12] not in shown
    assert ENCODED[4:16] not in shown
