"""The steps about the private half: 2 to 5 and 13."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hefu_ledger.deposit.card import commitment_of, verify_digests
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import VerificationError
from hefu_ledger.records.identity import verify_identity
from hefu_ledger.section import OpenedSection
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.verify.case import Case, FolderComparison, StepFinding, finding
from hefu_ledger.verify.verdict import CANNOT, NOTED, OK, UNCHECKED

_SHOWN: Final = 3  # names in a finding; the facts have all


def not_given(_case: Case) -> StepFinding:
    """2 to 5 and 13, where there is only a receipt."""
    return finding(UNCHECKED, "private-half-missing")


def document(case: Case) -> StepFinding:
    """2: the document's digests and size equal the card's."""
    if case.card is None:
        return finding(CANNOT, "section-closed")
    if case.document is None:
        return finding(CANNOT, "document-missing")
    verify_digests(case.card, sha256=case.document.sha256, sm3=case.document.sm3, size=case.document.size)
    both = case.card.sm3 is not None and case.document.sm3 is not None
    if case.card.sm3 is not None and not both:
        case.leave("sm3-unavailable")
    code = "document-equal-both" if both else "document-equal"
    return finding(OK, code, f"sha-256 {case.card.sha256.hex()}, {case.card.size} bytes", size=case.card.size)


def commitment(case: Case) -> StepFinding:
    """3: sections and nonces give the commitment."""
    evidence = case.need_evidence()
    commitment = commitment_of(evidence.sections)
    opened = sum(isinstance(section, OpenedSection) for section in evidence.sections)
    return finding(OK, "commitment-computed", commitment.hex(), opened=opened, closed=3 - opened)


def owner(case: Case) -> StepFinding:
    """4: the card's origin and depositor equal the statement's."""
    if case.card is None:
        return finding(CANNOT, "section-closed")
    return _same_owner(case, frozenset({(case.card.origin, case.card.depositor)}))


def _same_owner(case: Case, owners: frozenset[tuple[str, str]]) -> StepFinding:
    expected = (case.statement.origin, case.statement.depositor)
    for owner in owners:
        if owner != expected:
            raise VerificationError(
                "the card is another's", code="card-other", expected=" ".join(expected), found=" ".join(owner)
            )
    return finding(OK, "owner-same", expected[1], depositor=expected[1])


def place(case: Case) -> StepFinding:
    """5: index below count; the path leads to the statement's root."""
    evidence, statement = case.need_evidence(), case.statement
    verify_inclusion(
        leaf_hash=leaf_hash(commitment_of(evidence.sections)),
        index=evidence.index,
        size=statement.count,
        path=evidence.path,
        root=statement.root,
    )
    found = f"index {evidence.index} of {statement.count}"
    return finding(OK, "document-place", found, number=evidence.index + 1, count=statement.count)


def documents(case: Case) -> StepFinding:
    """2: every document of the folder equals its card, and the folder holds nothing else."""
    folder = case.need_folder()
    case.facts["documents"] = folder.count
    if folder.uncovered:
        case.facts["uncovered"] = list(folder.uncovered)
    if folder.ignored:
        case.facts["ignored"] = list(folder.ignored)
    if folder.wrong:
        raise _differ(folder)
    for code, names in (("documents-missing", folder.missing), ("folder-uncovered", folder.uncovered)):
        if names:
            return finding(CANNOT, code, ", ".join(_some(names)), count=len(names), names=_some(names))
    found = f"{folder.count} documents"
    if folder.ignored:
        beside = {"ignored": len(folder.ignored), "names": _some(folder.ignored)}
        return finding(NOTED, "documents-beside", found, count=folder.count, **beside)
    return finding(OK, "documents-equal", found, count=folder.count)


def _differ(folder: FolderComparison) -> VerificationError:
    names = [name for name, _ in folder.wrong]
    text = "; ".join(f"{name}: {difference}" for name, difference in folder.wrong[:_SHOWN]) + _rest(names)
    return VerificationError(text, code="documents-differ", count=len(names), names=_some(names))


def _some(names: Sequence[str]) -> list[str]:
    """The first names, each quoted, and how many more there are."""
    shown = [repr(name) for name in names[:_SHOWN]]
    return [*shown[:-1], shown[-1] + _rest(names)]


def _rest(names: Sequence[str]) -> str:
    return f" (+{len(names) - _SHOWN})" if len(names) > _SHOWN else ""


def commitments(case: Case) -> StepFinding:
    """3: every commitment was computed from its texts and the seed."""
    folder = case.need_folder()
    return finding(OK, "commitments-computed", f"{folder.count} commitments", count=folder.count)


def owners(case: Case) -> StepFinding:
    """4: every card's origin and depositor equal the statement's."""
    return _same_owner(case, case.need_folder().owners)


def whole_deposit(case: Case) -> StepFinding:
    """5: the root over all commitments is the statement's."""
    folder, statement = case.need_folder(), case.statement
    if (folder.count, folder.root) != (statement.count, statement.root):
        raise VerificationError(
            "the deposit's root",
            code="deposit-root",
            expected=f"{statement.root.hex()} over {statement.count}",
            found=f"{folder.root.hex()} over {folder.count}",
        )
    return finding(OK, "deposit-whole", folder.root.hex())


def identity(case: Case) -> StepFinding:
    """13: the identity shown is the one enrolled; with the method and the guarantor."""
    if case.identity is None:
        case.leave("identity-unshown")
        return finding(UNCHECKED, "identity-not-shown")
    commitment = case.need_judging().body.roster.identity
    identity = verify_identity(case.identity, commitment=commitment)
    case.facts["identity"] = identity._asdict() | {"verified_at": format_time(identity.verified_at)}
    return finding(
        OK,
        "identity-shown",
        identity.uscc,
        name=identity.name,
        uscc=identity.uscc,
        by=identity.verified_by,
        method=identity.method,
    )
