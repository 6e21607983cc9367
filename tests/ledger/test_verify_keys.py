"""Steps 6, 12 and 17: the key records that a deposit relies on, lies in a roster, and a reader's own ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.cases import every_case
from tests.support.sample_ledger import (
    DAY,
    POLICY,
    START,
    WITNESSED,
    WITNESSES,
    SampleLedger,
    depositor_signer,
    opened_identity,
    sample,
)
from tests.support.verdicts import judge, notes_of, step

from hefu_ledger import section
from hefu_ledger.deposit.receipt import Receipt, format_receipt
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.record import format_record, parse_record
from hefu_ledger.records.role import APPROVE
from hefu_ledger.records.roster import Report, Roster, RosterKey, key_bytes
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_ledger.verify import Reading, verify_receipt
from hefu_ledger.verify.case import CONFIRMED, OWN

FIRST = depositor_signer("acme")
GHOST = depositor_signer("acme", "ghost")


def with_events(count: int) -> SampleLedger:
    """Acme's first key and others that came and went; event ``count`` - 1 is the last before the deposit."""
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme")
    for number in range(1, count):
        if number % 2:
            ledger.enrol("acme", f"{number}", earlier=FIRST)
        else:
            ledger.end_key("acme", f"{number - 1}", by=[FIRST])
    return ledger


def deposited(ledger: SampleLedger, signers: list[str] | None = None) -> SampleLedger:
    ledger.deposit("acme", {"a": b"x"}, signers=[depositor_signer("acme", label) for label in signers or [""]])
    ledger.seal()
    return ledger


def test_below_event_8_every_event_is_relied_on() -> None:
    ledger = deposited(with_events(8))
    assert judge(ledger.receipt(0)).verdict == "proven"
    for event in range(8):
        others = [ledger.places["acme", other] for other in range(8) if other != event]
        assert set(judge(ledger.receipt(0, others)).cannot) <= {6, 9, 12}
        assert judge(ledger.receipt(0, others)).verdict == "cannot tell"


def test_from_event_8_on_the_judging_event_the_last_enrolment_and_the_signers_are_relied_on() -> None:
    ledger = deposited(with_events(9))
    relied = [ledger.places["acme", event] for event in (0, 7, 8)]
    assert judge(ledger.receipt(0, relied)).verdict == "proven"
    for event in (0, 7, 8):
        others = [place for place in relied if place != ledger.places["acme", event]]
        assert judge(ledger.receipt(0, others)).verdict == "cannot tell"
    more = [ledger.places["acme", event] for event in range(9)]
    assert judge(ledger.receipt(0, more)).verdict == "proven"


def test_events_that_stand_out_of_their_order_fail_at_step_9() -> None:
    whole, swapped = with_events(9), SampleLedger()
    swapped.begin()
    swapped.steps = whole.steps
    for text in (*whole.records[1:8], whole.records[9], whole.records[8]):
        body = parse_record(text).body
        assert isinstance(body, Enrolment | KeyEvent)
        swapped.places["acme", body.event] = swapped.append(body)
    assert judge(deposited(swapped).receipt(0)).failed == [9]
    assert judge(deposited(whole).receipt(0)).failed == []


Lie = Callable[[Roster], Roster]


def lied(lie: Lie, signers: list[str]) -> Receipt:
    """A receipt whose judging event, the ninth, states another roster than it leads to."""
    ledger = with_events(9)
    place = ledger.places["acme", 8]
    record = parse_record(ledger.records[place])
    assert isinstance(record.body, Enrolment | KeyEvent)
    false = lie(record.body.roster)
    ledger.records[place] = format_record(record._replace(body=record.body._replace(roster=false)))
    ledger.steps["acme"][-1] = (0, false)
    deposited(ledger, signers)
    return ledger.receipt(0)


def keyed(change: Callable[[RosterKey], RosterKey]) -> Lie:
    return lambda roster: roster._replace(keys=(change(roster.keys[0]), *roster.keys[1:]))


