"""What is told, and what is planted: it only counts or is noted, and changes no step but 17 (and, by clock, 11)."""

from __future__ import annotations

import pytest
from tests.support.cases import every_case
from tests.support.sample_ledger import (
    ACKNOWLEDGEMENT,
    DAY,
    LOG,
    POLICY,
    RECOVERY,
    START,
    WITNESSED,
    WITNESSES,
    SampleLedger,
    depositor_signer,
    signer,
)
from tests.support.verdicts import judge, judge_everywhere

from hefu_ledger.deposit.receipt import Receipt, format_receipt
from hefu_ledger.encoding import canonical, format_time
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import Batch, Clock, Enrolment, KeyEvent, LedgerKey
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.record import FORMAT, format_record, parse_record
from hefu_ledger.records.roster import Report, RosterKey, key_bytes
from hefu_ledger.tlog.keys import VerifierKey
from hefu_ledger.tlog.note import Note, SignatureLine, format_note, parse_note, sign_note
from hefu_ledger.verify import verify_receipt

NEXT = signer(ACKNOWLEDGEMENT.key.name, "next")


def deposited(*, sealed: bool = True) -> SampleLedger:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.deposit("acme", {"a": b"formula"})
    if sealed:
        ledger.seal()
    return ledger


def with_record(receipt: Receipt, text: str, place: int = -1) -> Receipt:
    """A receipt with one more record, without a path."""
    place = len(receipt.records) if place < 0 else place
    records = (*receipt.records[:place], text, *receipt.records[place:])
    batch = next(n for n, record in enumerate(receipt.records) if '"type":"batch"' in record)
    at = place - (place > batch)  # the batch has no path of its own
    proofs = [proof._replace(paths=(*proof.paths[:at], None, *proof.paths[at:])) for proof in receipt.proofs]
    return receipt._replace(records=records, proofs=tuple(proofs))


def planted() -> dict[str, str]:
    """Records that are in no ledger, of every type but batch, which a receipt holds once."""
    forger = deposited()
    forger.enrol("acme", "ghost")
    forger.end_key("acme", since=START - DAY)
    forger.append(Clock(1, START - 400 * DAY, "planted"))
    forger.ledger_key(NEXT, recovery=signer(RECOVERY.key.name, "stolen"))
    forger.ledger_key(LOG, action="compromised", since=START - DAY)
    forger.enrol("beta")
    names = ["enrolment", "report", "clock", "ledger-key", "log-report", "other-depositor"]
    texts = {name: forger.records[3 + place].decode() for place, name in enumerate(names)}
    other = SampleLedger()
    other.begin()
    same = other.records[other.enrol("acme", "planted")]
    enrolment = parse_record(same)
    assert isinstance(enrolment.body, Enrolment)
    higher = enrolment._replace(body=enrolment.body._replace(event=1))
    texts |= {"same-event": same.decode(), "higher-event": format_record(higher).decode()}
    header = {"entries": 1, "index": 9, "prev": "00" * 32, "recorded_at": format_time(START)}
    texts["unknown-type"] = canonical(header | {"format": FORMAT, "type": "health"}).decode()
    texts["unknown-format"] = canonical(header | {"format": "hefu-record/v2", "type": "health"}).decode()
    return texts | {"garbage": "{}", "nothing": ""}


@every_case("name", sorted(planted()))
@every_case("place", [1, 2, 3])
def test_a_planted_record_changes_no_step(name: str, place: int) -> None:
    """At any place: it has no path, so it is in no ledger."""
    receipt = deposited().receipt(0)
    found = judge(with_record(receipt, planted()[name], place))
    assert (found.verdict, found.failed, found.cannot) == ("proven", [], [])


