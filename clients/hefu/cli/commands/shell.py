"""The command for shells: completion."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hefu.cli.command import Command, Outcome

_SHELLS = ("bash", "zsh", "fish", "powershell")  # those of shtab, which is imported late


def _declare_completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, help="completion.shell")


def _completion(options: Namespace) -> Outcome:
    from hefu.cli.completion import script
    from hefu.cli.main import parsers

    text = script(options.shell, parsers())
    return Outcome(0, {"script": text}, text)


COMMANDS = {
    "completion": Command("completion.summary", _declare_completion, _completion),
}
