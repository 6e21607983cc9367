"""The client works where POSIX's calls are missing, and says plainly what a disk or a system cannot hold."""

from __future__ import annotations

import ast
import errno
import ntpath
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.double import CODE, Double, running
from tests.support.modules import source

from hefu.deposit.plan import plan
from hefu.errors import ClientError
from hefu.evidence.extract import extract
from hefu.files import platform
from hefu.files.platform import lock_folder, read_into, shown_as, unfit, why

OPENING = {"open", "os.open", "os.listdir", "os.unlink", "os.path.exists", "os.path.lexists", "os.path.isdir"}
REACHED = ("reach(", "os.open(reach(")
WITHOUT_POSIX = """
import asyncio, fcntl, os, subprocess, sys, types
for name in ("readv", "link", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "O_CLOEXEC"):
    delattr(os, name)
windows = types.ModuleType("msvcrt")
windows.LK_NBLCK = 2
windows.locking = lambda number, mode, size, lock=fcntl.lockf: lock(number, fcntl.LOCK_EX | fcntl.LOCK_NB, size)
sys.modules.update(fcntl=None, msvcrt=windows)
from hefu.cli.main import main
main()
"""


def without_posix(*words: object, code: int = 0) -> str:
    """Run a command where what Windows lacks is missing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEFU_")}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "HEFU_LANG": "en"}
    command = [sys.executable, "-c", WITHOUT_POSIX, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_the_main_job_works_without_posix_calls(double: Double, documents: Path, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "evidence"
    with running(double) as url:
        without_posix("init", "--home", home, "--server", url, "--code", CODE)
        words = ("deposit", "--home", home, documents, documents / "0.txt", "--out", out, "--wait")
        assert without_posix(*words).count("anchored") == 2
        assert without_posix(*words).count("already deposited") == 2
    bundle, policy = out / "documents.hefu.bundle", home / "policy.txt"
    without_posix("verify", bundle, documents, "--policy", policy)
    without_posix("extract", bundle, "--out", tmp_path / "single")
    single = tmp_path / "single" / "0.txt.hefu.json"
    without_posix("verify", single, documents / "0.txt", "--policy", policy)
    without_posix("verify", single, documents / "1.txt", "--policy", policy, code=1)
    assert not list(tmp_path.rglob("*.tmp"))


def test_reading_into_a_buffer_is_the_same_without_readv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"abcdefgh")
    found = []
    for _ in range(2):
        buffer = bytearray(b"-" * 5)
        with (tmp_path / "f").open("rb", buffering=0) as file:
            counts = [read_into(file.fileno(), buffer) for _ in range(3)]
        found.append((counts, bytes(buffer)))
        monkeypatch.delattr(os, "readv", raising=False)
    assert found == [([5, 3, 0], b"fghde")] * 2


def test_a_folder_can_be_locked_once_at_a_time(tmp_path: Path) -> None:
    descriptor = lock_folder(str(tmp_path))
    with pytest.raises(BlockingIOError):
        lock_folder(str(tmp_path))
    os.close(descriptor)
    os.close(lock_folder(str(tmp_path)))


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_only_a_disk_that_cannot_sync_folders_is_let_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(os, "fsync", fail)
    if code == errno.EIO:
        with pytest.raises(OSError, match="no"):
            platform.sync_folder(str(tmp_path))
    else:
        platform.sync_folder(str(tmp_path))


def test_a_file_that_another_program_has_open_is_called_that() -> None:
    error = PermissionError(errno.EACCES, "Permission denied")
    assert why(error) == "Permission denied"
    error.winerror = 32  # type: ignore[attr-defined]  # only Windows has it
    assert "another program has it open" in why(error)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a/b.txt", ""),
        ("配方 1.txt", ""),
        ("console", ""),
        ("a:b", "allows none of"),
        ("..\\x", "allows none of"),
        ("a\x1fb", "allows none of"),
        ("a./b", "ends in a dot"),
        ("a ", "ends in a dot or a space"),
        ("NUL.txt", "names a device"),
        ("a/com1", "names a device"),
    ],
)
def test_windows_is_not_given_names_that_it_reads_otherwise(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    assert unfit(name) == ""
    monkeypatch.setattr(platform, "WINDOWS", True)
    assert said in unfit(name)
    assert bool(said) == bool(unfit(name))


def test_long_paths_take_windows_long_form(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "C:/" + "/".join(["folder"] * 40) + "/../f"
    assert platform.reach(long) == long
    monkeypatch.setattr(platform, "WINDOWS", True)
    monkeypatch.setattr(os, "path", ntpath)
    assert platform.reach("C:/f") == "C:/f"
    assert platform.reach(long) == "\\\\?\\C:\\" + "\\".join(["folder"] * 39) + "\\f"
    assert platform.reach("//server/share/" + "f" * 300) == "\\\\?\\UNC\\server\\share\\" + "f" * 300
    assert platform.reach(platform.reach(long)) == platform.reach(long)


def test_a_name_that_the_disk_spells_otherwise_is_found(tmp_path: Path) -> None:
    (tmp_path / "Café.TXT").write_bytes(b"")
    assert shown_as(str(tmp_path / "Café.TXT")) is None
    assert shown_as(str(tmp_path / "cafe\u0301.txt")) == "Café.TXT"
    assert shown_as(str(tmp_path / "other")) is None


def test_names_that_collide_on_this_disk_stop_an_extraction(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = firm.folder / "two"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"1")
    (folder / "A.txt").write_bytes(b"2")
    firm.deposit(folder)
    link = os.link

    def link_ignoring_case(source: str, target: str) -> None:
        if shown_as(target) is not None:
            raise FileExistsError(errno.EEXIST, "File exists", target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_ignoring_case)
    with pytest.raises(ClientError, match=r"cannot tell .*a\.txt\.hefu\.json from A\.txt\.hefu\.json"):
        extract(str(firm.out / "two.hefu.bundle"), str(firm.folder / "single"))


def test_nothing_is_extracted_where_windows_cannot_name_one_document(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = firm.folder / "odd"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    (folder / "b:c").write_bytes(b"2")
    firm.deposit(folder)
    monkeypatch.setattr(platform, "WINDOWS", True)
    with pytest.raises(ClientError, match="b:c: Windows allows none of"):
        extract(str(firm.out / "odd.hefu.bundle"), str(firm.folder / "single"))
    assert not (firm.folder / "single").exists()
    assert len(extract(str(firm.out / "odd.hefu.bundle"), str(firm.folder / "single"), ["a"])) == 1


def test_documents_inside_a_folder_are_told_from_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"")
    plan([str(tmp_path / "a")], str(tmp_path / "ab"), str(tmp_path / "a b"))
    for inside in ("a", "a/b"):
        with pytest.raises(ClientError, match="lies inside"):
            plan([str(tmp_path / "a")], str(tmp_path / inside), str(tmp_path / "home"))


@pytest.mark.parametrize("name", ["vault.store", "folders.copies", "home.index", "recovery.rebuild", "recovery.sync"])
def test_what_may_lie_deep_is_opened_however_long_its_path_is(name: str) -> None:
    """Windows cannot be had here, so the words are looked at: each path that is opened goes through ``reach``."""
    tree = ast.parse(source(f"hefu.{name}").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    opening = [call for call in calls if ast.unparse(call.func) in OPENING]
    assert [ast.unparse(call) for call in opening if not ast.unparse(call.args[0]).startswith(REACHED)] == []
