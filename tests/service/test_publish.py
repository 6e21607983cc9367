"""Publishing shows only what is committed, never less than before, and comes through a crash at any point."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_service import (
    LOG,
    LOG_MLDSA44,
    ORIGIN,
    POLICY,
    Crash,
    Faults,
    SampleService,
    copied,
    depositor_key,
    depositor_of,
    opened,
    signer,
    statement,
)

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.errors import VerificationError
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.merkle import Frontier, leaf_hash, root_of
from hefu_ledger.tlog.note import Verified, format_note, parse_note, sign_note, verify_note
from hefu_ledger.tlog.tiles import Tile, node_reader, parse_bundle
from hefu_ledger.verify import verify_receipt
from hefu_ledger.verify.verdict import PROVEN
from hefu_service.intake.correction import declare_clock
from hefu_service.intake.enrolment import retire_key
from hefu_service.jobs.tasks import settle
from hefu_service.outside.files import LedgerFolder
from hefu_service.outside.signer import FileSigner
from hefu_service.ports.errors import ImmutableError, SignerError, StorageError
from hefu_service.ports.rows import Deposit, LedgerHead, StoredRecord
from hefu_service.publishing import publish as publishing
from hefu_service.publishing.publish import publish
from hefu_service.receipts.receipts import Receipts
from hefu_service.sealing.continuity import check_past
from hefu_service.sealing.seal import seal_once
from hefu_service.sealing.stops import RolledBackError, SealingStoppedError
from hefu_service.store.sql import SqlView


def head(service: SampleService) -> LedgerHead:
    with service.services.store.view() as view:
        return view.ledger_head()


def published(service: SampleService) -> Checkpoint:
    note = service.services.files.read_checkpoint()
    assert note is not None
    return parse_checkpoint(parse_note(note).text)


def published_tile(service: SampleService, tile: Tile) -> bytes:
    data = service.services.files.read_tile(tile)
    assert data is not None
    return data


def files(service: SampleService) -> dict[str, bytes]:
    folder = service.data / "ledger"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".unfinished" not in path.parts
    }


def events(service: SampleService, count: int) -> None:
    """Owe the ledger that many records."""
    for _ in range(count):
        declare_clock(service.services, reason="set by hand")


def test_the_checkpoint_is_that_of_all_records_and_signed(service: SampleService) -> None:
    service.deposit(service.enrol(), 3)
    service.settle()
    note = parse_note((service.data / "ledger" / "checkpoint").read_bytes())
    verified, unknown = verify_note(note, [LOG.key, LOG_MLDSA44.key])
    assert (verified, unknown) == ([Verified(LOG.key, None), Verified(LOG_MLDSA44.key, 0)], [])
    assert published(service) == Checkpoint(ORIGIN, 3, Frontier(3, head(service).frontier).root())
    assert service.services.signer.last() == published(service)


@pytest.mark.parametrize("steps", [(1, 1, 1), (254, 1, 1, 1), (256,), (3, 300, 255), (600, 1)])
def test_the_tiles_hold_the_records_and_lead_to_the_checkpoint(service: SampleService, steps: tuple[int, ...]) -> None:
    for step in steps:
        events(service, step)
        service.settle()
        size = published(service).size
        assert size == head(service).size
        assert root_of(size, node_reader(size, lambda tile: published_tile(service, tile))) == published(service).root
        full, width = divmod(size, 256)
        widths = [256] * full + [width] * (width > 0)
        bundles = [published_tile(service, Tile(-1, index, width)) for index, width in enumerate(widths)]
        entries = [entry for data, width in zip(bundles, widths, strict=True) for entry in parse_bundle(data, width)]
        with service.services.store.view() as view:
            assert entries == [record.data for record in view.records(0, size)]
    assert not service.findings()


def test_partial_tiles_stay_until_the_full_one_stands(service: SampleService) -> None:
    events(service, 199)
    service.settle()
    events(service, 1)
    service.settle()
    partial = {"tile/0/000.p/200", "tile/0/000.p/201", "tile/entries/000.p/200", "tile/entries/000.p/201"}
    assert partial < files(service).keys()
    events(service, 56)
    service.settle()
    names = files(service).keys()
    assert partial.isdisjoint(names)
    assert {"tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/1"} < names


def test_the_leaves_of_each_batch_are_published(service: SampleService) -> None:
    accepted = service.deposit(service.enrol(), 3)
    service.settle()
    leaves = b"".join(leaf_hash(each.deposit.acceptance.encode()) for each in accepted)
    assert files(service)["batches/2/leaves"] == leaves


def test_nothing_private_is_published(service: SampleService) -> None:
    key = service.enrol()
    (accepted,) = service.deposit(key)
    service.settle()
    for data in files(service).values():
        assert b"root" not in data or b"roots" in data
        assert accepted.deposit.statement_id.hex().encode() not in data
        assert "化妆品".encode() not in data


def test_with_nothing_new_nothing_is_written(service: SampleService) -> None:
    service.deposit(service.enrol())
    service.settle()
    before = files(service)
    assert not publish(service.services)
    assert files(service) == before


def test_every_checkpoint_is_kept(service: SampleService) -> None:
    key = service.enrol()
    for number in range(3):
        service.deposit(key, first=number)
        service.settle()
    with service.services.store.view() as view:
        notes = [view.checkpoint_covering(index) for index in range(head(service).size)]
        assert view.latest_checkpoint() == service.services.files.read_checkpoint()
    assert [parse_checkpoint(parse_note(note or b"").text).size for note in notes] == [1, 3, 3, 4, 5]


def test_a_checkpoint_is_kept_by_the_very_run_that_publishes_it(service: SampleService) -> None:
    service.enrol()
    seal_once(service.services)
    assert publish(service.services)
    with service.services.store.view() as view:
        assert view.latest_checkpoint() == service.services.files.read_checkpoint()


def test_a_record_that_changed_since_it_was_published_goes_into_no_bundle(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first bundle is written anew at each size; no root covers what it repeats but the tiles of then."""
    service.enrol()
    seal_once(service.services)
    real = SqlView.records

    def records(view: SqlView, first: int, count: int) -> Iterator[StoredRecord]:
        for record in real(view, first, count):
            yield replace(record, data=record.data + b" ") if record.index == 0 else record

    monkeypatch.setattr(SqlView, "records", records)
    before = files(service)
    with pytest.raises(SealingStoppedError, match="record 0 is no longer"):
        publish(service.services)
    assert files(service) == before


