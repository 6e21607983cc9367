"""Every refusal is a problem, and an error of the service's own shows nothing of itself."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest
from tests.service.refusing import kind, logged, number_of, unchanged
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import SampleService, depositor_key, statement
from tests.support.serving import serving

import hefu_ledger
import hefu_service
from hefu.errors import RefusedError
from hefu.service import Service
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.verify.case import NotReachedError
from hefu_service.api.problems import INTERNAL, PROBLEMS, problem_of
from hefu_service.intake.refusals import OneOfManyError
from hefu_service.ports.errors import ClockError, DamagedError, PortError, StorageError
from hefu_service.settings import SettingsError


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


# The table


def error_classes() -> set[type[Exception]]:
    """Every exception class that the ledger or the service defines."""

    def modules(package: ModuleType) -> Iterator[ModuleType]:
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in found.name:
                yield importlib.import_module(found.name)

    return {
        value
        for package in (hefu_ledger, hefu_service)
        for module in modules(package)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__
    }


def test_every_error_of_ours_is_in_the_table_or_cannot_reach_a_client() -> None:
    never_in_a_request = {NotReachedError, SettingsError}
    by_its_cause = {OneOfManyError}
    missing = {each for each in error_classes() if not any(base in PROBLEMS for base in each.__mro__)}
    assert missing == never_in_a_request
    assert by_its_cause < error_classes() - set(PROBLEMS)
    assert len(error_classes()) >= 20


def test_a_problem_tells_nothing_of_an_error_of_the_service_s_own() -> None:
    for error, problem in PROBLEMS.items():
        if issubclass(error, PortError) and error not in {ClockError, DamagedError}:  # of which anyone may know
            assert not problem.tell
        if problem.status == 503:
            assert problem.retry_after_s
        assert problem.status in {400, 403, 404, 409, 410, 422, 429, 500, 503, 507}
    assert problem_of(ZeroDivisionError()) is INTERNAL
    assert not INTERNAL.tell


# Errors of the service's own


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StorageError("cannot write /srv/secret"), "503 storage"),
        (PortError("secret"), "500 internal"),
        (RuntimeError("secret"), "500 internal"),
        (MalformedError("secret is damaged"), "500 internal"),
        (LedgerError("secret"), "500 internal"),
        (UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"), "500 internal"),
        (KeyError("secret"), "500 internal"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/deposits/" + "0" * 64, "/v1/enrolments/x", "/v1/numbers/FX0000000000000"])
def test_an_internal_error_shows_nothing_of_itself(
    api: SampleApi, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str, path: str
) -> None:
    def fail() -> NoReturn:
        raise error

    monkeypatch.setattr(type(api.service.services.store), "view", lambda _self: fail())
    if "numbers" in path:
        path = "/v1/numbers/" + number_of(0)
    with logged() as log:
        answer = api.get(path)
    assert kind(answer) == expected
    assert "detail" not in answer.get_json()
    assert b"secret" not in answer.data
    assert "secret" in log.getvalue(), "the operator is told"
    assert answer.headers["X-Request-Id"] in log.getvalue()


def test_a_damaged_tile_is_no_fault_of_who_asks_for_a_receipt(api: SampleApi) -> None:
    key = api.service.enrol()
    note = statement(key)
    api.statement(note)
    api.statement(statement(key, 1))  # the leaf of a batch of one is its root, whatever a file says
    api.service.settle()
    for leaves in (api.service.data / "ledger").rglob("leaves"):
        leaves.chmod(0o600)
        leaves.write_bytes(b"short")
    answer = api.get(f"/v1/deposits/{statement_id(parse_note(note)).hex()}/receipt")
    assert kind(answer) == "503 storage"
    assert answer.get_json()["detail"] == "deposit 0 is not as record 2 has it: run `hefu-service fsck`"


# What the framework refuses


SAID = {
    ("GET", "/nothing"): "此地址没有内容；GET /openapi.json 列出全部地址",
    ("GET", "/healthz/"): "此地址没有内容；GET /openapi.json 列出全部地址",
    ("DELETE", "/v1/deposits"): "此地址不接受 DELETE，只接受 POST",
    ("PATCH", "/v1/vault/x"): "此地址不接受 PATCH，只接受 GET, HEAD, PUT",
    ("POST", "/v1/deposits"): "Content-Type 须为 text/plain（一份声明）或 application/json（多份声明）",
    ("POST", "/v1/keys"): "Content-Type 须为 application/json",
    ("GET", "/v1/vault"): "须出示保管库地址：Authorization: Bearer …",
    ("GET", f"/v1/deposits/{'0' * 64}"): "没有此 SHA-256 的存证声明",
    ("GET", "/ledger/tile/x"): "格式不符",
}


@pytest.mark.parametrize(("method", "path"), SAID)
def test_a_reader_of_chinese_is_told_in_chinese_and_nobody_in_the_framework_s_words(
    api: SampleApi, method: str, path: str
) -> None:
    chinese = api.open(path, method=method, headers={"Accept-Language": "zh-CN,en;q=0.8"})
    assert chinese.get_json()["detail"].startswith(SAID[method, path])
    for language in (
        {},
        {"Accept-Language": "fr"},
        {"Accept-Language": "en-GB,zh;q=0.2"},
        {"Accept-Language": "zh;q=0,;q=x"},
    ):
        english = api.open(path, method=method, headers=language)
        assert not re.search("[\u4e00-\u9fff]", english.get_json()["detail"])
        for words in ("URL", "spelling", "server", "browser", "capacity", "method is not allowed"):
            assert words not in english.get_json()["detail"]
        assert english.get_json()["title"] == chinese.get_json()["title"]
        assert not english.get_json()["title"].isascii(), "titles are in both"


def test_what_is_too_long_is_told_how_long_it_may_be(api: SampleApi) -> None:
    headers = {"Accept-Language": "zh"}
    for path, kind_, limit in (("/v1/verify", "application/json", 786_432), ("/v1/keys", "application/json", 262_144)):
        answer = api.post(path, data=b" " * 800_000, content_type=kind_, headers=headers)
        assert answer.get_json()["detail"] == f"正文超过 {limit} 字节"


def test_a_head_is_refused_without_a_body(api: SampleApi) -> None:
    assert (api.head("/v1/deposits").status_code, api.head("/v1/deposits").data) == (405, b"")
    assert (api.head("/nothing").status_code, api.head("/nothing").data) == (404, b"")


def test_a_refusal_of_the_service_s_own_is_in_the_reader_s_language(api: SampleApi) -> None:
    answer = api.post(
        "/v1/verify", data=b'{"seed": 1}', content_type="application/json", headers={"Accept-Language": "zh"}
    )
    assert answer.get_json()["detail"] == "请求中含有私密部分（卡片、摘要、随机数或种子）"
    answer = api.post("/v1/keys", data=b"{", content_type="application/json", headers={"Accept-Language": "zh"})
    assert not answer.get_json()["detail"].isascii()


@pytest.mark.parametrize(("language", "said"), [("zh", "此处没有登记存证主体"), ("en", "no depositor")])
def test_the_client_is_told_in_its_reader_s_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    monkeypatch.setenv("HEFU_LANG", language)
    with serving(tmp_path / "data") as running, Service(running.url) as service:
        note = statement(depositor_key("aaaqeayeaudaocaj", "key"))
        with pytest.raises(RefusedError, match=said):
            service.post("/v1/deposits", note, "text/plain")


# Where it is


def test_the_front_page_tells_a_person_where_they_are_in_either_language(api: SampleApi) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "zh-CN,zh;q=0.9"}
    page = api.get("/", headers=browser)
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert '<html lang="zh">' in page.text
    assert "合符存证服务" in page.text
    assert '<a href="/v1/trust">' in page.text
    english = api.get("/", headers=browser | {"Accept-Language": "en"})
    assert "Hefu, an evidence service" in english.text
    assert english.text.isascii()
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        told = api.get("/", headers=accept).get_json()
        assert "log.example/fengxian" in told["about"]
        assert set(told["links"]) <= {rule.rule for rule in api.application.url_map.iter_rules()}


def test_the_framework_s_own_refusals_are_problems(api: SampleApi) -> None:
    assert kind(api.get("/ledger//checkpoint")) == "404 not-found", "and no redirect, which would be HTML"
    assert kind(api.get("/healthz/")) == "404 not-found"
    assert kind(api.get("/v1/deposits/")) == "404 not-found"
    assert kind(api.delete("/v1/deposits")) == "405 method-not-allowed"
    assert kind(api.options("/v1/deposits")) == "405 method-not-allowed"
    refused = api.get("/v1/deposits")
    assert kind(refused) == "405 method-not-allowed"
    assert refused.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/v1/deposits", "/v1/enrolments", "/v1/verify"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/html"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": ""},
    ],
)
def test_media_types_are_exact(api: SampleApi, path: str, headers: dict[str, str]) -> None:
    with unchanged(api):
        assert kind(api.post(path, data=b"{}", headers=headers)) == "415 unsupported-media-type"


def test_a_charset_does_not_make_another_media_type(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    assert api.post("/v1/deposits", data=note, content_type="text/plain; charset=utf-8").status_code == 201
    assert api.post("/v1/deposits", data=note, content_type="TEXT/PLAIN").status_code == 200


def test_text_is_not_taken_where_json_is_wanted(api: SampleApi) -> None:
    for path in ("/v1/enrolments", "/v1/verify"):
        assert kind(api.post(path, data=b"{}", content_type="text/plain")) == "415 unsupported-media-type"


@pytest.mark.parametrize(
    ("path", "content_type", "size"),
    [
        ("/v1/deposits", "text/plain", 4097),
        ("/v1/deposits", "text/plain", 300_000),
        ("/v1/deposits", "application/json", 262_145),
        ("/v1/enrolments", "application/json", 262_145),
        ("/v1/verify", "application/json", 2_000_000),
    ],
)
def test_a_body_that_is_too_long_is_refused(api: SampleApi, path: str, content_type: str, size: int) -> None:
    with unchanged(api):
        answer = api.post(path, data=b" " * size, content_type=content_type)
    assert kind(answer) == "413 request-entity-too-large"
