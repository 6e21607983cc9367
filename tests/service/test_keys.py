"""Key requests: who may add, retire and report keys of a depositor without its operator, and what stays impossible."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import (
    ORIGIN,
    POLICY,
    START,
    SampleService,
    depositor_key,
    depositor_of,
    event_body,
    statement,
    vkey,
)

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.bodies import KeyEvent
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_ledger.verify import verify_receipt
from hefu_service.intake.enrolment import report_compromised
from hefu_service.receipts.receipts import Receipts

LATER = START + 1000


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


def note(request: KeyRequest, *signers: Ed25519Signer) -> bytes:
    return format_note(sign_note(format_key_request(request), signers))


def retire(key: Ed25519Signer, *by: Ed25519Signer, at: int = START) -> bytes:
    return note(KeyRequest("retire", "left", at, key.key), *by)


def lost(key: Ed25519Signer, *by: Ed25519Signer, since: int = START, at: int = START) -> bytes:
    return note(KeyRequest("compromised", "stolen", at, key.key, since), *by)


def add(api: SampleApi, key: Ed25519Signer, *by: Ed25519Signer, role: str = PREPARE, expect: int = 201) -> None:
    body = {"possession": api.service.vouched(key, *by, role=role).decode()}
    answer = api.post("/v1/enrolments", json=body)
    assert answer.status_code == expect, answer.json


def ask(api: SampleApi, request: bytes, expect: int = 201) -> dict[str, Any]:
    answer = api.post("/v1/keys", json={"request": request.decode()})
    assert answer.status_code == expect, answer.json
    assert isinstance(answer.json, dict)
    return answer.json


def refused(api: SampleApi, request: bytes, expect: int, kind: str) -> str:
    before = events(api)
    problem = ask(api, request, expect)
    assert problem["type"] == f"about:hefu/{kind}"
    assert events(api) == before
    return str(problem["detail"])


def events(api: SampleApi) -> list[KeyEvent]:
    with api.service.services.store.view() as view:
        bodies = [event_body(event) for event in view.events(0)]
    return [body for body in bodies if isinstance(body, KeyEvent)]


def other(key: Ed25519Signer, label: str) -> Ed25519Signer:
    return depositor_key(depositor_of(key), label)


def two_persons(api: SampleApi) -> tuple[Ed25519Signer, Ed25519Signer]:
    """A depositor whose statements need two signatures: who approves, and who prepares."""
    chief = api.service.enrol("chief", signatures_required=2, role=APPROVE)
    clerk = other(chief, "clerk")
    add(api, clerk, chief)
    return chief, clerk


def test_an_enrolled_key_adds_another_from_the_next_deposit_on(api: SampleApi) -> None:
    key = api.service.enrol()
    api.service.deposit(key, 2)
    second = other(key, "second")
    assert api.statement(statement(second)).status_code == 403
    body = {"possession": api.service.vouched(second, key).decode()}
    done = {"depositor": depositor_of(key), "event": 1, "from_seq": 2, "origin": ORIGIN, "vkey": vkey(second)}
    for status in (201, 200):
        answer = api.post("/v1/enrolments", json=body)
        assert (answer.status_code, answer.json) == (status, done)
    assert api.statement(statement(second, 2)).status_code == 201


def test_a_key_comes_by_an_enrolment_alone(api: SampleApi) -> None:
    key = api.service.enrol()
    second = other(key, "second")
    request = note(KeyRequest("add", "second computer", START, second.key), second, key)
    assert "possession" in refused(api, request, 409, "conflict")


def test_a_leavers_key_stops_with_one_request_and_what_it_signed_stands(api: SampleApi) -> None:
    key = api.service.enrol()
    leaver = other(key, "leaver")
    add(api, leaver, key)
    (before,) = api.service.accept(statement(leaver))
    request = retire(leaver, key)
    assert ask(api, request)["from_seq"] == 1
    assert api.statement(statement(leaver, 1)).status_code == 403
    assert ask(api, request, 200)["action"] == "retire"
    api.service.deposit(key, first=1)
    api.service.settle()
    assert api.service.findings() == []
    assert api.statement(statement(leaver)).status_code == 200
    receipt = Receipts(api.service.services).make(before.deposit.statement_id)
    assert receipt is not None
    assert len(receipt.records) == 5  # genesis, two enrolments, batch; the retirement is told


def test_a_key_may_retire_itself_but_not_as_the_last(api: SampleApi) -> None:
    key = api.service.enrol()
    assert "last key" in refused(api, retire(key, key), 409, "conflict")
    second = other(key, "second")
    add(api, second, key)
    ask(api, retire(key, key))
    assert "last key" in refused(api, retire(second, second), 409, "conflict")


def test_a_stolen_key_may_be_reported_even_as_the_last(api: SampleApi) -> None:
    key = api.service.enrol()
    ask(api, lost(key, key))
    assert api.statement(statement(key)).status_code == 403
    assert (events(api)[0].since, events(api)[0].action) == (START, "compromised")


def test_a_retired_key_may_be_reported_and_only_ever_for_an_earlier_time(api: SampleApi) -> None:
    key = api.service.enrol()
    second = other(key, "second")
    add(api, second, key)
    ask(api, retire(second, key))
    ask(api, lost(second, key, since=LATER))
    for since in (LATER, LATER + 1):
        refused(api, note(KeyRequest("compromised", "again", START, second.key, since), key), 409, "conflict")
    ask(api, lost(second, key, since=START))
    report_compromised(api.service.services, depositor_of(key), second.key, reason="x", since=START - 1)


@pytest.mark.parametrize("change", [retire, lost])
def test_a_stranger_or_an_ended_key_changes_nothing(api: SampleApi, change: Any) -> None:
    key = api.service.enrol()
    second, ended = other(key, "second"), other(key, "ended")
    for more in (second, ended):
        add(api, more, key)
    ask(api, retire(ended, key))
    subject = second
    for stranger in (ended, other(key, "stranger"), api.service.enrol()):
        refused(api, change(subject, stranger), 403, "key-not-in-force")
        refused(api, change(subject, stranger, key), 403, "key-not-in-force")


def test_no_key_is_added_twice_even_after_its_end(api: SampleApi) -> None:
    key = api.service.enrol()
    second = other(key, "second")
    add(api, second, key)
    add(api, second, key, role=APPROVE, expect=409)
    ask(api, retire(second, key))
    add(api, second, key, role=APPROVE, expect=409)


def test_only_a_key_in_force_can_be_retired(api: SampleApi) -> None:
    key = api.service.enrol()
    second = other(key, "second")
    assert "never" in refused(api, retire(second, key), 403, "key-not-in-force")
    assert "never" in refused(api, lost(second, key), 403, "key-not-in-force")
    add(api, second, key)
    ask(api, retire(second, key))
    again = note(KeyRequest("retire", "again", START, second.key), key)
    assert "already" in refused(api, again, 403, "key-not-in-force")


def test_a_request_of_another_ledger_or_an_unknown_depositor_is_refused(api: SampleApi) -> None:
    api.service.enrol()
    stranger = Ed25519Signer(depositor_key_name("log.example/other", "acme"), bytes(32))
    refused(api, retire(stranger, stranger), 422, "wrong-ledger")
    refused(api, retire(depositor_key("nobody", "key"), depositor_key("nobody", "key")), 403, "unknown-depositor")


@pytest.mark.parametrize("text", ["", "x", "hefu-key/v1\n{}\n"])
def test_what_is_no_request_is_malformed(api: SampleApi, text: str) -> None:
    assert api.post("/v1/keys", json={"request": text}).status_code == 400


def test_another_version_of_a_request_is_unknown(api: SampleApi) -> None:
    key = api.service.enrol()
    refused(api, retire(key, key).replace(b"hefu-key/v1", b"hefu-key/v2"), 400, "unknown-format")


def test_where_two_must_sign_neither_is_enough_alone(api: SampleApi) -> None:
    chief, clerk = two_persons(api)
    for alone in (chief, clerk):
        assert api.statement(statement(alone)).status_code == 403
    assert api.statement(statement(clerk, 0, chief)).status_code == 201
    second = other(chief, "second clerk")
    add(api, second, chief, clerk)
    answer = api.statement(statement(clerk, 1, second))
    assert answer.status_code == 403
    assert answer.json is not None
    assert "role approve" in answer.json["detail"]


def test_a_deposit_of_two_is_proven_with_the_records_of_both_keys(api: SampleApi) -> None:
    chief, clerk = two_persons(api)
    (accepted,) = api.service.accept(statement(clerk, 0, chief))
    api.service.settle()
    receipt = Receipts(api.service.services).make(accepted.deposit.statement_id)
    assert receipt is not None
    assert verify_receipt(format_receipt(receipt), policy=POLICY).verdict == "proven"
    broken = receipt._replace(statement=statement(clerk).decode())
    assert verify_receipt(format_receipt(broken), policy=POLICY).verdict == "not proven"
    assert api.service.findings() == []


def test_whoever_prepares_makes_no_approver_and_ends_no_key_but_its_own(api: SampleApi) -> None:
    chief, clerk = two_persons(api)
    puppet = other(chief, "puppet")
    add(api, puppet, clerk, expect=403)
    add(api, puppet, clerk, role=APPROVE, expect=422)
    for request in (retire(chief, clerk), lost(chief, clerk)):
        assert "approves" in refused(api, request, 403, "signature-refused")
    ask(api, retire(clerk, clerk))


def test_whoever_prepares_ends_its_key_now_and_casts_no_doubt_on_what_was_before(api: SampleApi) -> None:
    chief, clerk = two_persons(api)
    api.service.clock.time_ms = now = START + 3_600_000
    for since in (START, now - 60_001):
        request = lost(clerk, clerk, since=since, at=now)
        assert "approves" in refused(api, request, 403, "signature-refused")
    assert api.statement(statement(clerk, 0, chief)).status_code == 201, "nothing has ended"
    ask(api, lost(clerk, clerk, since=now - 60_000, at=now))
    assert api.statement(statement(clerk, 1, chief)).status_code == 403
    assert api.service.findings() == []


def test_a_request_is_taken_while_it_is_fresh(api: SampleApi) -> None:
    chief, clerk = two_persons(api)
    api.service.clock.time_ms = now = START + 3_600_000
    for at in (now - 600_100, now + 600_100):
        refused(api, retire(clerk, clerk, at=at), 422, "request-time")
    ask(api, retire(clerk, clerk, chief, at=now - 600_100))


@pytest.mark.parametrize("when", [START, LATER])
def test_whoever_approves_stands_by_an_earlier_time(api: SampleApi, when: int) -> None:
    chief, clerk = two_persons(api)
    api.service.clock.time_ms = now = START + 3_600_000
    deputy = other(chief, "deputy")
    add(api, deputy, chief, clerk, role=APPROVE)
    ask(api, lost(clerk, clerk, chief, since=when, at=now))
    ask(api, lost(deputy, deputy, since=when, at=now))
    ask(api, lost(chief, chief, since=when, at=now))
    assert [event.since for event in events(api) if event.since is not None] == [when] * 3


def test_an_ended_key_is_put_in_doubt_for_earlier_by_an_approver_alone(api: SampleApi) -> None:
    chief, clerk = two_persons(api)
    api.service.clock.time_ms = now = START + 3_600_000
    ask(api, retire(clerk, clerk, at=now))
    refused(api, lost(clerk, clerk, at=now), 403, "key-not-in-force")
    ask(api, lost(clerk, chief, at=now))


def test_where_nobody_approves_a_key_reports_itself_lost_for_any_time(api: SampleApi) -> None:
    key = api.service.enrol()
    api.service.clock.time_ms = now = START + 3_600_000
    add(api, other(key, "second"), key)
    ask(api, lost(key, key, since=START, at=now))


def test_the_last_approver_is_not_retired_on_request(api: SampleApi) -> None:
    chief, clerk = two_persons(api)
    assert "last approver" in refused(api, retire(chief, chief), 409, "conflict")
    add(api, other(chief, "deputy"), chief, clerk, role=APPROVE)
    ask(api, retire(chief, chief))
