"""The ledger's sentences for the findings of a verification, read once."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from hefu_ledger.verify.sentences import FILE, Table


@cache
def verdict_sentences() -> Table:
    """The table that ``hefu_ledger.verify.sentences`` fills in."""
    table: Table = json.loads(files("hefu_ledger.verify").joinpath(FILE).read_bytes())
    return table
