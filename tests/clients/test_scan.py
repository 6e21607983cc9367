"""What a folder holds is found in a fixed order, and what is no document is named."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hefu.errors import Problem
from hefu.files.scan import printable, scan


def test_documents_come_in_the_order_of_their_utf8_bytes_whatever_their_folders(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a-b", "a/b/c", "é", "𠀀", "配方/1", "Z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = scan(str(tmp_path)).names
    assert names == sorted(names, key=str.encode)
    assert names == ["Z", "a-b", "a/b/c", "a/z", "b", "é", "配方/1", "𠀀"]


def test_hidden_files_and_evidence_are_documents_like_any_other(tmp_path: Path) -> None:
    for name in (".hidden", "old.hefu.json", "old.hefu.bundle"):
        (tmp_path / name).write_bytes(b"")
    assert scan(str(tmp_path)).names == [".hidden", "old.hefu.bundle", "old.hefu.json"]


def test_links_are_named_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "document").write_bytes(b"")
    (tmp_path / "to-file").symlink_to("real/document")
    (tmp_path / "to-folder").symlink_to("real")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "real" / "up").symlink_to("..")
    (tmp_path / "broken").symlink_to("nothing")
    found = scan(str(tmp_path))
    assert found.names == ["real/document"]
    assert [problem.path for problem in found.problems] == ["broken", "loop", "real/up", "to-file", "to-folder"]
    assert {problem.cause for problem in found.problems} == {
        "a symbolic link, which is not followed; name the file that it leads to"
    }


def test_a_folder_met_twice_is_a_loop_and_is_not_entered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "a" / "document").write_bytes(b"")
    real = os.stat
    same = real(tmp_path)  # as if the whole were mounted again at a/inner

    def stat(path: str, **options: object) -> os.stat_result:
        assert not options
        return same if path.endswith("inner/") else real(path)

    monkeypatch.setattr("hefu.files.scan.os.stat", stat)
    found = scan(str(tmp_path))
    assert found.names == ["a/document"]
    assert found.problems == [Problem("a/inner/", "the same folder as 'the whole': a loop, or mounted twice")]


def test_pipes_sockets_and_devices_are_named_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        found = scan(str(tmp_path))
    assert found.names == []
    assert found.problems == [Problem("pipe", "a named pipe"), Problem("socket", "a socket")]
    assert found.odd == {"pipe", "socket"}


def test_names_that_are_not_utf8_are_named_readably(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xd0\xce\xc4.txt")).write_bytes(b"GBK")
    (tmp_path / os.fsdecode(b"folder-\xff")).mkdir()
    found = scan(str(tmp_path))
    cause = "its name is not UTF-8; rename it"
    assert found.problems == [Problem("\\xd0\\xce\\xc4.txt", cause), Problem("folder-\\xff", cause)]


def test_a_file_this_user_may_not_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"")
    monkeypatch.setattr(
        "hefu.files.scan.os.access", lambda path, _: not path.endswith("secret")
    )  # root may read anything
    found = scan(str(tmp_path))
    assert found[:2] == (["open"], [Problem("secret", "not readable by this user; change its mode")])


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").write_bytes(b"")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed/"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr("hefu.files.scan.os.scandir", scandir)
    assert scan(str(tmp_path))[:2] == (["open"], [Problem("closed/", "Permission denied")])


def test_a_folder_that_is_gone_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    assert scan(str(tmp_path / "gone")).problems == [Problem(str(tmp_path / "gone"), "No such file or directory")]


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_every_path_can_be_printed(name: bytes) -> None:
    printable(os.fsdecode(name)).encode()
