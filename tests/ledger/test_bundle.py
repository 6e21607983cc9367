"""A bundle is read and written as a stream, line by line, and ends where it should."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.example_ledger import bundle_bytes, example
from tests.support.format_strategies import (
    WRONG_HASHES,
    WRONG_WHOLES,
    assert_closed,
    assert_refused,
    assert_unknown_version,
    hashes,
    texts,
)

from hefu_ledger import section
from hefu_ledger.deposit import bundle
from hefu_ledger.deposit.statement import MAX_COUNT, MAX_STATEMENT
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import MalformedError

HEADERS = st.builds(
    bundle.Header, st.integers(1, MAX_COUNT), hashes, st.none() | st.builds(section.OpenedSection, hashes, texts)
)
MEMBERS = {"count": 3, "format": bundle.FORMAT, "identity": {"nonce": "ab" * 32, "text": "{}"}, "seed": "cd" * 32}


@cache
def whole() -> bytes:
    return bundle_bytes(example(), 1)


def read_header(data: bytes) -> bundle.Header:
    return bundle.read_header(io.BytesIO(data + b"\n"))


def read_all(data: bytes) -> bytes:
    """Read a bundle and write it again."""
    file = io.BytesIO(data)
    header = bundle.read_header(file)
    lines = [bundle.format_header(header), *map(bundle.format_texts, bundle.read_texts(file, header.count))]
    lines.append(bundle.format_statement_line(bundle.read_statement(file)))
    return b"".join([*lines, bundle.format_receipt_line(bundle.read_receipt(file))])


@given(HEADERS)
def test_headers_read_back_the_same(header: bundle.Header) -> None:
    assert read_header(bundle.format_header(header)[:-1]) == header


def test_a_whole_bundle_reads_back_the_same() -> None:
    assert read_all(whole()) == whole()
    assert whole().count(b"\n") == 1 + 3 * 3 + 2


def test_the_header_is_closed() -> None:
    assert_closed(read_header, dict(MEMBERS), "identity")


@every_case(
    ("name", "wrong"),
    [
        *(("count", value) for value in (*WRONG_WHOLES, 0, MAX_COUNT + 1)),
        *(("seed", value) for value in WRONG_HASHES),
        *(("identity", value) for value in ({"closed": "ab" * 32}, {}, "x")),
    ],
)
def test_every_member_of_the_header_is_checked(name: str, wrong: object) -> None:
    assert_refused(read_header, MEMBERS | {name: wrong})


def test_another_version_is_unknown_even_with_other_members() -> None:
    assert_unknown_version(read_header, canonical(MEMBERS), bundle.FORMAT)
    assert_unknown_version(read_header, canonical({"format": bundle.FORMAT, "new": 1}), bundle.FORMAT)


def test_a_bundle_cut_anywhere_is_refused() -> None:
    for end in range(len(whole())):
        with pytest.raises(MalformedError):
            read_all(whole()[:end])


@pytest.mark.parametrize("rest", [b"\n", b" ", b"{}\n", b"x"])
def test_nothing_follows_the_receipt(rest: bytes) -> None:
    with pytest.raises(MalformedError, match="follows the receipt"):
        read_all(whole() + rest)


@every_case(
    "change",
    [
        lambda lines: lines[:1] + lines[4:],
        lambda lines: lines[:4] + lines[1:],
        lambda lines: lines[:-2] + lines[-1:],
        lambda lines: lines[:-1] + lines[-2:],
        lambda lines: [lines[0].replace(b'"count":3', b'"count":2'), *lines[1:]],
        lambda lines: [lines[0].replace(b'"count":3', b'"count":4'), *lines[1:]],
        lambda lines: [line.replace(b"\n", b"\r\n") for line in lines],
        lambda lines: [b"\n", *lines],
    ],
)
def test_lines_left_out_repeated_or_miscounted_are_refused(change: Callable[[list[bytes]], list[bytes]]) -> None:
    with pytest.raises(MalformedError):
        read_all(b"".join(change(whole().splitlines(keepends=True))))


def texts_of(sizes: tuple[int, int, int]) -> bytes:
    return bundle.format_texts((b"x" * sizes[0], b"y" * sizes[1], b"z" * sizes[2]))


@pytest.mark.parametrize("place", range(3))
def test_a_card_has_at_most_64_kib_in_all(place: int) -> None:
    sizes = [2, 2, 2]
    sizes[place] = section.MAX_CARD - 4
    ((first, second, third),) = bundle.read_texts(io.BytesIO(texts_of((sizes[0], sizes[1], sizes[2]))), 1)
    assert len(first + second + third) == section.MAX_CARD
    for longer in (section.MAX_CARD - 3, section.MAX_CARD, section.MAX_CARD + 1, 10 * section.MAX_CARD):
        sizes[place] = longer
        with pytest.raises(MalformedError, match="65536"):
            list(bundle.read_texts(io.BytesIO(texts_of((sizes[0], sizes[1], sizes[2]))), 1))


def test_a_line_longer_than_its_limit_is_not_read_to_its_end() -> None:
    file = io.BytesIO(b"x" * 1_000_000)
    with pytest.raises(MalformedError, match="longer than"):
        bundle.read_header(file)
    assert file.tell() < 10_000


@every_case("line", [b"{}\n", b"null\n", b"x\n", b'"x" \n', b'"\\u0041"\n', b'"' + b"x" * 2 * MAX_STATEMENT + b'"\n'])
def test_the_statements_line_is_a_canonical_string(line: bytes) -> None:
    with pytest.raises(MalformedError):
        bundle.read_statement(io.BytesIO(line))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_statement_lines_read_back_the_same(text: str) -> None:
    assert bundle.read_statement(io.BytesIO(bundle.format_statement_line(text.encode()))) == text.encode()
