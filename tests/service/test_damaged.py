"""Where a published file is damaged nothing is proven by it: the answer is 503 and says what the operator must run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.sample_api import PROBLEM, SampleApi, api_of
from tests.support.sample_service import SampleService, depositor_of, statement

from hefu_ledger.deposit.statement import Seen, parse_signed_statement, statement_id
from hefu_service.api.problems import PROBLEMS
from hefu_service.intake.deposits import published_root
from hefu_service.outside.files import LedgerFolder
from hefu_service.outside.mending import LedgerMender
from hefu_service.ports.errors import DamagedError, StorageError
from hefu_service.publishing.export import export_ledger
from hefu_service.publishing.publish import publish
from hefu_service.publishing.repair import repair
from hefu_service.receipts.receipts import Receipts, enrolment_proofs
from hefu_service.sealing.seal import seal_once

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


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_enrolment_is_not_proven_by_a_damaged_tile(api: SampleApi, damage: str) -> None:
    key = api.service.enrol()
    api.service.deposit(key)
    api.service.settle()
    damaged(api.service, TILE, DAMAGES[damage])
    answer = api.get(f"/v1/enrolments/{depositor_of(key)}")
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert answer.json is not None
    assert "hefu-service fsck" in answer.json["detail"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_statement_that_has_seen_the_ledger_is_not_told_of_a_fork_by_a_damaged_tile(
    api: SampleApi, damage: str
) -> None:
    key = api.service.enrol()
    api.service.deposit(key)
    api.service.settle()
    root = published_root(api.service.services.files, 3)
    assert root is not None
    damaged(api.service, TILE, DAMAGES[damage])
    answer = api.statement(statement(key, 7, seen=Seen(root, 3)))
    assert (answer.status_code, answer.content_type) == (503, PROBLEM)
    assert answer.json is not None
    assert "hefu-service fsck" in answer.json["detail"]


def prove(service: SampleService, data: bytes) -> object:
    return Receipts(service.services).make(statement_id(data))


def prove_enrolment(service: SampleService, data: bytes) -> object:
    return enrolment_proofs(service.services, parse_signed_statement(data)[1].depositor)


def read_root(service: SampleService, _: bytes) -> object:
    return published_root(service.services.files, 2)


def publish_more(service: SampleService, _: bytes) -> object:
    service.enrol("another")
    seal_once(service.services)
    return publish(service.services)


def export(service: SampleService, _: bytes) -> object:
    return export_ledger(service.services, LedgerFolder(service.data / "copy"), statements=False)


@pytest.mark.parametrize("use", [prove, prove_enrolment, read_root, publish_more, export])
@pytest.mark.parametrize(("damage", "words"), [("cut", "is damaged"), ("longer", "is damaged"), (None, "is not there")])
def test_every_use_of_a_tile_refuses_it_in_the_same_words(
    service: SampleService, use: Callable[[SampleService, bytes], object], damage: str | None, words: str
) -> None:
    key = service.enrol()
    service.deposit(key)
    service.settle()
    if damage is None:
        (service.data / "ledger" / TILE).unlink()
    else:
        damaged(service, TILE, DAMAGES[damage])
    before = service.services.files.read_checkpoint()
    with pytest.raises(DamagedError) as caught:
        use(service, statement(key))
    assert str(caught.value) == f"{TILE} {words}: run `hefu-service fsck --repair`"
    assert service.services.files.read_checkpoint() == before
