"""Files that were written are there after a crash, and what was published never changes."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefu_ledger.tlog.tiles import Tile, format_bundle
from hefu_service.outside.durable import UNFINISHED, DurableFolder
from hefu_service.outside.files import BatchFolder, LedgerFolder
from hefu_service.outside.lock import exclusive, one_of_many, only_service
from hefu_service.ports.errors import ImmutableError, PortError, StorageError
from hefu_service.ports.files import BatchFiles, LedgerFiles
from hefu_service.ports.rows import Deposit


@pytest.fixture
def folder(tmp_path: Path) -> DurableFolder:
    return DurableFolder(tmp_path / "folder", mode=0o444)


@pytest.fixture
def ledger(tmp_path: Path) -> LedgerFiles:
    return LedgerFolder(tmp_path / "ledger")


@pytest.fixture
def batches(tmp_path: Path) -> BatchFiles:
    return BatchFolder(tmp_path / "batches")


def files(root: Path) -> dict[str, bytes]:
    """Everything below a directory but directories."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Crash(BaseException):
    """The process ends here; unlike an OSError, no code of ours answers to it."""


# --- durable files ---


def test_a_file_that_exists_with_other_bytes_is_refused_and_stays(folder: DurableFolder, tmp_path: Path) -> None:
    folder.create("a/b", b"one")
    folder.create("a/b", b"one")
    with pytest.raises(ImmutableError, match="a/b exists with other bytes"):
        folder.create("a/b", b"two")
    assert files(tmp_path) == {"folder/a/b": b"one"}


def test_a_replaced_file_has_the_new_bytes_and_leaves_nothing_aside(folder: DurableFolder, tmp_path: Path) -> None:
    folder.replace("a", b"one")
    folder.replace("a", b"two")
    assert (folder.read("a"), folder.read("b"), files(tmp_path)) == (b"two", None, {"folder/a": b"two"})


def test_a_file_has_its_mode_whatever_the_umask(folder: DurableFolder, tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        folder.create("a", b"")
        folder.replace("b", b"")
    finally:
        os.umask(umask)
    assert [stat.S_IMODE((tmp_path / "folder" / name).stat().st_mode) for name in "ab"] == [0o444, 0o444]


@pytest.mark.parametrize("write", [DurableFolder.create, DurableFolder.replace])
def test_bytes_name_and_directories_are_synced_in_this_order(
    folder: DurableFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[DurableFolder, str, bytes], None],
) -> None:
    synced: list[str] = []
    root = tmp_path / "folder"

    def fsync(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        name = "file" if path.is_file() else str(path.relative_to(tmp_path))
        assert name != "file" or path.read_bytes() == b"data"
        synced.append(f"{name} {'named' if (root / 'x/y/z').exists() else 'unnamed'}")

    monkeypatch.setattr(os, "fsync", fsync)
    write(folder, "x/y/z", b"data")
    settled = [". unnamed", "folder unnamed", "folder/x unnamed"]
    assert sorted(synced[:3]) == settled
    assert synced[3:] == ["file unnamed", "folder/x/y named"]
    write(folder, "x/y/z", b"data")  # whoever made it may have crashed before the directory was synced
    assert synced[-1] == "folder/x/y named"


def test_a_crash_before_the_directory_was_synced_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder/x").mkdir(parents=True)  # made by a process that crashed
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink()))
    DurableFolder(tmp_path / "folder", mode=0o600).create("x/y", b"")
    assert {tmp_path, tmp_path / "folder", tmp_path / "folder/x"} <= set(synced)


