"""Text from elsewhere made plain: what could steer a terminal, or forge a line of ours, is shown, never obeyed."""

from __future__ import annotations

from typing import Final

# C0 and C1 controls, both separators of lines, and category Cf: marks that turn the direction of text or are not seen,
# so that two names look alike. Sorted by their numbers in Unicode 16.
STEERING: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0xAD,
    *range(0x600, 0x606),
    0x61C,
    0x6DD,
    0x70F,
    0x890,
    0x891,
    0x8E2,
    0x180E,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    0x110BD,
    0x110CD,
    *range(0x13430, 0x13440),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    0xE0001,
    *range(0xE0020, 0xE0080),
)
_SHOWN: Final = {code: chr(code).encode("unicode_escape").decode() for code in STEERING}


def plain(text: object) -> str:
    """One line without controls, which become ``\\\\n``, ``\\\\x1b`` or ``\\\\u202e``; twice changes nothing."""
    return str(text).translate(_SHOWN)


def plain_lines(text: str) -> str:
    """The same for a text whose ends of lines are ours."""
    return "\n".join(map(plain, text.split("\n")))
