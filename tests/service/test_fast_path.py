"""What is answered before Flask is answered as Flask would, and whatever is not in order reaches Flask as it came."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import SampleService, statement
from werkzeug.test import TestResponse

from hefu_ledger.deposit.statement import statement_id
from hefu_service.api.fast_path import FastPath
from hefu_service.intake.committer import Committer
from hefu_service.ports.errors import StorageError

Ask = Callable[[SampleApi, bytes], TestResponse]


def post(api: SampleApi, data: bytes, **headers: str) -> TestResponse:
    return api.post("/v1/deposits", data=data, headers={"Content-Type": "text/plain", **headers})


def receipt(api: SampleApi, note: bytes) -> TestResponse:
    return api.get(f"/v1/deposits/{statement_id(note).hex()}/receipt")


ASKED: dict[str, Ask] = {
    "again": post,
    "with a charset": lambda api, note: post(api, note, **{"Content-Type": "text/plain; charset=utf-8"}),
    "encoded": lambda api, note: post(api, note, **{"Content-Encoding": "gzip"}),
    "empty": lambda api, _: post(api, b""),
    "no note": lambda api, _: post(api, b"statement"),
    "too long": lambda api, note: post(api, note + b"x" * 4096),
    "cut short": lambda api, note: post(api, note, **{"Content-Length": str(len(note) + 1)}),
    "private": lambda api, _: post(api, b'{"seed": "00"}'),
    "altered": lambda api, note: post(api, note.replace(b'"count":1', b'"count":2')),
    "receipt": receipt,
    "receipt of nothing": lambda api, note: receipt(api, note + b"x"),
}


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("asked", ASKED)
def test_the_answer_is_what_flask_would_give(
    api: SampleApi, asked: str, sealed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = statement(api.service.enrol())
    assert api.statement(note).status_code == 201
    if sealed:
        api.service.settle()
    told = shown(ASKED[asked](api, note))
    express = api.application.wsgi_app
    assert isinstance(express, FastPath)
    monkeypatch.setattr(api.application, "wsgi_app", express.behind)
    assert told == shown(ASKED[asked](api, note))


def shown(answer: TestResponse) -> tuple[int, str, bytes]:
    assert len(answer.headers["X-Request-Id"]) == 16
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.status_code, answer.headers["Content-Type"], answer.data


def test_a_failure_of_the_service_s_own_is_told_and_not_tried_again(
    api: SampleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fail(*_: object) -> None:
        tried.append(1)
        raise StorageError("no disk")

    monkeypatch.setattr(Committer, "submit", fail)
    answer = post(api, statement(api.service.enrol()))
    assert (answer.status_code, answer.json["type"]) == (503, "about:hefu/storage")  # type: ignore[index]  # a problem
    assert tried == [1]
