"""A code enrols one key, once; keys end when the operator says so, clear of every deposit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.sample_service import (
    ORIGIN,
    START,
    USCC,
    SampleService,
    depositor_key,
    depositor_of,
    event_body,
    possession,
    vkey,
)

from hefu_ledger.errors import MalformedError
from hefu_ledger.records.identity import parse_identity
from hefu_ledger.records.record import Enrolment, KeyEvent
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import (
    CODE_VALID_MS,
    enrol,
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
    enrolled = enrol(service.services, code, possession(key))
    assert (enrolled.depositor, enrolled.origin, enrolled.from_seq) == (depositor_of(key), ORIGIN, 0)
    assert (enrolled.vkey, enrolled.again) == (vkey(key), False)
    assert parse_identity(enrolled.identity.text).uscc == USCC
    (event,) = events(service)
    body = event_body(event)
    assert isinstance(body, Enrolment)
    assert body.possession.encode() == possession(key)


def test_the_same_code_and_key_again_get_the_same_answer_even_after_the_code_has_expired(
    service: SampleService,
) -> None:
    code = service.code()
    key = depositor_key(code, "key")
    first = enrol(service.services, code, possession(key))
    service.deposit(key, 3)
    service.clock.time_ms += CODE_VALID_MS + 10
    assert enrol(service.services, code, possession(key)) == replace(first, again=True)
    assert len(events(service)) == 1


def test_a_used_code_enrols_no_other_key(service: SampleService) -> None:
    code = service.code()
    enrol(service.services, code, possession(depositor_key(code, "key")))
    with pytest.raises(ConflictError, match="used for another key"):
        enrol(service.services, code, possession(depositor_key(code, "another")))


def test_a_wrong_secret_is_refused_as_an_unknown_depositor_is(service: SampleService) -> None:
    code = service.code()
    told = set()
    for wrong in (code[:-1] + ("a" if code[-1] != "a" else "b"), f"{'x' * 16}.{'a' * 32}", code.partition(".")[0]):
        key = depositor_key(wrong, "key")
        with pytest.raises(CodeRefusedError) as refused:
            enrol(service.services, wrong, possession(key))
        told.add(str(refused.value))
    assert len(told) == 1
    assert not events(service)


def test_a_code_holds_for_seven_days_and_no_longer(service: SampleService) -> None:
    code = service.code()
    key = depositor_key(code, "key")
    service.clock.time_ms = START + 1 + CODE_VALID_MS
    with pytest.raises(CodeRefusedError):
        enrol(service.services, code, possession(key))
    service.clock.time_ms = START + CODE_VALID_MS
    enrol(service.services, code, possession(key))


def test_a_new_code_replaces_the_one_before(service: SampleService) -> None:
    old = service.code()
    new = reissue_code(service.services, old.partition(".")[0])
    key = depositor_key(new, "key")
    with pytest.raises(CodeRefusedError):
        enrol(service.services, old, possession(key))
    enrol(service.services, new, possession(key))


def test_nobody_gets_a_new_code_for_an_unknown_depositor(service: SampleService) -> None:
    with pytest.raises(UnknownDepositorError):
        reissue_code(service.services, "nobody")


def test_a_key_is_enrolled_once(service: SampleService) -> None:
    key = service.enrol()
    code = reissue_code(service.services, depositor_of(key))
    with pytest.raises(ConflictError, match="enrolled already"):
        enrol(service.services, code, possession(key))
    retire_key(service.services, depositor_of(key), key.key, reason="lost")
    with pytest.raises(ConflictError, match="enrolled already"):
        enrol(service.services, code, possession(key))


def test_possession_is_signed_by_the_key_itself(service: SampleService) -> None:
    code = service.code()
    key, other = depositor_key(code, "key"), depositor_key(code, "another")
    with pytest.raises(PossessionRefusedError):
        enrol(service.services, code, possession(other, key=key.key))
    assert not events(service)


def test_possession_of_another_depositor_is_refused(service: SampleService) -> None:
    code, other = service.code(), service.code()
    with pytest.raises(PossessionRefusedError):
        enrol(service.services, code, possession(depositor_key(other, "key")))


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


def test_a_depositor_has_no_more_keys_than_its_receipts_can_hold(service: SampleService) -> None:
    key = service.enrol()
    with pytest.raises(ConflictError, match="no room"):  # noqa: PT012 -- which of them is the last does not matter
        for number in range(62):
            another = service.enrol_another(key, f"key {number}")
            retire_key(service.services, depositor_of(key), another.key, reason="")
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
            enrol(service.services, code, possession(key))
    assert not events(service)
    assert not enrol(service.services, code, possession(key)).again


def test_a_correction_of_the_clock_lowers_the_floor_of_the_next_time(service: SampleService) -> None:
    service.deposit(service.enrol())
    service.clock.time_ms -= 3_600_000
    now = declare_clock(service.services, reason="set by hand")
    assert head(service).last_received_at == now
    assert events(service)[-1].from_seq == 1
