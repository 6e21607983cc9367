"""A code enrols one key, once; keys end when the operator says so, clear of every deposit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cases import every_case
from tests.support.sample_service import (
    ORIGIN,
    START,
    USCC,
    SampleService,
    depositor_key,
    depositor_of,
    event_body,
    possession,
    statement,
    vkey,
)

from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.identity import parse_identity
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.section import close
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import (
    CODE_VALID_MS,
    enrol,
    invite,
    issue_code,
    reissue_code,
    report_compromised,
    retire_key,
)
from hefu_service.intake.refusals import (
    CodeRefusedError,
    ConflictError,
    KeyNotInForceError,
    PossessionRefusedError,
    RequestTimeError,
    UnknownDepositorError,
)
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import Event, IntakeHead


def head(service: SampleService) -> IntakeHead:
    with service.services.store.view() as view:
        return view.intake_head()


def events(service: SampleService) -> list[Event]:
    with service.services.store.view() as view:
        return list(view.events(0))


def test_a_code_is_a_depositor_and_a_secret_that_is_not_stored(service: SampleService) -> None:
    depositor, _, secret = service.code().partition(".")
    assert len(depositor) == 16
    assert len(secret) == 32
    assert secret.encode() not in (service.data / "hefu.sqlite3").read_bytes()
    with service.services.store.view() as view:
        assert view.code(depositor) is not None


def test_an_enrolment_answers_with_the_identity_that_its_record_commits_to(service: SampleService) -> None:
    code = service.code()
    key = depositor_key(code, "key")
    asked = invite(service.services, code)
    assert (asked.depositor, asked.origin, asked.role, asked.signatures_required) == (
        depositor_of(key),
        ORIGIN,
        PREPARE,
        1,
    )
    assert parse_identity(asked.identity.text).uscc == USCC
    note = service.possession(code, key)
    enrolled = enrol(service.services, note, code=code)
    assert (enrolled.depositor, enrolled.event, enrolled.from_seq) == (depositor_of(key), 0, 0)
    assert (enrolled.vkey, enrolled.again) == (vkey(key), False)
    (event,) = events(service)
    body = event_body(event)
    assert isinstance(body, Enrolment)
    assert body.possession.encode() == note
    assert body.roster.identity == close(asked.identity)


def test_a_used_or_expired_code_tells_nothing_of_its_depositor(service: SampleService) -> None:
    code = service.code()
    service.redeem(code, depositor_key(code, "key"))
    with pytest.raises(CodeRefusedError):
        invite(service.services, code)
    code = service.code()
    service.clock.time_ms += CODE_VALID_MS + 10
    with pytest.raises(CodeRefusedError):
        invite(service.services, code)


@every_case(
    "changes",
    [{"identity": bytes(32)}, {"role": APPROVE}, {"signatures_required": 2}, {"signatures_required": 16}],
)
def test_the_note_says_what_the_code_stands_for(service: SampleService, changes: dict[str, object]) -> None:
    code = service.code()
    with pytest.raises(PossessionRefusedError, match="the code stands for"):
        service.redeem(code, depositor_key(code, "key"), **changes)
    assert not events(service)


@every_case(
    ("late_ms", "earlier", "refused"),
    [
        (599_900, False, False),
        (600_100, False, True),
        (-599_900, False, False),
        (-600_100, False, True),
        (600_100, True, False),
        (7 * 86_400_000 - 100, True, False),
        (7 * 86_400_000 + 100, True, True),
    ],
)
def test_a_note_is_taken_while_it_is_fresh(service: SampleService, late_ms: int, earlier: bool, refused: bool) -> None:
    key = service.enrol()
    code = reissue_code(service.services, depositor_of(key))
    second = depositor_key(code, "second")
    service.clock.time_ms = START + 10 * 86_400_000
    code = reissue_code(service.services, depositor_of(key))
    made = service.possession(code, second, *([key] if earlier else []), requested_at=service.clock.time_ms - late_ms)
    if refused:
        with pytest.raises(RequestTimeError):
            enrol(service.services, made, code=code)
    else:
        enrol(service.services, made, code=code)


def test_keys_that_vouch_need_no_code(service: SampleService) -> None:
    key = service.enrol()
    second = depositor_key(depositor_of(key), "second")
    note = service.vouched(second, key)
    done = enrol(service.services, note)
    assert (done.event, done.again) == (1, False)
    assert enrol(service.services, note).again
    service.accept(statement(second))
    for signers in ((), (depositor_key(depositor_of(key), "stranger"),)):
        with pytest.raises((CodeRefusedError, PossessionRefusedError)):
            enrol(service.services, service.vouched(depositor_key(depositor_of(key), "third"), *signers))
    with pytest.raises(PossessionRefusedError, match="identity"):
        enrol(service.services, service.vouched(depositor_key(depositor_of(key), "third"), key, identity=bytes(32)))
    assert len(events(service)) == 2


def test_without_a_code_as_many_keys_vouch_as_deposits_need(service: SampleService) -> None:
    key = service.enrol(signatures_required=2)
    second = service.enrol_another(key, "second", key)
    third = depositor_key(depositor_of(key), "third")
    with pytest.raises(CodeRefusedError):
        enrol(service.services, service.vouched(third, key))
    enrol(service.services, service.vouched(third, key, second))


def test_while_an_approver_is_in_force_no_code_makes_another(service: SampleService) -> None:
    """The operator helps in an emergency: only after the last approver's key has ended."""
    key = service.enrol(role=APPROVE)
    code = reissue_code(service.services, depositor_of(key), role=APPROVE)
    second = depositor_key(code, "second")
    with pytest.raises(PossessionRefusedError, match="none that approves vouches"):
        service.redeem(code, second)
    retire_key(service.services, depositor_of(key), key.key, reason="left")
    service.redeem(code, second)


