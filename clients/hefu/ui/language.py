"""In which language something is said: HEFU_LANG, else the system's own, and Chinese where it does not tell."""

from __future__ import annotations

import os
from typing import Final

from hefu.ui.escape import plain

SETTING: Final = "HEFU_LANG"
CHINESE: Final = "zh"
ENGLISH: Final = "en"
LANGUAGES: Final = (CHINESE, ENGLISH)
_NOWHERE: Final = ("C", "POSIX")


def language() -> str:
    """``zh`` or ``en``."""
    chosen = os.environ.get(SETTING, "")
    if chosen in LANGUAGES:
        return chosen
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        place = os.environ.get(name, "").partition(".")[0]
        if place and place not in _NOWHERE:
            return CHINESE if place.startswith(CHINESE) else ENGLISH
    return CHINESE


def languages() -> tuple[str, ...]:
    """Those of a verdict, which is read by both sides: both, unless one was asked for."""
    return (language(),) if os.environ.get(SETTING) in LANGUAGES else LANGUAGES


def say(key: str, /, **values: object) -> str:
    """A text of the catalogue, filled in."""
    return both(key, **values)[LANGUAGES.index(language())]


def both(key: str, /, **values: object) -> tuple[str, str]:
    """A text in Chinese and in English; of a value that is text, or an error's, nothing steers and all is one line."""
    from hefu.ui.texts import TEXTS  # who verifies from cold seldom needs it

    zh, en = TEXTS[key]
    shown = {name: plain(value) if isinstance(value, (str, Exception)) else value for name, value in values.items()}
    return zh.format_map(shown), en.format_map(shown)


def said(text: str) -> str:
    """What a program's own words are in the reader's language: a key of the catalogue, or argparse's English."""
    from hefu.ui.texts import ARGPARSE, TEXTS

    if text in TEXTS:
        return say(text)
    if language() == CHINESE:
        for english, chinese in ARGPARSE.items():
            text = text.replace(english, chinese)
    return text
