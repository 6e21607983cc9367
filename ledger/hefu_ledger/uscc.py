"""Unified social credit codes 统一社会信用代码 (GB 32100-2015), as people type them.

The code itself is checked; only a register knows if the enterprise exists. Messages name one character, never the whole
code, because a code is a name.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hefu_ledger.errors import MalformedError

ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z; a character's value is its index
_DEPARTMENTS: Final = frozenset("123456789ANY")  # 登记管理部门
_TYPED: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLAIN: Final = {ord(c): c.upper() for c in _TYPED} | {ord(c) + 0xFEE0: c.upper() for c in _TYPED}  # full-width 全角
_INNER_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)


class Uscc(NamedTuple):
    """A code of 18 characters in its plain form, with warnings for parts that are odd but possible.

    A warning is an error that is not raised, so that it has a sentence in both languages.
    """

    code: str
    warnings: tuple[MalformedError, ...]

    @property
    def other_check_character(self) -> bool:
        """Whether its check character is not the one of GB 32100."""
        return self.code[-1] != check_character(self.code[:-1])


def parse_uscc(text: str, *, any_check_character: bool = False) -> Uscc:
    """Read a code; white space is dropped, full-width and lower case are made plain.

    O is never taken for 0, nor I for 1. MalformedError names the character and its place, from 1.
    ``any_check_character``: some codes given out before 2016 have one that is not by GB 32100; it is a warning then.
    """
    code = "".join(text.split()).translate(_PLAIN)
    if len(code) != 18:
        raise MalformedError(
            f"a unified social credit code has 18 characters, this one {len(code)}",
            code="uscc-length",
            length=len(code),
        )
    check_alphabet(code)
    for place, character in enumerate(code[2:8], 3):
        if not character.isdigit():
            raise MalformedError(
                f"character {place} is {character!r}: 3 to 8 are the district's digits 行政区划",
                code="uscc-district",
                place=place,
                character=repr(character),
            )
    warnings = _warnings(code)
    try:
        verify_check_character(code)
    except MalformedError as error:
        if not any_check_character:
            raise
        warnings.insert(0, error)
    return Uscc(code, tuple(warnings))


def check_alphabet(text: str) -> None:
    """Raise MalformedError for the first character outside the alphabet of GB 32100."""
    for place, character in enumerate(text, 1):
        if character not in ALPHABET:
            raise MalformedError(
                f"character {place} is {character!r}: only digits and capital letters other than I, O, S, V and Z",
                code="uscc-alphabet",
                place=place,
                character=repr(character),
            )


def check_character(body: str) -> str:
    """Return the character that brings the weighted sum to 0 modulo 31 (GB 32100, 4.6).

    ``body`` is of the alphabet. Any one wrong character is noticed, and any two swapped, up to 30 characters in all.
    """
    return ALPHABET[-sum(ALPHABET.index(character) * pow(3, i, 31) for i, character in enumerate(body)) % 31]


def verify_check_character(text: str) -> None:
    """Raise MalformedError where the last character is not the one that the others ask for."""
    if text[-1] != (right := check_character(text[:-1])):
        raise MalformedError(
            f"check character should be {right!r} and is {text[-1]!r}: one of the {len(text)} is mistyped",
            code="check-character",
            right=right,
            character=text[-1],
            length=len(text),
        )


def _warnings(code: str) -> list[MalformedError]:
    warnings = []
    if code[0] not in _DEPARTMENTS:
        text = f"character 1 is {code[0]!r}, which is no registering department 登记管理部门 of GB 32100"
        warnings.append(MalformedError(text, code="uscc-department", character=code[0]))
    if code[16] != (right := _inner_check_character(code[8:16])):
        text = f"character 17 is {code[16]!r}, by GB 11714 (组织机构代码) it should be {right!r}"
        warnings.append(MalformedError(text, code="uscc-organisation", character=code[16], right=right))
    return warnings


def _inner_check_character(body: str) -> str:
    total = sum(int(character, 36) * weight for character, weight in zip(body, _INNER_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]
