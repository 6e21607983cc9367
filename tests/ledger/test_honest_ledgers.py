"""Honest ledgers drawn at random: each receipt is proven, with any of what came later, in any union, under junk."""

from __future__ import annotations

import random
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.test_told_records import planted, with_record
from tests.support.replaying import replayed
from tests.support.sample_ledger import DAY, POLICY, START, WITNESSED, WITNESSES, SampleLedger, depositor_signer
from tests.support.verdicts import judge

from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.deposit.receipt import Receipt, format_receipt
from hefu_ledger.records.bodies import Clock
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import Note, SignatureLine
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.tlog.proof import format_proof, parse_proof
from hefu_ledger.verify import verify_receipt
from hefu_ledger.verify.case import Trust
from hefu_ledger.verify.union import first_receipt, unite


class Told(NamedTuple):
    """A report: the label of its key, its event, its record."""

    label: str
    event: int
    record: int


class World:
    """An honest service with some depositors; ``chance`` decides all that happens."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.ledger = SampleLedger()
        self.keys: dict[str, dict[str, str]] = {}  # depositor -> label -> role, of the keys in force
        self.signed: list[list[str]] = []  # labels of the keys that signed each deposit
        self.reports: dict[str, list[Told]] = {}
        self.notes: list[Note] = []
        self.count = 0
        self.ledger.begin()
        for depositor in ("acme", "beta"):
            self.reports[depositor] = []
            self.keys[depositor] = {}
            self.enrol(depositor)

    def signers(self, depositor: str) -> list[str]:
        """As few keys as may sign: one that approves first, then others, as many as are required."""
        roster, keys = self.ledger.roster(depositor), self.keys[depositor]
        approving = [label for label, role in keys.items() if role == APPROVE]
        preparing = [label for label, role in keys.items() if role == PREPARE]
        needed = roster.signatures_required
        chosen = [*approving[:1], *preparing[:1]] if needed > 1 else [*preparing, *approving][:1]
        others = [label for label in keys if label not in chosen]
        return [*chosen, *others][: max(needed, len(chosen))]

    def enough(self, depositor: str) -> bool:
        return len(self.signers(depositor)) >= self.ledger.roster(depositor).signatures_required

    def _signers_of(self, depositor: str, labels: list[str]) -> list[Ed25519Signer]:
        return [depositor_signer(depositor, label) for label in labels]

    def enrol(self, depositor: str) -> None:
        roster, keys = self.ledger.roster(depositor), self.keys[depositor]
        if len(keys) == 5:
            return
        self.count += 1
        label, role, required = f"key {self.count}", PREPARE, roster.signatures_required
        vouchers: list[str] = []
        if keys and self.enough(depositor) and self.chance.random() < 0.7:
            approving = [known for known, its in keys.items() if its == APPROVE]
            vouchers = sorted({*approving[:1], *self.signers(depositor)})
            role = self.chance.choice((PREPARE, PREPARE, APPROVE))
            required = min(self.chance.choice((1, 1, 2)), len(keys) + 1)
        self.ledger.enrol(depositor, label, required, self._signers_of(depositor, vouchers), role=role)
        keys[label] = role

    def end(self, depositor: str) -> None:
        keys = self.keys[depositor]
        if not keys:
            return
        label = self.chance.choice(sorted(keys))
        since = self.chance.choice((None, START - DAY, self.ledger.now + 400 * DAY))
        approving = [known for known, its in keys.items() if its == APPROVE]
        by = self._signers_of(depositor, [self.chance.choice(approving or sorted(keys))])
        record = self.ledger.end_key(depositor, label, by=self.chance.choice((by, None)), since=since)
        del keys[label]
        if since is not None:
            self.reports[depositor].append(Told(label, len(self.ledger.steps[depositor]) - 1, record))

    def deposit(self, depositor: str) -> None:
        if self.enough(depositor) and self.keys[depositor]:
            labels = self.signers(depositor)
            name = f"{len(self.signed)}"
            self.ledger.deposit(depositor, {name: b"x"}, signers=self._signers_of(depositor, labels))
            self.signed.append(labels)

    def seal(self) -> None:
        if self.ledger.covered < len(self.ledger.deposits):
            self.ledger.seal()
        self.notes.append(self.ledger.checkpoint(cosigners=WITNESSES))

    def correct(self, _: str) -> None:
        self.ledger.append(Clock(self.ledger.covered, self.ledger.now, "drift"))

    def live(self, steps: int) -> None:
        for _ in range(steps):
            act = self.chance.choice((self.enrol, self.enrol, self.end, self.deposit, self.deposit, self.correct))
            if act == self.correct and self.ledger.covered < len(self.ledger.deposits):
                continue  # a correction is written when all is sealed
            act(self.chance.choice(("acme", "beta")))
            self.ledger.now += 1000
            if self.chance.random() < 0.3:
                self.seal()
        self.deposit("acme")
        self.seal()

    def receipt(self, seq: int) -> Receipt:
        """What is relied on, some of what is told, one or two checkpoints."""
        ledger = self.ledger
        depositor, batch = ledger.deposits[seq].acceptance.depositor, ledger.batch_of(seq)
        later = [note for note in self.notes if parse_checkpoint(note.text).size > batch]
        notes = {note.text: note for note in self.chance.choices(later, k=2)}
        ordered = sorted(notes.values(), key=lambda note: parse_checkpoint(note.text).size)
        size = parse_checkpoint(ordered[-1].text).size
        own = {record for (whose, _), record in ledger.places.items() if whose == depositor and record < size}
        clocks = {place for place, text in enumerate(ledger.records[:size]) if b'"type":"clock"' in text}
        told = [place for place in own | {place for place in clocks if place > batch} if self.chance.random() < 0.4]
        newest = max((record for record in own), default=0)
        told += [newest] if self.chance.random() < 0.8 and newest else []
        return ledger.receipt(seq, told=told, checkpoints=ordered)

    def reported(self, seq: int, receipt: Receipt) -> bool:
        """Whether the receipt carries a record, after its own event, that tells of a report of a key that signed."""
        deposit = self.ledger.deposits[seq].acceptance
        carried = {
            event
            for (whose, event), place in self.ledger.places.items()
            if whose == deposit.depositor and self.ledger.records[place].decode() in receipt.records
        }
        newest = max(carried)
        return any(
            told.label in self.signed[seq] and deposit.event < told.event <= newest
            for told in self.reports[deposit.depositor]
        )


def lived(seed: int, steps: int = 14) -> World:
    world = World(random.Random(seed))
    world.live(steps)
    return world


SEEDS = st.integers(0, 2**32)


@settings(max_examples=25)
@given(SEEDS)
def test_an_honest_ledger_replays_and_each_receipt_is_proven_with_any_of_what_came_later(seed: int) -> None:
    """Without witnesses 17 cannot where a told report names a signer; never else."""
    world = lived(seed)
    replayed(world.ledger, full=True)
    for seq in range(world.ledger.covered):
        receipt = world.receipt(seq)
        found = judge(receipt)
        assert found.failed == []
        assert found.cannot == ([17] if world.reported(seq, receipt) else [])
        assert "aside-broken" not in found.notes


@settings(max_examples=15)
@given(SEEDS)
def test_any_union_of_honest_receipts_in_any_order_is_honest_and_ends_the_same(seed: int) -> None:
    world = lived(seed)
    trust = Trust(WITNESSED)
    for seq in range(world.ledger.covered):
        receipts = [world.receipt(seq) for _ in range(3)]
        ends = []
        for order in (receipts, receipts[::-1]):
            kept = first_receipt(order[0], trust)
            for other in order[1:]:
                kept = unite(kept, other, trust).receipt
            ends.append(kept)
            assert judge(kept, WITNESSED).failed == []
            assert judge(kept).cannot == ([17] if world.reported(seq, kept) else [])
        assert ends[0] == ends[1]


def with_junk(receipt: Receipt, chance: random.Random) -> Receipt:
    """Planted records, lines, tokens and a proof of another ledger; all of what counts stays."""
    for text in chance.sample(sorted(planted().values()), 2):
        receipt = with_record(receipt, text, chance.randrange(1, len(receipt.records) + 1))
    proofs = []
    for proof in receipt.proofs:
        parsed = parse_proof(proof.proof.encode())
        known = parsed.checkpoint.signatures
        spoilt = [line._replace(signature=bytes(len(line.signature))) for line in chance.sample(known, 2)]
        lines = [*known, *spoilt, SignatureLine("stranger.example", b"abcd", bytes(64))]
        chance.shuffle(lines)
        changed = parsed._replace(checkpoint=Note(parsed.checkpoint.text, tuple(lines)))
        tokens = tuple(sorted({chance.randbytes(40), b"\x30\x00"}))
        proofs.append(proof._replace(proof=format_proof(changed).decode(), tokens=tokens))
    return receipt._replace(proofs=tuple(proofs))


def conclusion(receipt: Receipt, policy: Policy) -> tuple[str, object, object]:
    verdict = verify_receipt(format_receipt(receipt), policy=policy, roots=[])
    return verdict.verdict, verdict.facts.get("not_later_than"), verdict.facts.get("keys_known_to")


@settings(max_examples=25)
@given(SEEDS)
def test_junk_changes_no_verdict_no_time_and_no_report(seed: int) -> None:
    world = lived(seed, 8)
    for seq in range(world.ledger.covered):
        receipt = world.receipt(seq)
        foul = with_junk(receipt, world.chance)
        for policy in (POLICY, WITNESSED):
            assert conclusion(foul, policy) == conclusion(receipt, policy)
        kept = first_receipt(receipt, Trust(WITNESSED))
        grown = unite(kept, foul, Trust(WITNESSED)).receipt
        assert conclusion(grown, WITNESSED) == conclusion(receipt, WITNESSED)


def test_a_depositor_with_a_thousand_key_events_has_small_evidence_that_is_proven() -> None:
    """Laptops come and go: 500 keys came, 486 ended, 49 of these were reported."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    first = depositor_signer("acme")
    for number in range(500):
        ledger.enrol("acme", f"{number}", earlier=first)
        if number >= 14:
            since = START + 500 * DAY if number % 10 == 0 else None
            ledger.end_key("acme", f"{number - 14}", by=[first], since=since)
    ledger.deposit("acme", {"a": b"formula"}, signers=[depositor_signer("acme", "499")])
    ledger.seal()
    told = ledger.end_key("acme", "499", by=[first], since=START + 600 * DAY)
    assert len(ledger.steps["acme"]) > 980
    receipt = ledger.receipt(0, told=[told], checkpoints=[ledger.checkpoint(cosigners=WITNESSES)])
    found = judge(receipt, WITNESSED)
    assert (found.verdict, "compromised-later" in found.notes) == ("proven", True)
    assert len(receipt.records) <= 6
    assert len(format_evidence(ledger.evidence(0, 0, receipt))) < 65_536
