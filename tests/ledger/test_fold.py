"""The fold: from roster to roster, which keys may sign, on whose word, and who may change that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.cases import every_case
from tests.support.sample_ledger import ORIGIN, START, depositor_signer

from hefu_ledger.deposit.statement import Statement, format_statement
from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import OPERATOR, Enrolment, KeyEvent
from hefu_ledger.records.fold import DepositorEvent, depositor_of, fold, judge, judge_alone
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.possession import Possession, format_possession
from hefu_ledger.records.roster import NO_ROSTER, Report, Roster, RosterKey, key_bytes
from hefu_ledger.tlog.keys import Ed25519Signer, VerifierKey
from hefu_ledger.tlog.note import Note, SignatureLine, format_note, sign_note

ONE, TWO, THREE, FOUR = (depositor_signer("acme", label) for label in ("one", "two", "three", "four"))
BETA = depositor_signer("beta")
NAME = depositor_key_name(ORIGIN, "acme")
FIRM, OTHER_FIRM = b"\x01" * 32, b"\x02" * 32
NEWER = VerifierKey(NAME, 0x07, b"a type that came later")


def enrolment(
    signer: Ed25519Signer,
    *vouchers: Ed25519Signer,
    required: int = 1,
    identity: bytes = FIRM,
    role: str = "prepare",
    who: str = "acme",
    origin: str = ORIGIN,
) -> Enrolment:
    said = Possession(who, identity, origin, START, required, signer.key, role)
    note = sign_note(format_possession(said), [signer, *vouchers])
    return Enrolment(0, 0, format_note(note).decode(), NO_ROSTER)


def ending(
    signer: Ed25519Signer,
    *by: Ed25519Signer,
    since: int | None = None,
    at: int = START,
    key: VerifierKey | None = None,
    **changes: Any,
) -> KeyEvent:
    """Retire a key, or report it where ``since`` is given; by the operator's word where no signer is given."""
    action = "retire" if since is None else "compromised"
    request = KeyRequest(action, "", at, key or signer.key, since)
    word = format_note(sign_note(format_key_request(request), by)).decode() if by else OPERATOR
    return KeyEvent(action, word, 0, 0, "", NO_ROSTER, key or signer.key, since)._replace(**changes)


def step(before: Roster, body: DepositorEvent, event: int) -> Roster:
    return fold(before, body._replace(event=event), origin=ORIGIN, depositor="acme")


def folded(*bodies: DepositorEvent) -> Roster:
    roster = NO_ROSTER
    for event, body in enumerate(bodies):
        roster = step(roster, body, event)
    return roster


def refused(code: str, *bodies: DepositorEvent) -> None:
    """The last of the records breaks a rule, and none before it."""
    before = folded(*bodies[:-1])
    with pytest.raises(VerificationError) as caught:
        step(before, bodies[-1], len(bodies) - 1)
    assert caught.value.code == code


def keys(roster: Roster) -> list[bytes]:
    return [key.key for key in roster.keys]


def public(*signers: Ed25519Signer) -> list[bytes]:
    return [key_bytes(signer.key) for signer in signers]


def signed(*signers: Ed25519Signer) -> Note:
    return sign_note(format_statement(Statement(1, "acme", "file", ORIGIN, bytes(32))), signers)


# Keys that come


def test_the_first_enrolment_stands_on_the_operators_word() -> None:
    roster = folded(enrolment(ONE, required=2, role="approve"))
    assert roster == Roster(0, FIRM, (RosterKey(0, key_bytes(ONE.key), 0, "approve"),), (), 2)


def test_the_last_enrolment_says_identity_and_signatures() -> None:
    roster = folded(enrolment(ONE), enrolment(TWO, ONE, required=2, identity=OTHER_FIRM))
    assert (roster.enrolment, roster.identity, roster.signatures_required) == (1, OTHER_FIRM, 2)
    assert folded(enrolment(ONE), enrolment(TWO, ONE), ending(ONE)).enrolment == 1