def rotated() -> tuple[SampleLedger, Receipt]:
    """A deposit that is acknowledged by a key that came later than genesis."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("beta")
    ledger.enrol("acme")
    came = ledger.ledger_key(NEXT)
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    receipt = ledger.receipt(0, told=[came])
    text = parse_note(receipt.acknowledgement.encode()).text
    return ledger, receipt._replace(acknowledgement=format_note(sign_note(text, [NEXT])).decode())


def test_an_acknowledgement_by_a_later_key_needs_the_record_that_added_it() -> None:
    ledger, receipt = rotated()
    assert judge_everywhere(ledger, 0, receipt).verdict == "proven"
    without = ledger.receipt(0)._replace(acknowledgement=receipt.acknowledgement)
    assert judge(without).cannot == [14]
    unproven = receipt.proofs[0]._replace(paths=(*receipt.proofs[0].paths[:2], None))
    assert judge(receipt._replace(proofs=(unproven,))).cannot == [9]


@pytest.mark.parametrize("place", [1, 3])
def test_a_planted_record_about_the_acknowledgements_key_does_not_hide_the_true_one(place: int) -> None:
    _, receipt = rotated()
    forger = SampleLedger()
    forger.begin()
    if place == 3:
        forger.enrol("acme")
        forger.enrol("beta")
        forger.append(Clock(0, START, "so that it stands later"))
    text = forger.records[forger.ledger_key(NEXT, recovery=signer(RECOVERY.key.name, "stolen"))].decode()
    assert judge(with_record(receipt, text, place)).verdict == "proven"


def test_a_key_that_acknowledges_only_from_a_later_deposit_on_does_not_count() -> None:
    ledger = deposited(sealed=False)
    came = ledger.ledger_key(NEXT)  # from deposit 1 on
    ledger.seal()
    receipt = ledger.receipt(0, told=[came])
    text = parse_note(receipt.acknowledgement.encode()).text
    found = judge(receipt._replace(acknowledgement=format_note(sign_note(text, [NEXT])).decode()))
    assert (found.failed, found.cannot) == ([], [14])


def test_a_later_false_event_hides_no_report() -> None:
    """The operator writes one more event, whose roster forgets the report."""
    ledger = deposited()
    report = ledger.end_key("acme", since=START - DAY)
    after = ledger.roster("acme")._replace(reported=())
    false = ledger.end_key("acme", "other", since=START + DAY, roster=after)
    assert judge(ledger.receipt(0, told=[report])).cannot == [17]
    assert judge(ledger.receipt(0, told=[report, false])).cannot == [17]


def test_a_later_false_roster_is_set_aside_and_noted() -> None:
    """It has a key from before the deposit's event that was not there: no honest record could."""
    ledger = deposited()
    before = ledger.roster("acme")
    ghost = key_bytes(depositor_signer("acme", "ghost").key)
    ledger.end_key("acme", "other", roster=before._replace(keys=(RosterKey(0, ghost, 0),)))
    found = judge(ledger.receipt(0, told=[3]))
    assert (found.verdict, "aside-broken" in found.notes) == ("proven", True)


@pytest.mark.parametrize(("entries", "from_seq"), [(0, 1), (2, 1), (0, 0)])
def test_a_later_event_that_counts_deposits_falsely_is_set_aside(entries: int, from_seq: int) -> None:
    """It stands after the batch of one deposit: it counts at least that, and begins at no earlier deposit."""
    ledger = deposited()
    told = ledger.end_key("acme", since=START - DAY)
    record = parse_record(ledger.records[told])
    assert isinstance(record.body, KeyEvent)
    false = record._replace(entries=entries, body=record.body._replace(from_seq=from_seq))
    ledger.records[told] = format_record(false)
    found = judge(ledger.receipt(0, told=[told]))
    assert (found.failed, found.cannot, "aside-broken" in found.notes) == ([], [], True)


def test_a_report_that_a_key_of_a_type_unknown_here_signed_is_found() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    name = depositor_key_name("log.example/fengxian", "acme")
    strange = VerifierKey(name, 0x21, bytes(40))
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    key, since = depositor_signer("acme").key, START - DAY
    request = format_key_request(KeyRequest("compromised", "", ledger.now, key, since))
    by = format_note(Note(request, (SignatureLine(name, strange.key_id, bytes(64)),))).decode()
    own = ledger.roster("acme")
    ledger.steps["acme"].append((1, own))  # the enrolment of that key, which is not carried
    after = own._replace(keys=(RosterKey(1, key_bytes(strange), 1),), reported=(Report(key_bytes(key), since),))
    report = ledger.event("acme", KeyEvent("compromised", by, 0, 1, "", after, key, since), after)
    assert judge(ledger.receipt(0, told=[report])).cannot == [17]


