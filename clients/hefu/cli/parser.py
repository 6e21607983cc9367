"""Options and help: argparse with texts of the catalogue, which are looked up only when help is shown."""

from __future__ import annotations

import sys
from argparse import Action, ArgumentParser, HelpFormatter
from collections.abc import Iterable
from typing import Final, NoReturn

from hefu.cli.command import Command
from hefu.ui.language import said, say

SETTINGS: Final = {"home": "HEFU_HOME", "server": "HEFU_SERVER", "policy": "HEFU_POLICY"}


class Parser(ArgumentParser):
    """The parser of one command; the texts of help are keys of the catalogue."""

    def __init__(self, name: str, command: Command) -> None:
        super().__init__(
            prog=f"hefu {name}", description=command.summary, allow_abbrev=False, formatter_class=_HelpFormatter
        )
        self.name = name
        self.add_argument("--json", action="store_true", help="cli.json")
        self.set_defaults(needed=())
        command.declare(self)

    def format_help(self) -> str:
        """The help, with examples below it."""
        examples = "".join(f"  {line}\n" for line in say(f"{self.name}.examples").split("\n"))
        return f"{_usage(super().format_help())}\n{say('cli.examples')}\n{examples}"

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words of a command, and exit with 2."""
        self.exit(2, f"{_usage(self.format_usage())}hefu {self.name}: {say('cli.error', message=said(message))}\n")

    def actions(self) -> Iterable[Action]:
        """Its arguments and options."""
        return self._actions

    def what(self, action: Action) -> str:
        """What an argument or option is, as its help says."""
        return _HelpFormatter("")._get_help_string(action)


def overview(summaries: Iterable[tuple[str, str]]) -> str:
    """The help that names every command; ``summaries``: names, and what they do as keys of the catalogue."""
    lines = [f"  {name:<13} {said(summary)}" for name, summary in summaries]
    return "\n".join(
        [f"{say('cli.usage')}hefu COMMAND [-h] …", "", say("cli.title"), "", *lines, "", say("cli.more"), ""]
    )


class _HelpFormatter(HelpFormatter):
    """Help of a fixed width: asking for the terminal's would import shutil, whether help is shown or not."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)

    def start_section(self, heading: str | None) -> None:
        super().start_section(heading and said(heading))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return super()._fill_text(said(text), width, indent)

    def _get_help_string(self, action: Action) -> str:
        what = said(action.help or "")
        setting = SETTINGS.get(action.dest) if f"--{action.dest}" in action.option_strings else None
        return say("cli.or_setting", what=what, setting=setting) if setting else what


def _usage(text: str) -> str:
    """Argparse cuts off its own ``usage: `` again, so it is replaced only here."""
    return say("cli.usage") + text.removeprefix("usage: ")


def interactive() -> bool:
    """Whether the command runs at a terminal, with a person to ask."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
