"""Completion of commands, options and paths in shells, made by ``shtab`` from the parsers of all commands."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any, Final

import shtab

from hefu.cli.parser import Parser
from hefu.ui.language import said

_FOLDERS: Final = frozenset({"home", "out", "folder", "vault", "keep", "source", "carried"})
_NO_PATHS: Final = frozenset(
    {"code", "deposit", "key", "label", "quiet", "reason", "server", "since", "target", "text"}
)


def script(shell: str, parsers: Mapping[str, Parser]) -> str:
    """The script for a shell that ``shtab`` knows."""
    return str(shtab.complete(_whole(parsers), shell))


def _whole(parsers: Mapping[str, Parser]) -> ArgumentParser:
    """One parser of all commands; those of two words, such as ``key add``, are below the first."""
    whole = ArgumentParser(prog="hefu", add_help=False)
    places: dict[str, Any] = {"": whole.add_subparsers()}
    for name, parser in parsers.items():
        first, _, second = name.rpartition(" ")
        if first not in places:
            together = " · ".join(other.rpartition(" ")[2] for other in parsers if other.startswith(f"{first} "))
            places[first] = places[""].add_parser(first, help=together, add_help=False).add_subparsers()
        _describe(parser)
        places[first].add_parser(second, help=said(parser.description or ""), parents=[parser], add_help=False)
    return whole


def _describe(parser: Parser) -> None:
    for action in parser.actions():
        action.help = said(action.help or "")
        if action.nargs != 0 and not action.choices and action.dest not in _NO_PATHS:
            vars(action)["complete"] = shtab.DIRECTORY if action.dest in _FOLDERS else shtab.FILE