@pytest.mark.parametrize(("asked_for", "expected"), [(True, [17]), (False, [])])
def test_without_witnesses_a_report_of_the_logs_key_counts_where_its_recovery_key_made_it(
    asked_for: bool, expected: list[int]
) -> None:
    ledger = deposited()
    told = ledger.ledger_key(LOG, action="compromised", since=START - DAY)
    if not asked_for:
        record = parse_record(ledger.records[told])
        assert isinstance(record.body, LedgerKey)
        ledger.records[told] = format_record(record._replace(body=record.body._replace(by="not a note")))
    assert judge(ledger.receipt(0, told=[told])).cannot == expected
    note = ledger.checkpoint(cosigners=WITNESSES)
    assert judge(ledger.receipt(0, told=[told], checkpoints=[note]), WITNESSED).cannot == []


def test_a_told_record_counts_only_under_a_proof_that_has_the_quorum() -> None:
    ledger = deposited()
    witnessed = ledger.checkpoint(cosigners=WITNESSES)
    report = ledger.end_key("acme", since=START - DAY)
    later = ledger.checkpoint()
    receipt = ledger.receipt(0, told=[report], checkpoints=[witnessed, later])
    found = judge(receipt, WITNESSED)
    assert (found.verdict, "aside-unproven" in found.notes) == ("proven", True)
    seen = ledger.receipt(0, told=[report], checkpoints=[witnessed, ledger.checkpoint(cosigners=WITNESSES)])
    assert judge(seen, WITNESSED).cannot == [17]


def test_a_correction_of_a_clock_that_ran_ahead_lets_witnesses_count() -> None:
    """The clock was 400 days ahead; the witnesses knew the true time, which the batch's record does not."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    ledger.now += 400 * DAY
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    ledger.now = START + 5000
    first = ledger.checkpoint(cosigners=WITNESSES)
    assert (judge(ledger.receipt(0, checkpoints=[first]), WITNESSED).cannot) == [11]
    correction = ledger.append(Clock(1, ledger.now, "400 days ahead"))
    later = ledger.checkpoint()  # it has no witness: of a correction the log's line is enough
    found = judge(ledger.receipt(0, told=[correction], checkpoints=[first, later]), WITNESSED)
    assert found.verdict == "proven"
    unproven = ledger.receipt(0, told=[correction], checkpoints=[first])
    assert judge(unproven, WITNESSED).cannot == [11]


def test_a_correction_before_the_batch_or_to_a_later_time_lets_no_line_count() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    before = ledger.append(Clock(0, START, "before"))
    ledger.now += 400 * DAY
    ledger.deposit("acme", {"a": b"formula"})
    ledger.seal()
    ahead = ledger.append(Clock(1, ledger.now + DAY, "to a later time"))
    early = ledger.checkpoint()
    ledger.now = START + 5000
    note = ledger.checkpoint(cosigners=WITNESSES)
    assert early.text == note.text
    assert judge(ledger.receipt(0, told=[before, ahead], checkpoints=[note]), WITNESSED).cannot == [11]


def test_a_second_batch_makes_a_receipt_unreadable_and_another_depositors_record_is_noted() -> None:
    ledger = deposited()
    other = ledger.enrol("beta")
    found = judge(ledger.receipt(0, told=[other]))
    assert (found.verdict, "aside-strange" in found.notes) == ("proven", True)
    ledger.deposit("acme", {"b": b"x"})
    again = ledger.seal()
    assert isinstance(parse_record(ledger.records[again]).body, Batch)
    assert judge(ledger.receipt(0, told=[again])).cannot == [1]


def test_a_first_key_is_no_statement_of_the_ledger_where_its_enrolment_is_carried() -> None:
    """Of nine events those to the judging one are not all carried; the first key's own is, and says all of it."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    for label in "abcd":
        ledger.enrol("acme", label, earlier=depositor_signer("acme"))
        ledger.end_key("acme", label)
    ledger.deposit("acme", {"a": b"formula"})
    ledger.enrol("acme", "e", earlier=depositor_signer("acme"))
    ledger.deposit("acme", {"b": b"formula"}, signers=[depositor_signer("acme", "e")])
    ledger.seal()
    first, second = judge(ledger.receipt(0)), judge(ledger.receipt(1))
    assert (first.verdict, second.verdict) == ("proven", "proven")
    assert ("word-stated" in first.notes, "word-stated" in second.notes) == (False, True)
    assert ("rosters-alone" in first.notes, "rosters-alone" in second.notes) == (True, True)


