"""A command of ``hefu``: what it takes, what it does, and what it ends in."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """What a command ends in: exit code, the value of ``--json``, the text for people."""

    code: int
    value: dict[str, Any]
    text: str


class Command(NamedTuple):
    """``verdict``: whether its answer, even when it fails, is a verdict."""

    summary: str
    declare: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], Outcome]
    verdict: bool = False


def option(parser: ArgumentParser, name: str, what: str, *, needed: bool = True) -> None:
    """Declare an option that the environment may give as HEFU_NAME; looked for after both were read."""
    parser.add_argument(f"--{name}", help=f"{what} (or HEFU_{name.upper()})")
    if needed:
        parser.set_defaults(needed=(*parser.get_default("needed"), name))
