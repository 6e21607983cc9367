"""A document is hashed whole and at rest, or refused with its cause."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hefu.files.document import UnreadableError, digest_document


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 600_000])
def test_digests_are_those_of_hashlib(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "d").write_bytes(data)
    pieces: list[int] = []
    found = digest_document(str(tmp_path / "d"), pieces.append)
    assert found == (hashlib.sha256(data).digest(), hashlib.new("sm3", data).digest(), size)
    assert sum(pieces) == size


@pytest.mark.parametrize("change", ["append", "truncate", "rewrite"])
def test_a_document_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "d"
    path.write_bytes(b"x" * 100_000)
    os.utime(path, ns=(0, 0))
    times = iter([1])

    def meanwhile(_size: int) -> None:
        if next(times, None) is None:
            return
        with path.open("r+b") as file:
            if change == "append":
                file.seek(0, os.SEEK_END)
                file.write(b"more")
            elif change == "truncate":
                file.truncate(50_000)
            else:
                file.write(b"y")

    with pytest.raises(UnreadableError, match="changed while it was being read") as caught:
        digest_document(str(path), meanwhile)
    assert caught.value.problem.path == str(path)


def test_a_file_that_grew_back_to_its_old_times_is_still_told_by_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.write_bytes(b"x" * 100_000)
    os.utime(path, ns=(0, 0))
    times = iter([1, 2])

    def meanwhile(_size: int) -> None:
        step = next(times, None)
        if step == 1:
            os.truncate(path, 20_000)
        os.utime(path, ns=(0, 0))
        if _size == 0:
            os.truncate(path, 100_000)
            os.utime(path, ns=(0, 0))

    with pytest.raises(UnreadableError, match="changed"):
        digest_document(str(path), meanwhile)


def test_a_link_that_took_the_documents_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "d").symlink_to("target")
    with pytest.raises(UnreadableError, match="symbolic link"):
        digest_document(str(tmp_path / "d"))


def test_a_pipe_that_took_the_documents_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "d")
    with pytest.raises(UnreadableError, match="a named pipe"):
        digest_document(str(tmp_path / "d"))


@pytest.mark.parametrize(
    ("call", "error", "cause"),
    [
        ("open", PermissionError(13, "Permission denied"), "Permission denied"),
        ("readv", OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: OSError, cause: str
) -> None:
    (tmp_path / "d").write_bytes(b"x")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(f"hefu.files.document.os.{call}", fail)
    with pytest.raises(UnreadableError, match=cause):
        digest_document(str(tmp_path / "d"))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(b"x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    digest_document(str(tmp_path / "d"))
    with pytest.raises(UnreadableError):
        digest_document(str(tmp_path))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
