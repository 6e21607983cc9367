"""The key file reads back exactly, and says what is wrong with it without showing it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefu.key import format_key, parse_key
from hefu_ledger.errors import MalformedError

NAME = "log.example/fengxian/depositor/acme"
SEED = bytes(range(32))


@given(st.binary(min_size=32, max_size=32))
def test_a_key_file_reads_back(seed: bytes) -> None:
    signer = parse_key(format_key(NAME, seed))
    assert signer.key.name == NAME
    assert format_key(signer.key.name, seed) == format_key(NAME, seed)


def test_the_form_is_that_of_go_notes() -> None:
    # golang.org/x/mod/sumdb/note: GenerateKey's skey for this seed and name
    assert format_key("PeterNeumann", SEED).startswith(b"PRIVATE+KEY+PeterNeumann+")
    assert parse_key(format_key("PeterNeumann", SEED)).key.key_id.hex().encode() in format_key("PeterNeumann", SEED)


@given(st.integers(0, len(format_key(NAME, SEED)) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused_or_another_key_and_never_shown(place: int, change: int) -> None:
    data = bytearray(format_key(NAME, SEED))
    data[place] ^= change
    with pytest.raises(MalformedError) as caught:
        parse_key(bytes(data))
    assert "AAECAwQF" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("data", [b"", b"\n", b"PRIVATE+KEY+", b"a+b+c", format_key(NAME, SEED)[:-1], b"\xff"])
def test_what_is_no_key_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match="not a key file"):
        parse_key(data)
