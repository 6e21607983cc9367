"""Show, then ask: nothing is signed before a person has seen it, or a program has said which thing it means."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hefu.cli.parser import interactive
from hefu.errors import ClientError
from hefu.ui.language import say


def confirm(shown: Sequence[str], *, decided: bool, option: str) -> None:
    """Show lines and ask to go on. ClientError where the answer is no, or where no terminal is there to ask at.

    ``decided``: an option has answered already. ``option``: the one that would, such as ``--fingerprint HEX``.
    """
    if decided:
        return
    if not interactive():
        raise ClientError("\n".join([*shown, say("confirm.no_terminal", option=option)]))
    sys.stderr.write("\n".join([*shown, say("confirm.ask")]) + " ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ClientError(say("confirm.no"))
