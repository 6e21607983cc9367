"""What the service can show of a deposit or an enrolment: its state, and the proofs once there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hefu_ledger.acceptance import parse_acceptance
from hefu_ledger.checkpoint import parse_checkpoint
from hefu_ledger.encoding import format_time
from hefu_ledger.merkle import NodeReader, Tree, inclusion_path, leaf_hash
from hefu_ledger.note import Note, format_note, parse_note, sign_note
from hefu_ledger.number import format_number, parse_number
from hefu_ledger.proof import TlogProof, format_proof
from hefu_ledger.receipt import MAX_RECORDS, Proof, Receipt
from hefu_service.ports import Deposit, StorageError, StoredRecord, View
from hefu_service.sealing.batch import batch_body
from hefu_service.sealing.tiles import published_nodes
from hefu_service.services import Services

ACCEPTED: Final = "accepted"  # durable, and promised to the ledger
ANCHORED: Final = "anchored"  # in the ledger, under a published checkpoint


@dataclass(frozen=True, slots=True)
class DepositState:
    """A deposit and how far it has come; ``sealed_at`` (ms) only once it is anchored."""

    deposit: Deposit
    state: str
    number: str
    received_at: int
    sealed_at: int | None

    def times(self) -> dict[str, str]:
        """The times there are, as texts."""
        received = {"received_at": format_time(self.received_at)}
        return received if self.sealed_at is None else received | {"sealed_at": format_time(self.sealed_at)}


@dataclass(frozen=True, slots=True)
class EnrolmentProofs:
    """A depositor's records with genesis, each proven under one checkpoint; ``pending`` events are not in it yet."""

    depositor: str
    records: Sequence[str]
    proofs: Sequence[tuple[int, str]]  # index, tlog-proof
    pending: int


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


def make_receipt(services: Services, statement_id: bytes) -> Receipt | None:
    """Make a deposit's receipt 入账证明; None while it is not anchored. ValueError if there is no such deposit.

    Its proof is under the first checkpoint that covers its batch, so it stays the same for ever.
    """
    with services.store.view() as view:
        deposit = view.deposit(statement_id)
        if deposit is None:
            raise ValueError(f"there is no deposit of statement {statement_id.hex()}")
        anchor = _anchor(view, deposit.seq)
        if anchor is None:
            return None
        batch, checkpoint = anchor
        records = [_genesis(view), *_relied_on(view, deposit, batch), batch]
    batch_path = _batch_path(services, batch, deposit)
    acknowledgement = format_note(sign_note(deposit.acceptance, [services.acknowledger]))
    return Receipt(
        acknowledgement=acknowledgement.decode(),
        batch_path=batch_path,
        proofs=(_proof(services, checkpoint, [record.index for record in records]),),
        records=tuple(record.data.decode() for record in records),
        statement=deposit.statement.decode(),
    )


def enrolment_proofs(services: Services, depositor: str) -> EnrolmentProofs | None:
    """Prove a depositor's enrolment and key records under the latest checkpoint; None if it has no key."""
    with services.store.view() as view:
        events, checkpoint = view.events_of(depositor), view.latest_checkpoint()
        if not events or checkpoint is None:
            return None
        note = parse_note(checkpoint)
        size = parse_checkpoint(note.text).size
        own = [record for record in view.records_of(depositor) if record.index < size]
        records = [_genesis(view), *own]
    node = published_nodes(services.files, size)
    proofs = [(record.index, _tlog_proof(record.index, size, node, note)) for record in records]
    return EnrolmentProofs(depositor, [record.data.decode() for record in records], proofs, len(events) - len(own))


def _state(services: Services, view: View, deposit: Deposit) -> DepositState:
    anchor = _anchor(view, deposit.seq)
    return DepositState(
        deposit=deposit,
        state=ACCEPTED if anchor is None else ANCHORED,
        number=format_number(services.number_prefix, deposit.seq),
        received_at=parse_acceptance(deposit.acceptance).received_at,
        sealed_at=None if anchor is None else batch_body(anchor[0]).sealed_at,
    )


def _anchor(view: View, seq: int) -> tuple[StoredRecord, Note] | None:
    """The batch that covers a deposit and the first checkpoint that covers the batch, once there are both."""
    batch = view.batch_of(seq)
    checkpoint = None if batch is None else view.checkpoint_covering(batch.index)
    return None if batch is None or checkpoint is None else (batch, parse_note(checkpoint))


def _genesis(view: View) -> StoredRecord:
    genesis = view.record(0)
    if genesis is None:
        raise StorageError("the ledger has no genesis record")
    return genesis


def _relied_on(view: View, deposit: Deposit, batch: StoredRecord) -> list[StoredRecord]:
    """The depositor's enrolment and key records that were in force at its deposit, in the ledger's order."""
    count = sum(event.from_seq <= deposit.seq for event in view.events_of(deposit.depositor))
    records = list(view.records_of(deposit.depositor))[:count]
    if len(records) < count or any(record.index > batch.index for record in records):
        raise StorageError(f"deposit {deposit.seq} is sealed before the keys it was accepted by")
    if count > MAX_RECORDS - 2:
        raise StorageError(f"depositor {deposit.depositor} has {count} key records, a receipt holds {MAX_RECORDS - 2}")
    return records


def _batch_path(services: Services, batch: StoredRecord, deposit: Deposit) -> tuple[bytes, ...]:
    leaves = services.files.read_leaves(batch.index)
    if leaves is None:
        raise StorageError(
            f"the leaves of batch {batch.index} are not there; remove the published checkpoint to have all written anew"
        )
    body, tree = batch_body(batch), _tree(leaves)
    place = deposit.seq - body.first_seq
    if tree.root != body.roots["sha-256"] or tree.node(0, place) != leaf_hash(deposit.acceptance.encode()):
        # Signed all the same, it would be a second acknowledgement of one deposit: a contradiction of our own.
        raise StorageError(f"deposit {deposit.seq} is not as record {batch.index} has it: run `hefu-service fsck`")
    return tuple(tree.path(place))


@lru_cache(maxsize=16)
def _tree(leaves: bytes) -> Tree:
    """Many ask for receipts of one batch at about one time; a big batch's tree takes a tenth of a second."""
    return Tree(leaves)


def _proof(services: Services, checkpoint: Note, indices: Sequence[int]) -> Proof:
    size = parse_checkpoint(checkpoint.text).size
    node = published_nodes(services.files, size)
    *others, batch = indices
    return Proof(
        proof=_tlog_proof(batch, size, node, checkpoint),
        paths=tuple(tuple(inclusion_path(index, size, node)) for index in others),
    )


def _tlog_proof(index: int, size: int, node: NodeReader, checkpoint: Note) -> str:
    return format_proof(TlogProof(index, tuple(inclusion_path(index, size, node)), checkpoint)).decode()
