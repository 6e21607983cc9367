"""The reader's language, chosen from environment variables: HEFU_LANG, else the system's own, else Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SETTING: Final = "HEFU_LANG"
CHINESE: Final = "zh"
ENGLISH: Final = "en"
LANGUAGES: Final = (CHINESE, ENGLISH)
_NOWHERE: Final = ("C", "POSIX")


def choose_language(environment: Mapping[str, str]) -> str:
    """``zh`` or ``en``; a HEFU_LANG that is neither is passed over. The order of the names is gettext's."""
    chosen = environment.get(SETTING, "")
    if chosen in LANGUAGES:
        return chosen
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        place = environment.get(name, "").partition(".")[0]
        if place and place not in _NOWHERE:
            return CHINESE if place.startswith(CHINESE) else ENGLISH
    return CHINESE
