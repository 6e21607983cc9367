"""The state and the proofs of a deposit or an enrolment, as the service shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from hefu_ledger.deposit.acceptance import parse_acceptance
from hefu_ledger.deposit.receipt import Path, Proof, Receipt, in_order
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import VerificationError
from hefu_ledger.number import format_number, parse_number
from hefu_ledger.records.bodies import Batch
from hefu_ledger.records.record import parse_record
from hefu_ledger.records.roster import Roster
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.merkle import NodeReader, Tree, inclusion_path, leaf_hash, root_from_path, verify_inclusion
from hefu_ledger.tlog.note import Note, format_note, parse_note, sign_note
from hefu_ledger.tlog.proof import TlogProof, format_proof
from hefu_service.intake.keys import keys_of
from hefu_service.ports.errors import DamagedError, StorageError
from hefu_service.ports.rows import Deposit, StoredRecord
from hefu_service.ports.store import View
from hefu_service.receipts.anchors import REMEMBERED, Anchor, Anchors, find_anchor
from hefu_service.receipts.history import History, read_history
from hefu_service.services import Services
from hefu_service.tiles import published_nodes

K = TypeVar("K")
V = TypeVar("V")

_PATHS: Final = 4 * REMEMBERED  # one for each depositor and batch, of a KiB


@dataclass(frozen=True, slots=True)
class DepositState:
    """A deposit and its state (see ``hefu_ledger.deposit.state``); ``sealed_at`` (ms) only if it is anchored."""

    deposit: Deposit
    state: str
    number: str
    received_at: int
    sealed_at: int | None

    def times(self) -> dict[str, str]:
        """The known times, as texts."""
        received = {"received_at": format_time(self.received_at)}
        return received if self.sealed_at is None else received | {"sealed_at": format_time(self.sealed_at)}


@dataclass(frozen=True, slots=True)
class EnrolmentProofs:
    """A depositor's records with genesis, each proven under one checkpoint; ``pending`` events are not in it yet.

    ``roster``: after the last event, pending or not.
    """

    depositor: str
    roster: Roster
    checkpoint: str  # a signed note
    records: Sequence[str]
    paths: Sequence[Path]  # of each record under the checkpoint
    pending: int


@dataclass(frozen=True, slots=True)
class Covered:
    """A published checkpoint."""

    note: Note
    checkpoint: Checkpoint


class UnknownDepositError(ValueError):
    """There is no such deposit."""


def deposit_state(services: Services, statement_id: bytes) -> DepositState | None:
    """Look a deposit up by its statement's SHA-256 (32 bytes)."""
    with services.store.view() as view:
        deposit = view.deposit(statement_id)
        return None if deposit is None else _state(services, view, deposit)


def number_state(services: Services, number: str) -> DepositState | None:
    """Look a deposit up by its deposit number; MalformedError names a wrong character. Show state and times only."""
    seq = parse_number(number, services.number_prefix)
    with services.store.view() as view:
        deposit = view.deposit_at(seq)
        return None if deposit is None else _state(services, view, deposit)


