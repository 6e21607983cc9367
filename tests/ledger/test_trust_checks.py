"""The checks on which trust rests: each alone stops a receipt that is right in all else, on every surface."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.support import sample_ledger
from tests.support.cases import every_case
from tests.support.sample_ledger import LOG, LOG_MLDSA44, ORIGIN, POLICY, SampleLedger, signer
from tests.support.verdicts import Judged, judge_everywhere, step

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.records.bodies import Batch, Clock
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import sign_note
from hefu_ledger.tlog.policy import Log
from hefu_ledger.verify import verify_receipt

ELSEWHERE = "log.example/other"
OTHER = signer(ELSEWHERE, "other log")
BOTH_LOGS = POLICY._replace(logs=(*POLICY.logs, Log(OTHER.key)))


def begun() -> SampleLedger:
    ledger = SampleLedger()
    ledger.begin()
    return ledger


def deposited(ledger: SampleLedger) -> SampleLedger:
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    return ledger


def test_the_honest_receipt_is_proven() -> None:
    ledger = deposited(begun())
    found = judge_everywhere(ledger, 0, ledger.receipt(0))
    assert (found.verdict, found.failed, found.cannot) == ("proven", [], [])


def test_a_statement_enrolment_and_acceptance_of_another_ledger_fail_at_step_6(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = begun()
    monkeypatch.setattr(sample_ledger, "ORIGIN", ELSEWHERE)
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": b"formula"})
    monkeypatch.undo()
    ledger.seal()
    found = judge_everywhere(ledger, 0, ledger.receipt(0))
    assert (found.verdict, found.failed) == ("not proven", [6])


def test_a_batch_that_counts_other_deposits_than_it_covers_fails_at_step_8() -> None:
    ledger = begun()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": b"formula"})
    index = ledger.append(Batch(1, 0, {"sha-256": ledger.batch_tree(0, 1).root}), entries=7)
    ledger.batches[index] = (0, 1)
    found = judge_everywhere(ledger, 0, ledger.receipt(0))
    assert (found.verdict, found.failed) == ("not proven", [8])


def test_a_key_that_counts_a_deposit_of_the_batch_as_earlier_fails_at_step_9() -> None:
    """It came after the first deposit of the batch, by its own count, and so after the batch."""
    ledger = begun()
    ledger.enrol("beta")
    ledger.deposit("beta", {"b": b"list"})
    ledger.covered = 1
    ledger.enrol("acme")
    ledger.covered = 0
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    found = judge_everywhere(ledger, 1, ledger.receipt(1))
    assert (found.verdict, found.failed) == ("not proven", [9])


def test_a_key_from_a_deposit_that_it_counts_as_earlier_fails_at_step_9() -> None:
    ledger = begun()
    ledger.enrol("beta")
    ledger.deposit("beta", {"b": b"list"})
    ledger.seal()
    ledger.deposits.clear()
    ledger.enrol("acme")  # from deposit 0 on, though deposit 0 is covered
    ledger.deposit("beta", {"b": b"list"})
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    found = judge_everywhere(ledger, 1, ledger.receipt(1))
    assert (found.verdict, found.failed) == ("not proven", [9])


def test_without_a_policy_no_record_is_said_to_be_in_the_ledger() -> None:
    verdict = verify_receipt(format_receipt(deposited(begun()).receipt(0)), policy=None)
    assert [step(verdict, number).outcome for number in (9, 10, 11, 18)] == ["unchecked", "cannot", *["unchecked"] * 2]


def test_a_genesis_that_does_not_stand_first_fails_at_step_9() -> None:
    ledger = begun()
    second = ledger.begin()
    deposited(ledger)
    whole = ledger.receipt(0, told=[second])
    proof = whole.proofs[0]
    found = judge_everywhere(
        ledger, 0, whole._replace(records=whole.records[1:], proofs=(proof._replace(paths=proof.paths[1:]),))
    )
    assert (found.verdict, found.failed) == ("not proven", [9])


def test_two_roots_of_one_size_fail_at_step_9() -> None:
    """Both lead to all that is relied on: two ledgers that part after the batch."""
    one, two = deposited(begun()), deposited(begun())
    for ledger, reason in ((one, "one"), (two, "two")):
        ledger.append(Clock(1, ledger.now, reason))
    receipt = one.receipt(0)
    whole = receipt._replace(proofs=(*receipt.proofs, *two.receipt(0).proofs))
    found = judge_everywhere(one, 0, whole)
    assert (found.verdict, found.failed) == ("not proven", [9])


def under(origin: str = ORIGIN, extensions: tuple[str, ...] = (), signers: Sequence[Ed25519Signer] = (LOG,)) -> Judged:
    """Judge a receipt whose only checkpoint is of another making."""
    ledger = deposited(begun())
    text = format_checkpoint(Checkpoint(origin, len(ledger.records), ledger.tree().root, extensions))
    return judge_everywhere(ledger, 0, ledger.receipt(0, checkpoints=[sign_note(text, signers)]), BOTH_LOGS)


@every_case(
    ("origin", "extensions", "signers", "note"),
    [
        (ELSEWHERE, (), (LOG, OTHER), "proof-origin"),
        (ORIGIN, ("hefu/time 2030",), (LOG,), "proof-extensions"),
        (ORIGIN, (), (OTHER,), "proof-unsigned"),
        (ORIGIN, (), (signer(ORIGIN, "strange key of the right name"),), "proof-unsigned"),
    ],
)
def test_a_checkpoint_of_another_ledger_with_extensions_or_without_a_line_does_not_count(
    origin: str, extensions: tuple[str, ...], signers: Sequence[Ed25519Signer], note: str
) -> None:
    found = under(origin, extensions, signers)
    assert (found.verdict, found.failed, found.cannot) == ("cannot tell", [], [10])
    assert note in found.notes
    assert under().verdict == "proven"


def test_a_log_key_of_genesis_that_the_policy_lacks_is_noted_and_so_is_a_silent_one() -> None:
    ledger = deposited(begun())
    text, rotated = ledger.checkpoint().text, signer(ORIGIN, "rotated")
    receipt = ledger.receipt(0, checkpoints=[sign_note(text, [rotated])])
    new_key_alone = POLICY._replace(logs=(Log(rotated.key),))
    found = judge_everywhere(ledger, 0, receipt, new_key_alone)
    assert (found.verdict, found.notes.count("genesis-key-unlisted")) == ("proven", 2)
    assert "log-key-silent" not in found.notes
    beside = POLICY._replace(logs=(Log(LOG.key), Log(LOG_MLDSA44.key), Log(rotated.key)))
    found = judge_everywhere(ledger, 0, receipt, beside)
    assert (found.verdict, found.notes.count("log-key-silent")) == ("proven", 2)
    assert "genesis-key-unlisted" not in found.notes
