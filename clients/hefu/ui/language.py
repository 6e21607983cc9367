"""In which language something is said: HEFU_LANG, else the system's own, and Chinese where it does not tell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from hefu.ui.escape import plain
from hefu_ledger.errors import LedgerError
from hefu_ledger.language import CHINESE, LANGUAGES, SETTING, choose_language

if TYPE_CHECKING:
    from hefu_ledger.verify.sentences import Table


def language() -> str:
    """``zh`` or ``en``."""
    return choose_language(os.environ)


def languages() -> tuple[str, ...]:
    """Those of a verdict, which is read by both sides: both, unless one was asked for."""
    return (language(),) if os.environ.get(SETTING) in LANGUAGES else LANGUAGES


def say(key: str, /, **values: object) -> str:
    """A text of the catalogue, filled in."""
    return both(key, **values)[LANGUAGES.index(language())]


def both(key: str, /, **values: object) -> tuple[str, str]:
    """A text in Chinese and in English; of a value that is text, or an error's, nothing steers and all is one line."""
    from hefu.ui.texts import TEXTS  # `hefu verify` starts cold without it

    zh, en = TEXTS[key]
    shown = {name: plain(value) if isinstance(value, (str, Exception)) else value for name, value in values.items()}
    errors = {name: error_text(value)[0] for name, value in values.items() if isinstance(value, LedgerError)}
    return zh.format_map(shown | errors), en.format_map(shown)


@cache
def sentences() -> Table:
    """The sentences of verdicts, as the ledger ships them: beside its modules, in a folder or in a zip archive."""
    import json

    import hefu_ledger
    from hefu_ledger.verify.sentences import FILE

    path = os.path.join(os.path.dirname(hefu_ledger.__file__), "verify", FILE)
    data = hefu_ledger.__loader__.get_data(path)  # type: ignore[union-attr]  # a loader of files has it
    table: Table = json.loads(data)
    return table


def finding_text(code: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """A finding in Chinese and in English, one plain line each."""
    from hefu_ledger.verify.sentences import sentence

    zh, en = (plain(sentence(sentences(), each, code, values)) for each in LANGUAGES)
    return zh, en


def error_text(error: LedgerError) -> tuple[str, str]:
    """An error of the ledger in Chinese and in English; exact English follows where no sentence is its own."""
    zh = finding_text(error.code, error.values)[0].rstrip("。")
    if "expected" in error.values:
        zh = f"{zh}（{finding_text('pair', error.values)[0]}）"
    return (f"{zh}（{plain(error)}）" if error.code == type(error).code else zh), plain(error)


def said(text: str) -> str:
    """What a program's own words are in the reader's language: a key of the catalogue, or argparse's English."""
    from hefu.ui.texts import ARGPARSE, TEXTS

    if text in TEXTS:
        return say(text)
    if language() == CHINESE:
        for english, chinese in ARGPARSE.items():
            text = text.replace(english, chinese)
    return text
