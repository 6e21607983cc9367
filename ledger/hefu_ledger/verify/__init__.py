"""Verification 核验 of one document's evidence, of a folder's, or of a receipt alone: nineteen steps, offline.

No network, no service, no clock. The steps and their numbers are those of ``verdict.TITLES``, FORMAT.md and the pages;
each is one small function in ``private_half``, ``steps_keys``, ``steps_ledger`` or ``steps_time``. A finding is data;
``sentences`` puts it into words. Trust comes from outside, as a policy (c2sp.org/tlog-policy) and the certificates of
timestamp authorities; nothing that arrives inside the evidence is trusted for being there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hefu_ledger.deposit.card import parse_document, parse_section
from hefu_ledger.deposit.evidence import parse_evidence
from hefu_ledger.deposit.receipt import Receipt, parse_receipt
from hefu_ledger.digest import Digests
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.section import OpenedSection
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.verify import private_half, steps_keys, steps_ledger, steps_time
from hefu_ledger.verify.carried import Reading
from hefu_ledger.verify.case import OUTSIDE, Case, FolderComparison, NotReachedError, StepFinding, Trust, finding
from hefu_ledger.verify.verdict import CANNOT, FAILED, TITLES, UNCHECKED, Step, Verdict, conclude

__all__ = ["FolderComparison", "Reading", "verify_evidence", "verify_folder", "verify_receipt"]

StepFunction = Callable[[Case], StepFinding]


def verify_evidence(
    data: bytes,
    *,
    document: Digests | None,
    policy: Policy | None,
    roots: Sequence[bytes] = (),
    reading: Reading | None = None,
) -> Verdict:
    """Verify an evidence file against its document's digests.

    ``policy``: trusted logs and witnesses, from outside the evidence; None gives at best 无法核验. ``roots``: DER
    certificates of trusted timestamp authorities. ``reading``: the ledger, if the reader has read it. Never raises for
    bad evidence: the verdict names the fault.
    """
    trust = Trust(policy, roots, reading=reading)

    def open_case() -> Case:
        evidence = parse_evidence(data)
        case = Case(evidence.receipt, trust)
        case.evidence, case.identity, case.document = evidence, evidence.identity, document
        if isinstance(evidence.sections[0], OpenedSection):
            case.card = parse_document(evidence.sections[0].text)
        for name, section in zip(("label", "circumstances"), evidence.sections[1:], strict=True):
            if isinstance(section, OpenedSection):
                case.facts[name] = parse_section(name, section.text)
        return case

    return _run(open_case, _ONE_DOCUMENT, {"subject": "document", **_measured(document)})


def verify_folder(
    receipt: Receipt,
    *,
    folder: FolderComparison,
    identity: OpenedSection | None,
    policy: Policy | None,
    roots: Sequence[bytes] = (),
    reading: Reading | None = None,
) -> Verdict:
    """Verify a bundle against its folder, both read through already; see ``verify_evidence``."""
    trust = Trust(policy, roots, reading=reading)

    def open_case() -> Case:
        case = Case(receipt, trust)
        case.folder, case.identity = folder, identity
        return case

    return _run(open_case, _WHOLE_FOLDER, {"subject": "folder"})


def verify_receipt(
    data: bytes,
    *,
    policy: Policy | None,
    roots: Sequence[bytes] = (),
    source: str = OUTSIDE,
    reading: Reading | None = None,
) -> Verdict:
    """Verify a receipt alone: the steps that need nothing private; see ``verify_evidence``.

    ``source``: where the policy came from: ``outside``, ``confirmed`` or ``own`` (see ``case``).
    """
    trust = Trust(policy, roots, source, reading)
    return _run(lambda: Case(parse_receipt(data), trust), _NOTHING_PRIVATE, {"subject": "receipt"})


def _measured(document: Digests | None) -> dict[str, Any]:
    """The digests and size of the document itself, which are facts even where the evidence is worth nothing."""
    if document is None:
        return {}
    sm3 = {} if document.sm3 is None else {"sm3": document.sm3.hex()}
    return {"document": {"sha-256": document.sha256.hex(), "size": document.size, **sm3}}


def _run(open_case: Callable[[], Case], private_steps: Mapping[int, StepFunction], facts: Mapping[str, Any]) -> Verdict:
    """``facts``: those that hold before any step; ``subject`` is document, folder or receipt."""
    try:
        case = open_case()
    except LedgerError as error:
        steps = [_step(1, _from_error(CANNOT, error))]
        return conclude([*steps, *(_step(number, _NOT_REACHED) for number in range(2, 20))], dict(facts))
    case.facts |= facts
    return conclude(run_steps(case, private_steps), case.facts)


def run_steps(case: Case, private_steps: Mapping[int, StepFunction]) -> list[Step]:
    """Run all steps over a case; ``private_steps``: those of 2 to 5 and 13."""
    functions = {**_PUBLIC, **private_steps}
    findings: dict[int, StepFinding] = {}
    for number in _ORDER:
        findings[number] = _attempt(functions[number], case)
        case.sound = case.sound and findings[number].outcome not in (FAILED, CANNOT)
    return [_step(number, findings[number]) for number in sorted(findings)]


def examine_receipt(receipt: Receipt, trust: Trust) -> tuple[Case, list[Step]]:
    """Run the public steps over a receipt, and give the case with all that counts in it (see ``union``).

    MalformedError where the receipt cannot be read.
    """
    case = Case(receipt, trust)
    return case, run_steps(case, _NOTHING_PRIVATE)


def _attempt(function: StepFunction, case: Case) -> StepFinding:
    try:
        return function(case)
    except VerificationError as error:
        return _from_error(FAILED, error)
    except MalformedError as error:
        return _from_error(CANNOT, error)
    except NotReachedError:
        return _NOT_REACHED


def _from_error(outcome: str, error: LedgerError) -> StepFinding:
    return StepFinding(outcome, str(error), error.code, error.values)


def _step(number: int, found: StepFinding) -> Step:
    return Step(number, found.outcome, TITLES[number][1], found.found, found.code, found.values)


_NOT_REACHED: Final = finding(UNCHECKED, "not-reached")
_ORDER: Final = (*range(1, 6), 10, 11, 6, 7, 8, 15, 14, 9, 12, 13, *range(16, 20))
"""Which proofs count (10), and by whose lines (11), decides which records are told to 6; 14 needs the times that 15
finds; the records that 9 relies on depend on the keys that signed statement (6) and acknowledgement (14)."""
_PUBLIC: Final[dict[int, StepFunction]] = {
    1: steps_ledger.trust,
    6: steps_keys.signatures,
    7: steps_ledger.acceptance,
    8: steps_ledger.batch,
    9: steps_ledger.entries,
    10: steps_ledger.checkpoint,
    11: steps_ledger.witnesses,
    12: steps_keys.enrolment,
    14: steps_time.acknowledgement,
    15: steps_time.stamps,
    16: steps_time.times,
    17: steps_keys.compromise,
    18: steps_time.headline,
    19: steps_ledger.not_checked,
}
_ONE_DOCUMENT: Final[dict[int, StepFunction]] = {
    2: private_half.document,
    3: private_half.commitment,
    4: private_half.owner,
    5: private_half.place,
    13: private_half.identity,
}
_WHOLE_FOLDER: Final[dict[int, StepFunction]] = {
    2: private_half.documents,
    3: private_half.commitments,
    4: private_half.owners,
    5: private_half.whole_deposit,
    13: private_half.identity,
}
_NOTHING_PRIVATE: Final[dict[int, StepFunction]] = dict.fromkeys((2, 3, 4, 5, 13), private_half.not_given)
