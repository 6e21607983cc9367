"""The catalogue: everything a user reads, in Chinese and in English, by area.

Keys begin with the command or the module that says them. What evidence and ledgers are found to be is said by the
ledger's own errors, which are quoted.
"""

from __future__ import annotations

from typing import Final

from hefu.texts import daily, depositing, joining, people, proving, safekeeping, shell, world
from hefu.texts.shell import ARGPARSE

__all__ = ["AREAS", "ARGPARSE", "TEXTS"]

AREAS: Final = (daily, depositing, joining, people, proving, safekeeping, shell, world)
TEXTS: Final[dict[str, tuple[str, str]]] = {key: text for area in AREAS for key, text in area.TEXTS.items()}
