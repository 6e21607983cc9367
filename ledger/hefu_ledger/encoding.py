"""Strict text encodings: decimals, hex, base64, times and canonical JSON (RFC 8785).

Every parser here refuses bytes that its writer would not write, so that one meaning has one spelling and one hash.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NoReturn

from hefu_ledger.errors import MalformedError, UnknownFormatError

MAX_INTEGER: Final = 2**53 - 1  # above it a JavaScript reader would round
MAX_DEPTH: Final = 32  # of nested JSON; an interpreter's own depth must not decide about a format
MAX_TIME_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def parse_decimal(text: str, *, limit: int = MAX_INTEGER) -> int:
    """Read a whole number from 0 to ``limit`` written as ASCII digits without sign, space or leading zero."""
    # int() would take '+42', ' 42', '4_2' and other scripts' digits; its time grows with the square of the length.
    if not (text.isascii() and text.isdigit() and len(text) <= 20) or (text[0] == "0" and text != "0"):
        raise MalformedError(f"not a plain decimal number: {text[:24]!r}")
    number = int(text)
    if number > limit:
        raise MalformedError(f"number above {limit}: {text}")
    return number


def from_hex(text: object, *, size: int = 32) -> bytes:
    """Read ``size`` bytes from lower-case hex."""
    if not isinstance(text, str) or len(text) != 2 * size:
        raise MalformedError(
            f"not {size} bytes in hex ({2 * size} characters): {text if text is None else str(text)[:80]!r}"
        )
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise MalformedError(f"not hex: {text[:80]!r}") from None
    if data.hex() != text:  # upper case, or white space that fromhex skips
        raise MalformedError(f"not lower-case hex: {text[:80]!r}")
    return data


def to_base64(data: bytes) -> str:
    """Write padded standard base64 (RFC 4648 section 4)."""
    return binascii.b2a_base64(data, newline=False).decode()


def from_base64(text: object, *, size: int | None = None) -> bytes:
    """Read padded standard base64 (RFC 4648 section 4), of exactly ``size`` bytes where given."""
    if not isinstance(text, str):
        raise MalformedError("not base64 text")
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise MalformedError(f"not base64: {text[:48]!r}") from None
    if to_base64(data) != text:  # stray bits after the last byte
        raise MalformedError(f"not canonical base64: {text[:48]!r}")
    if size is not None and len(data) != size:
        raise MalformedError(f"not {size} bytes in base64: {text[:48]!r}")
    return data


@lru_cache(maxsize=256)  # the deposits of one commit, and of one batch, share their times
def format_time(time_ms: int) -> str:
    """Write milliseconds since 1970 UTC as RFC 3339, always with milliseconds and ``Z``."""
    if not 0 <= time_ms <= MAX_TIME_MS:
        raise ValueError(f"time out of range: {time_ms}")
    return (_EPOCH + time_ms * _MILLISECOND).strftime("%Y-%m-%dT%H:%M:%S") + f".{time_ms % 1000:03d}Z"


def parse_time(text: object) -> int:
    """Read ``YYYY-MM-DDThh:mm:ss.mmmZ`` (RFC 3339, from 1970) as milliseconds since 1970 UTC."""
    try:
        time_ms = (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND  # type: ignore[arg-type]  # TypeError is caught
        if 0 <= time_ms <= MAX_TIME_MS and format_time(time_ms) == text:
            return time_ms
    except (TypeError, ValueError, OverflowError):
        pass
    raise MalformedError(f"not a time like 2026-01-31T08:00:00.000Z: {str(text)[:40]!r}")


def canonical(value: Any) -> bytes:
    """Write canonical JSON (RFC 8785) of objects, lists, strings, integers below 2^53, true, false and null.

    Object keys must be ASCII (where code point order and RFC 8785's UTF-16 order agree). Floats, other types, lone
    surrogates and more than 32 levels are refused with MalformedError, since the value often comes from a user's file.
    """
    try:
        text = _ENCODER.encode(value)
        data = text.encode()
    except UnicodeEncodeError:
        raise MalformedError("text holds a lone surrogate, which no UTF-8 can carry") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedError(f"not plain JSON: {error}") from None
    _check_plain(value)
    return data


def parse_canonical(data: bytes, *, limit: int) -> Any:
    """Read canonical JSON of at most ``limit`` bytes; other bytes than ``canonical`` would write are refused.

    Duplicate keys, white space, floats, ``-0``, byte order marks, non-canonical escapes and orders all fail to
    round-trip.
    """
    if len(data) > limit:
        raise MalformedError(f"JSON of {len(data)} bytes, at most {limit} allowed", code="too-long", limit=limit)
    try:
        value = _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        raise MalformedError("JSON is not UTF-8", code="not-json") from None
    except RecursionError:
        raise MalformedError("JSON is nested too deeply") from None
    except ValueError as error:
        raise MalformedError(f"not JSON: {error}", code="not-json") from None
    if canonical(value) != data:
        raise MalformedError(
            "JSON is not canonical (RFC 8785): sorted keys, no spaces, each key once", code="not-canonical"
        )
    return value


def parse_plain(data: bytes, *, limit: int) -> Any:
    """Read ordinary JSON (white space and any key order allowed) of at most ``limit`` bytes, each key once.

    For request bodies and settings, which are not signed. Floats and integers from 2^53 are refused all the same.
    """
    if len(data) > limit:
        raise MalformedError(f"JSON of {len(data)} bytes, at most {limit} allowed", code="too-long", limit=limit)
    try:
        value = _PLAIN_DECODER.decode(data.decode())
    except RecursionError:
        raise MalformedError("JSON is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError among them
        raise MalformedError(f"not JSON: {error}", code="not-json") from None
    _check_plain(value)
    return value


def titled(title: str, members: dict[str, Any]) -> str:
    """Write the text of a note that holds one object: a line that names the format, a line of canonical JSON.

    MalformedError where it is not ASCII, since ``parse_titled`` would not read it back.
    """
    text = f"{title}\n{canonical(members).decode()}\n"
    if not text.isascii():
        raise MalformedError(f"{title}: every member of a text to sign must be ASCII")
    return text


def parse_titled(text: str, title: str, *, limit: int) -> Any:
    """Read the object of a note's text written by ``titled``; ASCII only, at most ``limit`` bytes.

    Another version of the same format is an UnknownFormatError.
    """
    lines = text.split("\n")
    check_format(lines[0], title)  # first: another version may have other lines
    if not text.isascii() or len(lines) != 3 or lines[2]:
        raise MalformedError(f"not two lines of ASCII, the first {title!r}")
    return parse_canonical(lines[1].encode(), limit=limit)


def check_format(found: object, known: str) -> None:
    """Refuse a format name other than ``known``; another version of it is an UnknownFormatError."""
    if found == known:
        return
    stem = known[: known.rindex("/v") + 2]
    version = found.removeprefix(stem) if isinstance(found, str) else ""
    if isinstance(found, str) and found.startswith(stem) and version.isascii() and version.isdigit():
        raise UnknownFormatError(f"format {found[:40]!r} is not known here; {known!r} is")
    raise MalformedError(f"not the format {known!r}: {str(found)[:40]!r}")


class Fields:
    """The members of one JSON object of a closed schema, read one by one.

    ``what`` names the object in errors. A member missing, unknown or of another type is a MalformedError.
    """

    __slots__ = ("_value", "_what")

    def __init__(
        self, value: object, what: str, required: frozenset[str], optional: frozenset[str] = frozenset()
    ) -> None:
        if not isinstance(value, dict):
            raise MalformedError(f"{what}: not a JSON object")
        names = value.keys()
        if not required <= names or not names <= required | optional:
            missing = ", ".join(sorted(required - names))
            unknown = ", ".join(sorted(map(repr, names - required - optional)))[:200]
            said = {"missing": missing, "unknown": unknown}
            raise MalformedError(
                f"{what}: {'; '.join(f'{name} {each}' for name, each in said.items() if each)}",
                code="members" if missing and unknown else "members-missing" if missing else "members-unknown",
                of=what,
                missing=missing,
                unknown=unknown,
            )
        self._value = value
        self._what = what

    def _refuse(self, name: str, problem: object) -> NoReturn:
        raise MalformedError(f"{self._what}: {name}: {problem}", code="member", of=self._what, name=name) from None

    def has(self, name: str) -> bool:
        """Whether an optional member is there."""
        return name in self._value

    def raw(self, name: str) -> Any:
        """A member as it is, for the caller to check."""
        return self._value[name]

    def text(self, name: str, *, limit: int, empty: bool = False) -> str:
        """A string of at most ``limit`` characters."""
        value = self._value[name]
        if not isinstance(value, str) or len(value) > limit or not (value or empty):
            self._refuse(name, f"not a text of {0 if empty else 1} to {limit} characters")
        return value

    def whole(self, name: str, *, low: int = 0, high: int = MAX_INTEGER) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self._value[name]
        if type(value) is not int or not low <= value <= high:  # a bool is an int, and is refused
            self._refuse(name, f"not a whole number from {low} to {high}")
        return value

    def hash(self, name: str) -> bytes:
        """32 bytes, in lower-case hex."""
        try:
            return from_hex(self._value[name])
        except MalformedError as error:
            self._refuse(name, error)

    def time(self, name: str) -> int:
        """A time, as milliseconds since 1970 UTC."""
        try:
            return parse_time(self._value[name])
        except MalformedError as error:
            self._refuse(name, error)

    def items(self, name: str, *, low: int = 0, high: int) -> list[Any]:
        """A list of ``low`` to ``high`` members."""
        value = self._value[name]
        if not isinstance(value, list) or not low <= len(value) <= high:
            self._refuse(name, f"not a list of {low} to {high} members")
        return value

    def hashes(self, name: str, *, high: int) -> tuple[bytes, ...]:
        """A list of at most ``high`` hashes of 32 bytes in hex."""
        try:
            return tuple(map(from_hex, self.items(name, high=high)))
        except MalformedError as error:
            self._refuse(name, error)


def _check_plain(value: object, levels: int = MAX_DEPTH) -> None:
    """Refuse keys that are not ASCII text, floats, integers from 2^53 and too many levels, anywhere in ``value``."""
    if isinstance(value, dict | list | tuple):
        if not levels:
            raise MalformedError(f"JSON is nested too deeply: more than {MAX_DEPTH} levels")
        for member in _members(value) if isinstance(value, dict) else value:
            if type(member) is not str:  # most members are, and a call costs more than this look
                _check_plain(member, levels - 1)
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise MalformedError("JSON number is not below 2^53")
    elif not isinstance(value, str) and value is not None:
        raise MalformedError(f"JSON may hold no {type(value).__name__}")


def _members(value: dict[Any, Any]) -> Iterable[object]:
    for key in value:
        if not isinstance(key, str) or not key.isascii():
            raise MalformedError(f"JSON key is not ASCII text: {key!r:.80}")
    return value.values()


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"number {text[:24]!r} is not a whole one")


def _parse_int(text: str) -> int:
    if len(text) > 17:  # before int(), whose time grows with the square of the length
        raise ValueError("number is not below 2^53")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_DECODER: Final = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_parse_int)
_PLAIN_DECODER: Final = json.JSONDecoder(
    parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_parse_int, object_pairs_hook=_unique
)
