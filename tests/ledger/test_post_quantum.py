"""Readers who trust ML-DSA keys: the log's line of type 06 carries a proof alone, a witness's counts like any other."""

from __future__ import annotations

from tests.support.sample_ledger import LOG, LOG_MLDSA44, WITNESSES, sample
from tests.support.verdicts import judge

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.encoding import format_time
from hefu_ledger.tlog.keys import Ed25519Signer, MLDSA44Signer
from hefu_ledger.tlog.note import Note, cosign
from hefu_ledger.tlog.policy import Group, Log, Policy, Witness
from hefu_ledger.verify import verify_receipt

LATER = Policy(logs=(Log(LOG_MLDSA44.key),), witnesses=(), groups=(), quorum=None)
QUANTUM = MLDSA44Signer(WITNESSES[0].key.name, bytes(range(32)))


def test_the_logs_line_of_type_06_alone_makes_a_proof_count() -> None:
    ledger = sample()
    note = ledger.checkpoint()
    later = [line for line in note.signatures if line.key_id == LOG_MLDSA44.key.key_id]
    for lines in (note.signatures, tuple(later)):
        found = judge(ledger.receipt(1, checkpoints=[Note(note.text, lines)]), LATER)
        assert (found.verdict, found.failed, "genesis-key-unlisted" in found.notes) == ("proven", [], True)


def test_without_a_good_line_of_type_06_the_line_of_type_01_does_not_help_that_reader() -> None:
    ledger = sample()
    note = ledger.checkpoint()
    lines = {line.key_id: line for line in note.signatures}
    early, later = lines[LOG.key.key_id], lines[LOG_MLDSA44.key.key_id]
    spoilt = later._replace(signature=later.signature[:-1] + bytes([later.signature[-1] ^ 1]))
    for signatures in ((early,), (early, spoilt)):
        found = judge(ledger.receipt(1, checkpoints=[Note(note.text, signatures)]), LATER)
        assert (found.verdict, found.failed, found.cannot[:1]) == ("cannot tell", [], [10])


def test_two_keys_of_one_witness_count_once_and_from_the_earlier_line() -> None:
    ledger = sample()
    note, now = ledger.checkpoint(), ledger.now // 1000
    pair = (Witness("early", WITNESSES[0].key), Witness("later", QUANTUM.key))
    policy = LATER._replace(
        witnesses=(*pair, Witness("w1", WITNESSES[1].key)),
        groups=(Group("w0", 1, ("early", "later")), Group("both", 2, ("w0", "w1"))),
        quorum="both",
    )

    def judged(*lines: tuple[Ed25519Signer | MLDSA44Signer, int]) -> tuple[str, str | None]:
        signatures = tuple(cosign(note.text, signer, second) for signer, second in lines)
        receipt = ledger.receipt(1, checkpoints=[Note(note.text, (*note.signatures, *signatures))])
        verdict = verify_receipt(format_receipt(receipt), policy=policy)
        return verdict.verdict, verdict.facts.get("not_later_than")

    assert judged((WITNESSES[0], now), (QUANTUM, now)) == ("cannot tell", None)
    late, early = end_of(now + 9), end_of(now + 5)
    assert judged((QUANTUM, now + 9), (WITNESSES[1], now)) == ("proven", late)
    assert judged((QUANTUM, now + 9), (WITNESSES[0], now + 5), (WITNESSES[1], now)) == ("proven", early)
    assert judged((QUANTUM, 0), (WITNESSES[1], now)) == ("cannot tell", None)  # a second of 0 states no time


def end_of(second: int) -> str:
    return format_time(1000 * second + 999)
