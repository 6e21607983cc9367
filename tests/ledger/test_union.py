"""The union of two receipts of one deposit: it loses nothing that counts, and no junk can hold it up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.sample_ledger import (
    DAY,
    LOG,
    LOG_MLDSA44,
    ORIGIN,
    POLICY,
    START,
    WITNESSED,
    WITNESSES,
    SampleLedger,
    depositor_signer,
    sample,
    signer,
)
from tests.support.stamping import SHA256, algorithm, issue, root, tst_info
from tests.support.verdicts import judge

from hefu_ledger.deposit.receipt import MAX_RECEIPT, Receipt, format_receipt, parse_receipt
from hefu_ledger.encoding import canonical, format_time
from hefu_ledger.errors import VerificationError
from hefu_ledger.records.bodies import Clock
from hefu_ledger.records.record import FORMAT, record_hash
from hefu_ledger.timestamp import cms
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import COSIGNATURE
from hefu_ledger.tlog.note import Note, SignatureLine, cosign, format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import Group, Log, Policy, Witness
from hefu_ledger.tlog.proof import format_proof, parse_proof
from hefu_ledger.verify.case import Trust
from hefu_ledger.verify.union import first_receipt, unite

TRUST = Trust(POLICY)
WATCHED = Trust(WITNESSED, (root().der,))
MANY = [signer(f"many.example/{n}", f"many {n}", COSIGNATURE) for n in range(10)]
MANY_ASKED = Policy(
    (Log(LOG.key), Log(LOG_MLDSA44.key)),
    tuple(Witness(f"m{n}", witness.key) for n, witness in enumerate(MANY)),
    (Group("all", 10, tuple(f"m{n}" for n in range(10))),),
    "all",
)


@cache
def later() -> SampleLedger:
    """The sample, in which acme's key is reported and the clock corrected after its second deposit."""
    ledger = sample()
    ledger.end_key("acme", since=START + DAY)
    ledger.append(Clock(3, ledger.now, "slow"))
    return ledger


def stamp(text: str) -> bytes:
    digest = sha256(text.encode()).digest()
    return issue(content=tst_info(imprint=cms.MessageImprint(algorithm=algorithm(SHA256), digest=digest)))


