"""Replay: the true ledger passes at both depths, and every lie is named at its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.cases import every_case
from tests.support.sample_ledger import (
    DAY,
    LOG,
    ORIGIN,
    START,
    SampleLedger,
    depositor_signer,
    opened_identity,
    sample,
    signer,
)

from hefu_ledger import section
from hefu_ledger.deposit.statement import Seen
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.records.bodies import Batch, Clock, Enrolment, Genesis, KeyEvent
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.records.record import FORMAT, format_record, parse_record, record_hash
from hefu_ledger.replay import Replay
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer, VerifierKey
from hefu_ledger.tlog.note import Note, format_note, sign_note

CHIEF, CLERK, OTHER, PUPPET = (depositor_signer("acme", label) for label in ("chief", "clerk", "other", "puppet"))


def replayed(ledger: SampleLedger, *, full: bool, remembered: tuple[Checkpoint, ...] = ()) -> Replay:
    replay = Replay(full=full)
    for checkpoint in remembered:
        replay.remember(checkpoint)
    for data in ledger.records:
        record = replay.record(data)
        if isinstance(record.body, Batch):
            if full:
                replay.entries(ledger.entries(record.index))
            else:
                replay.leaves(ledger.leaves(record.index))
    replay.finish(format_note(ledger.checkpoint()), [LOG.key])
    return replay


def found_at_both_depths(ledger: SampleLedger) -> str:
    with pytest.raises(LedgerError) as public:
        replayed(ledger, full=False)
    with pytest.raises(LedgerError) as full:
        replayed(ledger, full=True)
    assert str(public.value) == str(full.value)
    return str(full.value)


def found_in_full_only(ledger: SampleLedger) -> str:
    replayed(ledger, full=False)
    with pytest.raises(LedgerError) as error:
        replayed(ledger, full=True)
    return str(error.value)


@pytest.mark.parametrize("full", [False, True])
def test_the_true_ledger_replays_at_both_depths(full: bool) -> None:
    replay = replayed(sample(), full=full)
    assert (replay.size, replay.deposits, replay.broken_promises) == (5, 3, 0)


def test_a_statement_signed_by_another_depositors_key_is_named() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"x"}, signers=[depositor_signer("beta")])
    ledger.seal()
    assert "deposit 3: statement: signed by" in found_in_full_only(ledger)


def two_persons() -> SampleLedger:
    """A chief who approves, a clerk and another who prepare; a statement needs two."""
    ledger = SampleLedger()
    ledger.begin()
    text = format_possession(Possession("acme", ORIGIN, CHIEF.key, "approve"))
    note = format_note(sign_note(text, [CHIEF])).decode()
    ledger.append(Enrolment(0, section.close(opened_identity("acme")), note, 2))
    for new in (CLERK, OTHER):
        add(ledger, new, CHIEF)
    return ledger


def add(ledger: SampleLedger, new: Ed25519Signer, by: Ed25519Signer, role: str = "prepare") -> None:
    text = format_key_request(KeyRequest("add", "", new.key, role=role))
    request = format_note(sign_note(text, [new, by])).decode()
    ledger.append(KeyEvent("add", request, 0, "", new.key, role=role))


def test_where_two_must_sign_a_statement_that_nobody_approved_is_named() -> None:
    ledger = two_persons()
    ledger.deposit("acme", {"a": b"x"}, signers=[CLERK, CHIEF])
    ledger.seal()
    replayed(ledger, full=True)
    ledger.deposit("acme", {"b": b"y"}, signers=[CLERK, OTHER])
    ledger.seal()
    assert "deposit 1: statement: signatures: none of them by a key of the role approve" in found_in_full_only(ledger)


def test_a_key_that_one_who_prepares_made_an_approver_is_named() -> None:
    ledger = two_persons()
    add(ledger, PUPPET, CLERK, "approve")
    assert "record 4: key record: its request is not signed by a key that approves" in found_at_both_depths(ledger)


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


def test_a_record_whose_entries_lies_is_named() -> None:
    ledger = sample()
    ledger.append(Enrolment(3, bytes(32), "x", 1), entries=4)
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
    body = parse_record(ledger.records[2]).body
    assert isinstance(body, Enrolment)
    ledger.enrol("acme", "second")
    added = parse_record(ledger.records[-1]).body
    assert isinstance(added, Enrolment)
    replayed(ledger, full=False)
    ledger.records.pop()
    ledger.append(added._replace(identity=body.identity))
    assert "record 5: enrolment: another identity" in found_at_both_depths(ledger)


def test_a_key_added_by_the_operator_without_an_enrolment_is_named() -> None:
    ledger = sample()
    ledger.append(KeyEvent("add", "operator", 3, "", depositor_signer("acme", "second").key))
    assert "record 5: key record: a key is added by a key" in found_at_both_depths(ledger)


def test_a_genesis_of_another_log_key_is_named() -> None:
    ledger = sample()
    stranger = signer(ORIGIN, "stranger")
    with pytest.raises(VerificationError, match="genesis record names another log key"):
        fed_and_finished(ledger, sign_note(ledger.checkpoint().text, [stranger]), stranger.key)


def test_a_retired_keys_later_statement_is_named() -> None:
    ledger = sample()
    ledger.append(KeyEvent("retire", "operator", 3, "left", depositor_signer("acme").key))
    ledger.deposit("acme", {"a": b"x"})
    ledger.seal()
    assert "deposit 3: statement: depositor acme has no key in force" in found_in_full_only(ledger)


def test_an_enrolment_with_anothers_possession_is_named() -> None:
    ledger = sample()
    text = parse_record(ledger.records[1]).body
    assert isinstance(text, Enrolment)
    ledger.append(text._replace(from_seq=3))
    assert "record 5: key" in found_at_both_depths(ledger)


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
    ledger.append(Enrolment(0, bytes(32), "x", 1))
    assert "record 0: genesis" in found_at_both_depths(ledger)


def test_a_batch_sealed_before_the_last_is_named() -> None:
    ledger = sample()
    ledger.deposit("acme", {"a": b"x"})
    ledger.now = START
    ledger.seal()
    assert "record 5: sealed_at" in found_at_both_depths(ledger)


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
    changed = record.body
    if isinstance(changed, Batch):
        changed = changed._replace(sealed_at=changed.sealed_at + 1)
    elif isinstance(changed, Enrolment):
        changed = changed._replace(identity=bytes(32))
    elif isinstance(changed, Genesis):
        changed = changed._replace(longest_delay_ms=2 * DAY)
    true = ledger.checkpoint()
    ledger.records[index] = format_record(record._replace(body=changed))
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
    ledger.records.append(canonical(header | {"clock_offset_ms": 3}))
    assert replayed(ledger, full=True).size == 6


def test_a_malformed_record_is_named() -> None:
    ledger = sample()
    ledger.records.append(b"{}")
    with pytest.raises(MalformedError, match="record 5"):
        replayed(ledger, full=False)


def test_the_sample_commits_to_identities_it_can_open() -> None:
    body = parse_record(sample().records[1]).body
    assert isinstance(body, Enrolment)
    assert body.identity == section.close(opened_identity("acme"))


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
