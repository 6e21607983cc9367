"""The double of the service answers as the service does: same status, content type and members to the same calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from tests.support.double import CODE, Double, running
from tests.support.sample_service import USCC, depositor_key, possession_for, statement
from tests.support.serving import serving

from hefu.service import Service
from hefu.vault.blobs import HOME, seal
from hefu.vault.remote import Remote
from hefu.vault.secret import Recovery
from hefu_ledger.deposit.statement import statement_id

Answer = tuple[int, str, tuple[str, ...]]  # status, content type, members of a JSON object


class Said(NamedTuple):
    """One call's answer by its name."""

    call: str
    answer: Answer


def conversation(url: str, code: str) -> Iterator[Said]:
    """The same calls to any service, in an order in which each has its answer."""
    key, stranger = depositor_key(code, "key"), depositor_key(code, "stranger")
    depositor = code.partition(".")[0]
    mine = statement(key)
    place = f"/v1/deposits/{statement_id(mine).hex()}"
    with httpx.Client(base_url=url, trust_env=False) as http:

        def enrol(given: str, note: bytes | None = None) -> httpx.Response:
            body = {"code": given} if note is None else {"code": given, "possession": note.decode()}
            return http.post("/v1/enrolments", json=body)

        def send(body: bytes) -> httpx.Response:
            return http.post("/v1/deposits", content=body, headers={"Content-Type": "text/plain"})

        yield Said("trust", answer(http.get("/v1/trust")))
        yield Said("wrong code", answer(enrol(f"{depositor}.wrong")))
        asked = enrol(code)
        yield Said("invited", answer(asked))
        note = possession_for(key, asked.json())
        yield Said("enrol", answer(enrol(code, note)))
        yield Said("used code", answer(enrol(code)))
        enrolled = until(lambda: http.get(f"/v1/enrolments/{depositor}"), is_on_ledger)
        yield Said("enrolment", answer(enrolled))
        yield Said("enrolment of none", answer(http.get("/v1/enrolments/none")))
        yield Said("stranger", answer(send(statement(stranger))))
        yield Said("never deposited", answer(http.get(place)))
        yield Said("receipt of none", answer(http.get(f"{place}/receipt")))
        yield Said("deposit", answer(send(mine)))
        yield Said("deposit again", answer(send(mine)))
        yield Said("deposited", answer(http.get(place)))
        yield Said(
            "receipt", answer(until(lambda: http.get(f"{place}/receipt"), lambda found: found.status_code == 200))
        )
        for path in ("/ledger/checkpoint", "/ledger/batches/0/leaves", "/ledger/nothing", "/nothing"):
            yield Said(path, answer(http.get(path)))


def is_on_ledger(response: httpx.Response) -> bool:
    return response.status_code == 200 and len(response.json()["records"]) == 2


def until(ask: Callable[[], httpx.Response], enough: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Ask until the answer is enough, or a minute has passed."""
    deadline = time.monotonic() + 60
    while not enough(response := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return response


def answer(response: httpx.Response) -> Answer:
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    found: Any = json.loads(response.content) if kind.endswith("json") else None
    return response.status_code, kind, tuple(sorted(found)) if isinstance(found, dict) else ()


def test_the_double_answers_as_the_service_does(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        real = list(conversation(service.url, service.enrol("上海某化妆品有限公司", USCC)))
    with running(Double()) as url:
        double = list(conversation(url, CODE))
    pairs = zip(double, real, strict=True)
    assert [f"{one} is not {other}" for one, other in pairs if one != other] == []


def vault_calls(url: str, code: str) -> Iterator[Said]:
    """The calls of a vault: empty, a file put twice, listed, read, and one that is not there."""
    key = depositor_key(code, "key")
    with Service(url) as service, httpx.Client(base_url=url, trust_env=False) as http:
        asked = http.post("/v1/enrolments", json={"code": code}).json()
        http.post("/v1/enrolments", json={"code": code, "possession": possession_for(key, asked).decode()})
        until(lambda: http.get(f"/v1/enrolments/{code.partition('.')[0]}"), is_on_ledger)
        recovery = Recovery(bytes(range(32)))
        shown = {"Authorization": f"Bearer {recovery.address}"}
        yield Said("nothing there", answer(http.get("/v1/vault", headers=shown)))
        name = "ab" * 32
        Remote(service, recovery, key).put(name, seal(HOME, b"{}", recovery))
        yield Said("listing", answer(http.get("/v1/vault", headers=shown)))
        yield Said("file", answer(http.get(f"/v1/vault/{name}", headers=shown)))
        yield Said("no such file", answer(http.get(f"/v1/vault/{'cd' * 32}", headers=shown)))


def test_the_doubles_vault_answers_as_the_services_does(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        real = list(vault_calls(service.url, service.enrol("上海某化妆品有限公司", USCC)))
    with running(Double()) as url:
        double = list(vault_calls(url, CODE))
    pairs = zip(double, real, strict=True)
    assert [f"{one} is not {other}" for one, other in pairs if one != other] == []