def test_where_all_events_are_carried_no_record_stands_alone() -> None:
    assert "rosters-alone" not in judge(deposited().receipt(0)).notes


@every_case(
    ("name", "notes"),
    [
        ("clock", ["aside-unproven"]),
        ("report", ["aside-unproven"]),
        ("same-event", ["aside-unproven"]),
        ("ledger-key", ["aside-unproven"]),
        ("unknown-type", ["aside-unknown"]),
        ("other-depositor", ["aside-strange"]),
        ("unknown-format", ["aside-record"]),
        ("garbage", ["aside-record"]),
    ],
)
def test_a_record_that_stands_aside_is_noted_once_and_those_that_count_are_not(name: str, notes: list[str]) -> None:
    ledger = deposited()
    told = [ledger.enrol("acme", "second"), ledger.append(Clock(1, ledger.now, "drift"))]
    receipt = ledger.receipt(0, told=told)
    assert [note for note in judge(receipt).notes if note.startswith("aside-")] == []
    assert [note for note in judge(with_record(receipt, planted()[name])).notes if note.startswith("aside-")] == notes


def test_of_several_false_reports_the_earliest_since_counts() -> None:
    """The quorum was complete at 3.999 s: after the first report's time, before that of the second."""
    ledger = deposited()
    report = ledger.end_key("acme", since=START)
    later = ledger.roster("acme")._replace(reported=())
    moved = later._replace(reported=(Report(key_bytes(depositor_signer("acme").key), START + DAY),))
    false = ledger.end_key("acme", "other", roster=moved)
    note = ledger.checkpoint(cosigners=WITNESSES)
    assert judge(ledger.receipt(0, told=[report, false], checkpoints=[note]), WITNESSED).cannot == [17]
    assert judge(ledger.receipt(0, told=[false], checkpoints=[note]), WITNESSED).cannot == []


def test_of_several_events_in_force_that_the_acceptance_passes_over_the_highest_judges() -> None:
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    told = [ledger.enrol("acme", label, earlier=depositor_signer("acme")) for label in "ab"]
    ledger.deposit("acme", {"a": b"formula"}, signers=[depositor_signer("acme", "b")])
    ledger.deposits[0].acceptance = ledger.deposits[0].acceptance._replace(event=0)
    ledger.seal()
    assert judge(ledger.receipt(0, told=told)).verdict == "proven"
    assert judge(ledger.receipt(0)).failed == [6]


def test_a_log_key_that_only_ended_puts_nothing_in_doubt() -> None:
    ledger = deposited()
    told = ledger.ledger_key(LOG, action="retire")
    assert judge(ledger.receipt(0, told=[told])).verdict == "proven"


def test_a_batch_of_another_format_number_cannot_be_told() -> None:
    receipt = deposited().receipt(0)
    records = tuple(text.replace("record/v1", "record/v2") if '"batch"' in text else text for text in receipt.records)
    verdict = verify_receipt(format_receipt(receipt._replace(records=records)), policy=POLICY)
    assert (verdict.verdict, verdict.steps[0].code) == ("cannot tell", "unknown-format")