@pytest.mark.parametrize("point", ["write", "fsync", "link", "sync"])
def test_a_crash_at_any_point_is_made_good_by_writing_again(
    folder: DurableFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    folder.create("first", b"settles the directory")
    target = {"write": (os, "write"), "fsync": (os, "fsync"), "link": (Path, "hardlink_to")}
    with monkeypatch.context() as patch:
        calls: list[object] = []

        def crash(*arguments: object) -> None:
            calls.append(arguments)
            if point != "sync" or len(calls) == 2:  # the second sync is the directory's
                raise Crash

        patch.setattr(*target.get(point, (os, "fsync")), crash)
        with pytest.raises(Crash):
            folder.create("a", b"data")
    assert folder.read("a") in {None, b"data"}
    DurableFolder(tmp_path / "folder", mode=0o444).create("a", b"data")
    assert files(tmp_path) == {"folder/first": b"settles the directory", "folder/a": b"data"}


def test_what_a_killed_process_left_unfinished_is_tolerated_and_then_cleared(tmp_path: Path) -> None:
    unfinished = tmp_path / "folder" / UNFINISHED
    unfinished.mkdir(parents=True)
    for name in ("old", "recent"):
        (unfinished / name).write_bytes(b"half")
    os.utime(unfinished / "old", (0, 0))
    DurableFolder(tmp_path / "folder", mode=0o444).create("a", b"data")
    # Another process may be writing the recent one just now.
    assert files(tmp_path) == {f"folder/{UNFINISHED}/recent": b"half", "folder/a": b"data"}


def test_short_writes_are_continued(folder: DurableFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    folder.create("a", b"0123456789")
    assert folder.read("a") == b"0123456789"


@pytest.mark.parametrize("write", [DurableFolder.create, DurableFolder.replace])
@pytest.mark.parametrize(("call", "code"), [("write", errno.ENOSPC), ("fsync", errno.EIO), ("fchmod", errno.EROFS)])
def test_a_disk_that_fails_is_a_storage_error_and_leaves_no_file(
    folder: DurableFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[DurableFolder, str, bytes], None],
    call: str,
    code: int,
) -> None:
    folder.make()

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StorageError, match=f"cannot write .*folder/a: {os.strerror(code)}"):
        write(folder, "a", b"data")
    assert files(tmp_path) == {}


def test_a_path_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    folder = DurableFolder(tmp_path / "file", mode=0o444)
    for attempt in (folder.make, lambda: folder.create("a", b""), lambda: folder.replace("a", b"")):
        with pytest.raises(StorageError, match="cannot"):
            attempt()
    for read in (folder.read, folder.names, folder.remove):
        with pytest.raises(StorageError, match="Not a directory"):
            read("a")


