"""The HTTP surface over a sample service, in this process; every answer is held against the OpenAPI document."""

from __future__ import annotations

import atexit
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.api.context import Context
from hefu_service.api.openapi import document
from hefu_service.intake.refusals import CodeRefusedError
from hefu_service.outside.verifier import ProcessVerifier
from hefu_service.receipts.receipts import Receipts
from hefu_service.serving.app import create_app
from tests.support.sample_service import SampleService, possession

PROBLEM = "application/problem+json"
TOKEN = "0123456789abcdef0123456789abcdef"
VERIFIER = ProcessVerifier(patience_s=20)  # one for all tests of a process; tests of its time have their own
atexit.register(VERIFIER.close)


class SampleApi(FlaskClient):
    """A client of the service ``service``; ``not_ready`` and ``context`` may be set by a test."""

    service: SampleService
    not_ready: dict[str, str]
    context: Context

    def open(self, *args: Any, **options: Any) -> TestResponse:
        response = super().open(*args, **{"buffered": True} | options)
        check_answer(self.application, response)
        return response

    def statement(self, note: bytes) -> TestResponse:
        """Deposit one statement."""
        return self.post("/v1/deposits", data=note, content_type="text/plain")

    def statements(self, notes: Sequence[bytes]) -> TestResponse:
        """Deposit many statements."""
        return self.post("/v1/deposits", json={"statements": [note.decode() for note in notes]})

    def enrol(self, code: str, possession: bytes) -> TestResponse:
        """Enrol a key."""
        return self.post("/v1/enrolments", json={"code": code, "possession": possession.decode()})

    def redeem(self, code: str, *signers: Ed25519Signer) -> TestResponse:
        """Enrol the first of the keys by the note that the code asks for; a wrong code asks for none."""
        try:
            note = self.service.possession(code, *signers)
        except CodeRefusedError:
            note = possession(*signers, at=self.service.clock.time_ms)
        return self.enrol(code, note)


def api_of(service: SampleService, *, auditor_token: str | None = TOKEN, **changes: Any) -> SampleApi:
    """Put the surface over a service; ``changes`` are members of the context."""
    not_ready: dict[str, str] = {}
    context = Context(
        services=service.services,
        front_door=service.front_door,
        durable=service.committer.durable,
        receipts=Receipts(service.services),
        not_ready=lambda: not_ready,
        answered=lambda *_: None,
        metrics=lambda: b"",
        public=service.data / "ledger",
        auditor_token=auditor_token,
        metrics_token=None,
        verifier=VERIFIER,
    )
    context = replace(context, **changes)
    app = create_app(context)
    app.test_client_class = SampleApi
    client = app.test_client()
    assert isinstance(client, SampleApi)
    client.service, client.not_ready, client.context = service, not_ready, context
    return client


def check_answer(app: Flask, response: TestResponse) -> None:
    """Hold an answer against what the OpenAPI document declares for its operation."""
    code, kind = response.status_code, response.mimetype or ""
    if code >= 400 and response.request.path != "/readyz":
        assert kind == PROBLEM
        check_value(json.loads(response.data or "null") if response.request.method != "HEAD" else None, _PROBLEM_SCHEMA)
    operation = _operation(app, response)
    if operation is None:
        assert code in {404, 405}
        return
    declared = operation["responses"].get(str(code))
    assert declared is not None or code == 500, f"{operation['operationId']} does not declare {code}"
    content = resolve(declared or {}).get("content")
    if content is not None:
        assert kind in content, f"{operation['operationId']} does not declare {kind}"
        if kind.endswith("/json") and response.request.method != "HEAD":
            check_value(json.loads(response.data), content[kind]["schema"])


def check_value(value: Any, schema: dict[str, Any]) -> None:
    """Hold a value against a schema of the few words that the document uses."""
    schema = resolve(schema)
    assert "type" in schema or "enum" in schema
    if isinstance(schema.get("type"), list):
        kind, null = schema["type"]
        assert null == "null"
        if value is None:
            return
        schema = schema | {"type": kind}
    if "enum" in schema:
        assert value in schema["enum"]
    elif schema["type"] == "object" and value is not None:
        assert isinstance(value, dict)
        members = schema.get("properties", value)
        assert set(schema.get("required", ())) <= set(value) <= set(members)
        for name in value if "properties" in schema else ():
            check_value(value[name], members[name])
    elif schema["type"] == "array":
        for item in value:
            check_value(item, schema["items"])
    elif schema["type"] == "string":
        assert re.search(schema.get("pattern", ""), value)
    elif schema["type"] == "integer":
        assert type(value) is int


def _operation(app: Flask, response: TestResponse) -> dict[str, Any] | None:
    try:
        rule, _ = app.url_map.bind("localhost").match(response.request.path, response.request.method, return_rule=True)
    except HTTPException:
        return None
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    method = "get" if response.request.method == "HEAD" else response.request.method.lower()
    operation: dict[str, Any] = document()["paths"][path][method]
    return operation


def resolve(declared: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the document, if it is one."""
    found: Any = declared
    if "$ref" in declared:
        found = document()
        for step in declared["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    described: dict[str, Any] = found
    return described


_PROBLEM_SCHEMA: dict[str, Any] = {"$ref": "#/components/schemas/Problem"}
