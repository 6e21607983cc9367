"""Spoilt bodies are sent to a real service: each is refused as the client's error, and the service goes on."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import sha256
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fault.mutations import mutated
from tests.fault.siege import PATIENCE_S
from tests.support.enrolling import enrol, make_statement
from tests.support.sample_service import possession_for
from tests.support.serving import ORIGIN, Serving, get, post_json, run

from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.deposit.vault import Closure, Upload, format_closure, format_upload
from hefu_ledger.encoding import to_base64
from hefu_ledger.names import depositor_key_name
from hefu_ledger.records.keyrequest import KeyRequest, format_key_request
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_service.wiring import open_services

SHORT, LONG = 60, 20_000
TEXT, JSON, OCTETS = "text/plain", "application/json", "application/octet-stream"
PROBLEM = "application/problem+json"
ONE_READ = 8_192  # bytes: of a longer request the service may refuse the first part and be gone before the rest
ADDRESS = "ab" * 32
ADDRESSES = count()  # of those who ask: one who is wrong too often is not answered any more
KINDS = [
    "one statement",
    "many statements",
    "an enrolment",
    "a change of keys",
    "a receipt",
    "a vault's file",
    "a vault's signature",
    "a vault's closure",
]


class Request(NamedTuple):
    """A request that is accepted as it is; its body, or this header, is what is spoilt."""

    method: str
    path: str
    kind: str
    body: bytes
    headers: dict[str, str]
    spoilt: str | None = None


class Target(NamedTuple):
    """A service, and a valid request of each kind."""

    service: Serving
    requests: dict[str, Request]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    service = Serving(tmp_path_factory.mktemp("target") / "data", settings={"HEFU_TRUSTED_PROXIES": "127.0.0.1"})
    service.init()
    with open_services(service.data) as services:
        signer = enrol(services)
    service.start()
    try:
        yield Target(service, requests(service, signer))
        assert service.stop() == 0
    finally:
        service.kill()
    assert "Traceback" not in service.log.read_text()
    assert run("hefu-service", "fsck", "--data", service.data).stdout == "clean\n"


def requests(service: Serving, signer: Ed25519Signer) -> dict[str, Request]:
    def signed(text: str) -> str:
        return format_note(sign_note(text, [signer])).decode()

    def posted(path: str, value: object) -> Request:
        return Request("POST", path, JSON, json.dumps(value).encode(), {})

    depositor = signer.key.name.rpartition("/")[2]
    code = service.enrol("上海某某化妆品有限公司", "91310120MA1HP00194")
    key = Ed25519Signer(depositor_key_name(ORIGIN, code.partition(".")[0]), sha256(b"key").digest())
    asked = post_json(service.port, "/v1/enrolments", {"code": code})[1]
    possession = possession_for(key, asked).decode()
    blob = b"age-encryption.org/v1\n"
    address, now = sha256(ADDRESS.encode()).digest(), time.time_ns() // 1_000_000
    put = Upload(address, now, depositor, "cd" * 32, ORIGIN, sha256(blob).digest(), len(blob))
    vault = {"Authorization": f"Bearer {ADDRESS}", "Hefu-Signature": to_base64(signed(format_upload(put)).encode())}
    closure = Closure(sha256(b"closed").digest(), now, depositor, ORIGIN, bytes(32))
    made = [
        Request("POST", "/v1/deposits", TEXT, make_statement(signer, 0), {}),
        posted("/v1/deposits", {"statements": [make_statement(signer, number).decode() for number in (1, 2)]}),
        posted("/v1/enrolments", {"code": code, "possession": possession}),
        posted(
            "/v1/keys",
            {"request": signed(format_key_request(KeyRequest("retire", "left", now, signer.key)))},
        ),
        Request("POST", "/v1/verify", JSON, a_receipt(service, signer), {}),
        Request("PUT", f"/v1/vault/{'cd' * 32}", OCTETS, blob, vault),
        Request("PUT", f"/v1/vault/{'cd' * 32}", OCTETS, blob, vault, "Hefu-Signature"),
        posted("/v1/vault-closures", {"closure": signed(format_closure(closure))}),
    ]
    return dict(zip(KINDS, made, strict=True))


def a_receipt(service: Serving, signer: Ed25519Signer) -> bytes:
    note = make_statement(signer, 99)
    with closing(connected(service)) as connection:
        assert send(connection, Request("POST", "/v1/deposits", TEXT, note, {}))[0] == 201
    path = f"/v1/deposits/{statement_id(note).hex()}/receipt"
    while (answer := get(service.port, path))[0] == 202:
        pass
    return answer[1]


def connected(service: Serving) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)


def send(connection: http.client.HTTPConnection, request: Request) -> tuple[int, str, bytes]:
    """Send it as one of many clients; status, media type and body. 413 where the service would hear no more.

    A connection of which the last body was not read to its end is closed: once more, then, on another.
    """
    for _ in range(2):
        with suppress(BrokenPipeError, ConnectionResetError):
            return attempt(connection, request)
        connection.close()
    assert len(request.body) + sum(map(len, request.headers.values())) > ONE_READ
    return 413, PROBLEM, b""


def attempt(connection: http.client.HTTPConnection, request: Request) -> tuple[int, str, bytes]:
    headers = {"Content-Type": request.kind, "X-Forwarded-For": f"10.{next(ADDRESSES) % 256}.0.1", **request.headers}
    connection.request(request.method, request.path, request.body, headers)
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Type", ""), answer.read()


def spoil(request: Request, data: bytes) -> Request:
    if request.spoilt is None:
        return request._replace(body=data)
    line = data.translate(None, b"\r\n").decode("latin-1")  # no client sends a header with these
    return request._replace(headers=request.headers | {request.spoilt: line})


@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_body_is_the_clients_error(target: Target, kind: str, examples: int) -> None:
    request = target.requests[kind]
    valid = request.body if request.spoilt is None else request.headers[request.spoilt].encode()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    @given(mutated([valid]) | st.binary(max_size=64))
    def one(data: bytes) -> None:
        status, kind, body = send(connection, spoil(request, data))
        assert status < 500, body
        assert status < 400 or kind == PROBLEM or request.spoilt  # a header may be none at all, to any server

    with closing(connected(target.service)) as connection:
        one()
        status, _, body = send(connection, request)
        assert status in (200, 201, 409), body  # and what is right is still understood
