"""The catalogue of ``hefu-service``: each sentence that an operator reads, in Chinese and in English, by area.

Keys begin with the command or the room that says them. Pure: a use case may raise an error with a sentence from here.
Which language is shown is chosen where it is shown (``hefu_service.language``); logs and the API stay English.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hefu_service.texts import commands, errors, findings, http, options, refusals, settings, stops

AREAS: Final = (commands, errors, findings, http, options, refusals, settings, stops)
TEXTS: Final[Mapping[str, tuple[str, str]]] = {key: pair for area in AREAS for key, pair in area.TEXTS.items()}


class Text(str):
    """A sentence in English that carries the same sentence in Chinese, ``zh``."""

    zh: str

    def __new__(cls, en: str, zh: str) -> Text:
        """See the class."""
        made = super().__new__(cls, en)
        made.zh = zh
        return made


def sentence(key: str, /, **values: object) -> Text:
    """A sentence of the catalogue, filled in. A value that is a ``Text``, or an error that holds one, is said in both.

    KeyError for a key or a placeholder that is unknown.
    """
    zh, en = TEXTS[key]
    return Text(en.format_map(values), zh.format_map({name: _chinese(value) for name, value in values.items()}))


def joined(texts: Iterable[Text]) -> Text:
    """Sentences in one line."""
    told = list(texts)
    return Text("; ".join(told), "；".join(each.zh for each in told))


def said(error: Exception) -> Text:
    """An error in both languages. The exact English follows the Chinese name of its kind, if it holds no ``Text``."""
    held = _text_of(error)
    if held is not None:
        return held
    kind = next((kind for kind in (each.__name__ for each in type(error).__mro__) if f"kind.{kind}" in TEXTS), "")
    return Text(str(error), f"{TEXTS[f'kind.{kind}'][0]}：{error}") if kind else Text(str(error), str(error))


def _text_of(error: Exception) -> Text | None:
    held = error.args[0] if error.args else None
    return held if isinstance(held, Text) else None


def _chinese(value: object) -> object:
    if isinstance(value, Exception):
        value = _text_of(value) or value
    return value.zh if isinstance(value, Text) else value