@every_case(
    ("lie", "signers", "failed"),
    [
        (keyed(lambda key: key._replace(key=key_bytes(GHOST.key))), ["ghost"], [12]),
        (keyed(lambda key: key._replace(since=7, word=7)), [""], [12]),
        (lambda roster: roster._replace(keys=(*roster.keys, RosterKey(8, key_bytes(GHOST.key), 8))), ["ghost"], [12]),
        (keyed(lambda key: key._replace(role=APPROVE)), [""], [12]),
        (lambda roster: roster._replace(identity=section.close(opened_identity("rival"))), [""], [12]),
        (lambda roster: roster._replace(signatures_required=2), [""], [6]),
        (lambda roster: roster._replace(enrolment=8), [""], [12]),
        (lambda roster: roster._replace(enrolment=5), [""], []),  # its possession says the same: no lie about anything
        (lambda roster: roster._replace(keys=(*roster.keys, RosterKey(2, key_bytes(GHOST.key), 2))), [""], [12]),
    ],
)
def test_a_lie_in_a_roster_that_is_not_folded_fails(lie: Lie, signers: list[str], failed: list[int]) -> None:
    assert judge(lied(lie, signers)).failed == failed


def test_a_word_that_is_not_folded_is_the_ledgers_statement_and_noted() -> None:
    ledger = with_events(9)
    ledger.enrol("acme", "late")  # on the operator's word
    deposited(ledger, ["late"])
    assert "word-operator" in judge(ledger.receipt(0)).notes
    assert "word-stated" not in judge(deposited(with_events(2), ["1"]).receipt(0)).notes
    vouched = deposited(with_events(10), ["9"])
    assert "word-stated" in judge(vouched.receipt(0)).notes


def test_a_note_that_waited_longer_than_thirty_days_is_noted() -> None:
    for wait, late in ((30 * DAY, False), (30 * DAY + 1, True)):
        ledger = SampleLedger()
        ledger.begin()
        ledger.enrol("acme")
        made = ledger.now
        key = depositor_signer("acme", "old").key
        request = format_note(sign_note(format_key_request(KeyRequest("retire", "", made, key)), [FIRST])).decode()
        ledger.enrol("acme", "old", earlier=FIRST)
        ledger.now += wait
        after = ledger.roster("acme")._replace(keys=ledger.roster("acme").keys[:1])
        ledger.event("acme", KeyEvent("retire", request, 0, 0, "", after, key))
        found = judge(deposited(ledger).receipt(0))
        assert (found.verdict, "note-late" in found.notes) == ("proven", late)


def test_a_statement_with_two_signatures_needs_each_role_that_a_key_in_force_has() -> None:
    chief, clerk = depositor_signer("acme", "chief"), depositor_signer("acme", "clerk")
    ledger = SampleLedger()
    ledger.begin()
    ledger.enrol("acme", "chief", 2, role=APPROVE)
    ledger.enrol("acme", "clerk", 2, chief)
    ledger.enrol("acme", "other", 2, [chief, clerk])
    for signers in (["chief", "clerk"], ["clerk", "other"], ["chief"], ["chief", "other"]):
        ledger.deposit("acme", {"a": b"x"}, signers=[depositor_signer("acme", label) for label in signers])
    ledger.seal()
    assert [judge(ledger.receipt(seq)).failed for seq in range(4)] == [[], [6], [6], []]


def read(ledger: SampleLedger, size: int | None = None, *, source: str = "outside") -> list[tuple[str, str]]:
    """Steps 1, 9 and 17 of the sample's second deposit, for a reader who has read a ledger."""
    texts = {index: text.decode() for index, text in enumerate(ledger.records)}
    reading = Reading(len(texts) if size is None else size, texts)
    receipt = format_receipt(sample().receipt(1))
    verdict = verify_receipt(receipt, policy=POLICY, source=source, reading=reading)
    unread = ["ledger-since", {}] in step(verdict, 19).values["items"]
    assert unread == (reading.size <= 3)  # the batch is record 3
    return [(step(verdict, number).outcome, step(verdict, number).code) for number in (1, 9, 17)]


def test_step_17_is_ok_only_for_a_reader_who_has_read_the_ledger() -> None:
    assert read(sample()) == [("ok", "trust-outside"), ("ok", "records-under"), ("ok", "compromise-read")]
    assert read(sample(), source=OWN)[::2] == [("noted", "trust-own"), ("noted", "compromise-read")]
    assert read(sample(), 3)[2] == ("noted", "compromise-none")  # not past the batch: it adds nothing
    assert read(sample(), source=CONFIRMED)[0] == ("ok", "trust-confirmed")
    assert read(sample(), 4)[2] == ("ok", "compromise-read")


