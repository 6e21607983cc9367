"""What the tests of the formats draw from, and how they spoil a JSON object member by member."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from hefu_ledger.encoding import MAX_INTEGER, MAX_TIME_MS, canonical
from hefu_ledger.errors import MalformedError, UnknownFormatError
from hefu_ledger.records.roster import Report, Roster, RosterKey
from hefu_ledger.tlog.keys import VerifierKey
from tests.support.sample_ledger import ORIGIN, depositor_signer

LOWER = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"

hashes = st.binary(min_size=32, max_size=32)
times = st.integers(0, MAX_TIME_MS)
wholes = st.integers(0, MAX_INTEGER)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ascii_texts = st.text(st.characters(max_codepoint=127), min_size=1, max_size=40)
origins = st.text(LOWER + LOWER.upper() + DIGITS + "-._/:", min_size=1, max_size=200)
depositors = st.text(LOWER + DIGITS, min_size=1, max_size=32)
kinds = st.builds(str.__add__, st.sampled_from(LOWER), st.text(LOWER + DIGITS + "-", max_size=31))
paths = st.lists(hashes, max_size=63).map(tuple)
roles = st.sampled_from(["prepare", "approve"])
keys: st.SearchStrategy[VerifierKey] = st.sampled_from([depositor_signer("acme", f"{n}").key for n in range(4)])


@st.composite
def rosters(draw: st.DrawFn, event: int) -> Roster:
    """Rosters in their form, that event ``event`` may lead to; no fold need lead there."""
    named = draw(st.lists(hashes, min_size=1, max_size=6, unique=True))
    kept = named[: min(event + 1, 4)]
    since = sorted(draw(st.sets(st.integers(0, event), min_size=len(kept), max_size=len(kept))))
    words = [draw(st.integers(0, each)) for each in since]
    held = (RosterKey(*each) for each in zip(since, (b"\x01" + key for key in kept), words, strict=False))
    return Roster(
        enrolment=draw(st.integers(0, event)),
        identity=draw(hashes),
        keys=tuple(key._replace(role=draw(roles)) for key in held),
        reported=tuple(Report(key, draw(times)) for key in sorted(b"\x01" + key for key in named[2:])),
        signatures_required=draw(st.integers(1, 16)),
    )


WRONG_HASHES: list[object] = [
    "",
    "ab" * 31,
    "ab" * 33,
    "AB" * 32,
    "ab" * 31 + "a ",
    "ab" * 31 + "g0",
    "0x" + "ab" * 31,
    7,
    None,
    [],
]
WRONG_TIMES: list[object] = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.000+08:00",
    "2026-01-01T00:00:00.000+00:00",
    "2026-01-01T24:00:00.000Z",
    "2026-01-01T23:59:60.000Z",
    "2026-01-01 00:00:00.000Z",
    "2026-01-01T00:00:00.000z",
    "2026-01-01T00:00:00.000000Z",
    "2026-01-01T00:00:00.00Z",
    "2026-01-01T00:00:00,000Z",
    "2026-02-29T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "20260101T000000.000Z",
    "2026-W01-4T00:00:00.000Z",
    "٢026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.000",
    " 2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.000Z\n",
    "",
    0,
    None,
    True,
    [],
]
WRONG_WHOLES: list[object] = [-1, True, "1", None, [], MAX_INTEGER + 1]
WRONG_ORIGINS: list[object] = ["", "a" * 201, "log.example/奉贤", "log example", "log+example", "a\n", 7, None]
WRONG_DEPOSITORS: list[object] = ["", "a" * 33, "Acme", "a-b", "a/b", "a b", "é", 7, None]
WRONG_KINDS: list[object] = ["", "a" * 33, "-a", "1a", "File", "a_b", "a b", 7, None]
WRONG_VKEYS: list[object] = [
    "",
    "log.example/fengxian",
    f"{ORIGIN}/depositor/acme+00000000+AZsfhHkc/HZjBFhU04netcqVRJ2HXydqg4QLBgqznPxx",
    7,
    None,
]


def each(*values: object) -> tuple[object, ...]:
    """Several values of any type."""
    return values


def spoilt(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object with each member left out, with each of another type, and with one too many."""
    yield value | {"zz": 1}
    yield value | {"": ""}
    for name in value:
        yield {other: member for other, member in value.items() if other != name}
        for wrong in each(None, [], {}, True, -1):
            if type(wrong) is not type(value[name]) or wrong == -1:  # an empty list may be right
                yield value | {name: wrong}


def assert_refused(parse: Callable[[bytes], object], value: object) -> None:
    """Claim that an object is refused for what it says: it is canonical JSON, unless that is what is wrong."""
    try:
        data = canonical(value)
    except MalformedError:
        return
    with pytest.raises(MalformedError):
        parse(data)


def assert_closed(parse: Callable[[bytes], object], value: dict[str, Any], *optional: str) -> None:
    """Claim that the schema is closed; ``optional`` members may be left out."""
    parse(canonical(value))
    for wrong in spoilt(value):
        if not any(wrong == {name: member for name, member in value.items() if name != left} for left in optional):
            assert_refused(parse, wrong)


def assert_unknown_version(parse: Callable[[bytes], object], data: bytes, name: str) -> None:
    """Claim that another version of a format is told apart from bytes that are no such format at all."""
    stem = name.removesuffix("1")
    for version in ("2", "10", "01", "1234567"):
        with pytest.raises(UnknownFormatError):
            parse(data.replace(name.encode(), f"{stem}{version}".encode()))
    for other in (f"{stem}", f"{stem}1a", f"{stem}-1", f"{stem}1 ", f"x{name}", f"{stem}١"):
        with pytest.raises(MalformedError) as refused:
            parse(data.replace(name.encode(), other.encode()))
        assert not isinstance(refused.value, UnknownFormatError)
