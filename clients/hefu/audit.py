"""``hefu audit``: the whole ledger replayed from its published bytes, and held against what it showed last time.

Public depth, or full depth where the source gives out acceptances and statements (an export with ``--statements``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hefu.errors import AlarmError
from hefu.progress import Progress, progress_bar
from hefu.sight import Sight, alarm, check_longer, verify_checkpoint
from hefu.source import Source, read_checkpoint, read_entries, read_hashes, read_leaves, read_records
from hefu_ledger.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.merkle import Tree, leaf_hash, root_of
from hefu_ledger.note import Note, format_note, parse_note
from hefu_ledger.policy import Policy
from hefu_ledger.record import Batch
from hefu_ledger.replay import Replay
from hefu_ledger.tiles import ENTRIES, WIDTH, tile_bytes, tiles_at
from hefu_ledger.verdict import CANNOT, FAILED, NOTED, OK, UNCHECKED, Step, Verdict, conclude


class _Finding(NamedTuple):
    outcome: str
    found: str
    zh: str
    en: str


_NOT_REACHED = _Finding(UNCHECKED, "", "前面的步骤未通过，本步未核验。", "Not reached: an earlier step did not hold.")


class _Audit:
    """What the steps share, and what earlier ones established."""

    def __init__(self, source: Source, policy: Policy, seen: Note | None) -> None:
        self.source = source
        self.policy = policy
        self.seen = seen
        self.facts: dict[str, Any] = {}
        self.sight: Sight | None = None
        self.leaves = bytearray()  # of every record, 32 bytes each
        self.full = read_entries(source, first_batch) is not None if (first_batch := 0) else False

    def need(self) -> Sight:
        raise NotImplementedError
