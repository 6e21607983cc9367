"""Deposit numbers: one number for each place in the ledger, and no slip of the tongue finds another one's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.errors import MalformedError
from hefu_ledger.number import check_prefix, format_number, parse_number
from hefu_ledger.uscc import ALPHABET, check_character

PREFIXES = st.builds(str.__add__, st.sampled_from("ABCDEFGHJKLMNPQRTUWXY"), st.text(ALPHABET, max_size=7))
SEQS = st.integers(0, 10**12 - 1)


@pytest.mark.parametrize(
    ("body", "check"),
    [("FXC20260630000001", "4"), ("FXC20260630000002", "7"), ("FXD2026000001", "5"), ("FXP2026000001", "8")],
)
def test_the_agreed_examples_keep_their_check_character(body: str, check: str) -> None:
    assert check_character(body) == check


def test_the_first_numbers_of_a_log_are_these() -> None:
    assert [format_number("FXC", seq) for seq in (0, 1, 123_456)] == [
        "FXC0000000000007",
        "FXC000000000001W",
        "FXC000000123456J",
    ]
    assert format_number("FXC", 10**12 - 1)[:-1] == "FXC999999999999"


@given(PREFIXES, SEQS)
def test_a_number_is_read_back_as_its_seq(prefix: str, seq: int) -> None:
    number = format_number(prefix, seq)
    assert len(number) == len(prefix) + 13
    assert parse_number(number, prefix) == seq


@given(PREFIXES, st.text(ALPHABET, min_size=13, max_size=21))
def test_whatever_is_read_is_written_the_same(prefix: str, text: str) -> None:
    for candidate in (text, prefix + text[-13:]):
        try:
            seq = parse_number(candidate, prefix)
        except MalformedError:
            continue
        assert format_number(prefix, seq) == candidate


@every_case("prefix", ["F", "FXC", "FXC2026X"])
@every_case("seq", [0, 1, 20_260_630_123, 10**12 - 1])
def test_no_single_wrong_character_is_accepted(prefix: str, seq: int) -> None:
    number = format_number(prefix, seq)
    for place in range(len(number)):
        for character in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabc -".replace(number[place], ""):
            with pytest.raises(MalformedError):
                parse_number(number[:place] + character + number[place + 1 :], prefix)


@pytest.mark.parametrize("prefix", ["F", "FXC", "FXC2026X"])
def test_no_two_swapped_characters_are_accepted(prefix: str) -> None:
    number = format_number(prefix, 102_030_405_678)
    for first in range(len(number)):
        for second in range(first):
            swapped = [*number]
            swapped[first], swapped[second] = swapped[second], swapped[first]
            if "".join(swapped) != number:
                with pytest.raises(MalformedError):
                    parse_number("".join(swapped), prefix)


@every_case(
    ("text", "reason"),
    [
        ("FXC000000000001X", "should be 'W' and is 'X'"),
        ("FXC00000000000OW", "character 15 is 'O'"),
        ("FXC00000000000AW", "character 15 is 'A': it should be a digit"),
        ("FXD000000000001W", "begins with FXC"),
        ("fxc000000000001W", "begins with FXC"),
        ("FXC000000000001w", "character 16 is 'w'"),
        ("FXC00000000001W", "16 characters, this one 15"),
        ("", "16 characters, this one 0"),
        ("FXC000000000001W\n", "16 characters, this one 17"),
        ("FXC00000000000١W", "character 15 is '١'"),
    ],
)
def test_a_refusal_says_which_character_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_number(text, "FXC")


@pytest.mark.parametrize("seq", [-1, 10**12])
def test_a_seq_that_twelve_digits_cannot_hold_is_misuse(seq: int) -> None:
    with pytest.raises(ValueError, match="seq out of range"):
        format_number("FXC", seq)


@every_case("prefix", ["", "FXC202606", "fxc", "FXO", "FXI", "FXS", "FXV", "FXZ", "1FX", "F C", "合符"])
def test_a_prefix_that_cannot_be_read_out_is_refused(prefix: str) -> None:
    for use in (check_prefix, lambda text: format_number(text, 1), lambda text: parse_number("F000000000001W", text)):
        with pytest.raises(MalformedError, match="not a number prefix"):
            use(prefix)


@given(PREFIXES)
def test_a_good_prefix_is_returned_as_it_is(prefix: str) -> None:
    assert check_prefix(prefix) == prefix
