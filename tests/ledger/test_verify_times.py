"""Which lines of witnesses count: the second they state, against the time of the batch."""

from __future__ import annotations

import pytest
from tests.support.sample_ledger import DAY, START, WITNESSED, WITNESSES, SampleLedger
from tests.support.verdicts import judge

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.records.bodies import Clock
from hefu_ledger.tlog.note import Note, cosign
from hefu_ledger.verify import verify_receipt

SEALED = START + 60_999 + 5_000  # the batch's time: 60 s after the end of second 5


def sealed(*, now: int = SEALED) -> SampleLedger:
    """A deposit whose batch was recorded at that time."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.now = now - 1010  # a deposit takes 10 ms, the sealing 1 s
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    assert ledger.now == now
    return ledger


def cosigned(ledger: SampleLedger, *seconds: int) -> Note:
    """The checkpoint with lines of two witnesses at each of these seconds after the start."""
    note = ledger.checkpoint()
    lines = [cosign(note.text, witness, START // 1000 + second) for second in seconds for witness in WITNESSES[:2]]
    return Note(note.text, (*note.signatures, *lines))


@pytest.mark.parametrize(("late", "cannot"), [(0, []), (1, [11])])
def test_a_line_may_be_sixty_seconds_before_the_batch_and_no_more(late: int, cannot: list[int]) -> None:
    ledger = sealed(now=SEALED + late)
    found = judge(ledger.receipt(0, checkpoints=[cosigned(ledger, 5)]), WITNESSED)
    assert (found.failed, found.cannot) == ([], cannot)
    assert found.notes.count("line-early") == (2 if cannot else 0)


@pytest.mark.parametrize("order", [(200, 100), (100, 200)])
def test_of_two_lines_of_one_witness_the_earlier_that_counts_counts(order: tuple[int, int]) -> None:
    ledger = sealed()
    receipt = ledger.receipt(0, checkpoints=[cosigned(ledger, *order, 3)])
    verdict = verify_receipt(format_receipt(receipt), policy=WITNESSED)
    assert verdict.verdict == "proven"
    assert verdict.facts["not_later_than"] == "2026-01-01T00:01:40.999Z"  # second 100; that of second 3 is too early


@pytest.mark.parametrize(("set_to", "cannot"), [(SEALED - 1, []), (SEALED, [11])])
def test_a_correction_counts_where_it_sets_the_clock_to_before_the_batch(set_to: int, cannot: list[int]) -> None:
    ledger = sealed()
    early = cosigned(ledger, 1)
    told = ledger.append(Clock(1, set_to, "ahead"))
    receipt = ledger.receipt(0, told=[told], checkpoints=[early, ledger.checkpoint()])
    assert judge(receipt, WITNESSED).cannot == cannot


def test_a_line_of_second_0_never_counts() -> None:
    """Not even where a correction of the clock lets early lines count: it states no time."""
    ledger = sealed(now=START + 400 * DAY)
    note = ledger.checkpoint()
    lines = [cosign(note.text, witness, 0) for witness in WITNESSES]
    told = ledger.append(Clock(1, START, "400 days ahead"))
    notes = [Note(note.text, (*note.signatures, *lines)), ledger.checkpoint()]
    found = judge(ledger.receipt(0, told=[told], checkpoints=notes), WITNESSED)
    assert (found.failed, found.cannot, found.notes.count("line-invalid")) == ([], [11], 3)
