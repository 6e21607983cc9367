"""Deposit numbers 存证编号, to be read over the telephone: ``FXC0000000000007``.

A prefix, twelve digits of the acceptance's ``seq`` and a check character (GB 32100).
"""

from __future__ import annotations

from typing import Final

from hefu_ledger.errors import MalformedError
from hefu_ledger.uscc import ALPHABET, check_alphabet, check_character, verify_check_character

_DIGITS: Final = 12


def check_prefix(prefix: str) -> str:
    """A log's prefix: 1 to 8 of the digits and capital letters without I, O, S, V and Z, a letter first."""
    if not 0 < len(prefix) <= 8 or not set(ALPHABET).issuperset(prefix) or prefix[0].isdigit():
        raise MalformedError(f"not a number prefix (1 to 8 of A-Z 0-9 but I O S V Z, a letter first): {prefix!r:.80}")
    return prefix


def format_number(prefix: str, seq: int) -> str:
    """Write a ``seq`` below 10^12; ValueError above."""
    if not 0 <= seq < 10**_DIGITS:
        raise ValueError(f"seq out of range: {seq}")
    body = f"{check_prefix(prefix)}{seq:0{_DIGITS}d}"
    return body + check_character(body)


def parse_number(text: str, prefix: str) -> int:
    """Read the ``seq`` out of a number with this prefix, typed exactly as it was written.

    MalformedError names the wrong character, from 1, or the check character that would be right.
    """
    size = len(check_prefix(prefix)) + _DIGITS + 1
    if len(text) != size:
        raise MalformedError(f"a deposit number has {size} characters, this one {len(text)}")
    if not text.startswith(prefix):
        raise MalformedError(f"a deposit number of this log begins with {prefix}: {text!r}")
    check_alphabet(text)
    digits = text[len(prefix) : -1]
    for place, character in enumerate(digits, len(prefix) + 1):
        if not character.isdigit():
            raise MalformedError(f"character {place} is {character!r}: it should be a digit")
    verify_check_character(text)
    return int(digits)
