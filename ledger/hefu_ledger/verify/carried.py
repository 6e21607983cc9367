"""The records and proofs that a receipt carries, read one by one: others stand aside, and are noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hefu_ledger.deposit.receipt import Path, Proof, Receipt
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.records.bodies import Batch, Enrolment, Genesis, KeyEvent
from hefu_ledger.records.fold import DepositorEvent, depositor_of
from hefu_ledger.records.record import Record, parse_record
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import Note, SignatureLine
from hefu_ledger.tlog.proof import TlogProof, parse_proof


class Reading(NamedTuple):
    """The ledger as the reader has read it, replayed up to a checkpoint that counts by the policy.

    ``size``: records of that checkpoint. ``records``: texts by index; of those below ``size`` all that the receipt
    carries, all events of its depositor, all ``clock`` and ``ledger-key`` records.
    """

    size: int
    records: Mapping[int, str]


class CarriedRecord:
    """A record: its text, and its place among the receipt's records; None where it comes from the reader's ledger."""

    def __init__(self, text: str, place: int | None) -> None:
        self.text = text
        self.place = place
        self.leaf = leaf_hash(text.encode())
        self.record = parse_record(text.encode())

    @property
    def index(self) -> int:
        """Its index in the ledger, by its own word."""
        return self.record.index

    @property
    def event(self) -> DepositorEvent | None:
        """Its body, where it is an event of a depositor."""
        return self.record.body if isinstance(self.record.body, Enrolment | KeyEvent) else None


class DepositorRecord(NamedTuple):
    """A record about the receipt's depositor, and its event."""

    carried: CarriedRecord
    body: DepositorEvent

    @property
    def record(self) -> Record:
        """The record itself."""
        return self.carried.record


class CarriedProof:
    """A proof and its checkpoint; ``counts``: whether it does by the policy, and then which of its lines and tokens."""

    def __init__(self, proof: Proof) -> None:
        self.paths = proof.paths
        self.tokens = proof.tokens
        self.parsed: TlogProof = parse_proof(proof.proof.encode())
        self.checkpoint: Checkpoint = parse_checkpoint(self.note.text)
        self.counts = False
        self.good_lines: set[SignatureLine] = set()  # lines of the policy's keys that count
        self.bad_lines: set[SignatureLine] = set()  # lines of the policy's keys that fail
        self.good_tokens: set[bytes] = set()  # tokens that count by the roots given
        self.witnessed: dict[str, int] = {}  # witness of the policy -> second
        self.quorum_s: int | None = None  # the second in which the quorum was complete

    @property
    def note(self) -> Note:
        """The signed checkpoint."""
        return self.parsed.checkpoint