@pytest.mark.parametrize(
    ("required", "vouchers", "words"),
    [
        (1, [[ONE], [TWO]], [0, 0, 0]),
        (1, [[], [TWO]], [0, 1, 1]),
        (1, [[], [ONE]], [0, 1, 0]),
        (1, [[], [ONE, TWO]], [0, 1, 1]),
        (2, [[ONE], [ONE]], [0, 0, 2]),
        (2, [[ONE], [ONE, TWO]], [0, 0, 0]),
        (3, [[ONE], [ONE, TWO]], [0, 0, 0]),
    ],
)
def test_vouching_needs_as_many_keys_as_deposits_do(
    required: int, vouchers: Sequence[Sequence[Ed25519Signer]], words: list[int]
) -> None:
    """At the beginning all keys that there are; ``word`` is the event whose operator's word the chain rests on."""
    first, second = vouchers
    roster = folded(
        enrolment(ONE, required=required),
        enrolment(TWO, *first, required=required),
        enrolment(THREE, *second, required=required),
    )
    assert [key.word for key in roster.keys] == words


def test_the_new_key_itself_must_sign() -> None:
    said = format_possession(Possession("acme", FIRM, ORIGIN, START, 1, TWO.key))
    note = format_note(sign_note(said, [ONE])).decode()
    refused("possession", enrolment(ONE), Enrolment(0, 0, note, NO_ROSTER))


@every_case("voucher", [BETA, FOUR, TWO])
def test_a_key_that_is_not_in_force_does_not_vouch(voucher: Ed25519Signer) -> None:
    """A stranger's, one that was never enrolled, and one that has ended."""
    refused("key-strange", enrolment(ONE), enrolment(TWO, ONE), ending(TWO), enrolment(THREE, voucher))


def test_no_key_in_force_is_enrolled_again() -> None:
    refused("key-twice", enrolment(ONE), enrolment(ONE))


@pytest.mark.parametrize("changes", [{"who": "beta"}, {"origin": "log.example/other"}])
def test_an_enrolment_of_another_depositor_or_ledger_is_refused(changes: dict[str, str]) -> None:
    name = depositor_key_name(changes.get("origin", ORIGIN), changes.get("who", "acme"))
    other = Ed25519Signer(name, bytes(32))
    refused("enrolment-other", enrolment(ONE), enrolment(other, **changes))  # type: ignore[arg-type]  # strings all


def test_not_vouched_a_firm_keeps_its_name_its_signatures_and_its_approvers() -> None:
    approver = enrolment(ONE, required=2, role="approve")
    refused("enrolment-unvouched", approver, enrolment(TWO, identity=OTHER_FIRM, required=2))
    refused("enrolment-fewer", approver, enrolment(TWO))
    refused("enrolment-approver", approver, enrolment(TWO, required=2, role="approve"))
    assert folded(approver, enrolment(TWO, required=3)).keys[-1].word == 1


def test_after_the_last_key_has_ended_the_operator_may_help() -> None:
    roster = folded(enrolment(ONE, required=2, role="approve"), ending(ONE), enrolment(TWO, role="approve"))
    assert (keys(roster), roster.signatures_required, roster.keys[0].word) == (public(TWO), 1, 2)
    refused("enrolment-unvouched", enrolment(ONE), ending(ONE), enrolment(TWO, identity=OTHER_FIRM))


def test_where_keys_approve_one_of_them_must_vouch() -> None:
    office = (enrolment(ONE, role="approve"), enrolment(TWO, ONE))
    refused("enrolment-approver", *office, enrolment(THREE, TWO, role="approve"))
    refused("enrolment-unvouched", *office, enrolment(THREE, TWO, identity=OTHER_FIRM))
    assert folded(*office, enrolment(THREE, TWO)).keys[-1].word == 2
    assert folded(*office, enrolment(THREE, ONE, role="approve")).keys[-1] == RosterKey(
        2, key_bytes(THREE.key), 0, "approve"
    )


def test_a_depositor_has_at_most_16_keys_in_force() -> None:
    many = [depositor_signer("acme", f"{number}") for number in range(17)]
    full = [enrolment(many[0]), *(enrolment(new, many[0]) for new in many[1:16])]
    assert len(folded(*full).keys) == 16
    refused("roster-full", *full, enrolment(many[16], many[0]))
    assert len(folded(*full, ending(many[3]), enrolment(many[16], many[0])).keys) == 16


def test_keys_in_force_and_reported_ones_are_at_most_300() -> None:
    reported = tuple(Report(b"\x01" + n.to_bytes(32), START) for n in range(299))
    before = folded(enrolment(ONE))._replace(reported=reported)
    with pytest.raises(VerificationError) as caught:
        step(before, enrolment(TWO, ONE), 1)
    assert caught.value.code == "roster-full"
    assert step(before._replace(reported=reported[1:]), enrolment(TWO, ONE), 1)