def test_the_same_code_and_key_again_get_the_same_answer_even_after_the_code_has_expired(
    service: SampleService,
) -> None:
    code = service.code()
    key = depositor_key(code, "key")
    note = service.possession(code, key)
    first = enrol(service.services, note, code=code)
    service.deposit(key, 3)
    service.clock.time_ms += CODE_VALID_MS + 10
    assert enrol(service.services, note, code=code) == replace(first, again=True)
    assert len(events(service)) == 1


def test_a_used_code_enrols_no_other_key(service: SampleService) -> None:
    code = service.code()
    other = service.possession(code, depositor_key(code, "another"))
    service.redeem(code, depositor_key(code, "key"))
    with pytest.raises(ConflictError, match="used for another key"):
        enrol(service.services, other, code=code)


def test_a_wrong_secret_is_refused_as_an_unknown_depositor_is(service: SampleService) -> None:
    code = service.code()
    told = set()
    for wrong in (code[:-1] + ("a" if code[-1] != "a" else "b"), f"{'x' * 16}.{'a' * 32}", code.partition(".")[0]):
        key = depositor_key(wrong, "key")
        with pytest.raises(CodeRefusedError) as refused:
            enrol(service.services, possession(key), code=wrong)
        told.add(str(refused.value))
    assert len(told) == 1
    assert not events(service)


def test_a_code_holds_for_seven_days_and_no_longer(service: SampleService) -> None:
    code = service.code()
    key = depositor_key(code, "key")
    service.clock.time_ms = START + CODE_VALID_MS - 10
    note = service.possession(code, key)
    service.clock.time_ms = START + 1 + CODE_VALID_MS
    with pytest.raises(CodeRefusedError):
        enrol(service.services, note, code=code)
    service.clock.time_ms = START + CODE_VALID_MS - 5
    enrol(service.services, note, code=code)


def test_a_new_code_replaces_the_one_before(service: SampleService) -> None:
    old = service.code()
    new = reissue_code(service.services, old.partition(".")[0])
    key = depositor_key(new, "key")
    note = service.possession(new, key)
    with pytest.raises(CodeRefusedError):
        enrol(service.services, note, code=old)
    enrol(service.services, note, code=new)


def test_nobody_gets_a_new_code_for_an_unknown_depositor(service: SampleService) -> None:
    with pytest.raises(UnknownDepositorError):
        reissue_code(service.services, "nobody")


