"""The check of everything kept against everything else: a full replay of the store, then each published byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from hefu_ledger.checkpoint import Checkpoint
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.merkle import Frontier, Tree, leaf_hash
from hefu_ledger.record import NO_RECORD, Batch, Body, record_hash
from hefu_ledger.replay import Replay
from hefu_ledger.tiles import ENTRIES, WIDTH, Tile, format_bundle, tile_bytes, tiles_at
from hefu_service.events import event_body
from hefu_service.ports import IntakeHead, LedgerHead, PortError, StoredRecord, View
from hefu_service.sealing.batch import batch_body, leaf_hashes
from hefu_service.sealing.history import Past, check_past, read_checkpoint
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services

ERROR: Final = "error"  # two things that must agree do not
WARNING: Final = "warning"  # they agree, and someone should know all the same
_OWED: Final = frozenset({"enrolment", "key", "clock"})  # records that began as events
_AT_ONCE: Final = 10_000  # deposits looked at together where no batch bounds them


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; ``where`` names the part that was checked, ``what`` the first place that is wrong in it."""

    severity: str
    where: str
    what: str


def fsck(services: Services) -> Iterator[Finding]:
    """Check store, batch files, published files and the signer's memory; a clean ledger gives nothing.

    Nothing is changed. The service may run meanwhile: what it does is not looked at.
    """
    past = Past(None, None)
    try:
        past, _ = check_past(services)
    except _BROKEN as error:
        yield Finding(ERROR, "checkpoint", str(error))
    with services.store.view() as view:
        check = _Check(services, view, past)
        for part in (check.replay, check.events, check.deposits, check.tiles, check.batches):
            yield from _guarded(part)


def _guarded(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from part()
    except _BROKEN as error:
        yield Finding(ERROR, part.__name__, str(error))


class _Check:
    """The parts of one check, on one snapshot; each stops at the first place that is wrong."""

    def __init__(self, services: Services, view: View, past: Past) -> None:
        self._services = services
        self._view = view
        self._head = view.ledger_head()
        self._intake = view.intake_head()
        self._published = min(past.published.size, self._head.size) if past.published is not None else 0
        self._past = past

    def replay(self) -> Iterator[Finding]:
        """Replay every record, acceptance and statement; every checkpoint kept must lie on the way."""
        replay = Replay(full=True)
        for checkpoint in self._checkpoints():
            if checkpoint.size > self._head.size:
                yield Finding(ERROR, "replay", f"a checkpoint of {checkpoint.size} records is kept, there are fewer")
            else:
                replay.remember(checkpoint)
        frontier, prev, events = Frontier(), NO_RECORD, 0
        for record in self._records(self._head.size):
            body = replay.record(record.data).body
            if isinstance(body, Batch):
                deposits = self._view.deposits(body.first_seq, body.count)
                replay.entries((deposit.acceptance, deposit.statement) for deposit in deposits)
            _check_row(record, body, replay)
            frontier.append(leaf_hash(record.data))
            prev, events = record_hash(record.data), events + (record.type in _OWED)
        found = LedgerHead(replay.size, replay.deposits, events, prev, frontier.hashes)
        if found != self._head:
            yield Finding(ERROR, "replay", f"the head of {self._head.size} records is not where the records end")
        if replay.broken_promises:
            yield Finding(WARNING, "replay", f"{replay.broken_promises} deposits were sealed later than promised")

    def events(self) -> Iterator[Finding]:
        """Compare the events with the records they became, in order."""
        events = list(self._view.events(0))
        if [event.number for event in events] != list(range(self._intake.next_event)):
            yield Finding(ERROR, "events", f"the events are not numbered from 0 to {self._intake.next_event - 1}")
        owed = (record for record in self._records(self._head.size) if record.type in _OWED)
        for event, record in zip(events, owed, strict=False):
            if event_body(event) != parse_record(record.data).body or event.depositor != record.depositor:
                yield Finding(ERROR, "events", f"event {event.number} is not what record {record.index} says")

    def deposits(self) -> Iterator[Finding]:
        """Check the deposits that are not sealed yet, which no root covers, and the intake head."""
        end = self._intake.next_seq
        for first in range(self._head.entries, end, _AT_ONCE):
            deposits = list(self._view.deposits(first, min(_AT_ONCE, end - first)))
            leaf_hashes(deposits, first_seq=first, origin=self._services.origin)
"""
"""
