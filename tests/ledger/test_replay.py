"""Replay: the true ledger passes at both depths, and every lie is named at its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.cases import every_case
from tests.support.replaying import found_at_both_depths, found_in_full_only, replayed
from tests.support.sample_ledger import (
    DAY,
    LOG,
    ORIGIN,
    START,
    SampleLedger,
    depositor_signer,
    sample,
    signer,
)

from hefu_ledger.deposit.statement import Seen, format_statement, parse_statement, statement_id
from hefu_ledger.encoding import canonical, format_time
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.records.bodies import Batch, Clock, Enrolment
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.records.record import FORMAT, format_record, parse_record, record_hash
from hefu_ledger.records.roster import RosterKey, key_bytes
from hefu_ledger.replay import Replay
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note, SignatureLine, format_note, sign_note

CHIEF, CLERK, OTHER = (depositor_signer("acme", label) for label in ("chief", "clerk", "other"))


@pytest.mark.parametrize("full", [False, True])
def test_the_true_ledger_replays_at_both_depths(full: bool) -> None:
    replay = replayed(sample(), full=full)
    assert (replay.size, replay.deposits, replay.broken_promises) == (5, 3, 0)


def test_a_statement_signed_by_another_depositors_key_is_named() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"x"}, signers=[depositor_signer("beta")])
    ledger.seal()
    assert "deposit 3: signed by" in found_in_full_only(ledger)


def two_persons() -> SampleLedger:
    """A chief who approves, a clerk and another who prepare; a statement needs two."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme", "chief", 2, role="approve")
    ledger.enrol("acme", "clerk", 2, CHIEF)
    ledger.enrol("acme", "other", 2, [CHIEF, CLERK])
    return ledger


def test_where_two_must_sign_a_statement_that_nobody_approved_is_named() -> None:
    ledger = two_persons()
    ledger.deposit("acme", {"a": b"x"}, signers=[CLERK, CHIEF])
    ledger.seal()
    replayed(ledger, full=True)
    ledger.deposit("acme", {"b": b"y"}, signers=[CLERK, OTHER])
    ledger.seal()
    assert "deposit 1: statement: signatures: none of them by a key of the role approve" in found_in_full_only(ledger)


def test_an_approver_for_whom_no_approver_vouched_is_named() -> None:
    ledger = two_persons()
    ledger.enrol("acme", "puppet", 2, [CLERK, OTHER], role="approve", roster=ledger.roster("acme"))
    assert "record 4: enrolment: a key that approves" in found_at_both_depths(ledger)


def test_a_false_nth_is_named() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"x"}, nth=7)
    ledger.seal()
    assert found_in_full_only(ledger) == "deposit 3: nth of depositor acme: expected 2, found 7"


def test_a_missing_enrolment_is_named() -> None:
    ledger = sample()
    ledger.deposit("gamma", {"a": b"x"})
    ledger.seal()
    assert "deposit 3: no enrolment of depositor gamma" in found_in_full_only(ledger)


def test_a_deposit_from_before_its_depositors_first_key_is_named() -> None:
    ledger = sample()
    gamma = parse_record(ledger.records[ledger.enrol("gamma")]).body
    assert isinstance(gamma, Enrolment)
    ledger.records.pop()
    ledger.append(gamma._replace(from_seq=4))
    ledger.deposit("gamma", {"a": b"x"})
    ledger.seal()
    assert "deposit 3: depositor gamma had no key at deposit 3" in found_in_full_only(ledger)


def test_a_record_whose_entries_lies_is_named() -> None:
    ledger = sample()
    ledger.append(Clock(3, START, "set by hand"), entries=4)
    assert found_at_both_depths(ledger) == "record 5: entries: expected 3, found 4"


def test_a_repeated_statement_is_named() -> None:
    ledger = sample()
    again = ledger.deposit("acme", {"a": b"x"})
    again.statement = ledger.deposits[0].statement
    again.acceptance = again.acceptance._replace(statement=ledger.deposits[0].acceptance.statement)
    ledger.seal()
    assert found_in_full_only(ledger) == "deposit 3: the same statement was accepted before"


def with_acceptance(**changes: object) -> SampleLedger:
    ledger = sample()
    deposit = ledger.deposit("acme", {"a": b"x"})
    deposit.acceptance = deposit.acceptance._replace(**changes)  # type: ignore[arg-type]  # tests know the fields
    ledger.seal()
    return ledger


