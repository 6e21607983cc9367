"""``python -m hefu.cli.manual``: the manual page, made from the help of every command."""

from __future__ import annotations

import sys
from argparse import Action
from collections.abc import Iterator

from hefu.cli.main import parsers
from hefu.cli.parser import SETTINGS, Parser
from hefu.ui.language import said, say
from hefu.version import __version__

_CODES = ("0", "1", "2", "3", "130")


def manual() -> str:
    """The page in roff, for man(7)."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield f'.TH HEFU 1 "" "hefu {__version__}" ""'
    yield from (f".SH {say('man.name')}", f"hefu \\- {_plain(say('cli.title'))}")
    yield from (f".SH {say('man.synopsis')}", ".B hefu", f".I {say('man.command')}", "[…]")
    yield f".SH {say('man.commands')}"
    for parser in parsers().values():
        yield from _command(parser)
    yield f".SH {say('man.environment')}"
    for option, setting in SETTINGS.items():
        yield from _item(setting, f"--{option}")
    yield from _item("HEFU_LANG", say("man.language"))
    yield f".SH {say('man.exit')}"
    for code in _CODES:
        yield from _item(code, say(f"exit.{code}"))


def _command(parser: Parser) -> Iterator[str]:
    yield from (f".SS {parser.name}", _plain(said(parser.description or "")), ".PP", ".nf")
    yield from (_plain(line) for line in parser.format_usage().removeprefix("usage: ").rstrip().split("\n"))
    yield ".fi"
    for action in parser.actions():
        if action.dest not in ("help", "json"):
            yield from _item(_name(action), parser.what(action))
    yield from (".PP", ".nf", ".RS", *map(_plain, say(f"{parser.name}.examples").split("\n")), ".RE", ".fi")


def _name(action: Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    takes = f" {value}" if action.nargs != 0 else ""
    return f"{', '.join(action.option_strings)}{takes}" if action.option_strings else value


def _item(name: str, what: str) -> Iterator[str]:
    yield from (".TP", f"\\fB{_plain(name)}\\fR", _plain(what))


def _plain(text: str) -> str:
    """Text that roff takes for nothing else."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # Python's own, as nothing has replaced it
    sys.stdout.write(manual())