class Receipts:
    """Makes receipts 入账证明; may be called from any thread.

    Immutable parts are cached: batches, the first checkpoint that covers each, depositors' records, proofs.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._anchors = Anchors()
        self._histories: dict[str, History] = {}
        self._covering: dict[int, Covered] = {}
        self._proofs: dict[tuple[int, int], str] = {}
        self._paths: dict[tuple[int, int], Path] = {}
        self._genesis: StoredRecord | None = None
        self._published = 0, published_nodes(services.files, 0)  # the ledger's tree, of the largest size needed so far

    def make(self, statement_id: bytes) -> Receipt | None:
        """Make a deposit's receipt; None while it is not anchored. UnknownDepositError if there is no such deposit.

        Its first proof is under the first checkpoint that covers its batch. A second one, under the first checkpoint
        that covers it, shows the records since about the depositor's keys, the clock, its own keys.
        """
        deposit, events = self._services.store.deposit_now(statement_id)
        if deposit is None:
            raise UnknownDepositError("no deposit of a statement with this SHA-256")
        anchor = self._anchor(deposit.seq)
        if anchor is None:
            return None
        acceptance = parse_acceptance(deposit.acceptance)
        history = self._history(deposit.depositor, events)
        relied = [self._first(), *history.relied_on(acceptance, deposit.statement, anchor.batch)]
        told = [record for record in history.told(acceptance, anchor.batch) if self._covers(record.index) is not None]
        records = sorted([*relied, *told], key=lambda record: record.index)
        return Receipt(
            acknowledgement=format_note(sign_note(deposit.acceptance, [self._services.acknowledger])).decode(),
            batch_path=_batch_path(self._services, anchor, deposit),
            proofs=tuple(self._proofs_of(anchor, records)),
            records=_texts(records, anchor.batch),
            statement=deposit.statement.decode(),
        )

    def _anchor(self, seq: int) -> Anchor | None:
        anchor = self._anchors.of(seq)
        if anchor is None:
            with self._services.store.view() as view:
                anchor = find_anchor(view, seq)
            if anchor is not None:
                self._anchors.add(anchor)
        return anchor

    def _first(self) -> StoredRecord:
        if self._genesis is None:
            with self._services.store.view() as view:
                self._genesis = _genesis(view)
        return self._genesis

    def _history(self, depositor: str, events: int) -> History:
        """The depositor's history, read anew where the ledger has had more ``events`` since."""
        history = self._histories.get(depositor)
        if history is None or history.events < events:
            with self._services.store.view() as view:
                history = read_history(view, depositor)
            _remember(self._histories, depositor, history)
        return history

    def _covers(self, index: int) -> Covered | None:
        """The first checkpoint that covers a record, once there is one."""
        covered = self._covering.get(index)
        if covered is None:
            with self._services.store.view() as view:
                note = view.checkpoint_covering(index)
            if note is None:
                return None
            parsed = parse_note(note)
            covered = Covered(parsed, parse_checkpoint(parsed.text))
            _remember(self._covering, index, covered)
        return covered

    def _proofs_of(self, anchor: Anchor, records: Sequence[StoredRecord]) -> list[Proof]:
        """Prove the records of the batch's first checkpoint under it, and all under a later one."""
        checkpoints = [Covered(anchor.note, anchor.checkpoint)]
        last = self._covers(max(records[-1].index, anchor.batch.index))
        if last is not None and last.checkpoint.size > anchor.checkpoint.size:
            checkpoints.append(last)
        try:
            return [self._proof(anchor, records, under) for under in checkpoints]
        except StorageError:
            # The cached nodes are dropped: the tiles may be repaired before the next attempt.
            self._published = 0, published_nodes(self._services.files, 0)
            raise

    def _proof(self, anchor: Anchor, records: Sequence[StoredRecord], under: Covered) -> Proof:
        size = under.checkpoint.size
        paths = (self._path(record, under) if record.index < size else None for record in records)
        return Proof(self._batch_proof(anchor, under), tuple(paths))

    def _batch_proof(self, anchor: Anchor, under: Covered) -> str:
        """The batch's proof under a checkpoint, which all receipts of the batch share."""
        key = anchor.batch.index, under.checkpoint.size
        proof = self._proofs.get(key)
        if proof is None:
            note = in_order(under.note, self._services.origin)
            proof = _tlog_proof(anchor.batch, under.checkpoint, self._nodes(under.checkpoint.size), note)
            _remember(self._proofs, key, proof)
        return proof

    def _path(self, record: StoredRecord, under: Covered) -> Path:
        key = record.index, under.checkpoint.size
        path = self._paths.get(key)
        if path is None:
            path = _proven_path(record, under.checkpoint, self._nodes(under.checkpoint.size))
            _remember(self._paths, key, path, most=_PATHS)
        return path

    def _nodes(self, size: int) -> NodeReader:
        """The published ledger's nodes of at least ``size`` records; a larger ledger has all nodes of a smaller one."""
        known, node = self._published
        if known < size:
            node = published_nodes(self._services.files, size)
            self._published = size, node
        return node