def test_writers_of_one_file_agree_or_one_of_them_is_refused(tmp_path: Path) -> None:
    refused: list[bytes] = []
    start = threading.Barrier(8)

    def work(data: bytes) -> None:
        folder = DurableFolder(tmp_path / "folder", mode=0o444)
        start.wait()
        try:
            folder.create("a", data)
        except ImmutableError:
            refused.append(data)

    threads = [threading.Thread(target=work, args=(data,)) for data in [b"one", b"two"] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = files(tmp_path).values()
    assert refused == [{b"one": b"two", b"two": b"one"}[kept]] * 4


def test_a_directory_that_was_removed_is_made_again(folder: DurableFolder) -> None:
    folder.create("x/a", b"one")
    folder.remove("x")
    folder.remove("x")
    assert folder.names("x") == []
    folder.create("x/a", b"two")
    assert (folder.read("x/a"), folder.names("x")) == (b"two", ["a"])


# --- the published ledger ---


def hashes(count: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in range(count))


def test_the_layout_is_that_of_tlog_tiles(ledger: LedgerFiles, tmp_path: Path) -> None:
    ledger.write_tile(Tile(0, 1234067, 256), hashes(256))
    ledger.write_tile(Tile(1, 0, 3), hashes(3))
    ledger.write_tile(Tile(-1, 0, 1), format_bundle([b"entry"]))
    ledger.write_leaves(7, hashes(2))
    ledger.write_checkpoint(b"note")
    assert files(tmp_path / "ledger") == {
        "tile/0/x001/x234/067": hashes(256),
        "tile/1/000.p/3": hashes(3),
        "tile/entries/000.p/1": format_bundle([b"entry"]),
        "batches/7/leaves": hashes(2),
        "checkpoint": b"note",
    }


def test_what_is_not_there_is_none(ledger: LedgerFiles) -> None:
    assert ledger.read_tile(Tile(0, 0, 256)) is None
    assert ledger.read_tile(Tile(0, 0, 3)) is None
    assert ledger.read_leaves(0) is None
    assert ledger.read_checkpoint() is None


def test_tiles_and_leaves_are_written_once_and_the_checkpoint_again(ledger: LedgerFiles) -> None:
    tile = Tile(0, 0, 1)
    ledger.write_tile(tile, hashes(1))
    ledger.write_leaves(0, hashes(1))
    for note in (b"one", b"two"):
        ledger.write_checkpoint(note)
    with pytest.raises(ImmutableError):
        ledger.write_tile(tile, b"x" * 32)
    with pytest.raises(ImmutableError):
        ledger.write_leaves(0, b"x" * 32)
    assert (ledger.read_tile(tile), ledger.read_leaves(0)) == (hashes(1), hashes(1))
    assert ledger.read_checkpoint() == b"two"


@pytest.mark.parametrize("wider", [4, 200, 256])
def test_a_tile_is_cut_from_a_wider_one(ledger: LedgerFiles, tmp_path: Path, wider: int) -> None:
    entries = [b"%d" % number for number in range(wider)]
    ledger.write_tile(Tile(0, 0, wider), hashes(wider))
    ledger.write_tile(Tile(-1, 0, wider), format_bundle(entries))
    with suppress(FileNotFoundError):  # what others put there is not ours to read
        (tmp_path / "ledger/tile/0/000.p/.nfs1").write_bytes(b"")
    for width in range(1, wider + 1):
        assert ledger.read_tile(Tile(0, 0, width)) == hashes(width)
        assert ledger.read_tile(Tile(-1, 0, width)) == format_bundle(entries[:width])
    assert wider == 256 or ledger.read_tile(Tile(0, 0, wider + 1)) is None
    assert ledger.read_tile(Tile(0, 1, 1)) is None


def test_a_tile_itself_is_read_before_a_wider_one(ledger: LedgerFiles) -> None:
    ledger.write_tile(Tile(0, 0, 2), b"itself" * 10)
    ledger.write_tile(Tile(0, 0, 256), hashes(256))
    assert ledger.read_tile(Tile(0, 0, 2)) == b"itself" * 10


def test_a_damaged_bundle_is_a_storage_error_when_it_is_cut(ledger: LedgerFiles) -> None:
    ledger.write_tile(Tile(-1, 0, 4), b"\xff\xff")
    with pytest.raises(StorageError, match=r"tile/entries/000.p/4 is damaged"):
        ledger.read_tile(Tile(-1, 0, 2))


def test_partial_tiles_go_once_the_full_one_stands_and_not_before(ledger: LedgerFiles, tmp_path: Path) -> None:
    for width in (1, 5):
        ledger.write_tile(Tile(0, 0, width), hashes(width))
    ledger.write_tile(Tile(0, 1, 1), hashes(1))
    with pytest.raises(StorageError, match="tile/0/000 is missing"):
        ledger.drop_partials(Tile(0, 0, 256))
    assert len(files(tmp_path)) == 3
    ledger.write_tile(Tile(0, 0, 256), hashes(256))
    for _ in range(2):
        ledger.drop_partials(Tile(0, 0, 256))
        assert sorted(files(tmp_path / "ledger")) == ["tile/0/000", "tile/0/001.p/1"]
    assert ledger.read_tile(Tile(0, 0, 5)) == hashes(5)


# --- batches ---


def deposits(first_seq: int, count: int) -> list[Deposit]:
    rows = []
    for seq in range(first_seq, first_seq + count):
        rows.append(
            Deposit(seq, "acme", seq, bytes(32), f"statement {seq}\n\n— 合符 \u2028\n".encode(), f"text\n{seq}\n")
        )
    return rows


def entries(rows: list[Deposit]) -> list[tuple[str, bytes]]:
    return [(row.acceptance, row.statement) for row in rows]


def test_a_batch_file_reads_as_it_was_written_and_only_once(batches: BatchFiles, tmp_path: Path) -> None:
    rows = deposits(5, 3)
    batches.write(5, rows)
    batches.write(5, rows)
    assert batches.read(5, 3) == entries(rows)
    with pytest.raises(ImmutableError):
        batches.write(5, [*rows[:2], Deposit(7, "acme", 7, bytes(32), b"other", "text")])
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "batches").glob("[0-9]*")} == {
        "000000000005-3": 0o400
    }


