"""Step 15: what RFC 3161 tokens in a receipt do to the verdict and its headline."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from tests.ledger.test_sentences import TABLE
from tests.support.sample_ledger import POLICY, digests, sample
from tests.support.stamping import AT, AUTHORITY, SHA256, algorithm, enrol, issue, root, tst_info

from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.timestamp import cms
from hefu_ledger.tlog.proof import parse_proof
from hefu_ledger.verify import verify_evidence
from hefu_ledger.verify.sentences import sentence
from hefu_ledger.verify.verdict import Verdict


def stamped(text: str | None = None, *, tokens: int = 1) -> bytes:
    """The sample's evidence with tokens over its checkpoint, or over another text."""
    ledger = sample()
    receipt = ledger.receipt(1, [1])
    note = parse_proof(receipt.proofs[0].proof.encode()).checkpoint
    digest = sha256((note.text if text is None else text).encode()).digest()
    token = issue(content=tst_info(imprint=cms.MessageImprint(algorithm=algorithm(SHA256), digest=digest)))
    proofs = (receipt.proofs[0]._replace(tokens=(token,) * tokens),)
    return format_evidence(ledger.evidence(1, 3, receipt._replace(proofs=proofs)))


def judge(data: bytes, roots: list[bytes]) -> Verdict:
    return verify_evidence(data, document=digests(b"formula 3"), policy=POLICY, roots=roots)


def step(verdict: Verdict, number: int) -> tuple[str, str]:
    found = verdict.steps[number - 1]
    return found.outcome, sentence(TABLE, "en", found.code, found.values)


def test_a_trusted_stamp_gives_an_independent_headline() -> None:
    verdict = judge(stamped(), [root().der])
    assert (verdict.verdict, step(verdict, 15)[0]) == ("proven", "ok")
    assert verdict.facts["independent"] is True
    unstated = timedelta(milliseconds=1000)  # the token states no accuracy
    assert verdict.facts["not_later_than"].startswith((AT + unstated).strftime("%Y-%m-%dT%H:%M:%S"))


def test_a_stamp_on_something_else_is_noted_and_counts_for_nothing() -> None:
    verdict = judge(stamped("another text\n"), [root().der])
    assert (verdict.verdict, step(verdict, 15)[0]) == ("proven", "noted")
    assert verdict.facts["independent"] is False


@pytest.mark.parametrize("roots", [[], ["stranger"]])
def test_a_stamp_nobody_vouches_for_is_neither_for_nor_against(roots: list[str]) -> None:
    verdict = judge(stamped(), [enrol(name, None, AUTHORITY).der for name in roots])
    assert verdict.verdict == "proven"
    assert step(verdict, 15)[0] in {"unchecked", "noted"}
    assert verdict.facts["independent"] is False
    assert "timestamp" in step(verdict, 15 if roots else 19)[1]
