"""The language of who asks, by Accept-Language: Chinese or English, and English for a program that does not say."""

from __future__ import annotations

from functools import lru_cache

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from hefu_ledger.language import CHINESE, ENGLISH, LANGUAGES
from hefu_service.texts import Text


@lru_cache(maxsize=256)
def language_of(accept_language: str) -> str:
    """``zh`` or ``en``, by the header's value."""
    accepted = parse_accept_header(accept_language, LanguageAccept)  # the best first
    spoken = (tag.lower().partition("-")[0] for tag, quality in accepted if quality > 0)
    return next((language for language in spoken if language in LANGUAGES), ENGLISH)


def in_language(text: str, language: str) -> str:
    """The text in this language, if it has both."""
    return text.zh if isinstance(text, Text) and language == CHINESE else str(text)