class Carried:
    """All that a receipt holds besides statement and acknowledgement; see ``Case``."""

    def __init__(self, receipt: Receipt, reading: Reading | None = None) -> None:
        self.aside: list[tuple[str, dict[str, object]]] = []  # set aside, as code and values of a sentence
        self._unread: LedgerError | None = None
        self.records = self._read_records(receipt.records)
        self._check_ends()
        self.proofs = self._read_proofs(receipt.proofs)
        self.reading = reading if reading is not None and reading.size > self.batch.index else None
        self._leads: dict[tuple[int, int], bool] = {}

    def _read_records(self, texts: Sequence[str]) -> list[CarriedRecord]:
        found = []
        for place, text in enumerate(texts):
            try:
                found.append(CarriedRecord(text, place))
            except LedgerError as error:
                if place == 0:
                    raise
                self._unread = error
                self.aside.append(("aside-record", {"place": place, "error": [error.code, error.values]}))
        return found

    def _check_ends(self) -> None:
        batches = [(record, body) for record in self.records if isinstance(body := record.record.body, Batch)]
        first = self.records[0].record.body if self.records else None
        if not batches and self._unread is not None:
            raise self._unread
        if not isinstance(first, Genesis) or len(batches) != 1:
            raise MalformedError("receipt: its records must begin with genesis and hold one batch", code="receipt-ends")
        self.genesis: Genesis = first
        self.batch, self.batch_body = batches[0]

    def _read_proofs(self, proofs: Sequence[Proof]) -> list[CarriedProof]:
        found = []
        for number, proof in enumerate(proofs, 1):
            try:
                found.append(CarriedProof(proof))
            except LedgerError as error:
                self.aside.append(("aside-proof", {"number": number, "error": [error.code, error.values]}))
        return found

    def path(self, record: CarriedRecord, proof: CarriedProof) -> Path | None:
        """The path of a record under a proof's checkpoint, or None where there is none."""
        if record is self.batch:
            return proof.parsed.path
        if record.place is None or self.batch.place is None:
            return None
        return proof.paths[record.place - (record.place > self.batch.place)]

    def verify_path(self, record: CarriedRecord, proof: CarriedProof) -> None:
        """Check that a record is under a proof's checkpoint; MalformedError where there is no path to check."""
        path = self.path(record, proof)
        if path is None:
            raise MalformedError(
                f"record {record.index} has no path under the checkpoint of {proof.checkpoint.size} records",
                code="path-missing",
                index=record.index,
                size=proof.checkpoint.size,
            )
        verify_inclusion(
            leaf_hash=record.leaf,
            index=record.index,
            size=proof.checkpoint.size,
            path=path,
            root=proof.checkpoint.root,
        )

    def leads(self, record: CarriedRecord, proof: CarriedProof) -> bool:
        """Whether a record has its path under a proof's checkpoint."""
        key = (id(record), id(proof))
        if key not in self._leads:
            try:
                self.verify_path(record, proof)
                self._leads[key] = True
            except LedgerError:
                self._leads[key] = False
        return self._leads[key]

    def leads_everywhere(self, record: CarriedRecord) -> bool:
        """Whether a record has its path under every proof that counts, as one that is relied on has."""
        return all(self.leads(record, proof) for proof in self.counting())

    def counting(self) -> list[CarriedProof]:
        """The proofs that count by the policy."""
        return [proof for proof in self.proofs if proof.counts]

    def is_told(self, record: CarriedRecord, *, quorum: bool) -> bool:
        """Whether a record is in the ledger as far as is known here. ``quorum``: a proof must meet the policy's."""
        if record.place is None:  # the reader has read it there
            return True
        return any(
            self.leads(record, proof) and (proof.quorum_s is not None or not quorum) for proof in self.counting()
        )

    def before_batch(self, record: CarriedRecord) -> bool:
        """Whether a record stands before the batch."""
        return record.index < self.batch.index

    def all_records(self) -> list[CarriedRecord]:
        """The receipt's records, then those that the reader's own ledger adds, by index."""
        if self.reading is None:
            return self.records
        known = {record.text for record in self.records}
        more = [text for _, text in sorted(self.reading.records.items()) if text not in known]
        return [*self.records, *(CarriedRecord(text, None) for text in more)]

    def events_of(self, origin: str, depositor: str) -> list[DepositorRecord]:
        """The events about a depositor, by index; those about another one stand aside."""
        found = []
        for record in self.all_records():
            body = record.event
            if body is None:
                continue
            try:
                whose = depositor_of(body)
            except LedgerError:
                whose = ("", "")
            if whose == (origin, depositor):
                found.append(DepositorRecord(record, body))
            elif record.place is not None:
                self.aside.append(("aside-strange", {"index": record.index}))
        return sorted(found, key=lambda event: event.carried.index)

    def compare_reading(self) -> None:
        """Check that the records of the receipt are those of the ledger that the reader has read."""
        if self.reading is None:
            return
        for record in self.records:
            text = self.reading.records.get(record.index)
            if record.index < self.reading.size and text is not None and text != record.text and self._is_ours(record):
                raise VerificationError(
                    f"record {record.index} is another one in the ledger that was read",
                    code="ledger-differs",
                    index=record.index,
                )

    def _is_ours(self, record: CarriedRecord) -> bool:
        return any(self.leads(record, proof) for proof in self.counting())
