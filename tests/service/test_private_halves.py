"""What is private is refused, and goes neither to the disk nor to the log; nor does anything of whoever asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.service.refusing import kind, logged, number_of, unchanged
from tests.support.sample_api import TOKEN, SampleApi, api_of
from tests.support.sample_service import SampleService, depositor_key, depositor_of, possession, statement

from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.tlog.note import parse_note

VECTORS = Path(__file__).parents[1] / "vectors" / "v1"
EVIDENCE = (VECTORS / "evidence/0/formula.txt.hefu.json").read_bytes()
BUNDLE = (VECTORS / "bundles/1.hefu.bundle").read_bytes()


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


# Private halves


def marks(value: Any) -> Iterator[str]:
    """Every nonce, seed and digest of a private half."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in {"nonce", "seed", "sha-256", "sm3"} and isinstance(member, str):
                yield member
            yield from marks(member)
    elif isinstance(value, list):
        for member in value:
            yield from marks(member)
    elif isinstance(value, str) and value.startswith("{"):
        yield from marks(json.loads(value))


SECTIONS = json.loads(EVIDENCE)["sections"]
PRIVATE = {
    "an evidence file": EVIDENCE,
    "one written with spaces": json.dumps(json.loads(EVIDENCE), indent=2).encode(),
    "one cut short": EVIDENCE[: EVIDENCE.index(b'"sections"') + 200],
    "one in a list": b"[" + EVIDENCE + b"]",
    "its sections": json.dumps({"sections": SECTIONS}).encode(),
    "one opened section": json.dumps(SECTIONS["document"]).encode(),
    "the text of one": SECTIONS["document"]["text"].encode(),
    "one as a statement": json.dumps({"statements": [EVIDENCE.decode()]}).encode(),
    "one as a code": json.dumps({"code": EVIDENCE.decode(), "possession": "x"}).encode(),
    "a seed": json.dumps({"statements": ["x"], "seed": "ab" * 32}).encode(),
    "a seed in escapes": b'{"\\u0073eed": "' + b"ab" * 32 + b'"}',
    "a bundle": BUNDLE,
    "a bundle's first line": BUNDLE.splitlines(keepends=True)[0],
}


@pytest.mark.parametrize("body", PRIVATE.values(), ids=PRIVATE.keys())
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/v1/deposits", "application/json"),
        ("/v1/deposits", "text/plain"),
        ("/v1/verify", "application/json"),
        ("/v1/enrolments", "application/json"),
    ],
)
def test_a_private_half_is_refused_and_neither_kept_nor_logged(
    api: SampleApi, path: str, content_type: str, body: bytes
) -> None:
    api.service.deposit(api.service.enrol())
    escaped = b"\\u0073" in body and content_type == "text/plain"  # nobody's JSON, then
    with logged() as log, unchanged(api):
        answer = api.post(path, data=body, content_type=content_type)
    assert kind(answer) == ("400 malformed" if escaped else "422 private-half")
    api.service.settle()
    secrets = {*marks(json.loads(EVIDENCE)), *marks(json.loads(BUNDLE.splitlines()[0])), "ab" * 32, "formula.txt"}
    assert len(secrets) >= 6
    kept = b"".join(path.read_bytes() for path in api.service.data.rglob("*") if path.is_file())
    assert b"log.example/fengxian" in kept
    for secret in secrets:
        assert secret.encode() not in answer.data
        assert secret not in log.getvalue()
        assert secret.encode() not in kept


def test_a_receipt_is_no_private_half(api: SampleApi) -> None:
    receipts = sorted((VECTORS / "receipts").glob("*.json"))
    assert receipts
    for receipt in receipts:
        answer = api.post("/v1/verify", data=receipt.read_bytes(), content_type="application/json")
        reported = receipt.stem == "2"  # its key was reported later, and no witness is asked for here
        assert answer.get_json()["verdict"] == ("cannot tell" if reported else "proven")


def test_the_longest_receipt_is_read_before_it_is_judged(api: SampleApi) -> None:
    body = json.dumps({"receipt": "x" * 700_000}).encode()
    answer = api.post("/v1/verify", data=body, content_type="application/json")
    assert answer.get_json()["verdict"] == "cannot tell"


# The log


def test_log_lines_hold_nothing_of_whoever_asks(api: SampleApi) -> None:
    with logged() as log:
        code = api.service.code()
        key = depositor_key(code, "key")
        api.redeem(code, key)
        api.enrol(f"{code}x", possession(key))
        note = statement(key)
        identity = statement_id(parse_note(note)).hex()
        acknowledgement = api.statement(note).data.decode()
        api.statement(note.replace(b'"count":1', b'"count":2'))
        api.statements([note, b"no note"])
        api.service.settle()
        for path in (
            f"/v1/deposits/{identity}",
            f"/v1/deposits/{identity}/receipt",
            f"/v1/deposits/{identity}x?{identity}",
            f"/v1/enrolments/{depositor_of(key)}",
            f"/v1/numbers/{number_of(0)}",
            f"/{identity}",
            "/ledger/checkpoint",
        ):
            api.get(path, headers={"User-Agent": identity, "Referer": identity})
        api.get("/v1/batches/2/entries", headers={"Authorization": f"Bearer {TOKEN}"})
        api.get("/v1/batches/2/entries", headers={"Authorization": f"Bearer {identity}"})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    requests = [line for line in lines if line["logger"] == "hefu.request"]
    assert len(requests) == 14
    assert {line["route"] for line in requests} >= {"none", "/v1/deposits", "/v1/deposits/<statement_id>"}
    members = {"time", "level", "logger", "message", "request", "method", "route", "status", "ms"}
    assert all(set(line) - {"problem"} == members for line in requests)
    depositor, _, secret = code.partition(".")
    signature = note.splitlines()[-1].rpartition(b" ")[2].decode()
    signed = acknowledgement.splitlines()[-1].rpartition(" ")[2]
    for hidden in (depositor, secret, identity, number_of(0), signature, signed, TOKEN, "上海", "127.0.0.1"):
        assert hidden not in log.getvalue()
