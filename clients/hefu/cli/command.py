"""A command of ``hefu``: what it takes, what it does, and what it ends in."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """What a command ends in: exit code, the value of ``--json``, the text for people."""

    code: int
    value: dict[str, Any]
    text: str


class Command(NamedTuple):
    """``summary``: a key of the catalogue, where its examples are too. ``verdict``: whether its answer, even when it
    fails, is a verdict. ``ask``: fills in the needed options that are missing, at a terminal.
    """

    summary: str
    declare: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], Outcome]
    verdict: bool = False
    ask: Callable[[Namespace, Sequence[str]], None] | None = None


def option(parser: ArgumentParser, name: str, what: str, *, needed: bool = True) -> None:
    """Declare an option that the environment may give as HEFU_NAME; ``what``: a key of the catalogue."""
    parser.add_argument(f"--{name}", help=what)
    if name == "server":
        accept_http(parser)
    if needed:
        need(parser, name)


def accept_http(parser: ArgumentParser) -> None:
    """Declare the flag by which http to another computer is accepted."""
    parser.add_argument("--insecure-http", action="store_true", help="cli.insecure_http")


def trust_authorities(parser: ArgumentParser) -> None:
    """Declare the certificates of timestamp authorities; they come from outside the evidence, as the policy does."""
    parser.add_argument("--tsa", action="append", metavar="FILE", help="verify.tsa")


def need(parser: ArgumentParser, name: str) -> None:
    """Refuse a command without this option; arguments, environment and the user at a terminal are asked first."""
    parser.set_defaults(needed=(*parser.get_default("needed"), name))
