"""Anchors of deposits: the batch that covers a deposit, and the first checkpoint that covers the batch."""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from hefu_ledger.records.bodies import Batch
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.note import Note, parse_note
from hefu_service.ports.rows import StoredRecord
from hefu_service.ports.store import View
from hefu_service.sealing.batch import batch_body

REMEMBERED: Final = 4096  # entries of each cache: a few KiB each


@dataclass(frozen=True, slots=True)
class Anchor:
    """A batch, and the first checkpoint that covers it."""

    batch: StoredRecord
    body: Batch
    note: Note
    checkpoint: Checkpoint


def find_anchor(view: View, seq: int) -> Anchor | None:
    """The batch that covers a deposit and the first checkpoint that covers the batch, once there are both."""
    batch = view.batch_of(seq)
    note = None if batch is None else view.checkpoint_covering(batch.index)
    if batch is None or note is None:
        return None
    parsed = parse_note(note)
    return Anchor(batch, batch_body(batch), parsed, parse_checkpoint(parsed.text))


class Anchors:
    """A cache of anchors, found by the deposits that they cover."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sorted: list[Anchor] = []

    def of(self, seq: int) -> Anchor | None:
        """The anchor of a deposit, if it is cached."""
        with self._lock:
            place = bisect_right(self._sorted, seq, key=_first_seq)
            anchor = self._sorted[place - 1] if place else None
        return anchor if anchor is not None and seq < anchor.batch.entries else None

    def add(self, anchor: Anchor) -> None:
        """Cache an anchor; a full cache is emptied first."""
        with self._lock:
            if len(self._sorted) >= REMEMBERED:
                self._sorted.clear()
            place = bisect_right(self._sorted, anchor.body.first_seq, key=_first_seq)
            if not place or self._sorted[place - 1].body.first_seq != anchor.body.first_seq:
                self._sorted.insert(place, anchor)


def _first_seq(anchor: Anchor) -> int:
    return anchor.body.first_seq
