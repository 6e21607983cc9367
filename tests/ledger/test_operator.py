"""An operator who has every key but the witnesses' and the depositor's changes a receipt: refused, or said."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Any

from tests.ledger.test_told_records import NEXT
from tests.support.replaying import found_at_both_depths
from tests.support.sample_ledger import (
    DAY,
    LOG,
    ORIGIN,
    POLICY,
    START,
    WITNESSED,
    WITNESSES,
    SampleLedger,
    depositor_signer,
    opened_identity,
    signer,
)
from tests.support.stamping import AUTHORITY, SHA256, STAMPER, algorithm, enrol, issue, root, tst_info
from tests.support.verdicts import judge, judge_everywhere

from hefu_ledger import section
from hefu_ledger.deposit.receipt import Proof, Receipt, format_receipt
from hefu_ledger.records.bodies import Batch, Clock
from hefu_ledger.timestamp import cms
from hefu_ledger.tlog.keys import COSIGNATURE
from hefu_ledger.tlog.note import Note, SignatureLine, cosign, format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import Group, Log, Policy
from hefu_ledger.tlog.proof import format_proof, parse_proof
from hefu_ledger.verify import verify_receipt

CHIEF, CLERK = depositor_signer("acme", "chief"), depositor_signer("acme", "clerk")
TWO = WITNESSED._replace(witnesses=WITNESSED.witnesses[:2], groups=(Group("two", 2, ("w0", "w1")),))
BATCH = 5  # place of the batch among the records of the rich receipt


def token(text: str) -> bytes:
    digest = sha256(text.encode()).digest()
    return issue(content=tst_info(imprint=cms.MessageImprint(algorithm=algorithm(SHA256), digest=digest)))


@cache
def rich() -> Receipt:
    """Two signers, a retired key, an acknowledgement by a later key; two checkpoints, witnessed and stamped.

    Told: the depositor's newest event, a correction of the clock that lets no line count, the end of a log key.
    """
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme", "chief", 2, role="approve")
    ledger.enrol("acme", "clerk", 2, CHIEF)
    ledger.end_key("acme", "old", since=START - DAY)
    came = ledger.ledger_key(NEXT)
    ledger.deposit("acme", {"a": b"formula"}, signers=[CHIEF, CLERK])
    ledger.deposit("acme", {"b": b"list"}, signers=[CHIEF, CLERK])
    ledger.seal()
    first = ledger.checkpoint(cosigners=WITNESSES)
    ledger.now += 3_600_000
    told = [came, ledger.enrol("acme", "third", 2, [CHIEF, CLERK])]
    told += [ledger.append(Clock(2, ledger.now, "idle")), ledger.ledger_key(LOG, action="retire", event=1)]
    second = ledger.checkpoint(cosigners=WITNESSES)
    receipt = ledger.receipt(0, told=told, checkpoints=[first, second])
    text = parse_note(receipt.acknowledgement.encode()).text
    proofs = [
        proof._replace(tokens=(token(note.text),)) for proof, note in zip(receipt.proofs, (first, second), strict=True)
    ]
    return receipt._replace(acknowledgement=format_note(sign_note(text, [NEXT])).decode(), proofs=tuple(proofs))


def said(receipt: Receipt) -> tuple[str, Any]:
    """The verdict, and all else that a reader is told."""
    verdict = verify_receipt(format_receipt(receipt), policy=WITNESSED, roots=[root().der])
    return verdict.verdict, (
        [(step.outcome, step.code, step.found, step.values) for step in verdict.steps],
        verdict.facts,
    )


def with_proof(number: int, proof: Proof) -> Receipt:
    proofs = rich().proofs
    return rich()._replace(proofs=(*proofs[:number], proof, *proofs[number + 1 :]))


def with_lines(number: int, lines: list[SignatureLine]) -> Receipt:
    proof = parse_proof(rich().proofs[number].proof.encode())
    changed = proof._replace(checkpoint=Note(proof.checkpoint.text, tuple(lines)))
    return with_proof(number, rich().proofs[number]._replace(proof=format_proof(changed).decode()))


def without_record(place: int) -> Receipt:
    at = place - (place > BATCH)
    proofs = [proof._replace(paths=(*proof.paths[:at], *proof.paths[at + 1 :])) for proof in rich().proofs]
    return rich()._replace(records=(*rich().records[:place], *rich().records[place + 1 :]), proofs=tuple(proofs))


def edited_records() -> Iterator[tuple[str, Receipt]]:
    records = rich().records
    for place, text in enumerate(records):
        if place != BATCH:
            yield f"drop record {place}", without_record(place)
        changed = text.replace('"recorded_at":"2026-01-01T00', '"recorded_at":"2026-01-01T01')
        changed = text.replace('"recorded_at":"2026', '"recorded_at":"2027') if changed == text else changed
        yield f"change record {place}", rich()._replace(records=(*records[:place], changed, *records[place + 1 :]))


def edited_proofs() -> Iterator[tuple[str, Receipt]]:
    for number, proof in enumerate(rich().proofs):
        other = rich().proofs[1 - number]
        yield f"drop proof {number}", rich()._replace(proofs=(other,))
        yield f"drop token {number}", with_proof(number, proof._replace(tokens=()))
        yield f"swap token {number}", with_proof(number, proof._replace(tokens=other.tokens))
        both = tuple(sorted({*proof.tokens, *other.tokens}))
        yield f"add token {number}", with_proof(number, proof._replace(tokens=both))
        for at, path in enumerate(proof.paths):
            if path is not None:
                for name, new in (("null", None), ("change", (bytes(32), *path[1:])), ("cut", path[1:])):
                    paths = (*proof.paths[:at], new, *proof.paths[at + 1 :])
                    yield f"{name} path {number}.{at}", with_proof(number, proof._replace(paths=paths))


def edited_lines() -> Iterator[tuple[str, Receipt]]:
    for number, proof in enumerate(rich().proofs):
        lines = list(parse_proof(proof.proof.encode()).checkpoint.signatures)
        for at, line in enumerate(lines):
            rest = lines[:at] + lines[at + 1 :]
            spoilt = line._replace(signature=bytes(len(line.signature)))
            name = f"{number}.{at}"
            yield f"drop line {name}", with_lines(number, rest)
            yield f"double line {name}", with_lines(number, [*lines, line])
            yield f"move line {name}", with_lines(number, [*rest, line])
            yield f"spoil line {name}", with_lines(number, [*rest, spoilt])
            yield f"add a spoilt line {name}", with_lines(number, [*lines, spoilt])
        stranger = SignatureLine("stranger.example", b"abcd", bytes(64))
        yield f"add a strange line {number}", with_lines(number, [*lines, stranger])


def bears_on_nothing(name: str) -> bool:
    """Edits that leave every finding as it was: the same lines, or a part that nothing rests on.

    A log's line stands under the other checkpoint too; a later checkpoint's witnesses say no earlier time.
    """
    idle = {"drop record 7", "drop record 8"}  # the correction that lets no line count, the log key that only ended
    return name in idle or name.startswith(
        ("double line", "move line", "drop line 1.", "drop line 0.0", "drop line 0.1")
    )


def test_the_rich_receipt_is_proven() -> None:
    assert said(rich())[0] == "proven"
    assert [proof.tokens != () for proof in rich().proofs] == [True, True]
    assert len(rich().records) == 9
    assert said(rich())[1][1]["checkpoint_size"] == 9
    assert '"type":"batch"' in rich().records[BATCH]


def test_every_edit_of_a_receipt_is_refused_or_said_or_bears_on_nothing() -> None:
    whole = said(rich())
    unsaid, vain = [], []
    for edits in (edited_records, edited_proofs, edited_lines):
        for name, receipt in edits():
            found = said(receipt)
            same = found == whole
            if same and not bears_on_nothing(name):
                unsaid.append(name)
            if not same and name.startswith(("double line", "move line")):
                vain.append(name)
    assert (unsaid, vain) == ([], [])


def test_no_edit_of_a_receipt_gives_an_earlier_time_or_a_better_step() -> None:
    _, (steps, facts) = said(rich())
    rank = {"failed": 0, "cannot": 1, "unchecked": 2, "noted": 3, "ok": 4}
    for edits in (edited_records, edited_proofs, edited_lines):
        for name, receipt in edits():
            _, (found, changed) = said(receipt)
            assert changed.get("not_later_than", "9") >= facts["not_later_than"], name
            assert all(rank[new[0]] <= rank[old[0]] for old, new in zip(steps, found, strict=True)), name


def proven_by(ledger: SampleLedger, seq: int, **changes: Any) -> tuple[str, list[int]]:
    found = judge_everywhere(ledger, seq, ledger.receipt(seq, **changes))
    return found.verdict, found.failed or found.cannot


def test_a_ghost_whose_enrolment_stands_only_in_a_private_fork_is_not_proven() -> None:
    """The batch under the witnessed ledger, the enrolment under the log's own checkpoint of the same size."""
    honest = SampleLedger()
    honest.begin()
    honest.enrol("beta")
    honest.deposit("acme", {"a": b"stolen"})
    batch = honest.seal()
    witnessed = honest.checkpoint(cosigners=WITNESSES)
    fork = SampleLedger()
    fork.begin()
    ghost = fork.enrol("acme")
    fork.records += honest.records[2:]
    private = fork.checkpoint()
    whole = honest.receipt(0, [1], [witnessed])
    one = whole.proofs[0]
    two = fork.proof(batch, [0, ghost, batch], private)
    receipt = whole._replace(
        records=(whole.records[0], fork.records[ghost].decode(), whole.records[2]),
        proofs=(one._replace(paths=(one.paths[0], None)), two),
    )
    assert judge(receipt, WITNESSED).verdict != "proven"
    assert judge(receipt._replace(proofs=(two,)), WITNESSED).cannot == [11]
    assert judge(receipt._replace(proofs=receipt.proofs[:1]), WITNESSED).cannot == [9]


