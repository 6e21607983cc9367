"""Files appear whole or not at all, and never in the place of others."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hefu.files.atomic import Batch, publish, replace, write_new


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_private_and_alone(tmp_path: Path) -> None:
    write_new(str(tmp_path / "f"), b"data")
    assert (tmp_path / "f").read_bytes() == b"data"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    assert names(tmp_path) == ["f"]


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"other")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("f", "link"):
        with pytest.raises(FileExistsError):
            write_new(str(tmp_path / name), b"data")
    assert (tmp_path / "f").read_bytes() == b"other"
    assert names(tmp_path) == ["f", "link"]


def test_a_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"old")
    seen = []
    real = os.replace

    def watch(source: str, target: str) -> None:
        seen.append((Path(source).read_bytes(), Path(target).read_bytes()))
        real(source, target)

    monkeypatch.setattr("hefu.files.atomic.os.replace", watch)
    replace(str(tmp_path / "f"), b"new")
    assert seen == [(b"new", b"old")]
    assert (tmp_path / "f").read_bytes() == b"new"


def test_what_a_crash_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "f.tmp").write_bytes(b"a longer leftover")
    write_new(str(tmp_path / "f"), b"data")
    (tmp_path / "f.tmp").write_bytes(b"a longer leftover")
    replace(str(tmp_path / "f"), b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert names(tmp_path) == ["f"]


def test_many_writers_of_one_file_leave_one_of_their_contents_whole(tmp_path: Path) -> None:
    contents = [bytes([letter]) * 100_000 for letter in b"abcd"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, [str(tmp_path / "f")] * 80, contents * 20))
    assert (tmp_path / "f").read_bytes() in contents
    assert names(tmp_path) == ["f"]


def test_without_links_the_name_is_still_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", source, None, target)

    monkeypatch.setattr("hefu.files.atomic.os.link", no_links)
    (tmp_path / "part").write_bytes(b"data")
    publish(str(tmp_path / "part"), str(tmp_path / "f"))
    assert names(tmp_path) == ["f"]
    (tmp_path / "part").write_bytes(b"more")
    with pytest.raises(FileExistsError):
        publish(str(tmp_path / "part"), str(tmp_path / "f"))
    assert (tmp_path / "f").read_bytes() == b"data"


@pytest.mark.parametrize("write", [write_new, replace])
@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_full_disk_leaves_nothing_behind_and_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object, call: str
) -> None:
    (tmp_path / "old").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"hefu.files.atomic.os.{call}", full)
    target = tmp_path / ("new" if write is write_new else "old")
    with pytest.raises(OSError, match="No space left"):
        (write_new if write is write_new else replace)(str(target), b"data")
    assert names(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_the_bytes_are_synced_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_sync, real_link = os.fsync, os.link

    def sync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def link(source: str, target: str) -> None:
        steps.append("link")
        real_link(source, target)

    monkeypatch.setattr("hefu.files.atomic.os.fsync", sync)
    monkeypatch.setattr("hefu.files.atomic.os.link", link)
    write_new(str(tmp_path / "f"), b"data")
    assert steps == ["file", "link", "folder"]


def test_files_written_together_have_no_name_before_all_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power failure a file has all of its contents or no name."""
    paths = [tmp_path / folder / f"{number}" for folder in "ab" for number in range(3)]
    seen, real = [], os.fsync

    def sync(descriptor: int) -> None:
        seen.append([path.exists() for path in paths])
        real(descriptor)

    monkeypatch.setattr("hefu.files.atomic.os.fsync", sync)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths[4].write_bytes(b"another's")
    with Batch() as batch:
        for path in paths:
            batch.add(str(path), path.name.encode())
        assert not seen, "all are written before the first is waited for"
        told = dict(batch.publish())
    assert [path for path, error in told.items() if error is not None] == [str(paths[4])]
    assert [path.read_bytes() for path in paths] == [b"0", b"1", b"2", b"0", b"another's", b"2"]
    assert {path.stat().st_mode & 0o777 for path in paths if path != paths[4]} == {0o600}
    assert len(list(tmp_path.rglob("*"))) == len(paths) + 2, "no passing name is left"
    assert seen[: len(paths)] == [[False] * 4 + [True, False]] * len(paths)


def test_a_file_written_together_with_others_is_never_seen_cut_short(tmp_path: Path) -> None:
    """A disk that is full in the middle of one: the others have their names, and nothing else is left."""
    limited = (
        "import resource, signal, sys\n"
        "from hefu.files.atomic import Batch\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "with Batch() as batch:\n"
        "    batch.add(sys.argv[1] + '/first', b'1' * 9_000)\n"
        "    try:\n"
        "        batch.add(sys.argv[1] + '/large', b'2' * 90_000)\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
        "    batch.add(sys.argv[1] + '/last', b'3' * 9_000)\n"
        "    print([error for _, error in batch.publish()])\n"
    )
    ran = subprocess.run([sys.executable, "-c", limited, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [str(errno.EFBIG), "[None, None]"]
    assert names(tmp_path) == ["first", "last"]


def test_a_file_whose_sync_fails_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Batch() as batch:
        batch.add(str(tmp_path / "one"), b"1")
        batch.add(str(tmp_path / "two"), b"2")
        failures, real = [OSError(errno.EIO, "Input/output error")], os.fsync

        def sync(descriptor: int) -> None:
            if failures:
                raise failures.pop()
            real(descriptor)

        monkeypatch.setattr("hefu.files.atomic.os.fsync", sync)
        told = batch.publish()
    assert [error and error.errno for _, error in told] == [errno.EIO, None]
    assert names(tmp_path) == ["two"]


def test_files_that_were_given_no_name_leave_nothing(tmp_path: Path) -> None:
    with Batch() as batch:
        batch.add(str(tmp_path / "one"), b"1")
    assert names(tmp_path) == []
