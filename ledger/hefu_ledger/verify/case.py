"""The case that the steps of a verification share: inputs, their parsed forms, results of earlier steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_ledger.deposit.card import Document
from hefu_ledger.deposit.evidence import Evidence
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.digest import Digests
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.records.record import Batch, Enrolment, Genesis, KeyEvent, Record, parse_record
from hefu_ledger.records.roster import Roster
from hefu_ledger.section import OpenedSection
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.tlog.proof import TlogProof, parse_proof


class FolderComparison(NamedTuple):
    """A bundle and its folder, read through side by side, for ``verify_folder``.

    ``root``: the RFC 6962 root (32 bytes) over the ``count`` commitments, computed from the bundle's own texts and
    seed. ``owners``: the (origin, depositor) pairs of its cards. ``wrong``: (name, difference) of each document that
    differs. ``missing``: documents that are not there to check, by name. ``uncovered``: files of the folder that the
    bundle does not name. ``ignored``: those of kinds that are never deposited, such as lock files.
    """

    count: int  # type: ignore[assignment]  # the format's word, though tuples have a method of that name
    root: bytes
    owners: frozenset[tuple[str, str]]
    wrong: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class StepFinding(NamedTuple):
    """The finding of one step, as data; see ``verdict.Step``."""

    outcome: str
    found: str
    code: str
    values: dict[str, Any]


def finding(outcome: str, code: str, found: object = "", /, **values: Any) -> StepFinding:
    """A finding; ``values``: JSON values for the placeholders of the sentence of ``code``."""
    return StepFinding(outcome, str(found), code, values)


class NotReachedError(Exception):
    """A step needs a result that an earlier one failed to establish."""


class Case:
    """The inputs, their parsed forms, and the results of earlier steps."""

    def __init__(self, receipt: Receipt, policy: Policy | None, roots: Sequence[bytes]) -> None:
        self.receipt = receipt
        self.policy = policy
        self.roots = roots
        self.evidence: Evidence | None = None
        self.identity: OpenedSection | None = None
        self.document: Digests | None = None
        self.folder: FolderComparison | None = None
        self.card: Document | None = None
        self.statement_note, self.statement = parse_signed_statement(receipt.statement.encode())
        self.acknowledgement = parse_note(receipt.acknowledgement.encode())
        self.acceptance: Acceptance = parse_acceptance(self.acknowledgement.text)
        self.records: list[Record] = [parse_record(text.encode()) for text in receipt.records]
        self.genesis, self.batch = _first_and_last(self.records)
        self.proofs: list[tuple[TlogProof, Checkpoint]] = []
        for proof in receipt.proofs:
            parsed = parse_proof(proof.proof.encode())
            self.proofs.append((parsed, parse_checkpoint(parsed.checkpoint.text)))
        self._roster: Roster | LedgerError | None = None
        self.signers: list[VerifierKey] = []
        self.witnessed: list[dict[str, int]] = []  # of each proof: witness name -> second
        self.stamps: list[tuple[int, int, str]] = []  # genTime and accuracy in ms, who
        self.independent: tuple[int, str, str] | None = None  # not later than (ms), whose word: code and name
        self.sound = True  # no step has failed, and none was unable to check
        self.unchecked: list[tuple[str, dict[str, Any]]] = []  # for step 19, as code and values
        self.facts: dict[str, Any] = {}

    @property
    def roster(self) -> Roster:
        """The depositor's keys, from the records in the receipt; step 12 reports their faults."""
        if self._roster is None:
            try:
                self._roster = _roster(self)
            except LedgerError as error:
                self._roster = error
        if isinstance(self._roster, LedgerError):
            raise NotReachedError
        return self._roster

    def check_roster(self) -> None:
        """Raise the fault in the roster, if it has one."""
        try:
            _ = self.roster
        except NotReachedError:
            if isinstance(self._roster, LedgerError):
                raise self._roster from None

    def need_evidence(self) -> Evidence:
        """The evidence, where a single document is verified."""
        if self.evidence is None:
            raise NotReachedError
        return self.evidence

    def need_folder(self) -> FolderComparison:
        """The folder, where a whole one is verified."""
        if self.folder is None:
            raise NotReachedError
        return self.folder

    def narrow(self, time: int, code: str, name: str = "") -> None:
        """Keep the earliest of the independent times (ms), and whose word it is: the sentence of step 18, a name."""
        if self.independent is None or time < self.independent[0]:
            self.independent = (time, code, name)

    def leave(self, code: str, **values: Any) -> None:
        """Take note, for step 19, of a matter that was not checked."""
        self.unchecked.append((code, values))


def _first_and_last(records: Sequence[Record]) -> tuple[Genesis, Batch]:
    genesis, batch = records[0].body, records[-1].body
    if not isinstance(genesis, Genesis) or not isinstance(batch, Batch):
        raise MalformedError("receipt: its records must begin with genesis and end with the batch", code="receipt-ends")
    return genesis, batch


def _roster(case: Case) -> Roster:
    """Fold the enrolment and key records between genesis and batch, which must all be the depositor's."""
    roster = Roster(case.statement.origin, case.statement.depositor)
    for record in case.records[1:-1]:
        if isinstance(record.body, Enrolment):
            roster.enrol(record.body)
        elif isinstance(record.body, KeyEvent):
            roster.change(record.body)
        else:
            raise VerificationError(
                f"record {record.index}: a receipt relies on no {record.type!r} record there",
                code="record-strange",
                index=record.index,
                type=record.type,
            )
    return roster