def test_another_firms_name_for_a_depositor_is_refused_with_and_without_its_first_enrolment() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    rival = section.close(opened_identity("rival"))
    after = ledger.roster("acme")._replace(identity=rival)
    second = ledger.enrol("acme", "ghost", identity=rival, roster=after)
    ledger.deposit("acme", {"a": b"x"}, signers=[depositor_signer("acme")])
    ledger.seal()
    assert judge(ledger.receipt(0, [second])).cannot == [9, 12]
    assert judge(ledger.receipt(0)).failed == [12]


def test_a_hidden_retirement_is_the_acceptances_word_and_shown_it_fails() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    hidden = ledger.end_key("acme")
    ledger.deposit("acme", {"a": b"x"})
    ledger.deposits[0].acceptance = ledger.deposits[0].acceptance._replace(event=0)
    ledger.seal()
    assert proven_by(ledger, 0) == ("proven", [])
    assert judge(ledger.receipt(0, told=[hidden])).failed == [6]


def test_ghosts_on_the_operators_word_are_said_however_many_vouch_for_each_other() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ghost, second = depositor_signer("acme", "ghost"), depositor_signer("acme", "ghost's ghost")
    ledger.enrol("acme", "ghost")
    ledger.enrol("acme", "ghost's ghost", earlier=ghost)
    ledger.deposit("acme", {"a": b"x"}, signers=[second])
    ledger.seal()
    found = judge(ledger.receipt(0))
    assert (found.verdict, "word-operator" in found.notes) == ("proven", True)


