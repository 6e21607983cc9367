"""The OpenAPI document describes every route there is, and none that is not; every other test holds answers to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_api import SampleApi, api_of, check_value, resolve
from tests.support.sample_service import SampleService

from hefu_ledger.deposit.receipt import MAX_RECEIPT, parse_receipt
from hefu_ledger.deposit.state import SERVICE_STATES
from hefu_ledger.deposit.vault import MAX_BLOB
from hefu_ledger.encoding import canonical
from hefu_ledger.records.bodies import Genesis
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.policy import Log, Policy
from hefu_ledger.verify import verify_receipt
from hefu_ledger.verify.verdict import CANNOT, FAILED, verdict_value
from hefu_service.api.openapi import document
from hefu_service.intake.deposits import MAX_BYTES, MAX_STATEMENTS
from hefu_service.texts.verdicts import verdict_sentences

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
        "GET /",
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


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is described, with the operation it is of."""
    for operation in operations().values():
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in resolve(part).get("content", {}).values():
                yield operation["operationId"], media


def examples(described: dict[str, Any]) -> list[Any]:
    found = [resolve(example)["value"] for example in described.get("examples", {}).values()]
    return [*found, described["example"]] if "example" in described else found


def test_every_operation_is_explained() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    for operation in operations().values():
        assert operation["summary"], operation["operationId"]
        assert not operation["summary"].endswith(".")
        assert operation["description"].rstrip().endswith(".")
        assert set(operation["tags"]) <= tags
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], operation["operationId"]
    assert document()["servers"][0]["url"] == "/"


def test_every_operation_has_examples_and_they_are_as_described() -> None:
    for name, media in contents():
        if resolve(media["schema"]).get("contentMediaType") != "application/octet-stream":
            assert examples(media), name
        for example in examples(media):
            check_value(example, media["schema"])
    for operation in operations().values():
        for parameter in operation.get("parameters", ()):
            check_value(parameter["example"], parameter["schema"])


def test_the_example_receipt_proves_the_example_deposit() -> None:
    known = {name: example["value"] for name, example in document()["components"]["examples"].items()}
    receipt = parse_receipt(canonical(known["Receipt"]))
    assert (receipt.statement, receipt.acknowledgement) == (known["Statement"], known["Acknowledgement"])
    log = parse_record(receipt.records[0].encode()).body
    assert isinstance(log, Genesis)
    policy = Policy(logs=(Log(log.log), Log(log.log_mldsa44)), witnesses=(), groups=(), quorum=None)
    verdict = verify_receipt(canonical(known["Receipt"]), policy=policy)
    assert not [step for step in verdict.steps if step.outcome in (FAILED, CANNOT)]
    answer = verdict_value(verdict, verdict_sentences())
    described = document()["paths"]["/v1/verify"]["post"]["responses"]["200"]["content"]["application/json"]
    check_value(answer, described["schema"])
    example = described["example"]
    assert example["facts"].items() <= answer["facts"].items()
    assert all(step in answer["steps"] for step in example["steps"])
    assert (example["verdict"], example["verdict_zh"]) == (answer["verdict"], answer["verdict_zh"])


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """Every schema of the document that says a type or an enumeration."""
    if isinstance(value, dict):
        if "enum" in value or (isinstance(value.get("type"), str) and "scheme" not in value):
            yield value
        for name, member in value.items():
            if name not in {"example", "examples"}:
                yield from schemas(member)
    elif isinstance(value, list):
        for member in value:
            yield from schemas(member)


def test_a_generated_client_has_a_type_for_each_value_and_a_form_of_each_body() -> None:
    """Generators make nothing of an object without members, an enumeration without a type, a name not in ASCII.

    Those that know no text/plain take the JSON form, and all take the first; lines of JSON are bytes to them.
    """
    found = [*schemas(document()["paths"]), *schemas(document()["components"]["schemas"])]
    assert len(found) > 80
    for schema in found:
        assert "type" in schema, schema
        assert schema["type"] != "object" or {"properties", "additionalProperties"} & set(schema), schema
        assert schema.get("contentMediaType") is None or schema["format"] == "binary"
    assert document()["info"]["title"].isascii()
    for operation in operations().values():
        assert re.fullmatch("[a-z][A-Za-z]+", operation["operationId"])
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            content = resolve(part).get("content", {})
            assert "application/json" not in list(content)[1:]
            if "application/x-ndjson" in content:
                assert content["application/x-ndjson"]["schema"]["format"] == "binary"
        assert list(operation.get("requestBody", {}).get("content", ())) != ["text/plain"]


def test_the_limits_described_are_the_code_s() -> None:
    paths = document()["paths"]
    posted = paths["/v1/deposits"]["post"]["requestBody"]["content"]
    assert posted["text/plain"]["schema"]["maxLength"] == MAX_BYTES
    assert posted["application/json"]["schema"]["properties"]["statements"]["maxItems"] == MAX_STATEMENTS
    put = paths["/v1/vault/{name}"]["put"]["requestBody"]["content"]["application/octet-stream"]
    assert put["schema"]["maxLength"] == MAX_BLOB
    verified = paths["/v1/verify"]["post"]["requestBody"]["content"]["application/json"]
    assert verified["x-max-bytes"] == MAX_RECEIPT
    assert document()["components"]["schemas"]["State"]["enum"] == list(SERVICE_STATES)


def test_the_document_is_read_once(api: SampleApi, monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.get("/openapi.json")

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("read again")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert api.get("/openapi.json").data == first.data


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
