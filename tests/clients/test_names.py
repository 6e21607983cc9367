"""Files from other systems: long names, two spellings of one, text saved again, disks without locks, links."""

from __future__ import annotations

import errno
import fcntl
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clients.conftest import Firm
from tests.support.command_line import hefu

from hefu.errors import ClientError
from hefu.files.atomic import Batch, replace, write_new
from hefu.files.names import LONGEST, passing, spelt_out, stem
from hefu.files.platform import lock_folder

NFC, NFD = (unicodedata.normalize(form, "Résumé 가.txt") for form in ("NFC", "NFD"))
ODD = "odd\u202egpj.exe\n\x9b31m\u200b"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=300))
def test_names_of_evidence_fit_and_steer_nothing(name: str) -> None:
    for made in (stem(name), spelt_out(name)):
        assert 0 < len(made.encode()) <= LONGEST
        assert not {unicodedata.category(character) for character in made} & {"Cc", "Cf", "Zl", "Zp"}
    assert len(stem(name).encode()) + len(".hefu.bundle.statement.1234567.tmp") <= LONGEST
    assert stem(name + "x" * 300) != stem(name + "y" * 300)
    assert len(Path(passing(f"folder/{name}"[:200], ".tmp")).name.encode()) <= LONGEST


@pytest.mark.parametrize("name", ["甲" * 78 + ".docx", "x" * 255, "é" * 127, "x" * 211])
def test_a_document_of_any_legal_name_is_deposited_extracted_and_kept(firm: Firm, tmp_path: Path, name: str) -> None:
    folder, home = tmp_path / ("f" * 255), ("--home", firm.home.path)
    folder.mkdir()
    (folder / name).write_text("one")
    (folder / "short").write_text("two")
    out, policy = firm.out, f"{firm.home.path}/policy.txt"
    done = hefu("deposit", folder / name, folder, *home, "--out", out, "--wait", "--json").json["deposits"]
    single, bundle = (each["evidence"] for each in done)
    assert hefu("verify", single, folder / name, "--policy", policy).code == 0
    assert hefu("verify", bundle, folder, "--policy", policy).code == 0
    cut = hefu("extract", bundle, "--out", tmp_path / "single", "--json").json["evidence"]
    assert (
        hefu("verify", next(path for path in cut if "short" not in path), folder / name, "--policy", policy).code == 0
    )
    hefu("check", folder, *home, "--keep", tmp_path / "kept")
    assert {path.name for path in (tmp_path / "kept").rglob("*") if path.is_file()} == {name, "short"}
    hefu("watch", folder, *home, "--out", out, "--once", "--wait")
    (folder / "short").write_text("three")
    hefu("watch", folder, *home, "--out", out, "--once", "--wait")
    words = Path(firm.home.path) / "vault.key"
    assert words.exists()
    hefu("vault", "verify", *home)


def test_a_document_of_a_long_name_is_carried_and_resumed(firm: Firm, tmp_path: Path) -> None:
    document, home = tmp_path / ("甲" * 80), ("--home", firm.home.path)
    document.write_text("one")
    hefu("deposit", document, *home, "--out", firm.out, "--offline")
    (statement,) = firm.out.glob("*.statement")
    hefu("submit", statement, "--server", firm.service.url)
    hefu("refresh", *home, "--out", firm.out, "--from", firm.out)
    (evidence,) = firm.out.glob("*.hefu.json")
    assert hefu("verify", evidence, document, "--policy", f"{firm.home.path}/policy.txt").code == 0


@pytest.mark.parametrize(("deposited", "here"), [(NFD, NFC), (NFC, NFD)])
def test_a_folder_whose_names_another_system_spelt_otherwise_verifies(
    firm: Firm, tmp_path: Path, deposited: str, here: str
) -> None:
    for folder, name in (("d", deposited), ("h", here)):
        (tmp_path / folder / name).parent.mkdir(parents=True)
        (tmp_path / folder / name).write_text("x")
        (tmp_path / folder / "a").write_text("a")
    home, policy = ("--home", firm.home.path), f"{firm.home.path}/policy.txt"
    hefu("deposit", tmp_path / "d", *home, "--out", firm.out, "--wait")
    words = ("verify", firm.out / "d.hefu.bundle", tmp_path / "h", "--policy", policy)
    assert hefu(*words).code == 0
    (tmp_path / "h" / here).write_text("y")
    assert hefu(*words, expect=1).out.count("\\u") == 0
    (tmp_path / "h" / here).unlink()
    assert hefu(*words, expect=3)


def test_two_names_that_look_alike_are_two(firm: Firm, tmp_path: Path) -> None:
    for name in (NFC, NFD, "a.txt", "a\u200b.txt", "\ufeffa.txt"):
        (tmp_path / "d" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "d" / name).write_text(repr(name.encode()))
    hefu("deposit", tmp_path / "d", "--home", firm.home.path, "--out", firm.out, "--wait")
    words = ("verify", firm.out / "d.hefu.bundle", tmp_path / "d", "--policy", f"{firm.home.path}/policy.txt")
    assert hefu(*words).code == 0
    (tmp_path / "d" / "a\u200b.txt").unlink()
    assert "a\\u200b.txt" in hefu(*words, expect=3).out
    (tmp_path / "d" / NFD).unlink()
    assert hefu(*words, expect=3)


def test_check_knows_a_document_by_either_spelling(firm: Firm, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / NFC).write_text("x")
    home = ("--home", firm.home.path)
    hefu("deposit", tmp_path / "d", *home, "--out", firm.out, "--wait")
    (tmp_path / "d" / NFC).rename(tmp_path / "d" / NFD)
    found = hefu("check", tmp_path / "d", *home, "--json").json
    assert (found["intact"], found["missing"], found["moved"]) == (1, [], [])
    (tmp_path / "d" / NFD).write_text("y")
    found = hefu("check", tmp_path / "d", *home, "--json", expect=1).json
    assert (found["changed"], found["new" if "new" in found else "not_deposited"], found["missing"]) == ([NFD], [], [])