def test_an_honest_retirement_ahead_of_the_sealing_leaves_earlier_deposits_proven() -> None:
    """Its ``from_seq`` is ahead of the deposits that are not sealed yet."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.enrol("acme", "second", earlier=depositor_signer("acme"))
    second = [depositor_signer("acme", "second")]
    for name in "abc":
        ledger.deposit("acme", {name: b"x"}, signers=second)
    told = ledger.end_key("acme", "second", by=[depositor_signer("acme")], from_seq=2)
    ledger.deposits[2].acceptance = ledger.deposits[2].acceptance._replace(event=2)
    ledger.seal()
    assert [proven_by(ledger, seq, told=[told]) for seq in (0, 1)] == [("proven", [])] * 2
    assert judge(ledger.receipt(2)).failed == [6]


def test_a_line_of_a_witness_that_fails_or_is_slow_takes_nothing_from_the_others() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": b"x"})
    ledger.seal()
    good = ledger.checkpoint(cosigners=WITNESSES[:2])
    third, sealed = WITNESSES[2], ledger.now // 1000
    lines = [cosign(good.text, third, second) for second in (1, sealed - 90, sealed + 9)]
    lines.append(SignatureLine(third.key.name, third.key.key_id, bytes(72)))
    for line in lines:
        receipt = ledger.receipt(0, checkpoints=[Note(good.text, (*good.signatures, line))])
        assert [judge(receipt, policy).verdict for policy in (TWO, WITNESSED)] == ["proven", "proven"]


def test_the_logs_own_key_under_a_witness_name_is_no_witness() -> None:
    own = signer(ORIGIN, "log", COSIGNATURE)
    receipt = rich()
    note = parse_proof(receipt.proofs[0].proof.encode()).checkpoint
    lines = [line for line in note.signatures if line.name == ORIGIN]
    forged = with_lines(0, [*lines, cosign(note.text, own, START // 1000 + 9)])
    assert judge(forged._replace(proofs=forged.proofs[:1]), WITNESSED).cannot == [11]


def test_a_token_that_only_names_a_true_root_is_noted_for_every_reader() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": b"x"})
    ledger.seal()
    note = ledger.checkpoint(cosigners=WITNESSES)
    digest = sha256(note.text.encode()).digest()
    content = tst_info(imprint=cms.MessageImprint(algorithm=algorithm(SHA256), digest=digest))
    fake = issue(enrol("TSA", enrol("Root", None, AUTHORITY), STAMPER), content=content)
    receipt = ledger.receipt(0, checkpoints=[note])
    receipt = receipt._replace(proofs=(receipt.proofs[0]._replace(tokens=(fake,)),))
    for roots in ((), (enrol("Other", None, AUTHORITY).der,), (root().der,)):
        found = judge(receipt, WITNESSED, roots=roots)
        assert (found.verdict, found.failed, found.cannot) == ("proven", [], [])


def test_a_contradiction_wins_over_a_record_that_nobody_can_read() -> None:
    whole = rich()
    wrong = whole._replace(batch_path=(bytes(32),))
    unread = '{"entries":1,"format":"hefu-record/v2","index":9,"prev":"' + "0" * 64 + '","type":"x"}'
    for text in (unread, unread.replace("/v2", "/v1")):
        proofs = [proof._replace(paths=(*proof.paths, None)) for proof in whole.proofs]
        more = wrong._replace(records=(*whole.records, text), proofs=tuple(proofs))
        assert judge(more, WITNESSED).failed == [8]
        assert judge(whole._replace(records=more.records, proofs=more.proofs), WITNESSED).verdict == "proven"


def test_a_deposit_back_dated_by_a_clock_record_has_the_witnesses_time() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    past, now = 946_684_800_000, ledger.now
    ledger.append(Clock(0, past, "drift"))
    ledger.now = past
    ledger.deposit("acme", {"a": b"x"})
    ledger.seal()
    ledger.now = now
    receipt = ledger.receipt(0, checkpoints=[ledger.checkpoint(cosigners=WITNESSES)])
    verdict = verify_receipt(format_receipt(receipt), policy=WITNESSED)
    assert (verdict.verdict, verdict.facts["not_later_than"][:4]) == ("proven", "2026")
    assert verdict.steps[13].code == "promise-unwitnessed"
    alone = verify_receipt(format_receipt(receipt), policy=POLICY)
    assert (alone.facts["not_later_than"][:4], alone.facts["independent"]) == ("2000", False)


def test_a_checkpoint_signed_by_a_key_that_the_reader_lacks_counts_for_nothing() -> None:
    stolen = Policy((Log(signer(ORIGIN, "not this log").key),), WITNESSED.witnesses, WITNESSED.groups, "two")
    assert judge(rich(), stolen).cannot == [10]


def test_a_second_deposit_under_a_number_that_is_taken_is_named_by_replay() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": b"x"})
    ledger.seal()
    index = ledger.append(Batch(1, 0, {"sha-256": ledger.batch_tree(0, 1).root}))
    ledger.batches[index] = (0, 1)
    assert "record 3: entries" in found_at_both_depths(ledger)