@every_case(
    ("changes", "place"),
    [
        ({"event": 1}, "deposit 3: event: expected 0, found 1"),
        ({"seq": 4}, "deposit 3: acceptance"),
        ({"depositor": "beta"}, "deposit 3: acceptance"),
        ({"origin": "log.example/other"}, "deposit 3: acceptance"),
        ({"statement": bytes(32)}, "deposit 3: acceptance"),
        ({"received_at": START}, "deposit 3: received_at"),
        ({"received_at": START + DAY}, "deposit 3: received_at"),
        ({"anchor_by": START + 3 * DAY}, "deposit 3: anchor_by"),
        ({"anchor_by": START}, "deposit 3: anchor_by"),
    ],
)
def test_every_member_of_an_acceptance_is_checked(changes: dict[str, object], place: str) -> None:
    assert found_in_full_only(with_acceptance(**changes)).startswith(place)


def test_a_broken_promise_is_counted_and_is_no_error() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"x"}, delay=5)
    ledger.seal()
    assert replayed(ledger, full=True).broken_promises == 1


def test_a_checkpoint_the_depositor_saw_must_have_been_so() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"x"}, seen=Seen(ledger.tree(4).root, 4))
    ledger.seal()
    assert replayed(ledger, full=True).strange_sights == 0


def test_a_claim_to_have_seen_another_ledger_is_counted_and_cannot_stop_an_audit() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"y"}, seen=Seen(bytes(32), 4))
    ledger.seal()
    assert replayed(ledger, full=True).strange_sights == 1


def test_a_statement_that_saw_what_was_not_there_yet_is_named() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"y"}, seen=Seen(bytes(32), 6))
    ledger.seal()
    assert "deposit 3: seen: expected a size below 6" in found_in_full_only(ledger)


def test_a_clock_record_about_later_deposits_is_named() -> None:
    ledger = sample()
    ledger.append(Clock(9, START, "later"))
    assert found_at_both_depths(ledger) == "record 5: from_seq: expected 3, found 9"


def test_clock_corrections_are_counted() -> None:
    ledger = sample()
    ledger.append(Clock(3, START, "the clock was fast"))
    assert replayed(ledger, full=False).clock_corrections == 1


def test_another_identity_on_the_operators_word_alone_is_named() -> None:
    ledger = sample()
    ledger.enrol("acme", "second")
    replayed(ledger, full=False)
    ledger.enrol("acme", "third", identity=bytes(32), roster=ledger.roster("acme"))
    assert "record 6: enrolment: another identity" in found_at_both_depths(ledger)


@pytest.mark.parametrize(
    "change", [{"enrolment": 0}, {"identity": bytes(32)}, {"keys": ()}, {"signatures_required": 2}, {"word": 0}]
)
def test_a_roster_that_is_not_what_the_record_leads_to_is_named(change: dict[str, Any]) -> None:
    ledger = sample()
    ledger.enrol("acme", "second")
    after = ledger.roster("acme")
    if "word" in change:
        change = {"keys": (*after.keys[:-1], after.keys[-1]._replace(word=0))}
    ledger = sample()
    ledger.enrol("acme", "second", roster=after._replace(**change))
    assert found_at_both_depths(ledger) == "record 5: event 1: its roster is not what it leads to"


def test_an_event_left_out_or_repeated_is_named() -> None:
    for event in (0, 2):
        ledger = sample()
        ledger.enrol("acme", "second")
        body = parse_record(ledger.records.pop()).body
        assert isinstance(body, Enrolment)
        ledger.append(body._replace(event=event, roster=body.roster._replace(enrolment=0, keys=())))
        assert found_at_both_depths(ledger) == f"record 5: event of depositor acme: expected 1, found {event}"


def test_a_key_that_comes_again_after_its_end_is_named() -> None:
    ledger = sample()
    ledger.end_key("acme")
    ledger.enrol("acme")
    assert "was enrolled before" in found_at_both_depths(ledger)


def test_a_report_about_a_key_that_never_came_is_named() -> None:
    ledger = sample()
    ledger.end_key("acme", "ghost", since=START)
    assert "record 5: key record: there is no key in force to compromised" in found_at_both_depths(ledger)


def test_a_retired_keys_later_statement_is_named() -> None:
    ledger = sample()
    ledger.end_key("acme")
    ledger.deposit("acme", {"a": b"x"})
    ledger.seal()
    assert "deposit 3: statement: log.example/fengxian/depositor/acme has no key in force" in found_in_full_only(ledger)


def test_an_enrolment_that_reaches_back_is_named() -> None:
    ledger = sample()
    body = parse_record(ledger.records[1]).body
    assert isinstance(body, Enrolment)
    ledger.append(body._replace(from_seq=1))
    assert found_at_both_depths(ledger) == "record 5: from_seq: expected at least 3, found 1"


