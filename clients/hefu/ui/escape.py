"""Text from elsewhere made plain: what could steer a terminal, or forge a line of ours, is shown, never obeyed."""

from __future__ import annotations

from typing import Final

# C0 and C1 controls, both separators of lines, and marks that turn the direction of text.
_STEERING: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x61C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
)
_SHOWN: Final = {code: chr(code).encode("unicode_escape").decode() for code in _STEERING}


def plain(text: object) -> str:
    """One line without controls, which become ``\\\\n``, ``\\\\x1b`` or ``\\\\u202e``; twice changes nothing."""
    return str(text).translate(_SHOWN)


def plain_lines(text: str) -> str:
    """The same for a text whose ends of lines are ours."""
    return "\n".join(map(plain, text.split("\n")))
