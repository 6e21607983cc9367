"""The catalogue: everything a user reads, in Chinese and in English, by area.

Keys begin with the command or the module that says them. What evidence and ledgers are found to be is said by the
ledger's own errors, which are quoted.
"""

from __future__ import annotations

from typing import Final

from hefu.ui.texts import cli, deposit, enrol, evidence, files, folders, keys, vault
from hefu.ui.texts.cli import ARGPARSE

__all__ = ["AREAS", "ARGPARSE", "TEXTS"]

AREAS: Final = (cli, deposit, enrol, evidence, files, folders, keys, vault)
TEXTS: Final[dict[str, tuple[str, str]]] = {key: text for area in AREAS for key, text in area.TEXTS.items()}