# Keys that end


@pytest.mark.parametrize("since", [None, START - 5])
def test_a_key_that_ends_is_in_force_no_more(since: int | None) -> None:
    roster = folded(enrolment(ONE), enrolment(TWO, ONE), ending(ONE, since=since))
    assert keys(roster) == public(TWO)
    assert roster.reported == (() if since is None else (Report(key_bytes(ONE.key), START - 5),))


def test_only_a_key_in_force_can_be_retired() -> None:
    refused("key-none", enrolment(ONE), ending(TWO))
    refused("key-none", enrolment(ONE), enrolment(TWO, ONE), ending(ONE), ending(ONE))
    refused("key-none", ending(ONE))
    refused("key-none", ending(ONE, since=START))
    refused("key-unenrolled", enrolment(ONE), ending(BETA))


def test_a_retired_key_may_turn_out_compromised() -> None:
    roster = folded(enrolment(ONE), ending(ONE), ending(ONE, since=START))
    assert (roster.keys, roster.reported) == ((), (Report(key_bytes(ONE.key), START),))


@pytest.mark.parametrize("times", [(START, START + 1), (START + 1, START)])
def test_of_two_reports_the_earlier_time_stays(times: tuple[int, int]) -> None:
    roster = folded(enrolment(ONE), *(ending(ONE, since=since) for since in times))
    assert roster.reported == (Report(key_bytes(ONE.key), START),)


def test_reports_stand_by_rising_key_and_stay_for_ever() -> None:
    roster = folded(
        enrolment(ONE), enrolment(TWO, ONE), *(ending(key, since=START) for key in (TWO, ONE)), enrolment(THREE)
    )
    assert [report.key for report in roster.reported] == sorted(public(ONE, TWO))


def test_a_key_in_force_speaks_for_its_depositor() -> None:
    office = (enrolment(ONE), enrolment(TWO, ONE))
    for by in ([ONE], [TWO], [ONE, TWO]):
        assert keys(folded(*office, ending(ONE, *by))) == public(TWO)
    for by in ([THREE], [ONE, THREE], [BETA]):
        refused("key-strange", *office, ending(ONE, *by))
    refused("key-strange", *office, ending(ONE), ending(ONE, ONE, since=START))


APPROVED = (enrolment(ONE, required=2, role="approve"), enrolment(TWO, ONE, required=2), enrolment(THREE, ONE, TWO))


def test_where_keys_approve_no_other_ends_any_but_itself() -> None:
    refused("request-unapproved", *APPROVED, ending(ONE, TWO))
    refused("request-unapproved", *APPROVED, ending(THREE, TWO, since=START))
    assert keys(folded(*APPROVED, ending(TWO, TWO))) == public(ONE, THREE)
    assert keys(folded(*APPROVED, ending(TWO, ONE))) == public(ONE, THREE)
    assert keys(folded(*APPROVED, ending(TWO, TWO, ONE, since=0))) == public(ONE, THREE)


@pytest.mark.parametrize(("since", "granted"), [(START - 60_000, True), (START - 60_001, False)])
def test_a_key_that_reports_itself_puts_no_past_deposit_in_doubt(since: int, granted: bool) -> None:
    if granted:
        assert keys(folded(*APPROVED, ending(TWO, TWO, since=since))) == public(ONE, THREE)
    else:
        refused("request-doubt", *APPROVED, ending(TWO, TWO, since=since))


@pytest.mark.parametrize(
    "changes",
    [{"action": "compromised", "since": START}, {"reason": "another"}, {"vkey": TWO.key}, {"since": START}],
)
def test_the_record_says_what_the_request_says(changes: dict[str, Any]) -> None:
    refused("request-other", enrolment(ONE), enrolment(TWO, ONE), ending(ONE, ONE)._replace(**changes))


@every_case("by", ["Operator", "operator\n", "", "somebody", "x" * 16_385])
def test_what_is_neither_operator_nor_note_is_malformed(by: str) -> None:
    with pytest.raises(MalformedError):
        folded(enrolment(ONE), ending(ONE, by=by))
    with pytest.raises(MalformedError):
        folded(Enrolment(0, 0, by, NO_ROSTER))


def test_a_request_of_another_version_is_unknown() -> None:
    record = ending(ONE, ONE)
    with pytest.raises(UnknownFormatError):
        folded(enrolment(ONE), record._replace(by=record.by.replace("hefu-key/v1", "hefu-key/v2")))


