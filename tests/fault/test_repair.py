"""A published file goes wrong on disk: it is refused, the check names it, and repair puts back what was signed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fault.accounting import account
from tests.fault.figures import Figures
from tests.fault.ledger_data import LedgerData, accept, files_of
from tests.support.enrolling import make_statement
from tests.support.serving import run

from hefu_ledger.deposit.statement import statement_id
from hefu_service.jobs.tasks import settle
from hefu_service.outside.mending import LedgerMender
from hefu_service.ports.errors import StorageError
from hefu_service.publishing.fsck import fsck
from hefu_service.publishing.repair import repair
from hefu_service.receipts.receipts import Receipts
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.wiring import open_services


@pytest.fixture(scope="session")
def crossed(grown: LedgerData, tmp_path_factory: pytest.TempPathFactory) -> LedgerData:
    """A ledger with a full tile, and three records beyond it, published one by one."""
    path = tmp_path_factory.mktemp("crossed") / "data"
    shutil.copytree(grown.path, path)
    acknowledged = dict(grown.acknowledged)
    with open_services(path) as services:
        for number in range(100, 105):
            acknowledged |= accept(services, make_statement(grown.signer, number))
            settle(services)
    return grown._replace(path=path, acknowledged=acknowledged)


def published(path: Path) -> dict[str, bytes]:
    return {name: data for name, data in files_of(path / "ledger").items() if name != "checkpoint"}


def spoil(path: Path, data: bytes | None) -> None:
    path.chmod(0o600)
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)


def repaired(path: Path) -> list[str]:
    with open_services(path) as services:
        return list(repair(services, LedgerMender(path / "ledger")))


def damages(data: bytes, chance: random.Random) -> list[bytes]:
    """A bit of it flipped, and its end cut off."""
    place = chance.randrange(len(data))
    flipped = data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
    return [flipped, data[: chance.randrange(len(data))]]


def test_there_is_a_file_of_each_kind_to_spoil(crossed: LedgerData) -> None:
    assert set(published(crossed.path)) >= {
        "tile/0/000", "tile/0/001.p/1", "tile/0/001.p/3", "tile/1/000.p/1",
        "tile/entries/000", "tile/entries/001.p/2", "tile/entries/001.p/3", "batches/256/leaves",
    }  # fmt: skip


def test_every_published_file_that_went_wrong_is_found_and_put_right(
    copy: Callable[[], LedgerData], chance: random.Random, figures: Figures, tmp_path: Path
) -> None:
    data = copy()
    right = published(data.path)
    for name, content in right.items():
        for damage in damages(content, chance):
            spoil(data.path / "ledger" / name, damage)
            with open_services(data.path) as services:
                assert [finding.where for finding in fsck(services)], name
            assert name in repaired(data.path)
            assert published(data.path).items() >= right.items()
            figures.faults += 1
    with open_services(data.path) as services:
        account(services, data.acknowledged, figures, tmp_path / "export")


def test_files_that_are_gone_are_written_anew(copy: Callable[[], LedgerData]) -> None:
    data = copy()
    right = published(data.path)
    for name in ("tile/0/000", "tile/entries/001.p/3", "batches/256/leaves"):
        spoil(data.path / "ledger" / name, None)
    assert repaired(data.path) == ["tile/entries/001.p/3", "tile/0/000", "batches/256/leaves"]
    assert published(data.path) == right


def unreadable(path: Path) -> None:
    """Let reading it fail as on a disk that has bad places: not because it is missing."""
    path.unlink()
    path.symlink_to(path.name)


def test_files_that_cannot_be_read_are_told_of_one_by_one_and_written_anew(copy: Callable[[], LedgerData]) -> None:
    data = copy()
    right, names = published(data.path), ["tile/entries/001.p/3", "tile/0/000", "batches/256/leaves"]
    for name in names:
        unreadable(data.path / "ledger" / name)
    with open_services(data.path) as services:
        found = [finding.what for finding in fsck(services)]
    assert len(found) == len(names)
    assert all("cannot be read" in what for what in found)
    assert sorted(repaired(data.path)) == sorted(names)
    assert published(data.path) == right
    with open_services(data.path) as services:
        assert list(fsck(services)) == []


def test_a_batch_s_private_file_that_cannot_be_read_is_told_of_and_the_rest_is_checked(
    copy: Callable[[], LedgerData],
) -> None:
    data = copy()
    first, second, *_ = sorted(path for path in (data.path / "batches").iterdir() if path.is_file())
    unreadable(first)
    spoil(second, second.read_bytes().replace(b"hefu", b"HEFU", 1))
    with open_services(data.path) as services:
        found = [(finding.where, finding.what) for finding in fsck(services)]
    assert [where for where, _ in found] == ["batches", "batches"]
    assert first.name in found[0][1]
    assert found[1][1].endswith("differs from the deposits")


def test_an_older_partial_tile_that_went_wrong_is_found(copy: Callable[[], LedgerData]) -> None:
    data = copy()
    spoil(data.path / "ledger/tile/0/001.p/1", bytes(32))
    with open_services(data.path) as services:
        (found,) = fsck(services)
        assert found.what == "tile/0/001.p/1: not what the database holds"


def test_an_older_partial_tile_that_went_wrong_gives_no_receipt(copy: Callable[[], LedgerData]) -> None:
    data = copy()
    spoil(data.path / "ledger/tile/0/001.p/1", bytes(32))  # receipts under the checkpoint of 257 records need it
    with open_services(data.path) as services, pytest.raises(StorageError, match="fsck"):
        Receipts(services).make(statement_id(make_statement(data.signer, 102)))


def test_nothing_is_repaired_from_a_database_that_does_not_lead_to_the_checkpoint(
    copy: Callable[[], LedgerData],
) -> None:
    data = copy()
    database = data.path / "hefu.sqlite3"
    with open_services(data.path) as services, services.store.view() as view:
        record = view.record(256)
        deposit = view.deposit_at(4)
    assert record is not None
    assert deposit is not None
    acceptance = deposit.acceptance.encode()
    reasons = {  # by what is changed: the record before, and the time
        (record.data, b'"prev":"'): "do not lead to the published checkpoint",
        (acceptance, b'"received_at":"20'): "no longer lead to the root it holds",
    }
    for (row, member), reason in reasons.items():
        before = database.read_bytes()
        place = row.index(member) + len(member)
        wrong_row = row[:place] + bytes([row[place] ^ 1]) + row[place + 1 :]
        assert row in before
        database.write_bytes(before.replace(row, wrong_row))
        spoil(data.path / "ledger/tile/0/000", bytes(32 * 256))
        wrong = files_of(data.path)
        with pytest.raises(SealingStoppedError, match=reason):
            repaired(data.path)
        assert files_of(data.path) == wrong
        database.write_bytes(before)


def test_the_operator_repairs_with_one_command(copy: Callable[[], LedgerData]) -> None:
    data = copy()
    name = data.path / "ledger/tile/0/000"
    spoil(name, b"")
    assert "1 finding(s)" in run("hefu-service", "fsck", "--data", data.path, expect=1).stdout
    done = run("hefu-service", "fsck", "--repair", "--data", data.path)
    assert done.stdout == "written anew: tile/0/000\nclean\n"
    assert name.stat().st_mode & 0o777 == 0o444
