"""Unified social credit codes: the published examples, every single slip of the hand, and what people really type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.errors import MalformedError
from hefu_ledger.records.identity import Identity, format_identity, parse_identity
from hefu_ledger.uscc import ALPHABET, check_character, parse_uscc

TEXTBOOK = "91350100M000100Y43"
VALID = [
    TEXTBOOK,
    "91330106673959654P",
    "9144030071526726XG",
    "91330105311263043J",
    "91310120MA1HP00194",  # an enterprise in Fengxian
    "92310120MA1HP0027U",  # a sole trader 个体工商户
    "93310120MA1HP0035K",  # a farmers' cooperative 农民专业合作社
    "32310000MD0000016U",  # a notary office 公证处
    "34310000MD0000024G",  # a forensic institute 司法鉴定机构
    "11310120MB00000350",  # an authority 机关
    "91310120MA1H101140",  # the sum is 0 modulo 31, where 31 - 0 is no index
    "91310120MA1H1000XN",  # the inner check character is X
]


@every_case("code", VALID)
def test_a_published_code_is_read_without_a_warning(code: str) -> None:
    assert parse_uscc(code) == (code, ())


@every_case("code", VALID)
def test_no_single_wrong_character_is_accepted(code: str) -> None:
    for place in range(18):
        for character in ALPHABET.replace(code[place], ""):
            with pytest.raises(MalformedError):
                parse_uscc(code[:place] + character + code[place + 1 :])


@every_case("code", VALID)
@every_case("apart", [1, 2])
def test_no_two_swapped_characters_are_accepted(code: str, apart: int) -> None:
    for place in range(18 - apart):
        swapped = [*code]
        swapped[place], swapped[place + apart] = swapped[place + apart], swapped[place]
        if "".join(swapped) != code:
            with pytest.raises(MalformedError):
                parse_uscc("".join(swapped))


def test_white_space_full_width_and_lower_case_are_made_plain() -> None:
    for typed in (
        " 91350100 m000100y 43\n",
        "９１３５０１００Ｍ０００１００Ｙ４３",
        "９１３５０１００ｍ０００１００ｙ４３",
        "9135 0100\u3000M000\u00a0100Y43",
    ):
        assert parse_uscc(typed).code == TEXTBOOK


@pytest.mark.parametrize("letter", "IOSVZ")
def test_a_letter_outside_the_alphabet_is_named_with_its_place(letter: str) -> None:
    with pytest.raises(MalformedError, match=f"character 9 is '{letter}'"):
        parse_uscc(TEXTBOOK[:8] + letter.lower() + TEXTBOOK[9:])


def test_a_letter_o_is_not_taken_for_a_zero() -> None:
    with pytest.raises(MalformedError, match="character 8 is 'O'"):
        parse_uscc(TEXTBOOK.replace("0M", "OM"))


def test_other_scripts_digits_and_letters_are_refused() -> None:
    for odd in "٣Аⅸ²ıſ":
        with pytest.raises(MalformedError, match="character 18"):
            parse_uscc(TEXTBOOK[:-1] + odd)


def test_the_check_character_that_would_be_right_is_named() -> None:
    with pytest.raises(MalformedError, match="should be '7' and is 'D'"):
        parse_uscc("91310115MA1H8R7C6D")


@pytest.mark.parametrize("text", ["", TEXTBOOK[:-1], TEXTBOOK + "3", "1" * 10_000])
def test_another_length_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match=f"18 characters, this one {len(text)}"):
        parse_uscc(text)


def test_a_letter_in_the_district_is_refused() -> None:
    for place in range(2, 8):
        body = TEXTBOOK[:place] + "A" + TEXTBOOK[place + 1 : 17]
        with pytest.raises(MalformedError, match=f"character {place + 1} is 'A'"):
            parse_uscc(body + check_character(body))


def test_a_district_that_was_merged_away_is_accepted() -> None:
    body = "91310226MA1HP0019"
    assert parse_uscc(body + check_character(body)).warnings == ()


@pytest.mark.parametrize("inner", ["3", "X", "A"])
def test_a_wrong_inner_check_character_is_a_warning(inner: str) -> None:
    body = TEXTBOOK[:16] + inner
    (warning,) = parse_uscc(body + check_character(body)).warnings
    assert f"character 17 is '{inner}'" in str(warning)
    assert "'4'" in str(warning)


def test_an_inner_sum_of_0_modulo_11_asks_for_0() -> None:
    body = "91310120" + "000000000"
    assert parse_uscc(body + check_character(body)).warnings == ()


def test_an_unknown_registering_department_is_a_warning() -> None:
    body = "0" + TEXTBOOK[1:17]
    (warning,) = parse_uscc(body + check_character(body)).warnings
    assert "character 1 is '0'" in str(warning)


@given(st.text(max_size=20))
def test_whatever_is_read_is_read_again_as_itself(text: str) -> None:
    try:
        code = parse_uscc(text).code
    except MalformedError:
        return
    assert parse_uscc(code).code == code


@given(st.text(ALPHABET, max_size=29))
def test_a_check_character_brings_the_weighted_sum_to_0(body: str) -> None:
    total, weight = 0, 1
    for character in body:
        total += ALPHABET.index(character) * weight
        weight = weight * 3 % 31
    assert (total + ALPHABET.index(check_character(body))) % 31 == 0


def test_an_error_never_shows_the_whole_code() -> None:
    for text in (TEXTBOOK[:-1], TEXTBOOK[:-1] + "4", TEXTBOOK[:-1] + "Z", TEXTBOOK[:3] + "A" + TEXTBOOK[4:]):
        with pytest.raises(MalformedError) as refused:
            parse_uscc(text)
        assert text[3:12] not in str(refused.value)


def test_another_check_character_is_a_warning_where_it_may_be_so() -> None:
    found = parse_uscc(TEXTBOOK[:-1] + "0", any_check_character=True)
    assert found.other_check_character
    assert found.warnings[0].code == "check-character"
    assert not parse_uscc(TEXTBOOK, any_check_character=True).other_check_character


def test_an_identity_may_have_a_code_of_before_2016_with_another_check_character() -> None:
    identity = Identity("licence", "firm", "91350203M0001QKT19", 0, "desk")
    assert parse_identity(format_identity(identity)) == identity
    with pytest.raises(MalformedError):
        parse_identity(format_identity(identity._replace(uscc="91350203M0001QKT1O")))
