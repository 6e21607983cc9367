"""One byte of what is kept goes wrong: the check of everything names the place, and nothing is signed over it."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.fault.ledger_data import RECORDS, LedgerData, accept, files_of
from tests.support.enrolling import make_statement
from tests.support.serving import free_port, run

from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.errors import LedgerError
from hefu_ledger.tlog.note import parse_note
from hefu_service.jobs.tasks import settle
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.ports.rows import Deposit
from hefu_service.publishing.fsck import ERROR, fsck
from hefu_service.publishing.publish import publish
from hefu_service.receipts.receipts import Receipts
from hefu_service.sealing.seal import seal_once
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.wiring import open_services

BROKEN = (SealingStoppedError, PortError, LedgerError)
FILES = {  # what fsck must say of each
    "ledger/tile/0/000": "tile/0/000",
    "ledger/tile/0/001.p/1": "tile/0/001.p/1",
    "ledger/tile/1/000.p/1": "tile/1/000.p/1",
    "ledger/tile/entries/000": "tile/entries/000",
    "ledger/tile/entries/001.p/1": "tile/entries/001.p/1",
    "ledger/batches/256/leaves": "leaves of record 256",
    "batches/000000000005-1": "batch file",
    "ledger/checkpoint": "checkpoint",
    "signer/checkpoint": "",  # by its own name, or as a checkpoint that contradicts those kept
}
SAMPLE = 4  # bytes of each


class Row(NamedTuple):
    """A column's bytes in the database."""

    name: str
    data: bytes
    found: tuple[str, ...]  # what fsck must say, one of them


class Flipped(NamedTuple):
    """A byte that went wrong."""

    place: int
    bit: int


@pytest.fixture(scope="session")
def crossed(grown: LedgerData, tmp_path_factory: pytest.TempPathFactory) -> LedgerData:
    """A ledger with a full tile, and records 256 and 257 beyond it; deposits 3 to 5 are sealed one by one."""
    path = tmp_path_factory.mktemp("crossed") / "data"
    shutil.copytree(grown.path, path)
    with open_services(path) as services:
        for number in (100, 101, 102):
            accept(services, make_statement(grown.signer, number))
            settle(services)
    return grown._replace(path=path)


def flips(chance: random.Random, size: int, most: int) -> Iterator[Flipped]:
    for place in chance.sample(range(size), min(size, most)):
        yield Flipped(place, chance.randrange(8))


def flip_file(path: Path, flipped: Flipped) -> None:
    data = bytearray(path.read_bytes())
    data[flipped.place] ^= 1 << flipped.bit
    path.chmod(0o600)
    path.write_bytes(data)


def flip_row(path: Path, row: bytes, flipped: Flipped) -> None:
    """Flip a byte in the database file itself, as a disk would: no trigger refuses it."""
    database = path / "hefu.sqlite3"
    assert not (path / "hefu.sqlite3-wal").exists()
    wrong = bytearray(row)
    wrong[flipped.place] ^= 1 << flipped.bit
    content = database.read_bytes()
    assert row in content
    database.write_bytes(content.replace(row, bytes(wrong)))


def shown(path: Path) -> dict[str, bytes]:
    return {f"{part}/{name}": data for part in ("ledger", "signer") for name, data in files_of(path / part).items()}


def signed(path: Path) -> list[bytes]:
    return [(path / name).read_bytes() for name in ("ledger/checkpoint", "signer/checkpoint")]


def found_by_fsck(path: Path) -> list[str]:
    """What fsck calls an error; it may also be that the database cannot be read at all, which it says."""
    try:
        with open_services(path) as services:
            return [f"{each.where}: {each.what}" for each in fsck(services) if each.severity == ERROR]
    except PortError as error:
        return [str(error)]


def named(path: Path, what: str) -> list[str]:
    """What fsck finds, of which one must name the place."""
    errors = found_by_fsck(path)
    assert any(what in error for error in errors), errors
    return errors


# --- files ---


def check_file(copy: Callable[[], LedgerData], name: str, flipped: Flipped) -> None:
    data = copy()
    flip_file(data.path / name, flipped)
    named(data.path, FILES[name])
    _check_next_step(data)