def test_a_tile_with_other_bytes_stops_the_publishing(service: SampleService) -> None:
    service.services.files.write_tile(Tile(0, 0, 2), bytes(64))
    service.enrol()
    with pytest.raises(ImmutableError):
        service.settle()
    assert published(service).size == 1


def test_tiles_that_lead_to_another_root_are_not_signed(service: SampleService) -> None:
    (tile,) = (service.data / "ledger" / "tile" / "0" / "000.p").iterdir()
    tile.chmod(0o600)
    tile.write_bytes(bytes(32))
    service.enrol()
    with pytest.raises(SealingStoppedError, match="lead to the root"):
        service.settle()
    assert published(service).size == 1
    last = service.services.signer.last()
    assert last is not None
    assert last.size == 1


def test_a_root_is_read_back_from_the_tiles_that_were_written(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "tile_bytes", lambda tile, _: bytes(32 * tile.width))
    service.enrol()
    with pytest.raises(SealingStoppedError, match="lead to the root"):
        service.settle()


@pytest.mark.parametrize(
    ("member", "change", "expected"),
    [
        ("acceptance", lambda text: text.replace("00:00:00", "00:00:01", 1), "no longer lead"),
        ("acceptance", lambda text: f"x{text}", "deposit 1: its stored acceptance cannot be read"),
        ("statement", lambda _: b"another", "deposit 1: .* do not agree"),
        ("statement_id", lambda _: bytes(32), "deposit 1: .* do not agree"),
        ("depositor", lambda _: "another", "deposit 1: .* do not agree"),
    ],
)
def test_deposits_that_changed_since_they_were_sealed_stop_the_publishing(
    service: SampleService, monkeypatch: pytest.MonkeyPatch, member: str, change: Callable[[Any], Any], expected: str
) -> None:
    service.deposit(service.enrol(), 2)
    seal_once(service.services)
    real, before = SqlView.deposits, files(service)

    def deposits(view: SqlView, first: int, count: int) -> Iterator[Deposit]:
        for deposit in real(view, first, count):
            changed = {member: change(getattr(deposit, member))}
            yield replace(deposit, **changed) if deposit.seq == 1 else deposit

    monkeypatch.setattr(SqlView, "deposits", deposits)
    with pytest.raises(SealingStoppedError, match=expected):
        publish(service.services)
    assert files(service) == before