def test_a_second_genesis_is_named() -> None:
    ledger = sample()
    ledger.begin()
    assert "record 5: genesis" in found_at_both_depths(ledger)


def test_a_ledger_without_genesis_is_named() -> None:
    ledger = SampleLedger()
    ledger.append(Clock(0, START, "set by hand"))
    assert "record 0: genesis" in found_at_both_depths(ledger)


def test_a_record_before_the_last_is_named() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"x"})
    ledger.now = START
    ledger.seal()
    assert "record 5: recorded_at" in found_at_both_depths(ledger)


def test_a_declared_clock_correction_lets_times_start_again() -> None:
    ledger = sample()
    ledger.now = START - DAY
    ledger.append(Clock(3, START - DAY, "the clock was a day fast"))
    ledger.deposit("acme", {"a": b"x"})
    ledger.seal()
    replayed(ledger, full=True)


def rewritten(ledger: SampleLedger, index: int, **changes: object) -> SampleLedger:
    """Change one record and every ``prev`` after it, as an operator who rewrites the past would."""
    record = parse_record(ledger.records[index])
    ledger.records[index] = format_record(record._replace(**changes))  # type: ignore[arg-type]  # tests know the fields
    for later in range(index + 1, len(ledger.records)):
        record = parse_record(ledger.records[later])
        ledger.records[later] = format_record(record._replace(prev=record_hash(ledger.records[later - 1])))
    return ledger


def test_a_false_batch_root_is_named() -> None:
    ledger = sample()
    body = parse_record(ledger.records[3]).body
    assert isinstance(body, Batch)
    rewritten(ledger, 3, body=body._replace(roots={"sha-256": bytes(32)}))
    assert found_at_both_depths(ledger).startswith("batch 3: the batch's root")


@pytest.mark.parametrize(("change", "place"), [({"first_seq": 1}, "first_seq"), ({"count": 3}, "entries")])
def test_a_batch_range_that_does_not_follow_is_named(change: dict[str, object], place: str) -> None:
    ledger = sample()
    body = parse_record(ledger.records[3]).body
    assert isinstance(body, Batch)
    rewritten(ledger, 3, body=body._replace(**change))  # type: ignore[arg-type]  # tests know the fields
    assert found_at_both_depths(ledger).startswith(f"record 3: {place}")


def test_a_batch_with_a_leaf_too_few_or_too_many_is_named() -> None:
    ledger = sample()
    for wrong in (ledger.leaves(3)[:-32], ledger.leaves(3) + bytes(32), ledger.leaves(3)[:-1]):
        replay = Replay(full=False)
        for data in ledger.records[:4]:
            replay.record(data)
        with pytest.raises(VerificationError, match="batch 3: leaves: expected 2"):
            replay.leaves(wrong)


def fed_and_finished(ledger: SampleLedger, checkpoint: Note, key: VerifierKey = LOG.key) -> None:
    replay = Replay(full=False)
    for data in ledger.records:
        record = replay.record(data)
        if isinstance(record.body, Batch):
            replay.leaves(ledger.leaves(record.index))
    replay.finish(format_note(checkpoint), [key])


@pytest.mark.parametrize("index", range(5))
def test_any_changed_record_is_named_by_the_one_after_it(index: int) -> None:
    ledger = sample()
    record = parse_record(ledger.records[index])
    true = ledger.checkpoint()
    ledger.records[index] = format_record(record._replace(recorded_at=record.recorded_at + 1))
    with pytest.raises(VerificationError) as error:
        fed_and_finished(ledger, true)
    assert str(error.value).startswith("checkpoint: root" if index == 4 else f"record {index + 1}: prev")


def test_records_left_out_repeated_or_swapped_are_named() -> None:
    for order in ([0, 2, 1, 3, 4], [0, 1, 3, 4], [0, 1, 1, 2, 3]):
        ledger = sample()
        ledger.records = [ledger.records[index] for index in order]
        assert "index: expected" in found_at_both_depths(ledger)


@pytest.mark.parametrize("full", [False, True])
def test_a_rewritten_past_is_noticed_from_a_remembered_checkpoint(full: bool) -> None:
    remembered = tuple(parse_checkpoint(sample().checkpoint(size).text) for size in (2, 4, 5))
    replayed(sample(), full=full, remembered=remembered)
    changed = SampleLedger()
    changed.begin()
    changed.enrol("acme")
    changed.enrol("beta")
    changed.deposit("acme", {"formula.txt": b"something else"})
    changed.seal()
    changed.deposit("beta", {"x": b"x"})
    changed.seal()
    with pytest.raises(VerificationError, match="record 3: rewritten"):
        replayed(changed, full=full, remembered=remembered)