def _check_next_step(data: LedgerData) -> None:
    """The next deposit is sealed under a right checkpoint, or nothing is signed."""
    before = signed(data.path)
    with open_services(data.path) as services:
        accept(services, make_statement(data.signer, 300))
        try:
            settle(services)
        except BROKEN:
            assert signed(data.path) == before
        else:
            assert all("replay" not in error for error in found_by_fsck(data.path))


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_byte_in_a_file_is_named(copy: Callable[[], LedgerData], name: str, chance: random.Random) -> None:
    size = (copy().path / name).stat().st_size
    for flipped in flips(chance, size, SAMPLE):
        sys.stdout.write(f"{flipped}\n")
        check_file(copy, name, flipped)


@pytest.mark.soak
@pytest.mark.parametrize("name", FILES)
def test_any_wrong_byte_in_a_file_is_named(copy: Callable[[], LedgerData], name: str, chance: random.Random) -> None:
    for flipped in flips(chance, (copy().path / name).stat().st_size, 60):
        sys.stdout.write(f"{flipped}\n")
        check_file(copy, name, flipped)


@pytest.mark.parametrize(
    "name", ["ledger/tile/0/001.p/1", "ledger/tile/1/000.p/1", "ledger/checkpoint", "signer/checkpoint"]
)
def test_nothing_is_signed_over_a_wrong_byte_that_the_next_checkpoint_rests_on(
    copy: Callable[[], LedgerData], name: str, chance: random.Random
) -> None:
    data = copy()
    (flipped,) = flips(chance, (data.path / name).stat().st_size, 1)
    flip_file(data.path / name, flipped)
    before = signed(data.path)
    with open_services(data.path) as services:
        accept(services, make_statement(data.signer, 300))
        with pytest.raises(BROKEN):
            settle(services)
    assert signed(data.path) == before


@pytest.mark.parametrize("name", ["ledger/checkpoint", "signer/checkpoint"])
def test_the_service_does_not_start_on_a_checkpoint_that_is_none(copy: Callable[[], LedgerData], name: str) -> None:
    data = copy()
    flip_file(data.path / name, Flipped(0, 7))  # not ASCII any more
    serve = run("hefu-service", "serve", "--data", data.path, "--port", free_port(), expect=None)
    assert serve.returncode in (2, 3)
    assert "checkpoint" in serve.stderr or "note" in serve.stderr, serve.stderr
    assert "Traceback" not in serve.stderr


def test_fsck_exits_with_one(copy: Callable[[], LedgerData]) -> None:
    data = copy()
    flip_file(data.path / "ledger/tile/0/000", Flipped(31, 0))
    done = run("hefu-service", "fsck", "--data", data.path, expect=1)
    assert "error: tiles: tile/0/000" in done.stdout


# --- rows ---


def rows(data: LedgerData) -> list[Row]:
    """A record, and a deposit's acceptance and statement, all sealed and published."""
    with open_services(data.path) as services, services.store.view() as view:
        record, deposit = view.record(256), view.deposit_at(4)
    assert record is not None
    assert deposit is not None
    return [
        Row("record", record.data, ("record 256",)),
        Row("acceptance", deposit.acceptance.encode(), ("deposit 4", "record 255")),
        Row("statement", deposit.statement, ("deposit 4",)),
    ]


def check_row(copy: Callable[[], LedgerData], row: Row, flipped: Flipped) -> None:
    data = copy()
    flip_row(data.path, row.data, flipped)
    errors = found_by_fsck(data.path)
    assert errors
    assert any(each in error for error in errors for each in (*row.found, "database: ")), errors
    before = signed(data.path)
    with open_services(data.path) as services:
        accept(services, make_statement(data.signer, 300))
        try:
            settle(services)
        except BROKEN:
            assert signed(data.path) == before


@pytest.mark.parametrize("which", range(3), ids=["record", "acceptance", "statement"])
def test_a_wrong_byte_in_a_row_is_named(copy: Callable[[], LedgerData], which: int, chance: random.Random) -> None:
    row = rows(copy())[which]
    for flipped in flips(chance, len(row.data), 2 * SAMPLE):
        sys.stdout.write(f"{row.name} {flipped}\n")
        check_row(copy, row, flipped)