def note_at(size: int, witnesses: Sequence[int] = (), second: int = 0) -> Note:
    ledger = later()
    note = ledger.checkpoint(size)
    lines = [cosign(note.text, WITNESSES[n], ledger.now // 1000 + n + second) for n in witnesses]
    return Note(note.text, (*note.signatures, *lines))


def strangers(count: int, size: int = 64) -> tuple[SignatureLine, ...]:
    return tuple(SignatureLine("a.stranger", bytes([n] * 4), bytes(size)) for n in range(count))


def with_tokens(receipt: Receipt, tokens: Sequence[bytes]) -> Receipt:
    return receipt._replace(proofs=tuple(proof._replace(tokens=tuple(sorted(tokens))) for proof in receipt.proofs))


def grown(kept: Receipt, offered: Receipt, trust: Trust = TRUST) -> Receipt:
    """The union, which a reader can read."""
    found = unite(kept, offered, trust).receipt
    assert parse_receipt(format_receipt(found)) == found
    return found


def refusal(kept: Receipt, offered: Receipt, trust: Trust = TRUST) -> str:
    with pytest.raises(VerificationError) as error:
        unite(kept, offered, trust)
    return error.value.code


def test_an_honest_receipt_is_its_own_first_and_united_with_itself_it_stays() -> None:
    receipt = later().receipt(1, told=[5, 6], checkpoints=[note_at(5, (0, 1)), note_at(7, (0, 1, 2))])
    assert first_receipt(receipt, WATCHED) == receipt
    assert unite(receipt, receipt, WATCHED) == (receipt, False, None)


PARTS = st.builds(
    lambda told, sizes: later().receipt(
        1, told=sorted(told), checkpoints=[note_at(size, sorted(witnesses), late) for size, witnesses, late in sizes]
    ),
    st.sets(st.sampled_from([5, 6])),
    st.lists(
        st.tuples(st.sampled_from([5, 6, 7]), st.sets(st.integers(0, 2)), st.integers(0, 1)),
        min_size=1,
        max_size=3,
        unique_by=lambda each: each[0],
    ).map(sorted),
)


@settings(max_examples=15)
@given(st.lists(PARTS, min_size=3, max_size=3))
def test_the_order_of_unions_makes_no_difference_and_none_is_weaker(parts: list[Receipt]) -> None:
    ends = []
    for first, *others in permutations(parts):
        kept = first_receipt(first, WATCHED)
        for other in others:
            before = judge(kept, WITNESSED)
            kept = grown(kept, other, WATCHED)
            after = judge(kept, WITNESSED)
            assert set(after.failed) == set()
            assert set(after.cannot) <= {*before.cannot, 17}
        ends.append(kept)
    assert all(end == ends[0] for end in ends)


def test_a_report_that_is_told_anew_is_taken_and_said() -> None:
    ledger = sample()
    ledger.end_key("acme", since=START - DAY)
    growth = unite(sample().receipt(1), ledger.receipt(1, told=[5], checkpoints=[ledger.checkpoint()]), TRUST)
    assert growth.changed
    assert growth.doubt is not None
    assert (growth.doubt.step, growth.doubt.outcome) == (17, "cannot")


def test_the_earliest_line_that_counts_stays_and_stamps_and_lines_come_together() -> None:
    early, late = note_at(5, (0, 1)), note_at(5, (0, 1, 2), 9)
    token = stamp(early.text)
    one = later().receipt(1, checkpoints=[late])
    two = with_tokens(later().receipt(1, checkpoints=[early]), [token])
    found = grown(one, two, WATCHED)
    lines = parse_proof(found.proofs[0].proof.encode()).checkpoint.signatures
    assert set(early.signatures) < set(lines)
    assert len(lines) == 5
    assert found.proofs[0].tokens == (token,)
    assert grown(two, one, WATCHED) == found


def test_receipts_of_two_deposits_are_not_united() -> None:
    assert refusal(later().receipt(1), later().receipt(0)) == "receipts-differ"


def test_two_roots_of_one_size_and_two_records_of_one_index_are_a_fork() -> None:
    other = sample()
    other.append(Clock(3, other.now, "another past"))
    one, two = sample().receipt(1), other.receipt(1, told=[5])
    longer = later().receipt(1, told=[5], checkpoints=[later().checkpoint(7)])
    assert refusal(grown(one, longer), two) == "fork-records"
    same_size = later().receipt(1, checkpoints=[later().checkpoint(6)])
    assert refusal(same_size, other.receipt(1)) == "fork"
    assert refusal(other.receipt(1), same_size) == "fork"


def with_planted(receipt: Receipt, text: str, place: int) -> Receipt:
    """A receipt with a record that is in no ledger."""
    proofs = [proof._replace(paths=(*proof.paths[:place], None, *proof.paths[place:])) for proof in receipt.proofs]
    records = (*receipt.records[:place], text, *receipt.records[place:])
    return receipt._replace(records=records, proofs=tuple(proofs))


def test_a_record_planted_in_kept_evidence_is_no_fork_and_gives_way() -> None:
    forger = sample()
    planted = forger.records[forger.append(Clock(3, START, "planted"))].decode()
    kept = with_planted(sample().receipt(1), planted, 3)
    assert judge(kept).verdict == "proven"
    fresh = later().receipt(1, told=[5], checkpoints=[later().checkpoint()])
    found = grown(kept, fresh)
    assert later().records[5].decode() in found.records
    assert planted not in found.records


def test_a_planted_record_an_idle_token_and_a_line_that_fails_are_left_out_of_an_offer() -> None:
    forger = sample()
    planted = forger.records[forger.append(Clock(3, START, "planted"))].decode()
    note = note_at(5, (0, 1))
    junk = SignatureLine(WITNESSES[2].key.name, WITNESSES[2].key.key_id, bytes(72))
    clean = later().receipt(1, checkpoints=[note])
    foul = later().receipt(1, checkpoints=[Note(note.text, (*note.signatures, junk))])
    foul = with_tokens(with_planted(foul, planted, 3), [stamp("another text\n")])
    assert first_receipt(foul, WATCHED) == clean
    assert unite(clean, foul, WATCHED) == (clean, False, None)


def test_a_record_of_unknown_type_and_one_of_another_depositor_are_left_out_of_an_offer() -> None:
    """Both are in the ledger."""
    ledger = sample()
    other = ledger.end_key("beta")
    header = {"entries": 3, "format": FORMAT, "index": 6, "prev": record_hash(ledger.records[-1]).hex()}
    ledger.records.append(canonical(header | {"recorded_at": format_time(ledger.now), "type": "health"}))
    clean = ledger.receipt(1)
    foul = ledger.receipt(1, told=[other, 6])
    assert first_receipt(foul, TRUST) == clean
    assert unite(clean, foul, TRUST) == (clean, False, None)


@pytest.mark.parametrize("kept_first", [True, False])
def test_junk_below_an_acknowledgement_never_pushes_out_its_good_line(kept_first: bool) -> None:
    good = sample().receipt(1)
    note = parse_note(good.acknowledgement.encode())
    foul = good._replace(acknowledgement=format_note(Note(note.text, (*strangers(12), *note.signatures))).decode())
    assert judge(foul).verdict == "proven"
    first = first_receipt(foul, TRUST)
    assert len(parse_note(first.acknowledgement.encode()).signatures) == 9
    found = grown(foul, good) if kept_first else grown(good, foul)
    assert judge(found).verdict == "proven"


def test_unknown_lines_never_keep_out_those_of_witnesses() -> None:
    ledger = sample()
    note = ledger.checkpoint()
    kept = ledger.receipt(1, checkpoints=[Note(note.text, (*note.signatures, *strangers(8)))])
    offered = ledger.receipt(1, checkpoints=[ledger.checkpoint(cosigners=MANY)])
    assert judge(offered, MANY_ASKED).verdict == "proven"
    found = grown(kept, offered, Trust(MANY_ASKED))
    assert judge(found, MANY_ASKED).verdict == "proven"
    lines = parse_proof(found.proofs[0].proof.encode()).checkpoint.signatures
    assert len(lines) == 16


def test_a_note_stays_short_enough_to_be_read() -> None:
    ledger = sample()
    note = ledger.checkpoint()
    one, two = (
        ledger.receipt(1, checkpoints=[Note(note.text, (*note.signatures, line))]) for line in strangers(2, 30_000)
    )
    assert judge(grown(one, two)).verdict == "proven"
    acknowledgement = parse_note(ledger.receipt(1).acknowledgement.encode())
    one, two = (
        ledger.receipt(1)._replace(
            acknowledgement=format_note(Note(acknowledgement.text, (*acknowledgement.signatures, line))).decode()
        )
        for line in strangers(2, 30_000)
    )
    assert judge(grown(one, two)).verdict == "proven"


def corrected(count: int) -> SampleLedger:
    """The sample and corrections of the clock after it: so many larger checkpoints."""
    ledger = sample()
    for _ in range(count):
        ledger.now += 1000
        ledger.append(Clock(3, ledger.now, "x"))
    return ledger


def noise(seed: int, count: int) -> list[bytes]:
    """Tokens of 16 kB that nobody can read."""
    return [sha256(b"%d %d" % (seed, n)).digest() * 500 for n in range(count)]


def test_a_union_stays_short_enough_to_be_read_and_tokens_that_were_kept_are_the_last_to_go() -> None:
    ledger = corrected(7)
    notes = [ledger.checkpoint(size) for size in range(5, 13)]
    kept = with_tokens(ledger.receipt(1, checkpoints=notes), noise(1, 4))
    offered = with_tokens(ledger.receipt(1, told=[6], checkpoints=notes), noise(2, 4))
    assert len(format_receipt(kept)) + len(format_receipt(offered)) > MAX_RECEIPT
    found = grown(kept, offered)
    assert ledger.records[6].decode() in found.records
    assert [proof.tokens for proof in found.proofs] == [proof.tokens for proof in kept.proofs]


def test_where_all_that_counts_has_no_room_idle_tokens_that_were_kept_go() -> None:
    ledger = corrected(7)
    notes = [ledger.checkpoint(size) for size in range(5, 13)]
    bare = ledger.receipt(1, checkpoints=notes)
    room = MAX_RECEIPT - len(format_receipt(bare)) - 1000
    fill = (room // 8 - 100) * 3 // 4  # base64
    kept = with_tokens(bare, [part[: fill // 5] for part in noise(1, 5)])
    spare = MAX_RECEIPT - len(format_receipt(kept))
    offered = ledger.receipt(1, told=range(5, 12), checkpoints=notes)
    assert 0 < spare < len(format_receipt(offered)) - len(format_receipt(bare))
    found = grown(kept, offered)
    assert ledger.records[11].decode() in found.records
    assert [proof.tokens for proof in found.proofs] == [()] * 8


def test_above_the_limit_the_first_the_witnessed_the_stamped_and_the_newest_proof_stay() -> None:
    ledger = corrected(11)
    notes = [ledger.checkpoint(size, cosigners=WITNESSES if size in (8, 12) else None) for size in range(5, 17)]
    token = stamp(notes[5].text)
    first = ledger.receipt(1, checkpoints=notes[:8])
    proofs = [proof._replace(tokens=(token,)) if n == 5 else proof for n, proof in enumerate(first.proofs)]
    kept = first_receipt(first._replace(proofs=tuple(proofs)), WATCHED)
    found = grown(kept, ledger.receipt(1, checkpoints=notes[8:]), WATCHED)
    sizes = [parse_checkpoint(parse_proof(proof.proof.encode()).checkpoint.text).size for proof in found.proofs]
    assert len(sizes) == 8
    assert {5, 8, 10, 16} < set(sizes)
    assert judge(found, WITNESSED).verdict == "proven"


def test_a_quorum_that_two_receipts_complete_together_is_a_quorum_when_proofs_are_dropped() -> None:
    ledger = corrected(11)
    notes = [ledger.checkpoint(size) for size in range(5, 17)]
    lines = [cosign(notes[3].text, witness, ledger.now // 1000) for witness in WITNESSES[:2]]
    halves = [Note(notes[3].text, (*notes[3].signatures, line)) for line in lines]
    kept = ledger.receipt(1, checkpoints=[*notes[:3], halves[0], *notes[4:8]])
    offered = ledger.receipt(1, checkpoints=[halves[1], *notes[8:]])
    assert judge(grown(kept, offered, WATCHED), WITNESSED).verdict == "proven"


def test_a_proof_that_does_not_count_goes_before_one_that_does() -> None:
    """An old checkpoint under a foreign key is no 'first' one, and holds no place."""
    ledger = corrected(8)
    foreign = sign_note(format_checkpoint(Checkpoint(ORIGIN, 5, ledger.tree(5).root)), [signer(ORIGIN, "foreign")])
    notes = [ledger.checkpoint(size) for size in range(6, 14)]
    kept = ledger.receipt(1, checkpoints=[foreign, *notes[:7]])
    found = grown(kept, ledger.receipt(1, checkpoints=notes[7:]))
    sizes = [parse_checkpoint(parse_proof(proof.proof.encode()).checkpoint.text).size for proof in found.proofs]
    assert sizes == list(range(6, 14))


@pytest.mark.parametrize("early", [True, False])
def test_of_64_records_the_relied_and_the_newest_event_stay(early: bool) -> None:
    ledger = corrected(0 if early else 62)
    newest = ledger.end_key("acme", since=START + DAY)
    for _ in range(62 if early else 0):
        ledger.append(Clock(3, ledger.now, "x"))
    others = [place for place in range(5, 68) if place != newest]
    kept = ledger.receipt(1, told=[newest, *others[:60]] if early else others[:61])
    assert len(kept.records) == 64
    found = grown(kept, ledger.receipt(1, told=[newest, *others[60:]]))
    assert len(found.records) == 64
    assert ledger.records[newest].decode() in found.records
    assert (judge(found).failed, judge(found).cannot) == ([], [17])


def test_a_proof_under_which_a_record_relied_on_has_no_true_path_is_left_out_of_an_offer() -> None:
    """Anyone can add a checkpoint that the log did sign, such as one from before the batch, and a false path."""
    ledger = later()
    clean = ledger.receipt(1, told=[5], checkpoints=[note_at(5, (0, 1)), note_at(7)])
    early = ledger.checkpoint(3)
    proof = parse_proof(clean.proofs[0].proof.encode())._replace(checkpoint=early)
    poison = clean.proofs[0]._replace(proof=format_proof(proof).decode())
    foul = clean._replace(proofs=(poison, *clean.proofs))
    assert judge(foul).verdict != "proven"
    assert first_receipt(foul, TRUST) == clean
    assert grown(ledger.receipt(1, checkpoints=[note_at(5, (0, 1))]), foul) == clean


def test_a_receipt_of_which_nothing_counts_stays_as_it_is() -> None:
    other = Trust(Policy((Log(signer(ORIGIN, "another").key),), (), (), None))
    receipt = later().receipt(1)
    assert first_receipt(receipt, other) == receipt
    assert first_receipt(receipt, Trust(None)) == receipt


def test_what_would_weaken_a_step_is_not_taken() -> None:
    """Here a retirement before the batch, which the acceptance does not name: step 6 would fail."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    hidden = ledger.end_key("acme")
    ledger.deposit("acme", {"a": b"x"})
    ledger.deposits[0].acceptance = ledger.deposits[0].acceptance._replace(event=0)
    ledger.seal()
    kept = ledger.receipt(0)
    assert judge(kept).verdict == "proven"
    assert refusal(kept, ledger.receipt(0, told=[hidden])) == "union-weaker"


def test_what_could_no_longer_be_told_is_not_taken() -> None:
    """Of two events before the batch that the acceptance does not name, the second alone: one is missing."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.enrol("acme", "second", earlier=depositor_signer("acme"))
    hidden = ledger.end_key("acme", "second")
    ledger.deposit("acme", {"a": b"x"})
    ledger.deposits[0].acceptance = ledger.deposits[0].acceptance._replace(event=0)
    ledger.seal()
    offered = ledger.receipt(0, told=[hidden])
    assert judge(offered).cannot == [9, 12]
    assert refusal(ledger.receipt(0), offered) == "union-weaker"


def test_without_a_policy_nothing_is_taken() -> None:
    kept = sample().receipt(1)
    assert unite(kept, later().receipt(1, told=[5]), Trust(None)) == (kept, False, None)


def test_a_line_of_a_witness_unknown_here_is_kept_for_those_who_know_it() -> None:
    ledger = sample()
    offered = ledger.receipt(1, checkpoints=[ledger.checkpoint(cosigners=WITNESSES)])
    found = grown(ledger.receipt(1), offered)
    assert judge(found, WITNESSED).verdict == "proven"