def test_a_lost_public_folder_is_written_again_from_the_database(service: SampleService) -> None:
    events(service, 300)
    service.deposit(service.enrol(), 3)
    service.settle()
    before = files(service)
    shutil.rmtree(service.data / "ledger")
    with opened(service.data) as restarted:
        assert publish(restarted.services)
        assert files(restarted) == before | {"tile/0/001.p/47": files(restarted)["tile/0/001.p/47"]}
        assert not restarted.findings()


def lose(service: SampleService, *names: str) -> None:
    for name in names:
        shutil.rmtree(service.data / name)


@pytest.mark.parametrize("sample", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("lost", [["ledger"], ["ledger", "signer"]], ids=["folder", "folder and signer's memory"])
def test_a_checkpoint_is_never_signed_again_but_served_as_it_was_stored(sample: SampleService, lost: list[str]) -> None:
    """ML-DSA is hedged: a second signature would be another line, and two texts of one evidence."""
    sample.deposit(sample.enrol())
    sample.settle()
    note = sample.services.files.read_checkpoint()
    assert note is not None
    lose(sample, *lost)
    restarted = replace(
        sample.services,
        signer=FileSigner(LOG, LOG_MLDSA44, sample.data / "signer"),
        files=LedgerFolder(sample.data / "ledger"),
    )
    assert publish(restarted)
    assert restarted.files.read_checkpoint() == note
    assert format_note(restarted.signer.sign(published(sample), [])) == note
    with restarted.store.view() as view:
        assert view.latest_checkpoint() == note


def test_what_was_signed_before_a_crash_is_what_is_published_after_it(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.enrol()
    seal_once(service.services)

    def full(*_: object) -> None:
        raise StorageError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(LedgerFolder, "write_checkpoint", full)
        with pytest.raises(StorageError):
            publish(service.services)
    signed = (service.data / "signer" / "checkpoint").read_bytes()
    assert publish(service.services)
    assert service.services.files.read_checkpoint() == signed


@pytest.mark.parametrize("left", [slice(0, 1), slice(1, 2)], ids=["01", "06"])
def test_a_published_checkpoint_that_lacks_one_of_our_lines_stops_the_service(
    service: SampleService, left: slice
) -> None:
    note = parse_note(service.services.files.read_checkpoint() or b"")
    service.services.files.write_checkpoint(format_note(note._replace(signatures=note.signatures[left])))
    with pytest.raises(VerificationError, match="has not signed"):
        check_past(service.services)


def test_a_missing_tile_is_named(service: SampleService) -> None:
    shutil.rmtree(service.data / "ledger" / "tile" / "0")
    service.enrol()
    with pytest.raises(StorageError, match=r"tile/0/000\.p/1 is not there"):
        service.settle()


def test_a_checkpoint_that_a_crash_left_out_of_the_store_is_kept_later(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    (accepted,) = service.deposit(service.enrol())
    with monkeypatch.context() as patch:
        patch.setattr("hefu_service.store.sql.SqlStore.add_checkpoint", lambda *_: None)
        service.settle()
    assert Receipts(service.services).make(accepted.deposit.statement_id) is None
    assert not publish(service.services)
    assert Receipts(service.services).make(accepted.deposit.statement_id) is not None


# A ledger must never fall behind itself.


@pytest.fixture
def backup(service: SampleService, tmp_path: Path) -> Path:
    """A copy of the database from when there were three records; the service has gone on since."""
    key = service.enrol()
    service.deposit(key)
    service.settle()
    path = tmp_path / "backup.sqlite3"
    service.services.store.close()
    shutil.copy(service.data / "hefu.sqlite3", path)
    service.deposit(key, 2, first=1)
    service.settle()
    service.services.store.close()
    return path


def restore(service: SampleService, backup: Path) -> None:
    for name in ("hefu.sqlite3", "hefu.sqlite3-wal", "hefu.sqlite3-shm"):
        (service.data / name).unlink(missing_ok=True)
    shutil.copy(backup, service.data / "hefu.sqlite3")


def stays_refused(service: SampleService) -> None:
    before = files(service)
    for attempt in (seal_once, publish, check_past, settle):
        with pytest.raises(RolledBackError, match="database"):
            attempt(service.services)
    assert files(service) == before


def test_a_restored_backup_is_refused(service: SampleService, backup: Path) -> None:
    restore(service, backup)
    with opened(service.data) as restored:
        stays_refused(restored)
        assert any("lost records" in finding.what for finding in restored.findings())


def test_the_signers_memory_alone_refuses_a_restored_backup(service: SampleService, backup: Path) -> None:
    restore(service, backup)
    shutil.rmtree(service.data / "ledger")
    with opened(service.data) as restored:
        stays_refused(restored)


def test_the_published_checkpoint_alone_refuses_a_restored_backup(service: SampleService, backup: Path) -> None:
    restore(service, backup)
    shutil.rmtree(service.data / "signer")
    with opened(service.data) as restored:
        stays_refused(restored)


def grown_anew(service: SampleService, backup: Path, records: int) -> None:
    """Let a restored database grow elsewhere, then bring it back beside what was published."""
    elsewhere = service.data.with_name("elsewhere")
    elsewhere.mkdir()
    shutil.copy(backup, elsewhere / "hefu.sqlite3")
    with opened(elsewhere) as other:
        events(other, records)
        settle(other.services)
    restore(service, elsewhere / "hefu.sqlite3")


def test_a_database_that_grew_anew_to_the_same_size_is_refused(service: SampleService, backup: Path) -> None:
    grown_anew(service, backup, 1)
    with opened(service.data) as restored:
        stays_refused(restored)


@pytest.mark.parametrize("lost", ["ledger", "signer", None])
def test_a_database_that_grew_past_what_was_published_is_refused(
    service: SampleService, backup: Path, lost: str | None
) -> None:
    grown_anew(service, backup, 5)
    if lost is not None:
        shutil.rmtree(service.data / lost)
    with opened(service.data) as restored:
        before = restored.services.files.read_checkpoint()
        with pytest.raises((SealingStoppedError, ImmutableError, SignerError)):
            settle(restored.services)
        assert restored.services.files.read_checkpoint() == before
        assert any(finding.severity == "error" for finding in restored.findings())


def test_a_published_checkpoint_that_we_did_not_sign_is_refused(service: SampleService) -> None:
    text = format_checkpoint(published(service))
    forged = format_note(sign_note(text, [signer(ORIGIN, "another")]))
    service.services.files.write_checkpoint(forged)
    with pytest.raises(VerificationError, match="has not signed"):
        publish(service.services)


def test_a_checkpoint_of_another_ledger_is_refused(service: SampleService) -> None:
    other = replace(service.services, origin="log.example/other")
    with pytest.raises(VerificationError):
        publish(other)
    (service.data / "ledger" / "checkpoint").unlink()
    with pytest.raises(SealingStoppedError, match="is of 'log"):
        publish(other)


def test_another_worker_that_publishes_meanwhile_is_no_rollback(
    service: SampleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was published is read before the database is, so the database can only be ahead."""
    service.enrol()
    real = service.services.signer.last
    first = iter([True])

    def last(_: object) -> Checkpoint | None:
        found = real()
        if next(first, False):
            service.settle()
        return found

    monkeypatch.setattr("hefu_service.outside.signer.FileSigner.last", last)
    check_past(service.services)


# A crash at any point: each call of a port fails, having done its work or not.

READING = {"view", "read_tile", "read_checkpoint", "last"}


@pytest.fixture(scope="module")
def before_crash(begun_service: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """255 records are published; owed are an enrolment, which fills a tile, a retirement, and two batches' deposits."""
    data = copied(begun_service, tmp_path_factory.mktemp("crash") / "data")
    with opened(data) as sample:
        key = sample.enrol()
        events(sample, 253)
        sample.settle()
        sample.enrol_another(key, "second", key)
        sample.deposit(key, 2)
        declare_clock(sample.services, reason="set by hand")
        retire_key(sample.services, depositor_of(key), key.key, reason="set by hand")
    (data / "key").write_text(key.key.name)
    return data


def calls_of_a_run(before_crash: Path, folder: Path) -> list[str]:
    with opened(copied(before_crash, folder / "all")) as sample:
        faults = Faults()
        settle(faults.over(sample.services))
        return faults.calls


def test_the_run_that_is_made_to_fail_calls_every_port(before_crash: Path, tmp_path: Path) -> None:
    calls = set(calls_of_a_run(before_crash, tmp_path))
    assert calls >= {
        "view", "append", "add_checkpoint", "write_tile", "read_tile", "write_leaves", "write_checkpoint",
        "read_checkpoint", "drop_partials", "write", "sign", "last",
    }  # fmt: skip


@pytest.mark.parametrize("persist", [False, True])
def test_a_crash_at_any_call_twice_over_is_repaired_by_the_next_run(
    before_crash: Path, tmp_path: Path, persist: bool
) -> None:
    calls = calls_of_a_run(before_crash, tmp_path)
    for at, name in enumerate(calls):
        if name in READING and (persist or calls[at - 1] == name):
            continue  # it makes no difference whether a read was done, nor which of a row
        data = copied(before_crash, tmp_path / str(at))
        for _ in range(2):
            with opened(data) as sample:
                try:
                    settle(Faults(at, persist).over(sample.services))
                except Crash:
                    continue
        with opened(data) as sample:
            assert_repaired(sample, f"call {at}, {name}")
        shutil.rmtree(data)


def assert_repaired(sample: SampleService, where: str) -> None:
    """Accept more, as a service does that was started again; seal and publish; everything is in its place."""
    old = depositor_key(_depositor(sample), "key")
    second = depositor_key(_depositor(sample), "second")
    sample.deposit(second, 2, first=10)
    sample.settle()
    assert not sample.findings(), where
    receipts = Receipts(sample.services)
    for data in (statement(old, 0), statement(old, 1), statement(second, 10), statement(second, 11)):
        (accepted,) = sample.accept(data)
        receipt = receipts.make(accepted.deposit.statement_id)
        assert receipt is not None, where
        assert verify_receipt(format_receipt(receipt), policy=POLICY).verdict == PROVEN, where
    assert {"tile/0/000", "tile/entries/000"} < files(sample).keys(), where
    assert not any(name.startswith(("tile/0/000.p/", "tile/entries/000.p/")) for name in files(sample)), where


def _depositor(sample: SampleService) -> str:
    return (sample.data / "key").read_text().rpartition("/")[2]
