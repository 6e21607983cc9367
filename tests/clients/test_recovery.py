"""Words, age identity, address and sheet are one secret, and whatever is mistyped is refused without being repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic
from tests.support.cases import every_case
from tests.support.sample_ledger import ORIGIN

from hefu.errors import ClientError
from hefu.home.sheet import Particulars, format_sheet
from hefu.vault.secret import (
    Recovery,
    Sheet,
    format_sheet_text,
    format_vault_key,
    format_words,
    parse_recovery,
    parse_sheet_text,
    parse_vault_key,
    parse_words,
)
from hefu_ledger.errors import MalformedError, UnknownFormatError

SECRETS = st.binary(min_size=32, max_size=32).map(Recovery)
ONE = Recovery(sha256(b"recovery").digest())
SHEET = Sheet(ONE, "acme", ORIGIN, "https://ledger.example", "ab" * 32)


@pytest.fixture(autouse=True, scope="module")
def english() -> Iterator[None]:
    """Messages are looked for in English; one setting for all examples of a property."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEFU_LANG", "en")
        yield


@given(SECRETS)
def test_words_and_identity_read_back(recovery: Recovery) -> None:
    assert parse_words(format_words(recovery)) == recovery
    assert parse_vault_key(format_vault_key(recovery)) == recovery
    assert len(format_words(recovery).split()) == 24


@given(SECRETS)
def test_the_identity_is_one_that_age_reads(recovery: Recovery) -> None:
    line = format_vault_key(recovery).decode().strip()
    assert str(pyrage.x25519.Identity.from_str(line)) == line


def test_words_and_address_are_those_of_this_version_for_ever() -> None:
    recovery = Recovery(bytes(32))  # the hashes below are openssl's
    assert format_words(recovery) == "abandon " * 23 + "art"  # the vector of BIP-39
    assert recovery.address == "dafb6f147a56c95df0e6f31042544f951422c0799db8467cfd9624784ea494c9"
    assert recovery.name_of(b"x") == "7ec3ab0e9d5e37cbffe0ef6de809edc8dc7d2d26d3f0d6376b2235242c5924d2"


def test_chinese_words_are_the_same_secret_run_together_or_not() -> None:
    words = Mnemonic("chinese_simplified").to_mnemonic(ONE.secret)
    assert parse_words(words) == parse_words(words.replace(" ", "")) == ONE


def test_capitals_line_ends_and_wide_spaces_do_not_matter() -> None:
    words = format_words(ONE).split()
    assert parse_words("\r\n".join(word.upper() for word in words) + "\u3000\n") == ONE


@pytest.mark.parametrize("place", [1, 7, 24])
def test_a_word_that_is_none_is_named_by_its_place_and_not_repeated(place: int) -> None:
    words = format_words(ONE).split()
    words[place - 1] = "geheim"
    with pytest.raises(ClientError, match=f"number {place};") as caught:
        parse_words(" ".join(words))
    assert "geheim" not in str(caught.value)


def test_another_word_of_the_list_is_noticed_by_the_checksum() -> None:
    words = format_words(ONE).split()
    noticed = 0
    for word in Mnemonic("english").wordlist[:200]:
        if word != words[5]:
            try:
                assert parse_words(" ".join([*words[:5], word, *words[6:]])) != ONE
            except ClientError:
                noticed += 1
    assert noticed > 190


@pytest.mark.parametrize("count", [0, 1, 12, 23, 25])
def test_a_sheet_has_24_words(count: int) -> None:
    with pytest.raises(ClientError, match=f"24 words, here are {count}"):
        parse_words(" ".join(["abandon"] * count))


@every_case(
    "data",
    [
        b"",
        format_vault_key(ONE)[:-1],
        format_vault_key(ONE).lower(),
        format_vault_key(ONE) + b"\n",
        format_vault_key(ONE)[:-2] + b"Q\n",
        b"AGE-SECRET-KEY-PQ-1QQQ\n",
        b"\xff\n",
    ],
)
def test_a_damaged_vault_key_is_refused_without_showing_it(data: bytes) -> None:
    with pytest.raises(MalformedError, match="not a vault key") as caught:
        parse_vault_key(data)
    assert len(data) < 9 or data.decode("ascii", "replace")[20:40] not in str(caught.value)


def test_a_secret_shows_itself_nowhere() -> None:
    assert "…" in repr(SHEET)
    assert ONE.secret.hex() not in repr(SHEET)
    assert repr(ONE.secret) not in repr(SHEET)


@given(SECRETS, SECRETS, st.binary(max_size=50), st.binary(max_size=50))
def test_addresses_and_names_are_of_one_secret_and_one_content(
    one: Recovery, other: Recovery, text: bytes, another: bytes
) -> None:
    assert (one.address == other.address) == (one == other)
    assert (one.name_of(text) == other.name_of(another)) == ((one, text) == (other, another))
    assert one.address != one.name_of(text)
    assert re.fullmatch("[0-9a-f]{64}", one.address)


def test_the_text_of_the_code_reads_back_and_says_where_the_vault_is() -> None:
    text = format_sheet_text(SHEET)
    assert parse_sheet_text(text) == SHEET
    assert parse_recovery(f" {text.strip()}\r\n ") == (ONE, SHEET)
    assert parse_recovery(format_words(ONE)) == (ONE, None)


def test_a_code_of_a_later_version_is_told_so() -> None:
    with pytest.raises(UnknownFormatError):
        parse_recovery(format_sheet_text(SHEET).replace("/v1", "/v2"))
    for text in ("hefu-recovery/v1", "hefu-recovery/v1\n{}", format_sheet_text(SHEET).replace('"acme"', '"A"')):
        with pytest.raises(MalformedError):
            parse_recovery(text)


class _Page(HTMLParser):
    """Collects a page's tags, the addresses in them, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def test_the_sheet_holds_words_code_and_particulars_and_fetches_nothing() -> None:
    page = _Page()
    page.feed(format_sheet(SHEET, Particulars("甲 <乙> & Co", ("ab" * 32,), "2026-01-31")).decode())
    assert page.tags.count("li") == 24
    assert "svg" in page.tags
    assert page.links == []
    for text in (*format_words(ONE).split(), "甲 <乙> & Co", "acme", ORIGIN, "https://ledger.example", "2026-01-31"):
        assert text in page.text
    assert "script" not in page.tags
