"""The command for shells: completion."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hefu.cli.command import Command, Outcome

_SHELLS = ("bash", "zsh", "fish")


def _declare_completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, help="completion.shell")


def _completion(options: Namespace) -> Outcome:
    from hefu.cli.completion import SHELLS, offered
    from hefu.cli.main import parsers

    script = "\n".join(SHELLS[options.shell](offered(parsers())))
    return Outcome(0, {"script": script}, script)


COMMANDS = {
    "completion": Command("completion.summary", _declare_completion, _completion),
}
