"""Verdicts of one receipt on every surface: the evidence of a document, a folder, the receipt alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.deposit.receipt import Receipt, format_receipt
from hefu_ledger.deposit.statement import parse_statement
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.verify import FolderComparison, Reading, verify_evidence, verify_folder, verify_receipt
from hefu_ledger.verify.verdict import Step, Verdict
from tests.support.sample_ledger import POLICY, SampleLedger, digests


class Judged(NamedTuple):
    """A verdict, its steps that are not ok by outcome, and the codes of its notes."""

    verdict: str
    failed: list[int]
    cannot: list[int]
    notes: list[str]


def outcomes(verdict: Verdict, *wanted: str) -> list[int]:
    return [step.step for step in verdict.steps if step.outcome in wanted]


def notes_of(verdict: Verdict) -> list[str]:
    """The codes of all notes, and of the steps that are noted as a whole."""
    found = [str(code) for step in verdict.steps for code, _ in step.values.get("notes", [])]
    return found + [step.code for step in verdict.steps if step.outcome == "noted"]


def step(verdict: Verdict, number: int) -> Step:
    return verdict.steps[number - 1]


def summed_up(verdict: Verdict) -> Judged:
    return Judged(verdict.verdict, outcomes(verdict, "failed"), outcomes(verdict, "cannot"), notes_of(verdict))


def judge(
    receipt: Receipt, policy: Policy | None = POLICY, *, roots: Sequence[bytes] = (), reading: Reading | None = None
) -> Judged:
    """Judge a receipt alone."""
    return summed_up(verify_receipt(format_receipt(receipt), policy=policy, roots=roots, reading=reading))


def judge_everywhere(ledger: SampleLedger, seq: int, receipt: Receipt, policy: Policy = POLICY) -> Judged:
    """Judge a receipt on all three surfaces, which find the same; that finding."""
    deposit = ledger.deposits[seq]
    statement = parse_statement(deposit.statement.text)
    evidence = ledger.evidence(seq, 0, receipt)
    document = digests(next(iter(deposit.documents.values())))
    folder = FolderComparison(
        len(deposit.texts), deposit.tree.root, frozenset({(statement.origin, statement.depositor)})
    )
    alone = judge(receipt, policy)
    assert summed_up(verify_evidence(format_evidence(evidence), document=document, policy=policy)) == alone
    assert summed_up(verify_folder(receipt, folder=folder, identity=evidence.identity, policy=policy)) == alone
    return alone
