"""The roster: which keys may sign which deposit, from a depositor's enrolment and key records in order."""

from __future__ import annotations

import pytest
from tests.support.cases import every_case
from tests.support.sample_ledger import ORIGIN, START, depositor_signer

from hefu_ledger.deposit.statement import Statement, format_statement
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.records.roster import Roster
from hefu_ledger.tlog.keys import Ed25519Signer, VerifierKey
from hefu_ledger.tlog.note import Note, format_note, sign_note

ONE, TWO, THREE, FOUR = (depositor_signer("acme", label) for label in ("one", "two", "three", "four"))
BETA = depositor_signer("beta")


def enrolment(
    signer: Ed25519Signer,
    from_seq: int = 0,
    *,
    required: int = 1,
    earlier: Ed25519Signer | None = None,
    who: str = "acme",
    role: str = "prepare",
) -> Enrolment:
    signers = [signer] if earlier is None else [signer, earlier]
    note = sign_note(format_possession(Possession(who, ORIGIN, signer.key, role)), signers)
    return Enrolment(from_seq, bytes([from_seq]) * 32, format_note(note).decode(), required)


def event(
    action: str,
    signer: Ed25519Signer,
    from_seq: int,
    *by: Ed25519Signer,
    since: int | None = None,
    role: str = "prepare",
) -> KeyEvent:
    request = KeyRequest(action, "", signer.key, since, role)
    word = format_note(sign_note(format_key_request(request), by)).decode() if by else "operator"
    return KeyEvent(action, word, from_seq, "", signer.key, since, role)


def roster(*records: Enrolment | KeyEvent) -> Roster:
    made = Roster(ORIGIN, "acme")
    for record in records:
        if isinstance(record, Enrolment):
            made.enrol(record)
        else:
            made.change(record)
    return made


def keys(*signers: Ed25519Signer) -> list[VerifierKey]:
    return [signer.key for signer in signers]


def signed(*signers: Ed25519Signer) -> Note:
    return sign_note(format_statement(Statement(1, "acme", "file", ORIGIN, bytes(32))), signers)


def test_a_key_counts_from_its_from_seq_on() -> None:
    made = roster(enrolment(ONE, 2), enrolment(TWO, 5, earlier=ONE))
    assert [made.keys_at(seq) for seq in (0, 1)] == [[], []]
    assert [made.keys_at(seq) for seq in (2, 4)] == [keys(ONE), keys(ONE)]
    assert made.keys_at(5) == keys(ONE, TWO)
    assert made.members[-1].identity == bytes([5]) * 32


@pytest.mark.parametrize("action", ["retire", "compromised"])
def test_a_key_ends_at_the_from_seq_of_its_end(action: str) -> None:
    since = START if action == "compromised" else None
    made = roster(enrolment(ONE), enrolment(TWO, earlier=ONE), event(action, ONE, 7, since=since))
    assert [made.keys_at(seq) for seq in (6, 7)] == [keys(ONE, TWO), keys(TWO)]
    assert [member.compromised_since for member in made.members] == [since, None]


def test_who_vouches_is_remembered() -> None:
    made = roster(enrolment(ONE), enrolment(TWO, earlier=ONE))
    assert [member.vouched for member in made.members] == [False, True]
    made = roster(enrolment(ONE), event("add", THREE, 1, ONE, THREE))
    assert [member.vouched for member in made.members] == [False, True]


def test_a_key_that_has_ended_vouches_for_nobody() -> None:
    with pytest.raises(VerificationError, match="unknown key"):
        roster(enrolment(ONE), event("retire", ONE, 3), enrolment(TWO, 3, earlier=ONE))
    with pytest.raises(VerificationError, match="not signed by an enrolled key"):
        roster(enrolment(ONE), event("retire", ONE, 3), event("add", TWO, 3, ONE, TWO))


@every_case(
    "again",
    [
        enrolment(ONE, 4),
        event("add", ONE, 4),
        event("add", ONE, 4, ONE),
    ],
)
@every_case("ended", [False, True])
def test_no_key_is_enrolled_twice_even_after_its_end(again: Enrolment | KeyEvent, ended: bool) -> None:
    made = roster(enrolment(ONE), enrolment(TWO, earlier=ONE))
    if ended:
        made.change(event("retire", ONE, 3))
    with pytest.raises(VerificationError, match=r"was enrolled before|not signed by an enrolled key|a key is added by"):
        made.enrol(again) if isinstance(again, Enrolment) else made.change(again)


def test_an_enrolment_of_another_depositor_or_ledger_is_refused() -> None:
    with pytest.raises(VerificationError, match="possession"):
        roster(enrolment(BETA, who="beta"))
    with pytest.raises(VerificationError, match="possession"):
        Roster("log.example/other", "acme").enrol(enrolment(ONE))


@pytest.mark.parametrize("action", ["add", "retire", "compromised"])
def test_a_key_record_before_any_enrolment_or_of_another_is_refused(action: str) -> None:
    since = START if action == "compromised" else None
    with pytest.raises(VerificationError, match="no enrolled depositor"):
        roster(event(action, ONE, 0, since=since))
    with pytest.raises(VerificationError, match="no enrolled depositor"):
        roster(enrolment(ONE), event(action, BETA, 0, since=since))


def test_only_a_key_in_force_can_be_retired() -> None:
    with pytest.raises(VerificationError, match="no key in force"):
        roster(enrolment(ONE), event("retire", TWO, 1))
    with pytest.raises(VerificationError, match="no key in force"):
        roster(enrolment(ONE), enrolment(TWO, earlier=ONE), event("retire", ONE, 1), event("retire", ONE, 2))