def test_an_event_that_the_reader_has_read_is_relied_on_only_where_it_is_carried() -> None:
    ledger = sample()
    reading = Reading(5, {index: text.decode() for index, text in enumerate(ledger.records)})
    assert judge(ledger.receipt(1, [2]), reading=reading).cannot == [6]


def test_a_report_that_the_reader_has_read_is_found_though_the_receipt_does_not_tell_it() -> None:
    ledger = sample()
    ledger.end_key("acme", since=START - DAY)
    assert read(ledger)[2] == ("cannot", "compromised")


def test_a_ledger_that_holds_another_record_than_the_receipt_is_a_contradiction() -> None:
    ledger = sample()
    record = parse_record(ledger.records[1])
    ledger.records[1] = format_record(record._replace(recorded_at=record.recorded_at + 1))
    assert read(ledger)[1] == ("failed", "ledger-differs")


@pytest.mark.parametrize(("since", "expected"), [(4000, "noted"), (3999, "cannot"), (3998, "cannot")])
def test_a_report_is_later_only_where_the_witnesses_time_is_before_it(since: int, expected: str) -> None:
    """The quorum was complete at 3.999 s."""
    ledger = deposited(with_events(1))
    ledger.now = START + 2000
    report = ledger.end_key("acme", since=START + since)
    receipt = ledger.receipt(0, told=[report], checkpoints=[ledger.checkpoint(cosigners=WITNESSES)])
    verdict = verify_receipt(format_receipt(receipt), policy=WITNESSED)
    assert step(verdict, 17).outcome == expected
    assert step(verdict, 17).values["by"] == ["reported-operator", {}]


def test_the_verdict_says_who_reported_a_key_where_that_record_is_carried() -> None:
    ledger = deposited(with_events(2))
    report = ledger.end_key("acme", by=[depositor_signer("acme", "1")], since=START - DAY)
    newest = ledger.enrol("acme", "new", earlier=depositor_signer("acme", "1"))
    for told, by in (
        ([report], "reported-owner"),
        ([newest], "reported-unknown"),
        ([report, newest], "reported-owner"),
    ):
        verdict = verify_receipt(format_receipt(ledger.receipt(0, told=told)), policy=POLICY)
        assert step(verdict, 17).values["by"] == [by, {}]
        assert verdict.facts["keys_known_to"]["event"] == (3 if newest in told else 2)


def test_only_a_proven_report_of_that_very_key_says_who_reported_it() -> None:
    ledger = deposited(with_events(2))
    own = [depositor_signer("acme", "1")]
    report = ledger.end_key("acme", by=own, since=START - DAY)
    other = ledger.end_key("acme", "another", since=START)
    newest = ledger.enrol("acme", "new", earlier=own)
    receipt = ledger.receipt(0, told=[report, newest])
    paths = receipt.proofs[0].paths
    unproven = receipt._replace(proofs=(receipt.proofs[0]._replace(paths=(*paths[:-2], None, paths[-1])),))
    for each in (unproven, ledger.receipt(0, told=[other, newest])):
        verdict = verify_receipt(format_receipt(each), policy=POLICY)
        assert step(verdict, 17).values["by"] == ["reported-unknown", {}]


def test_a_roster_that_forgets_a_report_from_before_is_not_believed_over_the_one_that_has_it() -> None:
    ledger = deposited(with_events(2), ["1"])
    ledger.end_key("acme", "1", since=START - DAY)
    kept = ledger.roster("acme")
    assert kept.reported == (Report(key_bytes(depositor_signer("acme", "1").key), START - DAY),)
    told = [ledger.places["acme", 2], ledger.end_key("acme", roster=kept._replace(keys=(), reported=()))]
    verdict = verify_receipt(format_receipt(ledger.receipt(0, told=told)), policy=POLICY)
    assert (step(verdict, 17).outcome, "aside-broken" in notes_of(verdict)) == ("cannot", False)
