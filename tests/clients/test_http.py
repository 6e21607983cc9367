"""Requests are repeated until they are answered, and a refusal is final."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu
from tests.support.double import DROPPED, LOST, SILENT, Double, Fault, problem, running
from tests.support.sample_ledger import POLICY

from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.service import ATTEMPTS, JSON, Service
from hefu_ledger.tlog.policy import format_policy

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


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "identity", ""])
def test_an_answer_that_a_server_on_the_way_packed_is_read(service: Service, double: Double, encoding: str) -> None:
    body = os.urandom(5000)  # packing makes it longer
    packed = body if encoding in ("identity", "") else (zlib if encoding == "deflate" else gzip).compress(body)
    double.faults = [(200, packed, {"Content-Encoding": encoding} if encoding else {})]
    assert service.get("/v1/trust", limit=5000).body == body


@pytest.mark.parametrize(
    ("encoding", "body"), [("br", b"x"), ("gzip", b"\x1f\x8b"), ("gzip", b"plain"), ("gzip, br", b"x")]
)
def test_an_answer_that_cannot_be_unpacked_is_named(
    service: Service, double: Double, encoding: str, body: bytes
) -> None:
    double.faults = [(200, body, {"Content-Encoding": encoding})]
    with pytest.raises(UnreachableError, match=f"packed as {encoding}"):
        service.get("/v1/trust")


def test_a_bomb_is_unpacked_up_to_the_limit_alone(service: Service, double: Double) -> None:
    double.faults = [(200, gzip.compress(bytes(50 << 20)), {"Content-Encoding": "gzip"})]
    tracemalloc.start()
    with pytest.raises(UnreachableError, match="longer than 100000 bytes"):
        service.get("/v1/trust", limit=100_000)
    assert tracemalloc.get_traced_memory()[1] < 5 << 20
    tracemalloc.stop()


def test_a_redirect_says_where_it_points_without_its_password(service: Service, double: Double) -> None:
    double.faults = [(301, b"", {"Location": "https://user:S3cret@new.example/v1/trust?token=S3cret"})]
    with pytest.raises(UnreachableError, match=r"has moved to https://new\.example/v1/trust ") as caught:
        service.get("/v1/trust")
    assert "S3cret" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><p>", b"\n <html lang=zh>"])
def test_a_web_page_is_named(service: Service, double: Double, body: bytes) -> None:
    double.faults = [(200, body, {})]
    with pytest.raises(UnreachableError, match="web page"):
        service.get("/ledger/checkpoint")


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"a":1,"a":2}', b"\xff"])
def test_an_answer_that_is_no_object_is_not_the_protocol(service: Service, double: Double, body: bytes) -> None:
    double.faults = [(200, body, {})]
    with pytest.raises(UnreachableError, match="answer"):
        service.get("/v1/x").json("x")


@pytest.mark.parametrize("url", ["", "ledger.example", "ftp://ledger.example", "http://", "https://a:b:c"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="not a service's address"):
        Service(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://firm:S3cret@127.0.0.1:1",
        "https://S3cret@ledger.example",
        "https://:S3cret@ledger.example/x",
        "firm:S3cret@ledger.example",
        "https://a:b:S3cret@c",
        "https://ledger.example/?token=S3cret",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ClientError) as caught:
        Service(url, insecure_http=True)
    assert "S3cret" not in str(caught.value)


def test_plain_http_to_another_computer_has_to_be_accepted() -> None:
    for host in ("127.0.0.1", "127.8.8.8:80", "[::1]:80", "localhost", "LOCALHOST:8080"):
        Service(f"http://{host}")
    for host in ("203.0.113.9:8080", "ledger.example", "[2001:db8::1]", "127.0.0.1.example", "0.0.0.0"):  # noqa: S104
        with pytest.raises(ClientError, match="--insecure-http"):
            Service(f"HTTP://{host}")
        Service(f"http://{host}", insecure_http=True)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("setting", ["ALL_PROXY", "all_proxy", "http_proxy"])
@pytest.mark.parametrize(
    "proxy", ["socks://u:S3cret@127.0.0.1:7890/", "socks5://S3cret@127.0.0.1:1080", "http://u:S3cret@h:no"]
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_setting_once_it_is_needed(
    proxied: pytest.MonkeyPatch, double: Double, setting: str, proxy: str
) -> None:
    proxied.setenv(setting, proxy)
    with running(double) as url, Service(url) as service:
        with pytest.raises(ClientError, match=setting) as caught:
            service.get("/v1/trust")
        assert "S3cret" not in str(caught.value)
        proxied.setenv("NO_PROXY", "127.0.0.1")
        assert service.get("/v1/trust").status == 200


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_is_used_with_and_without_a_scheme_and_blamed_where_it_fails(
    proxied: pytest.MonkeyPatch, double: Double, scheme: str
) -> None:
    with running(double) as url:
        proxied.setenv("HTTP_PROXY", f"{scheme}user:S3cret@{url.removeprefix('http://')}")
        with Service("http://ledger.example", insecure_http=True) as service, pytest.raises(RefusedError):
            service.get("/v1/trust")  # this double is no proxy
    assert double.requests
    proxied.setenv("HTTP_PROXY", f"{scheme}user:S3cret@127.0.0.1:9")
    with Service("http://ledger.example", insecure_http=True, sleep=pauses.append) as service:
        with pytest.raises(UnreachableError, match="through the proxy of HTTP_PROXY") as caught:
            service.get("/v1/trust")
        assert "S3cret" not in str(caught.value)


def test_offline_commands_run_whatever_the_proxy_is(proxied: pytest.MonkeyPatch, firm: Firm) -> None:
    proxied.setenv("ALL_PROXY", "socks://127.0.0.1:7890/")
    (firm.folder / "a").write_text("a")
    (firm.folder / "carried").mkdir()
    home = ("--home", firm.home.path)
    hefu("deposit", firm.folder / "a", *home, "--out", firm.out, "--offline")
    hefu("refresh", *home, "--from", firm.folder / "carried", "--out", firm.out)
    hefu("vault", "verify", *home, "--offline", expect=None)
    assert "ALL_PROXY" in hefu("deposit", firm.folder / "a", *home, "--out", firm.out, expect=2).err


def test_the_flag_for_plain_http_warns(tmp_path: Path) -> None:
    words = ("audit", "http://ledger.invalid", "--policy", tmp_path / "policy.txt")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    assert "--insecure-http" in hefu(*words, expect=2).err
    init = ("init", "--home", tmp_path / "home", "--server", "http://127.0.0.1:9", "--code", "no code")
    assert "warning: over http://" in hefu(*init, "--insecure-http", expect=None).err