@pytest.mark.soak
@pytest.mark.parametrize("which", range(3), ids=["record", "acceptance", "statement"])
def test_any_wrong_byte_in_a_row_is_named(copy: Callable[[], LedgerData], which: int, chance: random.Random) -> None:
    row = rows(copy())[which]
    for flipped in flips(chance, len(row.data), 150):
        sys.stdout.write(f"{row.name} {flipped}\n")
        check_row(copy, row, flipped)


def unsealed(data: LedgerData) -> Deposit:
    """Accept one more deposit."""
    with open_services(data.path) as services:
        accept(services, make_statement(data.signer, 300))
        with services.store.view() as view:
            deposit = view.deposit_at(6)
    assert deposit is not None
    return deposit


@pytest.mark.parametrize("part", ["statement", "acceptance"])
def test_a_deposit_that_went_wrong_before_it_was_sealed_is_not_sealed(
    copy: Callable[[], LedgerData], part: str, chance: random.Random
) -> None:
    for _ in range(SAMPLE):
        data = copy()
        deposit = unsealed(data)
        row = deposit.statement if part == "statement" else _unlike_a_time(deposit.acceptance)
        (flipped,) = flips(chance, len(row), 1)
        sys.stdout.write(f"{flipped}\n")
        before = shown(data.path)
        flip_row(data.path, row, flipped)
        named(data.path, "deposit")
        with open_services(data.path) as services, pytest.raises(BROKEN):
            settle(services)
        assert shown(data.path) == before


def _unlike_a_time(acceptance: str) -> bytes:
    """The part without times, of which nothing else tells what they were before they are sealed."""
    return acceptance[acceptance.index('"statement"') :].encode()


@pytest.mark.parametrize("part", ["record", "acceptance", "statement"])
def test_what_went_wrong_between_sealing_and_publishing_is_not_published(
    copy: Callable[[], LedgerData], part: str, chance: random.Random
) -> None:
    data = copy()
    deposit = unsealed(data)
    with open_services(data.path) as services:
        assert seal_once(services)
        with services.store.view() as view:
            record = view.record(257)
    assert record is not None
    row = {"record": record.data, "acceptance": deposit.acceptance.encode(), "statement": deposit.statement}[part]
    before = shown(data.path)
    (flipped,) = flips(chance, len(row), 1)
    flip_row(data.path, row, flipped)
    with open_services(data.path) as services, pytest.raises(BROKEN):
        publish(services)
    assert shown(data.path) == before


def test_a_published_record_that_went_wrong_is_not_published_again(
    copy: Callable[[], LedgerData], chance: random.Random
) -> None:
    data = copy()
    (record, *_) = rows(data)
    with open_services(data.path) as services:
        accept(services, make_statement(data.signer, 300))
        settle(services)  # record 257, so that 256 is not the last batch, which is looked at for another reason
    (flipped,) = flips(chance, len(record.data), 1)
    flip_row(data.path, record.data, flipped)
    before = signed(data.path)
    with open_services(data.path) as services:
        accept(services, make_statement(data.signer, 301))
        with pytest.raises(SealingStoppedError, match="record 256 is no longer"):
            settle(services)
    assert signed(data.path) == before


# --- receipts ---


def acknowledgement_of(services: Services, statement: bytes) -> bytes:
    made = Receipts(services).make(statement_id(statement))
    assert made is not None
    return made.acknowledgement.encode()


@pytest.mark.parametrize("name", ["leaves", "acceptance"])
def test_no_receipt_is_made_of_what_went_wrong(
    copy: Callable[[], LedgerData], name: str, chance: random.Random
) -> None:
    """An acknowledgement signed over a wrong byte would be a second one for the same deposit: a contradiction."""
    data = copy()
    statement = make_statement(data.signer, 0)  # deposit 0, which shares its batch with deposit 1
    with open_services(data.path) as services:
        acceptance = parse_note(acknowledgement_of(services, statement)).text.encode()
    if name == "leaves":
        flip_file(data.path / f"ledger/batches/{RECORDS - 2}/leaves", Flipped(32 + chance.randrange(32), 0))
    else:
        start = acceptance.index(b'"received_at":"') + len(b'"received_at":"')
        flip_row(data.path, acceptance, Flipped(start + len("2026-01-01T00:00:00.00"), 0))
    with open_services(data.path) as services, pytest.raises(StorageError, match="fsck"):
        Receipts(services).make(statement_id(statement))