# Keys of types that came later


def test_a_line_of_a_key_of_an_unknown_type_is_not_judged() -> None:
    """Its key may stand in a roster and be ended; a line of it is neither good nor bad."""
    before = folded(enrolment(ONE))
    before = before._replace(keys=(*before.keys, RosterKey(1, key_bytes(NEWER), 1)))
    assert keys(step(before, ending(ONE, key=NEWER), 2)) == public(ONE)
    request = sign_note(format_key_request(KeyRequest("retire", "", START, ONE.key)), [ONE])
    line = SignatureLine(NAME, NEWER.key_id, bytes(8))
    both = format_note(request._replace(signatures=(*request.signatures, line))).decode()
    with pytest.raises(UnknownFormatError, match="0x07"):
        step(before, ending(ONE, by=both), 2)


# A record against the one before it, and alone


def test_a_record_states_the_roster_that_it_leads_to() -> None:
    before, body = folded(enrolment(ONE)), enrolment(TWO, ONE)._replace(event=1)
    after = step(before, body, 1)
    judge(before, body._replace(roster=after), origin=ORIGIN, depositor="acme")
    for wrong in (before, after._replace(signatures_required=2), after._replace(identity=OTHER_FIRM)):
        with pytest.raises(VerificationError) as caught:
            judge(before, body._replace(roster=wrong), origin=ORIGIN, depositor="acme")
        assert caught.value.code == "roster-other"


def alone(body: DepositorEvent) -> None:
    judge_alone(body, origin=ORIGIN, depositor="acme")


def test_a_record_alone_must_have_its_own_key_in_its_roster() -> None:
    before = folded(enrolment(ONE))
    good = enrolment(TWO, ONE)._replace(event=1, roster=step(before, enrolment(TWO, ONE), 1))
    alone(good)
    role = good.roster.keys[-1]._replace(role="approve")
    since = good.roster.keys[-1]._replace(since=0)
    for held in (before.keys, (*before.keys, role), (*before.keys, since)):
        with pytest.raises(VerificationError, match="lacks the key it adds"):
            alone(good._replace(roster=good.roster._replace(keys=held)))
    with pytest.raises(VerificationError):
        alone(good._replace(possession=enrolment(BETA, who="beta").possession))


def test_a_record_alone_judges_the_lines_of_its_roster_and_no_others() -> None:
    after = folded(enrolment(ONE), enrolment(TWO, ONE))
    stranger = enrolment(TWO, ONE, BETA)._replace(event=1, roster=after)
    alone(stranger)
    note = sign_note(format_possession(Possession("acme", FIRM, ORIGIN, START, 1, TWO.key)), [TWO, ONE])
    bad = [line._replace(signature=bytes(64)) if line.key_id == ONE.key.key_id else line for line in note.signatures]
    false = format_note(note._replace(signatures=tuple(bad))).decode()
    with pytest.raises(VerificationError):
        alone(stranger._replace(possession=false))


def test_an_ending_alone_has_its_key_no_more() -> None:
    office = (enrolment(ONE), enrolment(TWO, ONE))
    gone = folded(*office, ending(ONE, TWO))
    alone(ending(ONE, TWO)._replace(event=2, roster=gone))
    with pytest.raises(VerificationError, match="has the key it ends"):
        alone(ending(ONE, TWO)._replace(event=2, roster=folded(*office)))
    with pytest.raises(VerificationError):
        alone(ending(ONE, TWO, reason="another")._replace(event=2, roster=gone))


def test_a_record_says_whose_it_is() -> None:
    assert depositor_of(enrolment(ONE)) == depositor_of(ending(ONE)) == (ORIGIN, "acme")
    with pytest.raises(LedgerError, match="no depositor's key"):
        depositor_of(ending(ONE, key=VerifierKey("log.example", 1, bytes(32))))


def test_an_enrolment_alone_needs_the_line_of_its_own_key() -> None:
    after = folded(enrolment(ONE), enrolment(TWO, ONE))
    text = format_possession(Possession("acme", FIRM, ORIGIN, START, 1, TWO.key))
    by_another = format_note(sign_note(text, [ONE])).decode()
    with pytest.raises(VerificationError, match="the new key itself has not signed"):
        alone(enrolment(TWO, ONE)._replace(event=1, roster=after, possession=by_another))
