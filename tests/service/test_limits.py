"""Limits: what a depositor may deposit, what an address may get wrong, and what must never be refused for either."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from tests.service.test_keys import lost
from tests.service.test_vault_closure import NEW, OLD, closure, fill
from tests.support.cases import every_case
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import SampleService, depositor_key, depositor_of, statement
from tests.support.serving import Serving, redeem, request
from tests.support.valkey import Valkey
from werkzeug.test import TestResponse

from hefu_service.api.strangers import Strangers, sender_of
from hefu_service.intake.accept import FrontDoor
from hefu_service.outside.deposit_limits import Allowance, Counts, DepositLimits
from hefu_service.outside.shared_counts import shared_counter
from hefu_service.ports.errors import ClockError
from hefu_service.ports.limiter import Limiter


@pytest.fixture(autouse=True)
def no_minute_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that ended in a test would let more through."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_010.0)


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


def limit(api: SampleApi, **changes: Any) -> None:
    api.context = replace(api.context, **changes)
    api.application.extensions["hefu"] = api.context


def behind(api: SampleApi, limiter: Limiter) -> FrontDoor:
    """The front door with a limiter behind it."""
    return FrontDoor(api.service.committer, limiter)


def stored(api: SampleApi) -> int:
    with api.service.services.store.view() as view:
        return view.intake_head().next_seq


def check_too_many(answer: TestResponse) -> None:
    assert (answer.status_code, answer.get_json()["type"]) == (429, "about:hefu/over-limit")
    assert 1 <= int(answer.headers["Retry-After"]) <= 86_400


# Depositors


@pytest.mark.parametrize("limits", [{"rate": 3}, {"daily_quota": 3}, {"rate": 3, "daily_quota": 100}])
def test_a_depositor_s_deposits_are_limited_and_nobody_else_s(api: SampleApi, limits: dict[str, Any]) -> None:
    limit(api, front_door=behind(api, DepositLimits(**limits)))
    key, other = api.service.enrol(), api.service.enrol("other")
    assert [api.statement(statement(key, number)).status_code for number in range(3)] == [201] * 3
    for _ in range(2):
        check_too_many(api.statement(statement(key, 3)))
    assert stored(api) == 3
    assert api.statement(statement(other)).status_code == 201


def test_what_was_accepted_before_is_acknowledged_again_whatever_the_limit(api: SampleApi) -> None:
    limit(api, front_door=behind(api, DepositLimits(daily_quota=2)))
    key = api.service.enrol()
    first = api.statement(statement(key, 0)).data
    api.statement(statement(key, 1))
    check_too_many(api.statement(statement(key, 2)))
    again = api.statement(statement(key, 0))
    assert (again.status_code, again.data) == (200, first)
    many = api.statements([statement(key, 1), statement(key, 0)])
    assert (many.status_code, len(many.get_json()["acknowledgements"])) == (200, 2)
    check_too_many(api.statements([statement(key, 0), statement(key, 2)]))


def test_only_what_is_stored_counts(api: SampleApi, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(api, front_door=behind(api, DepositLimits(daily_quota=2)))
    key = api.service.enrol()
    assert [api.statement(statement(key)).status_code for _ in range(5)] == [201, 200, 200, 200, 200]

    def refuse(*_: object) -> None:
        raise ClockError("it jumped")

    with monkeypatch.context() as patch:
        patch.setattr(type(api.service.committer), "submit", refuse)
        assert [api.statement(statement(key, 1)).status_code for _ in range(5)] == [503] * 5
    assert api.statement(statement(key, 1)).status_code == 201
    check_too_many(api.statement(statement(key, 2)))


def test_each_statement_of_a_request_counts_and_they_are_accepted_together_or_not_at_all(api: SampleApi) -> None:
    limit(api, front_door=behind(api, DepositLimits(rate=5)))
    key = api.service.enrol()
    notes = [statement(key, number) for number in range(7)]
    check_too_many(api.statements(notes[:6]))
    assert stored(api) == 0
    assert api.statements(notes[:4]).status_code == 201
    check_too_many(api.statements(notes[4:6]))
    assert api.statements([*notes[:4], notes[4]]).status_code == 201, "one of them is new, and there is room for one"
    check_too_many(api.statement(notes[5]))
    assert stored(api) == 5


def test_a_request_of_two_depositors_takes_from_neither_what_the_other_lacks(api: SampleApi) -> None:
    limit(api, front_door=behind(api, DepositLimits(rate=1, daily_quota=100)))
    key, other = api.service.enrol(), api.service.enrol("other")
    assert api.statement(statement(other)).status_code == 201
    for _ in range(3):
        check_too_many(api.statements([statement(key), statement(other, 1)]))
    assert api.statement(statement(key)).status_code == 201


def test_a_stranger_cannot_use_up_a_depositor_s_limit(api: SampleApi) -> None:
    limit(api, front_door=behind(api, DepositLimits(rate=1)))
    key = api.service.enrol()
    forged = statement(depositor_key(depositor_of(key), "a stranger's"))
    assert {api.statement(forged).status_code for _ in range(20)} == {403}
    assert api.statement(statement(key)).status_code == 201


def test_a_request_that_no_limit_would_ever_admit_is_told_so(api: SampleApi) -> None:
    limit(api, front_door=behind(api, DepositLimits(daily_quota=1)))
    key = api.service.enrol()
    answer = api.statements([statement(key, 0), statement(key, 1)])
    check_too_many(answer)
    assert "more than 1 deposits a day" in answer.get_json()["detail"]


# Counting


@given(st.integers(1, 400), st.lists(st.integers(1, 64), max_size=30))
def test_no_more_is_ever_taken_than_the_limit_and_what_is_left_can_be_taken(amount: int, takes: list[int]) -> None:
    allowance = Allowance(Counts(), RateLimitItemPerDay(amount))
    taken = 0
    for count in takes:
        if allowance.take("key", count):
            taken += count
        else:
            assert taken + count > amount
    assert taken <= amount
    assert taken == amount or allowance.take("key", amount - taken)
    assert not allowance.take("key", 1)


@given(st.integers(1, 400), st.integers(1, 64))
def test_what_is_given_back_can_be_taken_again_and_no_more(amount: int, count: int) -> None:
    allowance = Allowance(Counts(), RateLimitItemPerDay(amount))
    if allowance.take("key", count):
        allowance.give_back("key", count)
    assert allowance.take("key", amount)
    assert not allowance.take("key", 1)


def test_threads_that_race_take_the_limit_and_not_one_more() -> None:
    allowance = Allowance(Counts(), RateLimitItemPerDay(1000))
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: allowance.take("key", 1), range(1500))) == 1000


def test_two_at_once_with_room_for_both_are_both_admitted() -> None:
    """The second comes while the first asks the counter, and both could spend what is left of a portion."""
    item = RateLimitItemPerDay(1000)

    class Meeting(Counts):
        met: bool | None = None

        def take(self, item: RateLimitItem, key: str, count: int) -> bool:
            if self.met is None and count == 64 - 5:
                self.met = False
                self.met = allowance.take("key", 64)
            return super().take(item, key, count)

    counts = Meeting()
    allowance = Allowance(counts, item)
    assert allowance.take("key", 10)  # of a portion of 15
    assert allowance.take("key", 64)
    assert counts.met
    assert allowance.take("key", 1000 - 10 - 64 - 64)
    assert not allowance.take("key", 1)


def test_a_lease_ends_with_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    allowance = Allowance(Counts(), RateLimitItemPerMinute(640))
    assert allowance.take("key", 1)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 120)
    monkeypatch.setattr(time, "time", lambda: 1_800_000_010.0 + 120)
    assert sum(allowance.take("key", 1) for _ in range(1000)) == 640, "what was left of the portion is gone"


def test_leases_that_have_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    allowance = Allowance(Counts(), RateLimitItemPerMinute(10))
    for number in range(4096):
        allowance.give_back(str(number), 1)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    allowance.take("another", 1)
    assert len(allowance._leases) == 1


# Several processes


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Valkey]:
    valkey.flush()
    yield valkey
    if valkey.own is not None and not valkey.own.is_running():
        valkey.start()


def test_processes_share_a_limit_by_redis_and_a_portion_at_most_is_kept_from_the_others(redis: Valkey) -> None:
    item = RateLimitItemPerDay(640)
    one, other = (Allowance(Counts(shared_counter(redis.url)), item) for _ in range(2))
    taken = sum(one.take("key", 1) for _ in range(300)) + sum(other.take("key", 1) for _ in range(1000))
    assert 630 <= taken <= 640
    assert sum(one.take("key", 1) for _ in range(1000)) + taken == 640
    assert other.take("another key", 1)


def test_a_redis_that_is_down_refuses_nobody_and_limits_go_on(
    redis: Valkey, api: SampleApi, caplog: pytest.LogCaptureFixture
) -> None:
    if redis.own is None:
        pytest.skip("this Redis is not ours to kill")
    limit(api, front_door=behind(api, DepositLimits(daily_quota=3, shared=shared_counter(redis.url))))
    key = api.service.enrol()
    assert api.statement(statement(key, 0)).status_code == 201
    redis.kill()
    statuses = [api.statement(statement(key, number)).status_code for number in range(1, 6)]
    assert statuses == [201, 201, 201, 429, 429], "counted from the start, in this process"
    assert [record.name for record in caplog.records].count("hefu.limits") == 1, "said once, not by each"


def test_a_redis_that_comes_back_counts_again(
    redis: Valkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if redis.own is None:
        pytest.skip("this Redis is not ours to kill")
    counts, item = Counts(shared_counter(redis.url)), RateLimitItemPerDay(2)
    redis.kill()
    assert counts.take(item, "key", 2)
    redis.start()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    assert Counts(shared_counter(redis.url)).take(item, "key", 1)
    assert counts.take(item, "key", 1)
    assert not counts.take(item, "key", 1)
    assert caplog.records


# Strangers


def test_an_address_that_is_refused_too_often_is_told_to_wait(api: SampleApi) -> None:
    limit(api, strangers=Strangers(failures=4))
    assert [api.statement(b"no statement").status_code for _ in range(4)] == [400] * 4
    check_too_many(api.statement(b"no statement"))
    elsewhere = api.post(
        "/v1/deposits", data=b"no statement", content_type="text/plain", environ_base={"REMOTE_ADDR": "10.0.0.9"}
    )
    assert elsewhere.status_code == 400


def test_codes_are_not_guessed_at_the_cost_of_who_has_one(api: SampleApi) -> None:
    limit(api, strangers=Strangers(failures=4))
    code = api.service.code()
    key = depositor_key(code, "key")
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert [api.redeem(wrong, key).status_code for _ in range(4)] == [403] * 4
    check_too_many(api.redeem(wrong, key))
    assert api.redeem(code, key).status_code == 201
    assert api.get("/v1/trust").status_code == 200, "reading goes on"


def test_a_flood_from_one_address_closes_nothing_to_a_note_that_verifies(
    api: SampleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief in the same office must not keep the owner from reporting the stolen key."""
    limit(api, strangers=Strangers(failures=1))
    key = api.service.enrol()
    thief = depositor_key(depositor_of(key), "thief")
    code = api.service.code()
    invited = depositor_key(code, "key")
    fill(api, key, OLD, NEW)

    def ask(path: str, **members: str) -> TestResponse:
        return api.post(path, json=members)

    forged: list[tuple[str, dict[str, str]]] = [
        ("/v1/keys", {"request": lost(key, thief).decode()}),
        ("/v1/keys", {"request": lost(thief, thief).decode()}),
        ("/v1/vault-closures", {"closure": closure(thief).decode()}),
        ("/v1/enrolments", {"code": code + "x", "possession": api.service.possession(code, invited).decode()}),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(type(api.service.services.store), "intake", None)  # none of these takes the lock of deposits
        assert [ask(path, **members).status_code for path, members in forged] == [403, 429, 429, 429]
    assert ask("/v1/vault-closures", closure=closure(key).decode()).status_code == 201
    assert ask("/v1/vault-closures", closure=closure(key).decode()).status_code == 200
    assert api.redeem(code, invited).status_code == 201
    assert ask("/v1/keys", request=lost(key, key).decode()).status_code == 201
    assert ask("/v1/keys", request=lost(key, key).decode()).status_code == 200, "again, by an ended key"
    check_too_many(ask("/v1/keys", request=lost(key, thief).decode()))


def test_deposits_are_not_refused_for_those_who_share_their_address(api: SampleApi) -> None:
    limit(api, strangers=Strangers(failures=1))
    key = api.service.enrol()
    assert [api.statement(b"no statement").status_code for _ in range(3)] == [400, 429, 429]
    assert api.statement(statement(key)).status_code == 201


def test_only_what_is_refused_counts(api: SampleApi) -> None:
    limit(api, strangers=Strangers(failures=1))
    key = api.service.enrol()
    notes = [statement(key, number) for number in range(4)]
    assert [api.statement(note).status_code for note in notes + notes] == [201] * 4 + [200] * 4
    assert [api.get("/v1/deposits/00").status_code for _ in range(3)] == [400] * 3, "nor does what only reads"
    assert api.statement(b"no statement").status_code == 400


def test_a_depositor_over_its_limit_has_not_been_wrong(api: SampleApi) -> None:
    limit(api, front_door=behind(api, DepositLimits(rate=1)), strangers=Strangers(failures=1))
    key = api.service.enrol()
    assert [api.statement(statement(key, number)).status_code for number in range(4)] == [201, 429, 429, 429]
    assert api.enrol(api.service.code(), b"no possession").status_code == 400


def test_behind_a_proxy_the_address_is_whom_it_asks_for(api: SampleApi) -> None:
    limit(api, strangers=Strangers([ip_network("127.0.0.1/32")], failures=1))

    def answer(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return api.post("/v1/deposits", data=b"no", content_type="text/plain", headers=headers).status_code

    assert [answer("198.51.100.1"), answer("198.51.100.2"), answer("198.51.100.1")] == [400, 400, 429]


PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@every_case(
    ("peer", "forwarded", "sender"),
    [
        ("198.51.100.1", None, "198.51.100.1"),
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),  # not a proxy of ours: it may say what it likes
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.66, 203.0.113.9", "203.0.113.9"),  # the first was sent by the client itself
        ("10.0.0.1", "203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", None, "2001:db8:1:2::/64"),
        (None, None, ""),
    ],
)
def test_the_sender_is_the_nearest_that_is_not_our_own(peer: str | None, forwarded: str | None, sender: str) -> None:
    assert sender_of(peer, forwarded, PROXIES) == sender


@given(st.text(), st.text())
def test_nothing_that_is_said_to_be_an_address_is_an_error(peer: str, forwarded: str) -> None:
    sender_of(peer, forwarded, PROXIES)


def test_the_limits_that_are_set_are_those_of_the_service(tmp_path: Path) -> None:
    settings = {"HEFU_RATE": "5", "HEFU_DAILY_QUOTA": "2", "HEFU_TRUSTED_PROXIES": "127.0.0.1"}
    service = Serving(tmp_path / "data", settings=settings)
    service.init()
    service.start()
    try:
        code = service.enrol("上海某某化妆品有限公司", "91310120MA1HP00194")
        key = depositor_key(code, "key")
        redeem(service.port, code, key)
        notes = [statement(key, number) for number in range(3)]
        answers = [
            request(service.port, "POST", "/v1/deposits", note, {"Content-Type": "text/plain"}) for note in notes
        ]
    finally:
        service.kill()
    assert [status for status, _, _ in answers] == [201, 201, 429]
    assert 1 <= int(answers[2][1]["retry-after"]) <= 86_400
    assert b"more than 2 deposits a day" in answers[2][2]


def test_the_limits_are_described(api: SampleApi) -> None:
    paths = json.loads(api.get("/openapi.json").data)["paths"]
    for path in paths.values():
        for method, operation in path.items():
            assert ({"408", "429"} <= set(operation["responses"])) == (method in {"post", "put"})