def enrolment_proofs(services: Services, depositor: str) -> EnrolmentProofs | None:
    """Prove a depositor's enrolment and key records under the latest checkpoint; None if it has no key."""
    with services.store.view() as view:
        events, latest = view.events_of(depositor), view.latest_checkpoint()
        if not events or latest is None:
            return None
        note = parse_note(latest)
        checkpoint = parse_checkpoint(note.text)
        own = [record for record in view.records_of(depositor) if record.index < checkpoint.size]
        records = [_genesis(view), *own]
        roster = keys_of(view, depositor).roster
    node = published_nodes(services.files, checkpoint.size)
    return EnrolmentProofs(
        depositor=depositor,
        roster=roster,
        checkpoint=latest.decode(),
        records=[record.data.decode() for record in records],
        paths=[_proven_path(record, checkpoint, node) for record in records],
        pending=len(events) - len(own),
    )


def _state(services: Services, view: View, deposit: Deposit) -> DepositState:
    anchor = find_anchor(view, deposit.seq)
    return DepositState(
        deposit=deposit,
        state=ACCEPTED if anchor is None else ANCHORED,
        number=format_number(services.number_prefix, deposit.seq),
        received_at=parse_acceptance(deposit.acceptance).received_at,
        sealed_at=None if anchor is None else parse_record(anchor.batch.data).recorded_at,
    )


def _texts(records: Sequence[StoredRecord], batch: StoredRecord) -> tuple[str, ...]:
    every = sorted([*records, batch], key=lambda record: record.index)
    return tuple(record.data.decode() for record in every)


def _genesis(view: View) -> StoredRecord:
    genesis = view.record(0)
    if genesis is None:
        raise StorageError("the ledger has no genesis record")
    return genesis


def _batch_path(services: Services, anchor: Anchor, deposit: Deposit) -> tuple[bytes, ...]:
    """The path from a deposit's acceptance to its batch's root, by the stored nodes or else by all leaves.

    The path is verified before it is given: a wrong receipt under our own signature would contradict the ledger.
    """
    index, body = anchor.batch.index, anchor.body
    place, leaf = deposit.seq - body.first_seq, leaf_hash(deposit.acceptance.encode())
    path = services.files.read_path(index, place=place, count=body.count)
    if path is None or not _leads(leaf, place, body, path):
        leaves = services.files.read_leaves(index)
        if leaves is None:
            raise DamagedError(f"the leaves of batch {index} are not there: run `hefu-service fsck --repair`")
        path = Tree(leaves).path(place) if len(leaves) == 32 * body.count else ()
        if not _leads(leaf, place, body, path):
            raise DamagedError(f"deposit {deposit.seq} is not as record {index} has it: run `hefu-service fsck`")
    return tuple(path)


def _leads(leaf: bytes, place: int, body: Batch, path: Sequence[bytes]) -> bool:
    try:
        root = body.roots["sha-256"]
        verify_inclusion(leaf_hash=leaf, index=place, size=body.count, path=path, root=root)
    except VerificationError:
        return False
    return True


def _proven_path(record: StoredRecord, checkpoint: Checkpoint, node: NodeReader) -> tuple[bytes, ...]:
    """Prove a record under a checkpoint; DamagedError if the published tiles do not."""
    path = tuple(inclusion_path(record.index, checkpoint.size, node))
    leaf = leaf_hash(record.data)
    if root_from_path(leaf_hash=leaf, index=record.index, size=checkpoint.size, path=path) != checkpoint.root:
        raise DamagedError(f"record {record.index} is not as the published tiles have it: run `hefu-service fsck`")
    return path


def _remember(memory: dict[K, V], key: K, value: V, *, most: int = REMEMBERED) -> None:
    if len(memory) >= most:
        memory.clear()
    memory[key] = value


def _tlog_proof(record: StoredRecord, checkpoint: Checkpoint, node: NodeReader, note: Note) -> str:
    return format_proof(TlogProof(record.index, _proven_path(record, checkpoint, node), note)).decode()