def test_a_key_is_enrolled_once(service: SampleService) -> None:
    key = service.enrol()
    code = reissue_code(service.services, depositor_of(key))
    with pytest.raises(ConflictError, match="enrolled already"):
        service.redeem(code, key)
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    with pytest.raises(ConflictError, match="enrolled already"):
        service.redeem(code, key)


def test_possession_is_signed_by_the_key_itself(service: SampleService) -> None:
    code = service.code()
    key, other = depositor_key(code, "key"), depositor_key(code, "another")
    with pytest.raises(PossessionRefusedError):
        service.redeem(code, other, key=key.key)
    assert not events(service)


def test_possession_of_another_depositor_is_refused(service: SampleService) -> None:
    code, other = service.code(), service.code()
    with pytest.raises(PossessionRefusedError):
        service.redeem(code, depositor_key(other, "key"))


def test_an_earlier_key_may_vouch_and_an_ended_one_may_not(service: SampleService) -> None:
    key = service.enrol()
    second = service.enrol_another(key, "second", key)
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    with pytest.raises(PossessionRefusedError):
        service.enrol_another(key, "third", key)
    service.enrol_another(key, "third", second)


def test_an_identity_with_a_wrong_code_is_refused_before_anything_is_stored(service: SampleService) -> None:
    with pytest.raises(MalformedError):
        issue_code(service.services, name="某", uscc=USCC[:-1] + "5", method="m", verified_by="v")
    with pytest.raises(ValueError, match="1 to 16"):
        service.code(signatures_required=17)


def test_key_events_take_effect_with_the_next_deposit(service: SampleService) -> None:
    key = service.enrol()
    service.deposit(key, 2)
    other = service.enrol_another(key, "second")
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    report_compromised(service.services, depositor_of(key), other.key, reason="stolen", since=START)
    bodies = [event_body(event) for event in events(service)]
    assert [body.from_seq for body in bodies if isinstance(body, Enrolment | KeyEvent)] == [0, 2, 2, 2]
    assert [event.number for event in events(service)] == [0, 1, 2, 3] == list(range(head(service).next_event))


def test_a_key_ends_once_but_its_compromise_may_be_reported_later(service: SampleService) -> None:
    key = service.enrol()
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    with pytest.raises(KeyNotInForceError, match="already"):
        retire_key(service.services, depositor_of(key), key.key, reason="lost")
    report_compromised(service.services, depositor_of(key), key.key, reason="found", since=START)
    with pytest.raises(ConflictError):
        report_compromised(service.services, depositor_of(key), key.key, reason="found", since=START)


def test_a_key_that_was_never_enrolled_cannot_end(service: SampleService) -> None:
    key = service.enrol()
    stranger = depositor_key(depositor_of(key), "stranger")
    with pytest.raises(KeyNotInForceError, match="never"):
        retire_key(service.services, depositor_of(key), stranger.key, reason="lost")


def test_a_depositor_has_at_most_sixteen_keys_in_force_and_a_thousand_events(service: SampleService) -> None:
    key = service.enrol()
    for number in range(15):
        service.enrol_another(key, f"key {number}")
    with pytest.raises(ConflictError, match="at most 16"):
        service.enrol_another(key, "one more")
    for number in range(30):
        another = depositor_key(depositor_of(key), f"key {number}")
        retire_key(service.services, depositor_of(key), another.key, reason="")
        service.enrol_another(key, f"key {number + 15}")
    service.deposit(key)
    service.settle()
    assert not service.findings()


def test_a_failed_enrolment_leaves_nothing(service: SampleService, monkeypatch: pytest.MonkeyPatch) -> None:
    code = service.code()
    key = depositor_key(code, "key")

    def fail(*_: object) -> None:
        raise StorageError("full")

    with monkeypatch.context() as patch:
        patch.setattr("hefu_service.store.sql.SqlIntake.put_code", fail)
        with pytest.raises(StorageError):
            service.redeem(code, key)
    assert not events(service)
    assert not service.redeem(code, key).again


def test_a_correction_of_the_clock_lowers_the_floor_of_the_next_time(service: SampleService) -> None:
    service.deposit(service.enrol())
    service.clock.time_ms -= 3_600_000
    now = declare_clock(service.services, reason="set by hand")
    assert head(service).last_received_at == now
    assert events(service)[-1].from_seq == 1