def test_a_batch_that_was_never_recorded_does_not_stand_in_the_way_of_a_longer_one(batches: BatchFiles) -> None:
    batches.write(0, deposits(0, 2))
    batches.write(0, deposits(0, 3))
    assert batches.read(0, 3) == entries(deposits(0, 3))


@pytest.mark.parametrize("rows", [deposits(1, 2), [*deposits(0, 1), *deposits(2, 1)], deposits(0, 2)[::-1]])
def test_deposits_that_do_not_follow_one_another_are_a_mistake(batches: BatchFiles, rows: list[Deposit]) -> None:
    with pytest.raises(ValueError, match="follow one another from 0"):
        batches.write(0, rows)


def test_a_batch_file_that_is_missing_is_a_storage_error(batches: BatchFiles) -> None:
    with pytest.raises(StorageError, match="000000000000-1 is missing"):
        batches.read(0, 1)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b'["a","s"]\n',
        b'["a","s"]\n["a","s"]',
        b'["a","s"]\n["a","s"]\n["a","s"]\n',
        b'["a","s"]\n["a","s"]\nx',
        b'["a","s"]\n["a", "s"]\n',
        b'["a","s"]\n["a"]\n',
        b'["a","s"]\n["a",1]\n',
        b'["a","s"]\n{"a":"s"}\n',
        b'["a","s"]\n["a","\xff"]\n',
    ],
    ids=["empty", "short", "cut", "long", "tail", "space", "one member", "number", "object", "no UTF-8"],
)
def test_a_damaged_batch_file_is_a_storage_error(batches: BatchFiles, tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches/000000000000-2").write_bytes(damaged)
    with pytest.raises(StorageError, match="000000000000-2 is damaged"):
        batches.read(0, 2)


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), max_size=4))
def test_any_texts_survive_a_batch_file(tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]) -> None:
    batches = BatchFolder(tmp_path_factory.mktemp("batches"))
    batches.write(0, [Deposit(seq, "a", seq, bytes(32), s.encode(), a) for seq, (a, s) in enumerate(texts)])
    assert batches.read(0, len(texts)) == [(acceptance, statement.encode()) for acceptance, statement in texts]


# --- locks ---


def test_a_second_service_on_the_same_data_is_told_who_runs_there(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from hefu_service.outside.lock import only_service\n"
    code += "with only_service(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(PortError, match=f"process {other.pid}, runs on"), only_service(tmp_path / "lock"):
            pass
        other.kill()
    (tmp_path / "lock").write_text("a longer number of a process that was killed")
    with only_service(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_services_that_may_share_data_do_so_and_one_that_must_be_alone_is(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with one_of_many(lock), one_of_many(lock), pytest.raises(PortError, match="another service"), only_service(lock):
        pass
    with only_service(lock), pytest.raises(PortError, match="must be alone"), one_of_many(lock):
        pass


def test_a_lock_that_cannot_be_had_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot lock .*No such file"), only_service(tmp_path / "missing/lock"):
        pass
    with pytest.raises(StorageError, match=r"cannot lock .*No such file"), exclusive(tmp_path / "missing"):
        pass


def test_a_folder_is_held_by_one_thread_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with exclusive(tmp_path):
                inside.append(1)
                most.append(len(inside))
                os.sched_yield()
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most), len(most)) == (1, 200)
