"""The command for shells: completion."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hefu.command import Command, Outcome

_SHELLS = ("bash", "zsh", "fish")


def _declare_completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, help="completion.shell")


def _completion(options: Namespace) -> Outcome:
    from hefu.cli import parsers
    from hefu.completion import SHELLS, offered

    script = "\n".join(SHELLS[options.shell](offered(parsers())))
    return Outcome(0, {"script": script}, script)


COMMANDS = {
    "completion": Command("completion.summary", _declare_completion, _completion),
}
