"""The HTTP surface as an OpenAPI 3.1 document; a test holds it against the routes."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from hefu_ledger.deposit.receipt import MAX_RECEIPT
from hefu_ledger.deposit.state import SERVICE_STATES
from hefu_ledger.deposit.statement import MAX_STATEMENT
from hefu_ledger.deposit.vault import MAX_BLOB

_HASH: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_NOTE: Final = {"type": "string", "description": "a signed note (c2sp.org/signed-note)"}
_TIME: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_STATE: Final = {"enum": list(SERVICE_STATES)}
_DECIMAL: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": sorted(required), "properties": required | (optional or {})}


def _answer(description: str, schema: Any = None, media: str = "application/json") -> dict[str, Any]:
    return {"description": description} | ({"content": {media: {"schema": schema}}} if schema is not None else {})


def _problems(*codes: int) -> dict[str, Any]:
    return {str(code): {"$ref": "#/components/responses/Problem"} for code in codes}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _operation(
    name: str,
    answers: dict[str, Any],
    *parameters: dict[str, Any],
    body: dict[str, Any] | None = None,
    security: str | None = None,
) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": name, "responses": answers}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
        answers |= _problems(408, 429)  # it may come too slowly, or too often
    if security is not None:
        operation["security"] = [{security: []}]
    return operation


_BYTES: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_TEXT: Final = {"type": "string"}
_SUBMISSION: Final = {
    "text/plain": {"schema": _NOTE | {"maxLength": MAX_STATEMENT}},
    "application/json": {
        "schema": _object({"statements": {"type": "array", "items": _NOTE, "minItems": 1, "maxItems": 64}})
    },
}
_ACCEPTED: Final = {
    "text/plain": {"schema": _NOTE},
    "application/json": {"schema": _object({"acknowledgements": {"type": "array", "items": _NOTE}})},
}
_ENROLMENT: Final = _object(
    {
        "depositor": _TEXT,
        "from_seq": {"type": "integer"},
        "identity": _object({"nonce": _HASH, "text": _TEXT}),
        "origin": _TEXT,
        "vkey": _TEXT,
    }
)
_ENROLMENT_PROOFS: Final = _object(
    {
        "depositor": _TEXT,
        "pending": {"type": "integer"},
        "proofs": {"type": "array", "items": _object({"index": {"type": "integer"}, "proof": _TEXT})},
        "records": {"type": "array", "items": _TEXT},
    }
)
_VERDICT: Final = _object(
    {
        "facts": {"type": "object"},
        "steps": {"type": "array", "items": {"type": "object"}},
        "verdict": {"enum": ["proven", "not proven", "cannot tell"]},
        "verdict_zh": _TEXT,
    }
)


def _deposits() -> dict[str, Any]:
    statement = _path("statement_id", _HASH)
    state = _object({"acknowledgement": _NOTE, "number": _TEXT, "state": _STATE})
    numbered = _object({"number": _TEXT, "received_at": _TIME, "state": _STATE}, {"sealed_at": _TIME})
    posted = {code: {"description": what, "content": _ACCEPTED} for code, what in _POSTED.items()}
    return {
        "/v1/deposits": {
            "post": _operation(
                "submitDeposits", posted | _problems(400, 403, 409, 413, 415, 422, 503), body=_SUBMISSION
            )
        },
        "/v1/deposits/{statement_id}": {
            "get": _operation("showDeposit", {"200": _answer("its state", state)} | _problems(400, 404, 503), statement)
        },
        "/v1/deposits/{statement_id}/receipt": {
            "get": _operation(
                "fetchReceipt",
                {
                    "200": _answer("the receipt", {"type": "object"}),
                    "202": _answer("not in the ledger yet", _object({"state": _STATE})),
                }
                | _problems(400, 404, 503),
                statement,
            )
        },
        "/v1/numbers/{number}": {
            "get": _operation(
                "showNumber",
                {"200": _answer("state and times", numbered)} | _problems(400, 404, 503),
                _path("number", _TEXT),
            )
        },
    }


_POSTED: Final = {"200": "accepted before: the same acknowledgements", "201": "durable, and acknowledged"}


def _enrolments() -> dict[str, Any]:
    body = {"application/json": {"schema": _object({"code": _TEXT, "possession": _NOTE})}}
    posted = {"200": _answer("enrolled before", _ENROLMENT), "201": _answer("enrolled", _ENROLMENT)}
    return {
        "/v1/enrolments": {
            "post": _operation("enrol", posted | _problems(400, 403, 409, 413, 415, 422, 503), body=body)
        },
        "/v1/enrolments/{depositor}": {
            "get": _operation(
                "showEnrolment",
                {"200": _answer("records and proofs", _ENROLMENT_PROOFS)} | _problems(404, 503),
                _path("depositor", _TEXT),
            )
        },
    }


def _keys() -> dict[str, Any]:
    body = {"application/json": {"schema": _object({"request": _NOTE})}}
    action = {"enum": ["add", "retire", "compromised"]}
    change = _object({"action": action, "depositor": _TEXT, "from_seq": {"type": "integer"}, "vkey": _TEXT})
    posted = {"200": _answer("carried out before", change), "201": _answer("carried out", change)}
    problems = _problems(400, 403, 409, 413, 415, 422, 503)
    return {"/v1/keys": {"post": _operation("changeKey", posted | problems, body=body)}}


def _ledger() -> dict[str, Any]:
    index = _path("index", _DECIMAL)
    octets = {"200": _answer("exact bytes", _BYTES, "application/octet-stream")} | _problems(404, 503)
    lines = {"200": _answer("[acceptance, statement] a line", _TEXT, "application/x-ndjson")}
    return {
        "/ledger/checkpoint": {
            "get": _operation(
                "fetchCheckpoint", {"200": _answer("the newest", _NOTE, "text/plain")} | _problems(404, 503)
            )
        },
        "/ledger/tile/{name}": {"get": _operation("fetchTile", octets, _path("name", _TEXT))},
        "/ledger/batches/{index}/leaves": {"get": _operation("fetchLeaves", octets, index)},
        "/v1/batches/{index}/entries": {
            "get": _operation("fetchEntries", lines | _problems(401, 403, 404, 503), index, security="auditor")
        },
    }


def _vault() -> dict[str, Any]:
    name = _path("name", {"type": "string", "pattern": r"^[0-9a-f]{64}(\.[1-9][0-9]{0,3})?$"})
    signature = {"name": "Hefu-Signature", "in": "header", "required": True, "schema": _TEXT | {"format": "base64"}}
    stored = _object({"name": _TEXT, "size": {"type": "integer"}})
    blob = _object({"name": _TEXT, "sha256": _HASH, "size": {"type": "integer"}})
    members = {"blobs": {"type": "array", "items": blob}, "statements": {"type": "array", "items": _HASH}}
    listing = _object({"depositor": _TEXT, **members})
    put = {"200": _answer("there before", stored), "201": _answer("kept", stored)}
    octets = _answer("the file", _BYTES, "application/octet-stream")
    body = {"application/octet-stream": {"schema": _BYTES | {"maxLength": MAX_BLOB}}}
    closure = _object({"address": _HASH, "depositor": _TEXT, "successor": _HASH})
    closed = {"200": _answer("closed so before", closure), "201": _answer("closed, for ever", closure)}
    signed = {"application/json": {"schema": _object({"closure": _NOTE})}}
    return {
        "/v1/vault": {
            "get": _operation(
                "listVault",
                {"200": _answer("what it holds", listing)} | _problems(401, 404, 410, 503),
                security="vault",
            )
        },
        "/v1/vault-closures": {
            "post": _operation("closeVault", closed | _problems(400, 403, 409, 413, 415, 422, 503), body=signed)
        },
        "/v1/vault/{name}": {
            "get": _operation(
                "fetchBlob", {"200": octets} | _problems(400, 401, 404, 410, 503), name, security="vault"
            ),
            "put": _operation(
                "putBlob",
                put | _problems(400, 401, 403, 409, 410, 413, 415, 422, 503, 507),
                name,
                signature,
                body=body,
                security="vault",
            ),
        },
    }


def _other() -> dict[str, Any]:
    receipt = {"application/json": {"schema": {"type": "object", "maxLength": MAX_RECEIPT}}}
    parts = {"type": "array", "items": _object({"part": _TEXT, "reason": _TEXT})}
    ready = _object({"not_ready": parts, "ready": {"type": "boolean"}})
    verdict = {"200": _answer("the verdict", _VERDICT)} | _problems(400, 413, 415, 422)
    return {
        "/v1/verify": {"post": _operation("verifyReceipt", verdict, body=receipt)},
        "/v1/trust": {"get": _operation("fetchTrust", {"200": _answer("c2sp.org/tlog-policy", _TEXT, "text/plain")})},
        "/healthz": {"get": _operation("alive", {"200": _answer("alive", _object({"status": _TEXT}))})},
        "/readyz": {"get": _operation("ready", {"200": _answer("ready", ready), "503": _answer("not ready", ready)})},
        "/metrics": {"get": _operation("metrics", {"200": _answer("Prometheus's text format", _TEXT, "text/plain")})},
        "/openapi.json": {"get": _operation("describe", {"200": _answer("this", {"type": "object"})})},
    }


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    problem = _object(
        {"status": {"type": "integer"}, "title": _TEXT, "type": _TEXT},
        {"detail": _TEXT, "index": {"type": "integer"}},
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hefu 合符", "version": "1", "description": "Evidence deposits that prove themselves."},
        "paths": _deposits() | _enrolments() | _keys() | _ledger() | _vault() | _other(),
        "components": {
            "responses": {"Problem": _answer("RFC 9457", problem, "application/problem+json")},
            "securitySchemes": {name: {"type": "http", "scheme": "bearer"} for name in ("auditor", "vault")},
        },
    }
