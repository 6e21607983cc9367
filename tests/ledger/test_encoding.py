"""One meaning has one spelling: decimals, hex, base64, times and canonical JSON, against rfc8785 as the referee."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import WRONG_HASHES, WRONG_TIMES, each

from hefu_ledger.encoding import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_TIME_MS,
    Fields,
    canonical,
    check_format,
    format_time,
    from_base64,
    from_hex,
    parse_canonical,
    parse_decimal,
    parse_plain,
    parse_time,
    parse_titled,
    titled,
    to_base64,
)
from hefu_ledger.errors import MalformedError, UnknownFormatError

JSON_KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_KEYS, inner, max_size=4),
    max_leaves=12,
)
LIMIT = 1 << 20


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@given(JSON)
def test_canonical_json_is_what_rfc8785_writes(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(JSON)
def test_canonical_json_reads_back_the_same(value: Any) -> None:
    found = parse_canonical(canonical(value), limit=LIMIT)
    assert found == value
    assert canonical(found) == canonical(value)  # in Python, True == 1


@every_case("text", ["\x7f", "\u2028\u2029", '\x00\x1f\b\f\n\r\t"\\/', "€é\U0001f600", "\ufeff", "\u0080"])
def test_escapes_are_those_of_rfc8785(text: str) -> None:
    assert canonical({"a": text}) == rfc8785.dumps({"a": text})
    assert parse_canonical(canonical(text), limit=LIMIT) == text


@given(
    JSON, st.sampled_from([{"indent": 1}, {"separators": (", ", ": ")}, {"ensure_ascii": True}, {"sort_keys": False}])
)
def test_other_spellings_of_the_same_value_are_refused(value: Any, options: dict[str, Any]) -> None:
    given: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False}
    data = json.dumps(value, **(given | options)).encode()
    if data == canonical(value):
        assert parse_canonical(data, limit=LIMIT) == value
    else:
        with pytest.raises(MalformedError):
            parse_canonical(data, limit=LIMIT)
    assert parse_plain(data, limit=LIMIT) == value


@every_case(
    "data",
    [
        b"",
        b" ",
        b"1.0",
        b"1e3",
        b"1E3",
        b"0.1",
        b"-0",
        b"-0.0",
        b"01",
        b"+1",
        b".5",
        b"1_0",
        "١".encode(),
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b" 1",
        b"1 ",
        b"1\n",
        b"[1, 2]",
        b'{"a" :1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        '{"é":1}'.encode(),
        b"\xef\xbb\xbf{}",
        b"\xff",
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800":1}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000a"',
        b'"\\u001F"',
        b'"\\u00e9"',
        b'"\\ud83d\\ude00"',
        b'"\n"',
        b"'a'",
        b"{a:1}",
        b"[1,]",
        b"[1]]",
        b"{}{}",
        b"nul",
        b"True",
        b"[" * 100_000,
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 100_000,
    ],
)
def test_json_that_would_not_be_written_so_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_canonical(data, limit=1_000_000)


@every_case(
    "value",
    [
        1.0,
        1.5,
        float("nan"),
        float("inf"),
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        [[2**53]],
        {"a": {"b": 0.0}},
        "\ud800",
        ["\udfff"],
        {"\ud800": 1},
        {"é": 1},
        {1: 1},
        {None: 1},
        {True: 1},
        {1: 1, "1": 1},
        {"a": {2: 1}},
        b"bytes",
        {1, 2},
        object(),
    ],
)
def test_values_that_json_cannot_carry_are_never_written(value: object) -> None:
    with pytest.raises(MalformedError):
        canonical(value)


@pytest.mark.parametrize("number", [MAX_INTEGER, -MAX_INTEGER, 0])
def test_whole_numbers_are_carried_up_to_their_limits(number: int) -> None:
    assert parse_canonical(b"%d" % number, limit=20) == number == parse_plain(b"%d" % number, limit=20)


def test_a_list_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(MalformedError):
        canonical(value)


def test_depth_is_a_limit_of_the_format_and_not_of_the_interpreter() -> None:
    assert parse_canonical(canonical(nested(MAX_DEPTH)), limit=LIMIT) == nested(MAX_DEPTH)
    members: dict[str, Any] = {}
    for _ in range(MAX_DEPTH - 1):
        members = {"a": members}
    assert parse_canonical(canonical(members), limit=LIMIT) == members
    for deeper in (nested(MAX_DEPTH + 1), {"a": members}, [members]):
        with pytest.raises(MalformedError, match="too deeply"):
            canonical(deeper)
        for parse in (parse_canonical, parse_plain):
            with pytest.raises(MalformedError, match="too deeply"):
                parse(rfc8785.dumps(deeper), limit=LIMIT)


def test_limits_are_exact() -> None:
    for parse in (parse_canonical, parse_plain):
        assert parse(b'"abc"', limit=5) == "abc"
        with pytest.raises(MalformedError, match="at most 4"):
            parse(b'"abc"', limit=4)


def test_plain_json_may_be_spaced_and_is_otherwise_as_strict() -> None:
    assert parse_plain(b' {"b" : 1,\n"a":"\\u0041"} ', limit=99) == {"b": 1, "a": "A"}
    for data in (
        b'{"a":1,"a":1}',
        b"1.0",
        b"1e3",
        b"NaN",
        b"9007199254740992",
        '{"é":1}'.encode(),
        b"\xff",
        b"",
        b"1 1",
    ):
        with pytest.raises(MalformedError):
            parse_plain(data, limit=99)
    with pytest.raises(MalformedError):
        parse_plain(b"[" * 100_000, limit=LIMIT)


@given(st.integers(0, MAX_INTEGER))
def test_decimals_read_back_the_same(number: int) -> None:
    assert parse_decimal(str(number)) == number


@every_case(
    "text",
    [
        "",
        "+42",
        "-1",
        "-0",
        "042",
        "00",
        " 42",
        "42 ",
        "42\n",
        "4_2",
        "0x2a",
        "4.0",
        "1e3",
        "٤٢",
        "４２",
        "²",
        "9" * 21,
    ],
)
def test_decimals_of_another_spelling_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_decimal(text)


def test_decimals_above_their_limit_are_refused() -> None:
    assert parse_decimal("63", limit=63) == 63
    for text, limit in (("64", 63), (str(MAX_INTEGER + 1), MAX_INTEGER)):
        with pytest.raises(MalformedError, match="above"):
            parse_decimal(text, limit=limit)


@given(st.binary(max_size=40))
def test_hex_reads_back_the_same(data: bytes) -> None:
    assert from_hex(data.hex(), size=len(data)) == data
    if data.hex().upper() != data.hex():
        with pytest.raises(MalformedError, match="lower-case"):
            from_hex(data.hex().upper(), size=len(data))


@every_case("text", WRONG_HASHES)
def test_hex_of_another_length_or_spelling_is_refused(text: object) -> None:
    with pytest.raises(MalformedError):
        from_hex(text)


@given(st.binary(max_size=70))
def test_base64_is_that_of_the_standard_library(data: bytes) -> None:
    assert to_base64(data) == base64.b64encode(data).decode()
    assert from_base64(to_base64(data), size=len(data)) == data
    with pytest.raises(MalformedError):
        from_base64(to_base64(data), size=len(data) + 1)


@every_case(
    "text", ["QQ", "QQ=", "QQ==\n", " QQ==", "Q Q==", "QR==", "QQF=", "Q===", "QQ==QQ==", "_-==", "QÉ==", "=", 7, None]
)
def test_base64_of_another_spelling_is_refused(text: object) -> None:
    with pytest.raises(MalformedError):
        from_base64(text)


@given(st.integers(0, MAX_TIME_MS))
def test_times_are_those_of_the_standard_library(time_ms: int) -> None:
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds")
    assert format_time(time_ms) == text.removesuffix("+00:00") + "Z"
    assert parse_time(format_time(time_ms)) == time_ms


@every_case("text", WRONG_TIMES)
def test_times_of_another_spelling_are_refused(text: object) -> None:
    with pytest.raises(MalformedError):
        parse_time(text)


@pytest.mark.parametrize("time_ms", [-1, MAX_TIME_MS + 1])
def test_times_out_of_range_are_the_callers_bug(time_ms: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        format_time(time_ms)


@given(
    st.dictionaries(JSON_KEYS, st.integers(0, 9) | st.text(st.characters(max_codepoint=127), max_size=9), max_size=4)
)
def test_titled_objects_read_back_the_same(members: dict[str, Any]) -> None:
    assert parse_titled(titled("hefu-x/v1", members), "hefu-x/v1", limit=LIMIT) == members


def test_a_text_to_sign_is_ascii() -> None:
    with pytest.raises(MalformedError, match="ASCII"):
        titled("hefu-x/v1", {"reason": "员工离职"})
    with pytest.raises(MalformedError, match="ASCII"):
        parse_titled('hefu-x/v1\n{"reason":"员工离职"}\n', "hefu-x/v1", limit=99)


@every_case(
    "text",
    [
        "",
        "hefu-x/v1",
        "hefu-x/v1\n",
        "hefu-x/v1\n{}",
        "hefu-x/v1\n{}\n\n",
        "hefu-x/v1\n{}\n{}\n",
        "hefu-x/v1\n\n",
        "hefu-x/v1\r\n{}\n",
        "hefu-x/v1\u2028{}\n",
        "hefu-x/v1\x0b{}\n",
        "hefu-x/v1\n {}\n",
        "\nhefu-x/v1\n{}\n",
        "hefu-y/v1\n{}\n",
    ],
)
def test_a_titled_text_of_other_lines_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_titled(text, "hefu-x/v1", limit=99)


@pytest.mark.parametrize("text", ["hefu-x/v2\n{}\n", "hefu-x/v2\n{}\n{}\n", "hefu-x/v2\nanything", "hefu-x/v99\né\n"])
def test_another_version_is_unknown_whatever_its_lines(text: str) -> None:
    with pytest.raises(UnknownFormatError):
        parse_titled(text, "hefu-x/v1", limit=99)


@every_case(
    "found", ["hefu-x/v", "hefu-x/v1a", "hefu-x/v-1", "hefu-x/v²", "hefu-x/v١", "hefu-y/v1", "", None, 1, [], {}]
)
def test_what_is_no_version_of_the_format_is_malformed_and_not_unknown(found: object) -> None:
    with pytest.raises(MalformedError) as refused:
        check_format(found, "hefu-x/v1")
    assert not isinstance(refused.value, UnknownFormatError)


def fields(**members: object) -> Fields:
    return Fields(members, "thing", frozenset(members))


@every_case("value", [True, False, -1, 8, "1", None, 1.0, []])
def test_a_whole_number_is_neither_a_truth_value_nor_out_of_range(value: object) -> None:
    assert fields(n=7).whole("n", high=7) == 7
    with pytest.raises(MalformedError, match="thing: n"):
        fields(n=value).whole("n", high=7)


def test_texts_and_lists_have_exact_limits() -> None:
    assert fields(t="abc").text("t", limit=3) == "abc"
    assert fields(t="").text("t", limit=3, empty=True) == ""
    assert fields(t=[1, 2]).items("t", low=2, high=2) == [1, 2]
    assert fields(t=["00" * 32]).hashes("t", high=1) == (bytes(32),)
    for value in each("abcd", "", None, 1, ["a"]):
        with pytest.raises(MalformedError, match="thing: t"):
            fields(t=value).text("t", limit=3)
    for items in each([1], [1, 2, 3], "ab", None, {}):
        with pytest.raises(MalformedError, match="thing: t"):
            fields(t=items).items("t", low=2, high=2)
    for items in each(["00" * 31], ["00" * 32] * 2, [None], "00"):
        with pytest.raises(MalformedError, match="thing: t"):
            fields(t=items).hashes("t", high=1)


@every_case("value", [None, [], "a", 1, {}, {"a": 1, "c": 1}, {"a": 1, "A": 1}, {"b": 1}])
def test_an_object_with_other_members_is_refused(value: object) -> None:
    with pytest.raises(MalformedError, match="thing"):
        Fields(value, "thing", frozenset({"a"}), frozenset({"b"}))


@pytest.mark.parametrize(
    ("value", "said", "code"),
    [
        ({"a": 1}, "it: missing b, c", "members-missing"),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, "it: unknown 'd'", "members-unknown"),
        ({"a": 1, "d": 4}, "it: missing b, c; unknown 'd'", "members"),
    ],
)
def test_wrong_members_are_said_without_the_word_nothing(value: dict[str, int], said: str, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Fields(value, "it", frozenset("abc"))
    assert (str(caught.value), caught.value.code) == (said, code)
