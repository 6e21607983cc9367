"""Options and help: argparse with texts of the catalogue, which are looked up only when help is shown."""

from __future__ import annotations

import os
import sys
from argparse import Action, ArgumentParser, HelpFormatter, Namespace
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

from hefu.cli.command import Command
from hefu.ui.language import said, say

SETTINGS: Final = {"home": "HEFU_HOME", "server": "HEFU_SERVER", "policy": "HEFU_POLICY"}
# Options that hold a path, by their names in the namespace; an argument that holds one is left to the shell.
PATHS: Final = frozenset(
    {"home", "policy", "out", "vault", "recovery", "keep", "report", "state", "carried", "source", "words", "tsa"}
)
# Words that are no path, and so have to be text. A path may be any bytes.
WORDS: Final = frozenset({"server", "code", "text", "label", "reason", "since", "key"})
_HIDDEN: Final = "\0"


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

    def parse(self, words: Sequence[str]) -> Namespace:
        """Read the words of a command, options and arguments in any order; after ``--`` all are arguments.

        argparse takes that and any order, but not both: so a dash is hidden behind a NUL, which no word can hold.
        """
        place = words.index("--") if "--" in words else len(words)
        hidden = [_HIDDEN + word if word.startswith("-") else word for word in words[place + 1 :]]
        options = self.parse_intermixed_args([*words[:place], *hidden])
        for name, value in vars(options).items():
            if isinstance(value, (str, list)):
                setattr(options, name, _shown(value))
        return options

    def format_help(self) -> str:
        """The help, with examples below it."""
        examples = "".join(f"  {line}\n" for line in say(f"{self.name}.examples").split("\n"))
        return f"{_usage(super().format_help())}\n{say('cli.examples')}\n{examples}"

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words of a command, and exit with 2."""
        problem = say("cli.error", message=said(message.replace(_HIDDEN, "")))
        self.exit(2, f"{_usage(self.format_usage())}hefu {self.name}: {problem}\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Argparse drops an error of the disk, and help that was lost would end in 0."""
        if file is sys.stdout and file is not None:
            file.write(message)
        else:
            super()._print_message(message, file)

    def actions(self) -> Iterable[Action]:
        """Its arguments and options."""
        return self._actions

    def what(self, action: Action) -> str:
        """What an argument or option is, as its help says."""
        return _HelpFormatter("")._get_help_string(action)


def whole_path(text: str) -> str:
    """A path whose ``~`` stands for a home folder, as most shells leave it in ``--out=~/x``. ValueError: for none."""
    path = os.path.expanduser(text)
    if path.startswith("~"):
        raise ValueError(say("cli.tilde", path=text))
    return path


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value.removeprefix(_HIDDEN)
    return [_shown(each) for each in value]


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
