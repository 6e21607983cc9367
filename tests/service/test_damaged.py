"""Where a published file is damaged nothing is proven by it: the answer is 503 and says what the operator must run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.sample_api import PROBLEM, SampleApi, api_of
from tests.support.sample_service import SampleService, depositor_of, statement

from hefu_ledger.deposit.statement import statement_id
from hefu_service.api.problems import PROBLEMS
from hefu_service.outside.mending import LedgerMender
from hefu_service.ports.errors import StorageError
from hefu_service.publishing.repair import repair

TILE = "tile/0/000.p/3"
LEAVES = "batches/2/leaves"
Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "cut": lambda data: data[:-1],
    "cut to whole hashes": lambda data: data[:-32],
    "empty": lambda _: b"",
    "longer": lambda data: data + bytes(32),
    "flipped": lambda data: bytes([data[0] ^ 1]) + data[1:],
}


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


def damaged(service: SampleService, name: str, damage: Damage) -> None:
    path: Path = service.data / "ledger" / name
    path.chmod(0o600)
    path.write_bytes(damage(path.read_bytes()))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [TILE, LEAVES])
def test_a_receipt_is_not_made_of_a_damaged_file_and_is_once_it_is_repaired(
    api: SampleApi, name: str, damage: str
) -> None:
    key = api.service.enrol()
    api.service.deposit(key, 3)
    api.service.settle()
    damaged(api.service, name, DAMAGES[damage])
    path = f"/v1/deposits/{statement_id(statement(key, 1)).hex()}/receipt"
    answer = api.get(path)
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert answer.json is not None
    assert (answer.json["title"], answer.json["type"]) == (PROBLEMS[StorageError].title, "about:hefu/storage")
    assert "hefu-service fsck" in answer.json["detail"]
    assert str(api.service.data) not in answer.text
    assert list(repair(api.service.services, LedgerMender(api.service.data / "ledger"))) == [name]
    assert api.get(path).status_code == 200


def test_an_enrolment_is_not_proven_by_a_tile_that_was_cut(api: SampleApi) -> None:
    key = api.service.enrol()
    api.service.deposit(key)
    api.service.settle()
    damaged(api.service, TILE, DAMAGES["cut"])
    answer = api.get(f"/v1/enrolments/{depositor_of(key)}")
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert answer.json is not None
    assert answer.json["detail"] == f"{TILE} is damaged: run `hefu-service fsck --repair`"
