"""The check of everything finds each thing that is not as it was kept, and names the place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.sample_service import DAY, LOG, LOG_MLDSA44, ORIGIN, SampleService, copied, opened, signer

from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.note import Note, cosign, format_note, parse_note, sign_note
from hefu_service.publishing.expected import record_tree
from hefu_service.publishing.fsck import ERROR, WARNING, Fault, fsck
from hefu_service.sealing.seal import seal_once


@pytest.fixture(scope="module")
def kept(begun_service: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of two depositors and two batches, and two deposits and an enrolment that are owed to it."""
    data = copied(begun_service, tmp_path_factory.mktemp("kept") / "data")
    with opened(data) as sample:
        key, other = sample.enrol(), sample.enrol("other")
        sample.deposit(key, 3)
        sample.settle()
        sample.deposit(other, 2)
        sample.settle()
        sample.deposit(key, 2, first=3)
        sample.enrol("third")
    return data


@pytest.fixture
def data(kept: Path, tmp_path: Path) -> Path:
    return copied(kept, tmp_path / "data")


def findings(data: Path) -> list[Fault]:
    with opened(data) as sample:
        return sample.findings()


def sql(data: Path, *statements: str) -> None:
    """Change the database as nobody should: without its triggers."""
    with closing(sqlite3.connect(data / "hefu.sqlite3")) as connection:
        triggers = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for statement in (*(f"DROP TRIGGER {name}" for name in triggers), *statements):
            connection.execute(statement)
        connection.commit()


def keep(data: Path, size: int, note: bytes) -> None:
    """Let the database hold this checkpoint for this size."""
    sql(data, f"DELETE FROM checkpoints WHERE size = {size:d}")  # noqa: S608 -- a number
    with closing(sqlite3.connect(data / "hefu.sqlite3")) as connection:
        connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (size, note))
        connection.commit()


def overwrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


def flip(data: bytes) -> bytes:
    """Flip a bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_a_healthy_ledger_has_no_findings(data: Path) -> None:
    assert not findings(data)


def test_a_ledger_that_has_just_begun_has_no_findings(service: SampleService) -> None:
    assert not service.findings()


def test_records_that_are_not_published_yet_are_no_fault(data: Path) -> None:
    with opened(data) as sample:
        seal_once(sample.services)
        assert not sample.findings()


PUBLIC = ("tile/0/000.p/5", "tile/entries/000.p/5", "batches/3/leaves", "batches/4/leaves")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_published_file_that_is_damaged_or_missing_is_named(data: Path, name: str) -> None:
    path = data / "ledger" / name
    place = f"leaves of record {name.split('/')[1]}" if name.startswith("batches") else name
    overwrite(path, flip)
    (damaged,) = findings(data)
    assert damaged.severity == ERROR
    assert damaged.what.startswith(f"{place}: not what")
    path.unlink()
    (missing,) = findings(data)
    assert missing.what.startswith(f"{place}: missing")


@pytest.mark.parametrize("name", ["000000000000-3", "000000000003-2"])
def test_every_batch_file_that_is_damaged_or_missing_is_named(data: Path, name: str) -> None:
    path = data / "batches" / name
    overwrite(path, lambda lines: lines.replace(b'\\"nth\\":0', b'\\"nth\\":9'))
    assert [finding.where for finding in findings(data)] == ["batches"]
    path.unlink()
    (missing,) = findings(data)
    assert name in missing.what


# What was changed in the database, and the parts that must notice.
CHANGES: dict[str, tuple[str, set[str]]] = {
    "UPDATE deposits SET statement = CAST(replace(statement, ':1', ':2') AS BLOB) WHERE seq = 1": (
        "deposit 1",
        {"replay"},
    ),
    "UPDATE deposits SET acceptance = replace(acceptance, 'T', 't') WHERE seq = 4": ("deposit 4", {"replay"}),
    "DELETE FROM deposits WHERE seq = 2": ("deposit 2", {"replay"}),
    "DELETE FROM deposits WHERE seq = 6": ("deposit 6 was accepted and is missing", {"deposits"}),
    "DELETE FROM deposits WHERE seq = 5": ("deposit 5", {"deposits"}),
    "UPDATE deposits SET nth = 77 WHERE seq = 5": ("deposit 5", {"deposits"}),
    "UPDATE intake_head SET next_seq = 6": ("beyond the intake head at 6", {"deposits"}),
    "UPDATE intake_head SET next_event = 4": ("not numbered from 0 to 3", {"events"}),
    "UPDATE events SET body = CAST(replace(body, ':1}', ':2}') AS BLOB) WHERE number = 0": ("event 0", {"events"}),
    "DELETE FROM events WHERE number = 2": ("not numbered from 0 to 2", {"events"}),
    "UPDATE records SET data = CAST(replace(data, ':3,', ':4,') AS BLOB) WHERE \"index\" = 3": (
        "record 3",
        {"replay", "tiles"},
    ),
    'UPDATE records SET entries = 4 WHERE "index" = 3': ("record 3", {"replay"}),
    'UPDATE records SET first_seq = 1 WHERE "index" = 3': ("record 3", {"replay"}),
    'UPDATE records SET depositor = (SELECT depositor FROM records WHERE "index" = 2) WHERE "index" = 1': (
        "record 1",
        {"replay", "events"},
    ),
    "UPDATE ledger_head SET events = 1": ("head of 5 records", {"replay"}),
    "UPDATE ledger_head SET prev = zeroblob(32)": ("head of 5 records", {"replay"}),
    "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 4) WHERE size = 5": (
        "kept as a larger one",
        {"replay"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_in_the_database_is_found(data: Path, change: str) -> None:
    what, where = CHANGES[change]
    sql(data, "PRAGMA ignore_check_constraints = ON", change)
    found = findings(data)
    assert where <= {finding.where for finding in found}
    assert any(what in finding.what for finding in found), found


def checkpoint_of(size: int) -> bytes:
    """Some checkpoint, signed by both of the log's keys."""
    text = format_checkpoint(Checkpoint(ORIGIN, size, bytes(32)))
    (line,) = sign_note(text, [LOG]).signatures
    return format_note(Note(text, (line, cosign(text, LOG_MLDSA44, 0))))


