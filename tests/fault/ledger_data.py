"""Data directories for faults to happen to, and what must be true of them afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.enrolling import enrol, make_statement
from tests.support.serving import ORIGIN

from hefu_ledger.encoding import parse_canonical
from hefu_ledger.records.bodies import Batch
from hefu_ledger.replay import Replay
from hefu_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer, VerifierKey
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.tiles import ENTRIES, parse_bundle, tiles_at
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.intake.committer import Committer
from hefu_service.jobs.tasks import settle
from hefu_service.services import Services
from hefu_service.wiring import create_data, open_services

RECORDS = 254  # two short of a full tile


class LedgerData(NamedTuple):
    """A data directory, a depositor's key, and every acknowledgement that it has got, by its statement."""

    path: Path
    signer: Ed25519Signer
    acknowledged: Mapping[bytes, bytes]


def grow(path: Path) -> LedgerData:
    """Make a ledger of ``RECORDS`` records: its genesis, many enrolments, and two batches of three deposits in all."""
    create_data(path, ORIGIN)
    with open_services(path) as services:
        signer = enrol(services)
        for number in range(RECORDS - 4):
            enrol(services, f"{number}")
        acknowledged = accept(services, make_statement(signer, 0), make_statement(signer, 1))
        settle(services)
        acknowledged |= accept(services, make_statement(signer, 2))
        settle(services)
    return LedgerData(path, signer, acknowledged)


def accept(services: Services, *statements: bytes) -> dict[bytes, bytes]:
    """Deposit statements in one request; the acknowledgements."""
    accepted = FrontDoor(Committer(services)).accept(statements)
    acknowledgements = [acknowledge(services, each.deposit).encode() for each in accepted]
    return dict(zip(statements, acknowledgements, strict=True))


def replay(folder: Path, remembered: Iterable[Checkpoint], key: VerifierKey) -> Replay:
    """Replay an export, statements and all; every checkpoint seen must lie on the way."""
    note = (folder / "checkpoint").read_bytes()
    machine = Replay(full=True)
    for checkpoint in remembered:
        machine.remember(checkpoint)
    for tile in tiles_at(parse_checkpoint(parse_note(note).text).size):
        if tile.level == ENTRIES:
            for data in parse_bundle((folder / tile.path).read_bytes(), tile.width):
                record = machine.record(data)
                if isinstance(record.body, Batch):
                    lines = (folder / f"batches/{record.index}/entries").read_bytes().splitlines()
                    machine.entries((text, statement.encode()) for text, statement in map(_entry, lines))
    machine.finish(note, [key])
    return machine


def _entry(line: bytes) -> tuple[str, str]:
    acceptance, statement = parse_canonical(line, limit=65536)
    return acceptance, statement


def files_of(path: Path) -> dict[str, bytes]:
    """Everything below a directory, by its relative name."""
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
