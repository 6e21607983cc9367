"""The OpenAPI document describes every route there is, and none that is not; every other test holds answers to it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support.sample_api import SampleApi, api_of, check_value
from tests.support.sample_service import SampleService

from hefu_service.api.openapi import document

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method.upper()): operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_and_the_routes_are_the_same(api: SampleApi) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in api.application.url_map.iter_rules()
        for method in METHODS & (rule.methods or set())
    }
    assert routes == set(operations())


def test_the_design_s_table_is_served() -> None:
    assert {f"{method} {path}" for path, method in operations()} == {
        "POST /v1/enrolments",
        "POST /v1/keys",
        "POST /v1/deposits",
        "GET /v1/enrolments/{depositor}",
        "GET /v1/deposits/{statement_id}",
        "GET /v1/deposits/{statement_id}/receipt",
        "GET /v1/numbers/{number}",
        "GET /v1/vault",
        "GET /v1/vault/{name}",
        "PUT /v1/vault/{name}",
        "POST /v1/vault-closures",
        "POST /v1/verify",
        "GET /v1/trust",
        "GET /ledger/checkpoint",
        "GET /ledger/tile/{name}",
        "GET /ledger/batches/{index}/leaves",
        "GET /v1/batches/{index}/entries",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /openapi.json",
    }


def test_every_parameter_of_a_path_is_described() -> None:
    for (path, _), operation in operations().items():
        described = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", path))


def test_operations_have_names_of_their_own_and_what_sends_takes_a_body() -> None:
    assert len({operation["operationId"] for operation in operations().values()}) == len(operations())
    for (_, method), operation in operations().items():
        assert ("requestBody" in operation) == (method in {"POST", "PUT"})
        if "requestBody" in operation:
            assert {"413", "415"} <= set(operation["responses"])


def test_every_reference_leads_somewhere() -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document())):
        found: Any = document()
        for step in reference.split("/"):
            found = found[step]


def test_what_is_served_is_the_document(api: SampleApi) -> None:
    assert api.get("/openapi.json").get_json() == document()


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({}, {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        ({"a": "x", "b": 1}, {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        (["x", True], {"type": "array", "items": {"type": "integer"}}),
        ("sealed", {"enum": ["accepted"]}),
        ("G", {"type": "string", "pattern": "^[0-9a-f]$"}),
    ],
)
def test_the_check_that_the_other_tests_use_refuses_what_is_not_declared(value: object, schema: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, TypeError)):
        check_value(value, schema)
