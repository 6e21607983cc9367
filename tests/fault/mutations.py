"""Valid bytes made wrong: flipped, cut, stretched, repeated, nested, with numbers and texts that no format has."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Mutation = Callable[[st.DrawFn, bytes], bytes]
_STRANGE: list[bytes] = [
    b"\n", b"\r\n", b"\0", b" ", b"\t", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"+", b"/", b"=", b"-",
    b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xef\xbb\xbf", "存".encode(), "²".encode(), "٣".encode(),
    b"\\ud800", b"\\u0000", b"-0", b"1.0", b"1e999", b"NaN", b"Infinity", b"null", b"true", b'"":', "— ".encode(),
]  # fmt: skip
_NUMBERS: list[bytes] = [
    b"-1", b"00", b"9007199254740992", b"18446744073709551616", b"1e400", b"0.1", b"9" * 400, b"9" * 5000,
]  # fmt: skip
_NUMBER = re.compile(rb"[0-9]+")
_MEMBER = re.compile(rb'"[^"\\]{0,40}":(?:"(?:[^"\\]|\\.)*"|[0-9]+|\[[^\[\]]*\])')


def _place(draw: st.DrawFn, data: bytes) -> int:
    return draw(st.integers(0, len(data)))


def _span(draw: st.DrawFn, data: bytes) -> tuple[int, int]:
    start = _place(draw, data)
    return start, min(len(data), start + draw(st.integers(0, 80)))


def flip(draw: st.DrawFn, data: bytes) -> bytes:
    """Flip bits of one byte."""
    if not data:
        return data
    place = draw(st.integers(0, len(data) - 1))
    return data[:place] + bytes([data[place] ^ draw(st.integers(1, 255))]) + data[place + 1 :]


def cut(draw: st.DrawFn, data: bytes) -> bytes:
    """Keep only a beginning."""
    return data[: _place(draw, data)]


def insert(draw: st.DrawFn, data: bytes) -> bytes:
    """Insert something strange."""
    place = _place(draw, data)
    return data[:place] + draw(st.sampled_from(_STRANGE) | st.binary(max_size=8)) + data[place:]


def delete(draw: st.DrawFn, data: bytes) -> bytes:
    """Leave a few bytes out."""
    start, end = _span(draw, data)
    return data[:start] + data[end:]


def repeat(draw: st.DrawFn, data: bytes) -> bytes:
    """Have a few bytes once more, or very often."""
    start, end = _span(draw, data)
    return data[:end] + data[start:end] * draw(st.sampled_from([1, 1, 2, 1000])) + data[end:]


def move(draw: st.DrawFn, data: bytes) -> bytes:
    """Have a few bytes elsewhere."""
    start, end = _span(draw, data)
    rest = data[:start] + data[end:]
    place = _place(draw, rest)
    return rest[:place] + data[start:end] + rest[place:]


def nest(draw: st.DrawFn, data: bytes) -> bytes:
    """Have brackets around a few bytes, or around a great many."""
    start, end = _span(draw, data)
    depth = draw(st.sampled_from([1, 31, 33, 1_000, 20_000]))
    opening, closing = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
    return data[:start] + opening * depth + data[start:end] + closing * depth + data[end:]


def number(draw: st.DrawFn, data: bytes) -> bytes:
    """Have another number in a number's place."""
    return _replaced(
        draw, data, _NUMBER, lambda _: draw(st.sampled_from(_NUMBERS) | st.integers(0, 2**53).map(_decimal))
    )


def double(draw: st.DrawFn, data: bytes) -> bytes:
    """Have a member of a JSON object twice."""
    return _replaced(draw, data, _MEMBER, lambda member: member + b"," + member)


def _decimal(value: int) -> bytes:
    return b"%d" % value


def _replaced(draw: st.DrawFn, data: bytes, what: re.Pattern[bytes], by: Callable[[bytes], bytes]) -> bytes:
    found = list(what.finditer(data))
    if not found:
        return data
    match = draw(st.sampled_from(found))
    return data[: match.start()] + by(match.group()) + data[match.end() :]


_MUTATIONS: list[Mutation] = [flip, flip, cut, insert, insert, delete, repeat, move, nest, number, double]


@st.composite
def mutated(draw: st.DrawFn, examples: Sequence[bytes]) -> bytes:
    """One of the examples after one to four mutations."""
    data = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(1, 4))):
        data = draw(st.sampled_from(_MUTATIONS))(draw, data)
    return data