Save = Callable[[bytes], bytes]


def utf16(data: bytes) -> bytes:
    return b"\xff\xfe" + data.decode().replace("\n", "\r\n").encode("utf-16-le")


def utf16_be(data: bytes) -> bytes:
    return b"\xfe\xff" + data.decode().encode("utf-16-be")


def marked(data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("save", [utf16, utf16_be, marked, crlf])
def test_a_policy_and_evidence_that_another_program_saved_again_are_read(
    firm: Firm, tmp_path: Path, save: Save
) -> None:
    (tmp_path / "a").write_text("one")
    hefu("deposit", tmp_path / "a", "--home", firm.home.path, "--out", firm.out, "--wait")
    policy, evidence = tmp_path / "policy.txt", tmp_path / "e.json"
    policy.write_bytes(save(Path(firm.home.path, "policy.txt").read_bytes()))
    evidence.write_bytes(save((firm.out / "a.hefu.json").read_bytes() + b"\n"))
    assert hefu("verify", evidence, tmp_path / "a", "--policy", policy).code == 0
    assert hefu("inspect", evidence).code == 0
    (tmp_path / "b").write_text("two")
    assert hefu("verify", evidence, tmp_path / "b", "--policy", policy, expect=1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><p>Log in", "web page"),
        (b"\n<html>", "web page"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (utf16(b"not a policy"), "UTF-16"),
        (marked(b"not a policy"), "byte order mark"),
    ],
)
def test_a_file_of_another_kind_is_named(firm: Firm, tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("one")
    hefu("deposit", tmp_path / "d", tmp_path / "d" / "a", "--home", firm.home.path, "--out", firm.out, "--wait")
    (tmp_path / "odd").write_bytes(data)
    words = ("verify", firm.out / "a.hefu.json", tmp_path / "d" / "a", "--policy")
    assert said in hefu(*words, tmp_path / "odd", expect=3).err
    assert said in hefu("verify", tmp_path / "odd", tmp_path / "d" / "a", expect=3).err
    bundle = (firm.out / "d.hefu.bundle").read_bytes()
    (tmp_path / "b").write_bytes(utf16(bundle))
    assert "UTF-16" in hefu("verify", tmp_path / "b", tmp_path / "d", expect=3).err


@pytest.fixture
def lockless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A disk on which nothing can be locked, and a temporary folder of this computer."""

    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.usefixtures("lockless")
def test_a_disk_without_locks_is_deposited_to(firm: Firm, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    hefu("deposit", tmp_path / "a", "--home", firm.home.path, "--out", firm.out, "--wait")
    assert [path.name for path in firm.out.iterdir()] == ["a.hefu.json"]
    for each in (replace, write_new):
        each(str(tmp_path / each.__name__), b"x")
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.usefixtures("lockless")
def test_a_folder_on_a_disk_without_locks_is_locked_on_this_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = lock_folder(str(tmp_path))
    pid = os.fork()
    if pid == 0:  # POSIX locks are of a process
        try:
            lock_folder(str(tmp_path))
        except BlockingIOError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(descriptor)
    monkeypatch.setattr(fcntl, "lockf", fcntl.flock)
    with pytest.raises(ClientError, match=f"{tmp_path} lies on a disk that cannot lock"):
        lock_folder(str(tmp_path))


def test_extract_follows_no_link_and_goes_on_past_a_file_that_cannot_be_written(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sub/deep/a", "b", ODD):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_text(repr(name))
    hefu("deposit", tmp_path / "d", "--home", firm.home.path, "--out", firm.out, "--wait")
    bundle, out = firm.out / "d.hefu.bundle", tmp_path / "single"
    (tmp_path / "victim").mkdir()
    out.mkdir()
    (out / "sub").symlink_to(tmp_path / "victim")
    assert "sub is a link" in hefu("extract", bundle, "--out", out, expect=2).err
    assert list((tmp_path / "victim").iterdir()) == []
    (out / "sub").unlink()
    written = hefu("extract", bundle, "--out", out, "--json").json["evidence"]
    assert sorted(os.path.relpath(path, out) for path in written) == [
        "b.hefu.json",
        "odd[U+202E]gpj.exe[U+000A][U+009B]31m[U+200B].hefu.json",
        "sub/deep/a.hefu.json",
    ]

    written_together = Batch.add

    def full(batch: Batch, path: str, data: bytes, **mode: int) -> None:
        if path.endswith("b.hefu.json"):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        written_together(batch, path, data, **mode)

    monkeypatch.setattr(Batch, "add", full)
    ran = hefu("extract", bundle, "--out", tmp_path / "other", expect=3)
    assert "b.hefu.json" in ran.err
    assert len(list((tmp_path / "other").rglob("*.hefu.json"))) == 2


def test_names_that_may_be_taken_for_others_are_warned_of(firm: Firm, tmp_path: Path) -> None:
    for name in (ODD, "a\u200b.txt", "plain 配方.txt"):
        (tmp_path / "d" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "d" / name).write_text(repr(name))
    words = ("deposit", tmp_path / "d", "--home", firm.home.path, "--out", firm.out, "--wait")
    ran = hefu(*words)
    assert "warning: 2 names" in ran.out
    assert "odd\\u202egpj.exe\\n\\x9b31m\\u200b" in ran.out
    assert hefu(*words, "--json").json["odd_names"] == ["a\u200b.txt", ODD]
    (tmp_path / "good").write_text("x")
    assert "warning" not in hefu("deposit", tmp_path / "good", *words[2:]).out
