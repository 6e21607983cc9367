"""The language that ``hefu-service`` speaks to its operator, chosen from the environment."""

from __future__ import annotations

import os

import click

from hefu_ledger.errors import LedgerError
from hefu_ledger.language import CHINESE, choose_language
from hefu_ledger.verify import sentences
from hefu_service.texts import Text, said, sentence
from hefu_service.texts.commands import CLICK
from hefu_service.texts.verdicts import verdict_sentences


def say(key: str, /, **values: object) -> str:
    """A sentence of the catalogue in the reader's language."""
    return shown(sentence(key, **values))


def shown(text: Text) -> str:
    """A sentence in the reader's language."""
    return text.zh if _chinese() else str(text)


def error_text(error: Exception) -> Text:
    """An error in both languages; the ledger's sentence where the error has one of its own."""
    if isinstance(error, LedgerError) and error.code != type(error).code:
        zh = sentences.sentence(verdict_sentences(), CHINESE, error.code, error.values)
        return Text(str(error), zh.rstrip("。"))
    return said(error)


def click_text(text: str) -> str:
    """A help or a usage error of click in the reader's language; click itself speaks English."""
    for english, chinese in CLICK if _chinese() else ():
        text = text.replace(english, chinese)
    return text


class Command(click.Command):
    """A command whose help is in the reader's language."""

    def get_help(self, ctx: click.Context) -> str:
        """See click."""
        return click_text(super().get_help(ctx))


class Group(click.Group):
    """Commands, their list in the reader's language."""

    command_class = Command

    def get_help(self, ctx: click.Context) -> str:
        """See click."""
        return click_text(super().get_help(ctx))


def _chinese() -> bool:
    return choose_language(os.environ) == CHINESE
