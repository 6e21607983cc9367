"""Questions at a terminal for options that a command lacks."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from hefu.ui.language import say

_HOME = os.path.join("~", ".hefu")


def ask_init(options: Namespace, missing: Sequence[str]) -> None:
    """Fill in the missing options of ``hefu init``; those left empty stay missing."""
    if "home" in missing:
        options.home = os.path.expanduser(_answer(say("init.ask_home"), _HOME))
    if "server" in missing:
        options.server = _answer(say("init.ask_server"))
    if "code" in missing:
        options.code = _answer(say("init.ask_code"))
    if options.vault is None and not options.no_vault:
        own = os.path.join(options.home or "", "vault")
        answer = _answer(say("init.ask_vault"), own)
        options.vault = None if answer == own else os.path.expanduser(answer)


def _answer(question: str, default: str = "") -> str:
    sys.stderr.write(f"{question} [{default}] " if default else f"{question} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() or default
