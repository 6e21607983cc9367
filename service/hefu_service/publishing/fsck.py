"""The check of everything kept against everything else: a full replay of the store, then each published byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final, TypeVar

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.records.bodies import Batch, Body, Enrolment, Genesis, KeyEvent
from hefu_ledger.records.fold import depositor_of
from hefu_ledger.records.record import NO_RECORD, parse_body, parse_record, record_hash
from hefu_ledger.replay import Replay
from hefu_ledger.tlog.checkpoint import Checkpoint
from hefu_ledger.tlog.merkle import Frontier, leaf_hash
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.ports.rows import LEDGER, LedgerHead, StoredRecord, VaultBlob
from hefu_service.ports.store import View
from hefu_service.publishing.batch_tree import format_nodes
from hefu_service.publishing.expected import MISSING, fault_of, record_tree, records_of, wanted_tiles
from hefu_service.sealing.batch import batch_body, leaf_hashes
from hefu_service.sealing.continuity import Past, check_past, read_checkpoint
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.texts import Text, said, sentence

ERROR: Final = "error"  # two things that must agree do not
WARNING: Final = "warning"  # they agree, and someone should know all the same
_OWED: Final = frozenset({"enrolment", "key", "clock"})  # records that began as events
_AT_ONCE: Final = 1_000  # rows read together
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault found; ``where`` names the part that was checked, ``what`` the first wrong place in it."""

    severity: str
    where: str
    what: Text


def fsck(services: Services, *, seen: bytes | None = None) -> Iterator[Fault]:
    """Check store, batch files, published files and the signer's memory; a clean ledger gives nothing.

    ``seen`` is a checkpoint (a note) kept outside: it must be signed by this log and lead to the first of its records.
    Changes nothing. The service may run; its work since the start of the check is not looked at.
    """
    past = Past(None, None)
    try:
        past, _ = check_past(services)
    except _BROKEN as error:
        yield Fault(ERROR, "checkpoint", said(error))
    with services.store.view() as view:
        check = _Check(services, view, past)
        if seen is not None:
            yield from _guarded("seen", partial(check.seen, seen))
        for part in (check.replay, check.events, check.deposits, check.tiles, check.batches, check.vaults):
            yield from _guarded(part.__name__, part)


def _guarded(name: str, part: Callable[[], Iterator[Fault]]) -> Iterator[Fault]:
    try:
        yield from part()
    except _BROKEN as error:
        yield Fault(ERROR, name, said(error))