def test_a_rollback_is_noticed_from_a_remembered_checkpoint() -> None:
    longer = sample()
    longer.deposit("acme", {"a": b"x"})
    longer.seal()
    remembered = parse_checkpoint(longer.checkpoint().text)
    with pytest.raises(VerificationError, match="rollback"):
        replayed(sample(), full=False, remembered=(remembered,))


def test_two_remembered_roots_of_one_size_are_a_fork() -> None:
    replay = Replay(full=False)
    replay.remember(Checkpoint(ORIGIN, 5, bytes(32)))
    with pytest.raises(VerificationError, match="fork"):
        replay.remember(Checkpoint(ORIGIN, 5, bytes([1]) * 32))


def finished(checkpoint: Note) -> None:
    fed_and_finished(sample(), checkpoint)


def test_the_checkpoint_must_be_the_logs_own_and_of_this_size_and_root() -> None:
    true = parse_checkpoint(sample().checkpoint().text)
    finished(sign_note(format_checkpoint(true), [LOG]))
    wrong: list[tuple[Checkpoint, str]] = [
        (true._replace(size=4), "size"),
        (true._replace(root=bytes(32)), "root"),
        (true._replace(origin="log.example/other"), "not signed by a trusted log key"),
    ]
    for checkpoint, place in wrong:
        with pytest.raises(VerificationError, match=f"checkpoint: {place}"):
            finished(sign_note(format_checkpoint(checkpoint), [LOG]))
    with pytest.raises(VerificationError, match="not signed"):
        finished(sign_note(format_checkpoint(true), [signer(ORIGIN, "stranger")]))


def test_a_record_of_an_unknown_type_is_covered_and_passes() -> None:
    ledger = sample()
    prev = record_hash(ledger.records[-1]).hex()
    header = {"entries": 3, "format": FORMAT, "index": 5, "prev": prev, "type": "health"}
    ledger.records.append(canonical(header | {"clock_offset_ms": 3, "recorded_at": format_time(ledger.now)}))
    replay = replayed(ledger, full=True)
    assert (replay.size, replay.unknown_records) == (6, 1)


def test_a_roster_that_a_key_of_an_unknown_type_led_to_is_counted() -> None:
    """Its line cannot be judged here: the roster is the record's own word, and an auditor is told so."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    before, key = ledger.roster("acme"), VerifierKey(depositor_signer("acme").key.name, 0x21, bytes(40))
    possession = format_possession(Possession("acme", before.identity, ORIGIN, ledger.now, 1, key))
    note = sign_note(possession, [depositor_signer("acme")])
    note = note._replace(signatures=(*note.signatures, SignatureLine(key.name, key.key_id, bytes(64))))
    after = before._replace(enrolment=1, keys=(*before.keys, RosterKey(1, key_bytes(key), 0)))
    ledger.event("acme", Enrolment(1, 0, format_note(note).decode(), after), after)
    assert [replayed(ledger, full=full).unjudged_events for full in (False, True)] == [1, 1]
    assert replayed(sample(), full=True).unjudged_events == 0


def test_a_malformed_record_is_named() -> None:
    ledger = sample()
    ledger.records.append(b"{}")
    with pytest.raises(MalformedError, match="record 5"):
        replayed(ledger, full=False)


def misfed() -> list[Callable[[], object]]:
    ledger = sample()
    replay = Replay(full=False)
    for data in ledger.records[:4]:
        replay.record(data)
    fresh = Replay(full=False)
    return [lambda: replay.record(ledger.records[4]), lambda: replay.finish(b"", []), lambda: fresh.leaves(b"")]


@pytest.mark.parametrize("place", range(3))
def test_feeding_out_of_order_is_the_callers_bug(place: int) -> None:
    with pytest.raises(ValueError, match="fed"):
        misfed()[place]()


def test_the_tree_of_the_sample_is_what_merkle_says() -> None:
    ledger = sample()
    frontier = merkle.Frontier()
    for data in ledger.records:
        frontier.append(merkle.leaf_hash(data))
    assert frontier.root() == ledger.tree().root


def test_a_statement_that_was_accepted_too_late_is_named() -> None:
    for not_after, late in ((START + DAY, False), (START, True)):
        ledger = sample()
        deposit = ledger.deposit("acme", {"a": b"x"})
        said = parse_statement(deposit.statement.text)._replace(not_after=not_after)
        deposit.statement = sign_note(format_statement(said), [depositor_signer("acme")])
        deposit.acceptance = deposit.acceptance._replace(statement=statement_id(deposit.statement))
        ledger.seal()
        if late:
            assert "deposit 3: the statement was received too late" in found_in_full_only(ledger)
        else:
            replayed(ledger, full=True)
