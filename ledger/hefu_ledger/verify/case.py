"""The case that the steps of a verification share: inputs, their parsed forms, results of earlier steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from hefu_ledger.deposit.acceptance import Acceptance, parse_acceptance
from hefu_ledger.deposit.card import Document
from hefu_ledger.deposit.evidence import Evidence
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.digest import Digests
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.roster import RosterKey, verifier_key
from hefu_ledger.section import OpenedSection
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.verify.carried import Carried, CarriedRecord, DepositorRecord, Reading
from hefu_ledger.verify.verdict import NOTED, OK

OUTSIDE: Final = "outside"  # the policy was given by the reader
CONFIRMED: Final = "confirmed"  # the service's own, whose fingerprint the reader has compared
OWN: Final = "own"  # the service's own, compared with nothing


class Trust(NamedTuple):
    """Given from outside the evidence, and trusted.

    ``policy``: logs and witnesses; None gives at best 无法核验. ``roots``: DER certificates of timestamp authorities.
    ``source``: where the policy came from: ``outside``, ``confirmed`` or ``own``. ``reading``: the ledger, if the
    reader has read it.
    """

    policy: Policy | None
    roots: Sequence[bytes] = ()
    source: str = OUTSIDE
    reading: Reading | None = None


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


def noted(found: StepFinding, notes: Sequence[Note]) -> StepFinding:
    """The same finding with notes, codes and values of sentences: a step that holds is then worth telling."""
    if not notes:
        return found
    outcome = NOTED if found.outcome == OK else found.outcome
    return found._replace(outcome=outcome, values=found.values | {"notes": [list(note) for note in notes]})


Note = tuple[str, dict[str, Any]]  # the code of a sentence, and its values


class NotReachedError(Exception):
    """A step needs a result that an earlier one failed to establish."""


class Case:
    """The inputs, their parsed forms, and the results of earlier steps."""

    def __init__(self, receipt: Receipt, trust: Trust) -> None:
        self.receipt = receipt
        self.policy = trust.policy
        self.roots = trust.roots
        self.source = trust.source
        self.evidence: Evidence | None = None
        self.identity: OpenedSection | None = None
        self.document: Digests | None = None
        self.folder: FolderComparison | None = None
        self.card: Document | None = None
        self.statement_note, self.statement = parse_signed_statement(receipt.statement.encode())
        self.acknowledgement = parse_note(receipt.acknowledgement.encode())
        self.acceptance: Acceptance = parse_acceptance(self.acknowledgement.text)
        self.carried = Carried(receipt, trust.reading)
        self.genesis = self.carried.genesis
        self.name = depositor_key_name(self.statement.origin, self.statement.depositor)
        self.events: list[DepositorRecord] = self.carried.events_of(self.statement.origin, self.statement.depositor)
        self.judging: DepositorRecord | None = None  # the event whose roster judges the deposit; step 6
        self.signers: list[RosterKey] = []  # step 6
        self.log_keys: set[VerifierKey] = set()  # log keys whose lines count; step 10
        self.relied: list[CarriedRecord] = []  # step 9
        self.acknowledged_by: CarriedRecord | None = None  # a ledger-key record, where genesis lacks the key; step 14
        self.stamps: list[tuple[int, str]] = []  # genTime + accuracy in ms, who; those that count
        self.independent: tuple[int, str, str] | None = None  # not later than (ms), whose word: code and name
        self.sound = True  # no step has failed, and none was unable to check
        self.unchecked: list[Note] = []  # for step 19
        self.facts: dict[str, Any] = {}

    @property
    def sealed_at(self) -> int:
        """The batch record's time (ms)."""
        return self.carried.batch.record.recorded_at

    @property
    def has_quorum(self) -> bool:
        """Whether the policy asks for witnesses."""
        return self.policy is not None and self.policy.quorum is not None

    def signer_keys(self) -> list[VerifierKey]:
        """The keys that signed the statement."""
        return [verifier_key(self.name, signer.key) for signer in self.signers]

    def need_judging(self) -> DepositorRecord:
        """The event by which the deposit is judged."""
        if self.judging is None:
            raise NotReachedError
        return self.judging

    def is_told(self, record: CarriedRecord) -> bool:
        """Whether a record that is told counts: it is in the ledger, witnessed where the policy asks for witnesses."""
        return self.carried.is_told(record, quorum=self.has_quorum)

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
