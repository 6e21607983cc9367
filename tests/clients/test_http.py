"""Requests are repeated until they are answered, and a refusal is final."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.support.double import DROPPED, LOST, SILENT, Double, Fault, problem, running

from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.service import ATTEMPTS, JSON, Service

pauses: list[float] = []


@pytest.fixture
def service(double: Double) -> Iterator[Service]:
    pauses.clear()
    with running(double) as url, Service(url, sleep=pauses.append) as service:
        yield service


BUSY = (503, b"", {"Retry-After": "7"})


@pytest.mark.parametrize("fault", [DROPPED, LOST, BUSY, (502, b"", {}), (504, b"", {}), (429, b"", {})])
def test_a_passing_fault_is_waited_out(service: Service, double: Double, fault: Fault) -> None:
    double.faults = [fault, fault]
    assert service.get("/v1/trust").status == 200
    assert len(double.requests) == 3
    assert len(pauses) == 2


def test_a_silent_service_is_given_up_on_and_asked_again(
    service: Service, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service._client, "timeout", httpx.Timeout(0.1))
    double.faults = [SILENT]
    assert service.get("/v1/trust").status == 200
    assert len(double.requests) == 2


def test_pauses_grow_and_follow_the_services_advice_up_to_a_minute(service: Service, double: Double) -> None:
    double.faults = [DROPPED, DROPPED, DROPPED, BUSY, (503, b"", {"Retry-After": "86400"})]
    service.get("/v1/trust")
    assert [0.125 * 2**n <= pause <= 0.25 * 2**n for n, pause in enumerate(pauses[:3])] == [True] * 3
    assert pauses[3:] == [7, 60]


def test_a_retry_after_that_is_no_plain_number_is_ignored(service: Service, double: Double) -> None:
    double.faults = [(503, b"", {"Retry-After": text}) for text in ("-1", "nan", "Sat, 01 Jan 2050 00:00:00 GMT", "٣")]
    service.get("/v1/trust")
    assert max(pauses) <= 2


def test_a_service_that_stays_away_is_unreachable_with_its_last_excuse(service: Service, double: Double) -> None:
    double.faults = [BUSY] * ATTEMPTS
    with pytest.raises(UnreachableError, match="answered 503"):
        service.get("/v1/trust")
    assert len(double.requests) == ATTEMPTS
    assert len(pauses) == ATTEMPTS - 1


def test_nobody_listening_is_unreachable() -> None:
    with Service("http://127.0.0.1:9", sleep=pauses.append) as service, pytest.raises(UnreachableError) as caught:
        service.get("/")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
def test_a_refusal_is_final_and_carries_its_reason(service: Service, double: Double, status: int) -> None:
    double.faults = [problem(status, "Refused 不予接受", "the reason")]
    with pytest.raises(RefusedError, match="the reason") as caught:
        service.post("/v1/deposits", b"", JSON)
    assert (caught.value.status, caught.value.title, caught.value.exit_code) == (status, "Refused 不予接受", 2)
    assert len(double.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"", b"null", b'"text"'])
def test_a_refusal_in_any_form_is_a_refusal(service: Service, double: Double, body: bytes) -> None:
    double.faults = [(404, body, {})]
    with pytest.raises(RefusedError, match="404"):
        service.get("/v1/x")


@pytest.mark.parametrize("status", [301, 302, 307, 500, 501])
def test_a_redirect_or_a_failure_is_no_answer(service: Service, double: Double, status: int) -> None:
    double.faults = [(status, b"", {"Location": "http://127.0.0.1:9/"})]
    with pytest.raises(UnreachableError, match=str(status)):
        service.get("/v1/trust")
    assert len(double.requests) == 1


def test_an_endless_answer_is_cut_off(service: Service, double: Double) -> None:
    double.faults = [(200, b"x" * 100_001, {})]
    with pytest.raises(UnreachableError, match="longer than 100000 bytes"):
        service.get("/v1/trust", limit=100_000)


def test_an_answer_is_not_unpacked_so_that_no_bomb_can_hide_in_it(service: Service, double: Double) -> None:
    double.faults = [(200, b"\x1f\x8b", {"Content-Encoding": "gzip"})]
    assert service.get("/v1/trust").body == b"\x1f\x8b"


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"a":1,"a":2}', b"\xff"])
def test_an_answer_that_is_no_object_is_not_the_protocol(service: Service, double: Double, body: bytes) -> None:
    double.faults = [(200, body, {})]
    with pytest.raises(UnreachableError, match="answer"):
        service.get("/v1/x").json("x")


@pytest.mark.parametrize("url", ["", "ledger.example", "ftp://ledger.example", "http://", "https://a:b:c"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="not a service's address"):
        Service(url)