class _Check:
    """The parts of one check, on one snapshot; each stops where it cannot go on, and none for the state of a file."""

    def __init__(self, services: Services, view: View, past: Past) -> None:
        self._services = services
        self._view = view
        self._head = view.ledger_head()
        self._intake = view.intake_head()
        self._published = min(past.published.size, self._head.size) if past.published is not None else 0
        self._past = past

    def replay(self) -> Iterator[Fault]:
        """Replay every record, acceptance and statement; every checkpoint kept must lie on the way."""
        replay = Replay(full=True)
        for checkpoint in self._checkpoints():
            if checkpoint.size > self._head.size:
                yield Fault(ERROR, "replay", sentence("found.fewer", size=checkpoint.size))
            else:
                replay.remember(checkpoint)
        frontier, prev, events = Frontier(), NO_RECORD, 0
        for record in records_of(self._view, self._head.size):
            body = replay.record(record.data).body
            if isinstance(body, Batch):
                deposits = _in_parts(self._view.deposits, body.first_seq, body.count)
                replay.entries((deposit.acceptance, deposit.statement) for deposit in deposits)
            _check_row(record, body, replay.deposits)
            frontier.append(leaf_hash(record.data))
            prev, events = record_hash(record.data), events + (record.type in _OWED)
        found = LedgerHead(replay.size, replay.deposits, events, prev, frontier.hashes)
        if found != self._head:
            yield Fault(ERROR, "replay", sentence("found.head", size=self._head.size))
        if replay.broken_promises:
            yield Fault(WARNING, "replay", sentence("found.late", count=replay.broken_promises))

    def seen(self, note: bytes) -> Iterator[Fault]:
        """Compare a checkpoint from outside with the records."""
        checkpoint = read_checkpoint(note, keys=[self._services.signer.key], origin=self._services.origin)
        size, found = checkpoint.size, self._head.size
        if size > found:
            yield Fault(ERROR, "seen", sentence("found.seen_lost", size=size, found=found))
        elif checkpoint.root != record_tree(self._view, size).root:
            yield Fault(ERROR, "seen", sentence("found.seen_other", size=size))

    def events(self) -> Iterator[Fault]:
        """Compare the events with the records they became, in order."""
        events = list(self._view.events(0))
        if [event.number for event in events] != list(range(self._intake.next_event)):
            yield Fault(ERROR, "events", sentence("found.event_numbers", last=self._intake.next_event - 1))
        owed = (record for record in records_of(self._view, self._head.size) if record.type in _OWED)
        for event, record in zip(events, owed, strict=False):
            owes = parse_body(event.type, event.body), event.depositor or LEDGER
            if owes != (parse_record(record.data).body, record.depositor):
                yield Fault(ERROR, "events", sentence("found.event", event=event.number, record=record.index))

    def deposits(self) -> Iterator[Fault]:
        """Check the deposits that no root covers yet, and that none is beyond the intake head or overdue."""
        seq, end = self._head.entries, self._intake.next_seq
        for deposit in _in_parts(self._view.deposits, seq, end - seq):
            leaf_hashes([deposit], first_seq=seq, origin=self._services.origin)
            seq += 1
        if seq < end:
            yield Fault(ERROR, "deposits", sentence("found.deposit_missing", seq=seq))
        if seq > end or self._view.deposit_at(end) is not None:
            yield Fault(ERROR, "deposits", sentence("found.deposits_beyond", end=end))
        oldest = self._view.deposit_at(self._head.entries)
        if oldest is not None and parse_acceptance(oldest.acceptance).anchor_by < self._services.clock.now_ms():
            yield Fault(WARNING, "deposits", sentence("found.overdue", seq=oldest.seq))

    def tiles(self) -> Iterator[Fault]:
        """Compare every published tile and bundle with the records; of one's partial files the widest is named."""
        named: set[tuple[int, int]] = set()
        tree = record_tree(self._view, self._published)
        for tile, wanted in wanted_tiles(self._view, tree, self._published):
            if (tile.level, tile.index) in named:
                continue  # narrower ones may be cut from it
            fault = fault_of(partial(self._services.files.read_tile, tile), wanted)
            if fault is not None:
                named.add((tile.level, tile.index))
                yield Fault(ERROR, "tiles", sentence("found.of_path", path=tile.path, fault=fault))

    def batches(self) -> Iterator[Fault]:
        """Compare every batch's private file, and its leaves where they are published, with the deposits."""
        for record in records_of(self._view, self._head.size):
            if record.type != "batch":
                continue
            body = batch_body(record)
            deposits = list(self._view.deposits(body.first_seq, body.count))
            entries = [(deposit.acceptance, deposit.statement) for deposit in deposits]
            try:
                if list(self._services.batch_files.read(body.first_seq, body.count)) != entries:
                    yield Fault(ERROR, "batches", sentence("found.batch_file", record=record.index))
            except StorageError as error:
                yield Fault(ERROR, "batches", said(error))
            yield from self._leaves(record.index, b"".join([leaf_hash(text.encode()) for text, _ in entries]))

    def _leaves(self, batch: int, leaves: bytes) -> Iterator[Fault]:
        fault = fault_of(partial(self._services.files.read_leaves, batch), leaves)
        if batch < self._published and fault is not None:
            yield Fault(ERROR, "batches", sentence("found.leaves", record=batch, fault=fault))
        fault = fault_of(partial(self._services.files.read_nodes, batch), format_nodes(leaves))
        if fault not in (None, MISSING):  # missing ones are only slow: leaves tell the same
            yield Fault(ERROR, "batches", sentence("found.nodes", record=batch, fault=fault))

    def vaults(self) -> Iterator[Fault]:
        """Compare every vault's files with their recorded SHA-256; the service cannot read their contents."""
        for vault, depositor in self._view.vaults():
            for blob in self._view.vault_blobs(vault):
                try:
                    data = self._services.vault_files.read(depositor, blob.name, blob.sha256)
                except StorageError as error:
                    yield Fault(ERROR, "vaults", _of(blob, depositor, sentence("found.unreadable", error=error)))
                    continue
                if data is None or sha256(data).digest() != blob.sha256:
                    fault = MISSING if data is None else sentence("found.other_blob")
                    yield Fault(ERROR, "vaults", _of(blob, depositor, fault))

    def _checkpoints(self) -> Iterator[Checkpoint]:
        """Every checkpoint published, signed or kept, their signatures checked."""
        yield from (checkpoint for checkpoint in (self._past.published, self._past.signed) if checkpoint is not None)
        size = 0
        while (note := self._view.checkpoint_covering(size)) is not None:
            checkpoint = read_checkpoint(note, keys=self._services.log_keys, origin=self._services.origin)
            if checkpoint.size <= size:
                raise VerificationError(sentence("found.checkpoint_size", size=checkpoint.size))
            size = checkpoint.size
            yield checkpoint


def _of(blob: VaultBlob, depositor: str, fault: Text) -> Text:
    return sentence("found.blob", name=blob.name, depositor=depositor, fault=fault)


def _in_parts(read: Callable[[int, int], Iterator[T]], first: int, count: int) -> Iterator[T]:
    """Read a long run in parts, each to its end: an error that ends the check leaves no part half read."""
    end = first + count
    for start in range(first, end, _AT_ONCE):
        yield from list(read(start, min(_AT_ONCE, end - start)))


def _check_row(record: StoredRecord, body: Body, entries: int) -> None:
    """Check the columns that a record is looked up by against its contents."""
    first_seq, depositor = None, None
    if isinstance(body, Batch):
        first_seq = body.first_seq
    elif isinstance(body, Enrolment | KeyEvent):
        _, depositor = depositor_of(body)
    elif not isinstance(body, Genesis):
        depositor = LEDGER
    if (record.entries, record.first_seq, record.depositor) != (entries, first_seq, depositor):
        raise VerificationError(sentence("found.row", record=record.index))


_BROKEN: Final = (LedgerError, PortError, SealingStoppedError)
