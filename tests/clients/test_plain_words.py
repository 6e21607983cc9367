"""Mistakes that people make are answered in plain words that say what is wrong and what would be right."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu, words_of
from tests.support.double import CODE, Double, running
from tests.support.sample_ledger import POLICY

from hefu.files.platform import why
from hefu.home.home import load
from hefu_ledger.tlog.policy import format_policy

RAW = ("JSON", "header", "Errno", "Traceback", "NoneType")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are looked for in English."""
    monkeypatch.setenv("HEFU_LANG", "en")


@pytest.fixture
def url(double: Double) -> Iterator[str]:
    with running(double) as address:
        yield address


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify", "{d}/0.txt", "{d}/1.txt"), "is no evidence: that is NAME.hefu.json"),
        (("verify", "{d}", "{d}/1.txt"), "Is a directory"),
        (("verify", "{d}/none", "{d}/1.txt"), "No such file"),
        (("verify", "{d}/0.txt", "{d}/1.txt", "--policy", "{d}/0.txt"), "is no evidence"),
        (("inspect", "{d}/0.txt"), "is no evidence"),
        (("extract", "{d}/0.txt", "--out", "{d}/out"), "is no NAME.hefu.bundle"),
        (("audit", "{d}/none", "--policy", "{d}/policy"), "is not a folder"),
        (("audit", "{d}", "--policy", "{d}/0.txt"), "is no trust policy"),
        (("check", "{d}/none", "--home", "{h}"), "is not a folder"),
        (("watch", "{d}/none", "--home", "{h}", "--out", "{o}"), "No such file"),
        (("list", "ab" * 32, "--home", "{h}"), "is not one deposit or document"),
        (("label", "ab" * 32, "x", "--home", "{h}"), "is not one deposit or document"),
        (("refresh", "--from", "{d}/none", "--home", "{h}"), "No such file"),
        (("vault", "restore", "--home", "{o}", "--words", "{d}/0.txt", "--from", "{d}", "--out", "{o}"), "24 words"),
        (("vault", "restore", "--home", "{o}", "--words", "{d}/w", "--from", "{d}", "--out", "{o}"), "no vault files"),
    ],
)
def test_a_wrong_file_or_folder_is_said_in_plain_words(
    firm: Firm, documents: Path, words: tuple[str, ...], said: str
) -> None:
    (documents / "policy").write_text(format_policy(POLICY))
    (documents / "w").write_text(" ".join(["abandon"] * 23 + ["art"]))
    places = {"d": documents, "h": firm.home.path, "o": firm.folder / "elsewhere"}
    ran = hefu(*(word.format_map(places) for word in words), expect=None)
    assert ran.code in (2, 3)
    assert said in ran.out + ran.err
    assert not any(raw in ran.err for raw in RAW)


def test_a_missing_file_is_said_in_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_LANG", "zh")
    assert why(FileNotFoundError(2, "No such file or directory")) == "没有这个文件或文件夹"
    assert why(PermissionError(13, "Permission denied")) == "当前用户没有权限"


def test_copies_are_not_kept_in_the_folder_that_is_checked(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    for inside in (documents, documents / "kept"):
        ran = hefu("check", documents, "--keep", inside, "--home", firm.home.path, expect=2)
        assert "choose a folder outside it" in ran.err
    assert not (documents / "kept").exists()


def test_evidence_folders_that_are_made_are_private_and_others_stay_as_they_are(firm: Firm, documents: Path) -> None:
    words = ("--home", firm.home.path, "--out")
    hefu("deposit", documents / "0.txt", *words, firm.folder / "a" / "evidence")
    hefu("deposit", documents / "0.txt", "--again", "--offline", *words, firm.folder / "b" / "evidence")
    hefu("watch", documents, *words, firm.folder / "c" / "evidence", "--once", "--wait")
    (bundle,) = (firm.folder / "c" / "evidence").iterdir()
    hefu("extract", bundle, "--out", firm.folder / "d" / "single")
    for made in ("a", "a/evidence", "b/evidence", "c/evidence", "d", "d/single", "d/single/配方"):
        assert (firm.folder / made).stat().st_mode & 0o777 == 0o700, made
    (firm.folder / "shared").mkdir(mode=0o755)
    hefu("deposit", documents / "1.txt", *words, firm.folder / "shared")
    assert (firm.folder / "shared").stat().st_mode & 0o777 == 0o755


def test_the_code_is_read_from_standard_input(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(f"{CODE}\n"))
    words = ("init", "--home", tmp_path / "home", "--server", url, "--code", "-")
    assert "enrolled" in hefu(*words).out
    assert "cannot both" in hefu(*words, "--recovery", "-", expect=2).err


def test_enrolling_says_once_whether_anybody_approves(url: str, tmp_path: Path) -> None:
    words = ("--server", url, "--code", CODE)
    assert "any key in force may add and end the others" in hefu("init", "--home", tmp_path / "one", *words).out


def test_enrolling_an_approver_says_nothing_of_it(double: Double, url: str, tmp_path: Path) -> None:
    double.role = "approve"
    words = ("--server", url, "--code", CODE)
    assert "any key in force" not in hefu("init", "--home", tmp_path / "one", *words).out


@pytest.mark.parametrize(("how", "said"), [("retire", "is retired"), ("lost", "was reported as lost")])
@pytest.mark.parametrize("required", [1, 2])
def test_a_key_of_ones_own_that_has_ended_is_said_to_be_so(
    double: Double, url: str, documents: Path, tmp_path: Path, how: str, said: str, required: int
) -> None:
    double.required, double.role = required, "approve"
    home, out = tmp_path / "home", tmp_path / "evidence"
    chief, words = tmp_path / "chief", tmp_path / "words"
    done = hefu("init", "--home", chief, "--server", url, "--code", CODE, "--json").json
    words.write_text(words_of(done))
    asked = hefu("key", "request", "--home", home, "--server", url, "--words", words, "--json").json
    hefu("key", "add", asked["file"], "--home", chief, "--yes")
    hefu("key", "request", "--home", home)
    before = load(str(home)).vault.names()
    since = ("--since", "2026-01-31T08:00:00.000Z") if how == "lost" else ()
    ended = hefu("key", how, asked["key"], "--home", chief, *since)
    assert "until hefu vault rotate" in ended.out
    refused = hefu("deposit", documents / "0.txt", "--home", home, "--out", out, expect=2).err
    assert said in refused
    assert "hefu key request" in refused
    sent = required == 1  # where more must sign, the roster is asked before anything is written
    assert {path.suffix for path in out.iterdir()} == ({".part", ".refused"} if sent else set())
    assert len(load(str(home)).vault.names()) == len(before) + sent