def test_a_kept_checkpoint_that_only_one_of_our_keys_signed_is_found(data: Path) -> None:
    both = parse_note((data / "ledger" / "checkpoint").read_bytes())
    for line in both.signatures:
        keep(data, 5, format_note(both._replace(signatures=(line,))))
        (found,) = findings(data)
        assert "has not signed" in found.what


def test_a_forked_checkpoint_that_was_kept_is_found(data: Path) -> None:
    """The log's key signed two histories: the one in the store's memory is not that of the records."""
    forked = checkpoint_of(4)
    keep(data, 4, forked)
    (found,) = findings(data)
    assert "differs from the checkpoint seen before" in found.what


def test_a_kept_checkpoint_that_we_did_not_sign_is_found(data: Path) -> None:
    forged = format_note(sign_note(format_checkpoint(Checkpoint(ORIGIN, 4, bytes(32))), [signer(ORIGIN, "another")]))
    keep(data, 4, forged)
    (found,) = findings(data)
    assert "has not signed" in found.what


def test_a_kept_checkpoint_ahead_of_the_records_is_found(data: Path) -> None:
    keep(data, 9, checkpoint_of(9))
    (found,) = findings(data)
    assert "a checkpoint of 9 records is kept" in found.what


def test_a_signer_that_remembers_another_history_is_found(data: Path) -> None:
    (memory,) = (path for path in (data / "signer").rglob("checkpoint"))
    overwrite(memory, lambda text: text.replace(text.split(b"\n")[2], b"A" * 43 + b"="))
    found = findings(data)
    assert found
    assert {finding.severity for finding in found} == {ERROR}


def test_a_damaged_checkpoint_does_not_hide_what_else_is_wrong(data: Path) -> None:
    overwrite(data / "ledger" / "checkpoint", flip)
    (data / "batches" / "000000000000-3").unlink()
    assert {finding.where for finding in findings(data)} == {"checkpoint", "batches"}


def test_broken_and_overdue_promises_are_warnings(data: Path) -> None:
    with opened(data) as sample:
        sample.clock.time_ms += DAY + 10_000
        (overdue,) = sample.findings()
        assert (overdue.severity, overdue.where) == (WARNING, "deposits")
        assert "deposit 5" in overdue.what
        sample.settle()
        (broken,) = sample.findings()
        assert (broken.severity, broken.where) == (WARNING, "replay")
        assert "2 deposits" in broken.what


def test_nothing_is_changed_by_looking(data: Path) -> None:
    def everything() -> Iterator[tuple[Path, bytes]]:
        for path in sorted(data.rglob("*")):
            if path.is_file() and path.suffix not in {".sqlite3-wal", ".sqlite3-shm"}:
                yield path, path.read_bytes()

    before = list(everything())
    findings(data)
    assert list(everything()) == before


def test_a_checkpoint_from_outside_is_held_against_the_records(data: Path) -> None:
    def said(size: int, *, root: bytes = bytes(32), name: str = LOG.key.name) -> list[str]:
        note = format_note(sign_note(format_checkpoint(Checkpoint(name, size, root)), [LOG]))
        with opened(data) as sample:
            return [finding.what for finding in fsck(sample.services, seen=note) if finding.where == "seen"]

    with opened(data) as sample, sample.services.store.view() as view:
        size = view.ledger_head().size
        roots = [record_tree(view, size).root for size in range(size + 1)]
    assert [said(size, root=root) for size, root in enumerate(roots)] == [[]] * len(roots)
    for wrong in range(1, size + 1):
        (what,) = said(wrong)
        assert what.startswith(f"the checkpoint of {wrong} records that was seen is of other records")
    (what,) = said(size + 1)
    assert "has lost records" in what
    (what,) = said(size, root=roots[-1], name="log.example/other")
    assert "has not signed" in what
