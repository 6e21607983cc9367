"""Findings put into words: the sentence of a code, in Chinese or in English, filled in with the finding's values.

The sentences stand in ``sentences.json`` beside this module: ``{code: {"zh": …, "en": …}}``. A program reads that file
where it shows a verdict; this module is pure. A placeholder ``{name}`` is a text or a number, ``{name:time}`` a time
like 2026-01-31T08:00:00.000Z, ``{name:list}`` a list of texts, ``{name:said}`` one finding ``[code, values]`` or a list
of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hefu_ledger.encoding import MAX_TIME_MS, format_time, parse_time
from hefu_ledger.language import CHINESE, ENGLISH

FILE: Final = "sentences.json"

_EIGHT_HOURS: Final = 28_800_000  # ms: 北京时间 is UTC+8 all year
_BETWEEN: Final = {CHINESE: "、", ENGLISH: ", "}

Table = Mapping[str, Mapping[str, str]]


def sentence(table: Table, language: str, code: str, values: Mapping[str, Any]) -> str:
    """The sentence of a code, and its ``notes`` if it has some; KeyError for a code or placeholder that is unknown."""
    filled = {name: _Value(table, language, value) for name, value in values.items()}
    said = table[code][language].format_map(filled)
    if not values.get("notes"):
        return said
    return table["notes"][language].format_map(filled | {"main": _Value(table, language, said)})


def local_time(language: str, text: str) -> str:
    """A time as its readers say it: 北京时间 in Chinese, UTC in English. ``text``: 2026-01-31T08:00:00.000Z."""
    moment = parse_time(text)
    if language == ENGLISH or moment + _EIGHT_HOURS > MAX_TIME_MS:
        return f"{text[:10]} {text[11:-1]} UTC"
    shifted = format_time(moment + _EIGHT_HOURS)
    return f"北京时间 {shifted[:10]} {shifted[11:-1]}"


class _Value:
    """A value on its way into a sentence."""

    def __init__(self, table: Table, language: str, value: Any) -> None:
        self._table = table
        self._language = language
        self._value = value

    def __format__(self, form: str) -> str:
        if form == "time":
            return local_time(self._language, self._value)
        if form == "list":
            return _BETWEEN[self._language].join(self._value)
        if form == "said":
            findings = [self._value] if self._value and isinstance(self._value[0], str) else self._value
            said = (sentence(self._table, self._language, code, values) for code, values in findings)
            return _BETWEEN[self._language].join(text.rstrip("。.") for text in said)
        return str(self._value)