def test_a_retired_key_may_turn_out_compromised_and_stays_retired_when_it_was() -> None:
    made = roster(enrolment(ONE), event("retire", ONE, 3), event("compromised", ONE, 8, since=START))
    assert made.keys_at(3) == []
    assert (made.members[0].until_seq, made.members[0].compromised_since) == (3, START)


@pytest.mark.parametrize("times", [(START, START + 1), (START + 1, START)])
def test_of_two_compromises_the_earlier_time_stays(times: tuple[int, int]) -> None:
    made = roster(enrolment(ONE), *(event("compromised", ONE, 3 + n, since=since) for n, since in enumerate(times)))
    assert (made.members[0].until_seq, made.members[0].compromised_since) == (3, START)


def test_the_number_of_signatures_is_that_of_the_last_enrolment_by_then() -> None:
    made = roster(enrolment(ONE, 1), enrolment(TWO, 4, required=2, earlier=ONE), enrolment(THREE, 6, earlier=ONE))
    assert [made.required_at(seq) for seq in range(8)] == [1, 1, 1, 1, 2, 2, 1, 1]


def test_lines_and_keys_match_one_to_one() -> None:
    made = roster(enrolment(ONE), enrolment(TWO, 4, required=2, earlier=ONE))
    assert made.verify_statement(signed(ONE), 3) == keys(ONE)
    assert made.verify_statement(signed(TWO, ONE), 4) == keys(TWO, ONE)
    for note, seq, place in (
        (signed(ONE), 4, "signatures"),
        (signed(TWO), 3, "unknown"),
        (signed(ONE, TWO), 3, "unknown"),
        (signed(ONE, THREE), 4, "unknown"),
        (signed(ONE, TWO, BETA), 4, "unknown"),
        (signed(ONE, TWO, TWO), 4, "two signatures"),
    ):
        with pytest.raises(VerificationError, match=place):
            made.verify_statement(note, seq)


def two_persons(*more: Enrolment | KeyEvent) -> Roster:
    """ONE approves, TWO and THREE prepare, and a statement needs two."""
    return roster(
        enrolment(ONE, required=2, role="approve"),
        event("add", TWO, 0, ONE, TWO),
        event("add", THREE, 0, ONE, THREE),
        *more,
    )


def test_where_two_must_sign_one_prepares_and_another_approves() -> None:
    made = two_persons()
    assert made.verify_statement(signed(TWO, ONE), 0) == keys(TWO, ONE)
    assert made.verify_statement(signed(ONE, THREE, TWO), 0) == keys(ONE, THREE, TWO)
    with pytest.raises(VerificationError, match="role approve"):
        made.verify_statement(signed(TWO, THREE), 0)
    with pytest.raises(VerificationError, match="expected 2"):
        made.verify_statement(signed(ONE), 0)
    made.change(event("add", FOUR, 0, ONE, FOUR, role="approve"))
    with pytest.raises(VerificationError, match="role prepare"):
        made.verify_statement(signed(ONE, FOUR), 0)


def test_where_one_signature_is_enough_it_may_be_of_any_role() -> None:
    made = roster(enrolment(ONE, role="approve"), event("add", TWO, 0, ONE, TWO))
    assert made.verify_statement(signed(ONE), 0) == keys(ONE)
    assert made.verify_statement(signed(TWO), 0) == keys(TWO)


def test_a_role_that_no_key_in_force_has_is_not_asked_for() -> None:
    made = two_persons(event("retire", ONE, 5))
    with pytest.raises(VerificationError, match="role approve"):
        made.verify_statement(signed(TWO, THREE), 4)
    assert made.verify_statement(signed(TWO, THREE), 5) == keys(TWO, THREE)
    made = two_persons(
        event("add", FOUR, 0, ONE, FOUR, role="approve"), event("retire", TWO, 5, ONE), event("retire", THREE, 5, ONE)
    )
    assert made.verify_statement(signed(ONE, FOUR), 5) == keys(ONE, FOUR)


def test_the_role_of_an_enrolment_is_the_one_its_key_signed_for() -> None:
    made = roster(enrolment(ONE, role="approve"), enrolment(TWO, earlier=ONE))
    assert [member.role for member in made.members] == ["approve", "prepare"]
    assert made.keys_at(0, role="approve") == keys(ONE)


def test_only_a_key_that_approves_makes_another_that_does() -> None:
    with pytest.raises(VerificationError, match="not signed by a key that approves"):
        two_persons(event("add", FOUR, 0, TWO, FOUR, role="approve"))
    assert not two_persons(enrolment(FOUR, 0, earlier=TWO, role="approve")).members[-1].vouched
    assert two_persons(enrolment(FOUR, 0, earlier=ONE, role="approve")).members[-1].vouched


def test_an_approver_that_has_left_rules_over_nobody() -> None:
    made = two_persons(event("retire", ONE, 5), event("add", FOUR, 5, TWO, FOUR))
    assert made.members[-1].vouched


def test_without_a_key_in_force_nothing_is_signed() -> None:
    with pytest.raises(VerificationError, match="no key in force"):
        roster(enrolment(ONE, 5)).verify_statement(signed(ONE), 4)


def test_a_changed_statement_does_not_verify() -> None:
    note = signed(ONE)
    with pytest.raises(VerificationError, match="does not verify"):
        roster(enrolment(ONE)).verify_statement(note._replace(text=note.text.replace('"count":1', '"count":2')), 0)


def test_an_enrolment_whose_possession_is_no_note_is_malformed() -> None:
    with pytest.raises(MalformedError):
        roster(Enrolment(0, bytes(32), "x", 1))
