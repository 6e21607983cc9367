"""A second computer of a firm knows what the first deposited, as soon as it shares the vault."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.clients.command_line import hefu
from tests.clients.double import CODE, DROPPED, Double, running
from tests.sample_ledger import POLICY

from hefu_ledger.policy import format_policy


class Two(NamedTuple):
    """A computer that has deposited, the words of its sheet, and another computer with the same documents."""

    double: Double
    folder: Path
    url: str

    @property
    def first(self) -> Path:
        return self.folder / "first"

    @property
    def second(self) -> Path:
        return self.folder / "second"

    @property
    def copies(self) -> Path:
        return self.folder / "copies"

    def enrol_second(self, expect: int = 0) -> dict[str, Any]:
        self.double.forget_key()
        words = ("--recovery", self.folder / "words", "--json")
        return hefu("init", "--home", self.second, "--server", self.url, "--code", CODE, *words, expect=expect).json

    def sync(self, *flags: object) -> dict[str, Any]:
        return hefu("vault", "sync", "--home", self.second, "--json", *flags).json

    def check(self, expect: int = 0) -> dict[str, Any]:
        return hefu("check", self.copies, "--home", self.second, "--json", expect=expect).json

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = hefu("list", "--home", self.second, "--json").json["deposits"]
        return found


@pytest.fixture
def two(tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    monkeypatch.setenv("HEFU_LANG", "en")
    double = Double()
    with running(double) as url:
        made = Two(double, tmp_path, url)
        done = hefu("init", "--home", made.first, "--server", url, "--code", CODE, "--json").json
        (tmp_path / "words").write_text(done["words"])
        hefu("deposit", documents, "--home", made.first, "--out", tmp_path / "evidence", "--wait")
        shutil.copytree(documents, made.copies)
        yield made


def test_a_computer_that_joins_with_the_words_knows_at_once_what_was_deposited(two: Two) -> None:
    done = two.enrol_second()
    assert (done["synced"]["learned"], done["synced"]["elsewhere"]) == (1, 1)
    assert two.check()["intact"] == 5
    (entry,) = two.listed()
    assert (entry["state"], entry["documents"], entry["evidence"]) == ("anchored", 5, "")
    assert entry["number"]
    assert "hefu vault sync --out" in hefu("list", "--home", two.second).out
    assert len(hefu("search", "large", "--home", two.second, "--json").json["documents"]) == 1


def test_joining_says_what_to_do_where_the_vault_cannot_be_reached(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hefu.http.ATTEMPTS", 1)
    two.double.forget_key()
    two.double.vault.faults = [None, DROPPED]  # the settings arrive
    words = ("--recovery", two.folder / "words")
    told = hefu("init", "--home", two.second, "--server", two.url, "--code", CODE, *words).out
    assert "hefu vault sync before depositing again" in told
    assert two.sync()["learned"] == 1
    assert two.check()["intact"] == 5


def test_what_nobody_deposited_is_said_to_be_so_with_the_advice_to_ask_the_vault_first(two: Two) -> None:
    two.enrol_second()
    (two.copies / "new.txt").write_bytes(b"new")
    assert two.check(expect=1)["not_deposited"] == ["new.txt"]
    assert "hefu vault sync first" in hefu("check", two.copies, "--home", two.second, expect=1).out


def test_evidence_is_written_to_the_last_byte_once(two: Two) -> None:
    two.enrol_second()
    out = two.folder / "out" / "evidence"
    done = two.sync("--out", out)
    assert done["evidence"] == [f"{out}/documents.hefu.bundle"]
    evidence = two.folder / "evidence" / "documents.hefu.bundle"
    assert (out / "documents.hefu.bundle").read_bytes() == evidence.read_bytes()
    assert [path.stat().st_mode & 0o777 for path in (out, out / "documents.hefu.bundle")] == [0o700, 0o600]
    (entry,) = two.listed()
    assert entry["evidence"] == f"{out}/documents.hefu.bundle"
    again = two.sync("--out", out)
    assert (again["evidence"], again["elsewhere"], again["learned"]) == ([], 0, 0)
    policy = two.folder / "policy.txt"
    policy.write_text(format_policy(POLICY))
    hefu("verify", out / "documents.hefu.bundle", two.copies, "--policy", policy)


def test_evidence_never_takes_the_place_of_another(two: Two) -> None:
    two.enrol_second()
    out = two.folder / "out"
    (two.copies / "0.txt").write_bytes(b"another")
    hefu("deposit", two.copies / "0.txt", "--home", two.second, "--out", out, "--wait")
    hefu("deposit", two.folder / "documents" / "0.txt", "--home", two.first, "--out", two.folder / "evidence", "--wait")
    mine = (out / "0.txt.hefu.json").read_bytes()
    done = two.sync("--out", out)
    assert done["evidence"] == [f"{out}/documents.hefu.bundle", f"{out}/2/0.txt.hefu.json"]
    assert (out / "0.txt.hefu.json").read_bytes() == mine
    assert two.sync("--out", out)["evidence"] == []


def test_what_a_colleague_has_on_its_way_is_known_and_followed(two: Two) -> None:
    two.double.sealing = False
    paths = ("--home", two.first, "--out", two.folder / "evidence")
    hefu("deposit", two.folder / "documents" / "1.txt", *paths)
    two.enrol_second()
    assert [entry["state"] for entry in two.listed()] == ["accepted", "anchored"]
    assert two.check()["on_their_way"] == 1
    two.double.sealing = True
    assert (two.sync()["learned"], two.check()["on_their_way"]) == (0, 0)
    assert [entry["state"] for entry in two.listed()] == ["anchored", "anchored"]


def test_what_a_colleague_only_prepared_counts_as_not_deposited(two: Two) -> None:
    (two.folder / "documents" / "later.txt").write_bytes(b"later")
    shutil.copy(two.folder / "documents" / "later.txt", two.copies)
    later = two.folder / "documents" / "later.txt"
    hefu("deposit", later, "--home", two.first, "--out", two.folder / "evidence", "--offline")
    hefu("vault", "sync", "--home", two.first)
    two.enrol_second()
    assert two.check(expect=1)["not_deposited"] == ["later.txt"]


def test_what_the_vault_alone_has_is_no_work_for_refresh(two: Two) -> None:
    two.enrol_second()
    done = hefu("refresh", "--home", two.second, "--json").json
    assert (done["done"], done["stuck"]) == ([], [])
    assert len(two.listed()) == 1


def test_evidence_that_is_found_later_takes_the_place_of_what_the_vault_said(two: Two) -> None:
    two.enrol_second()
    hefu("refresh", "--home", two.second, "--out", two.folder / "evidence")
    (entry,) = two.listed()
    assert entry["evidence"] == f"{two.folder}/evidence/documents.hefu.bundle"


def test_a_restored_home_without_a_key_fetches_what_is_deposited_later(two: Two) -> None:
    place = ("--words", two.folder / "words", "--server", two.url, "--out", two.folder / "restored")
    hefu("vault", "restore", "--home", two.second, *place)
    hefu("deposit", two.folder / "documents" / "1.txt", "--home", two.first, "--out", two.folder / "evidence", "--wait")
    done = two.sync("--out", two.folder / "restored")
    assert done["evidence"] == [f"{two.folder}/restored/1.txt.hefu.json"]


def test_a_colleagues_evidence_leaves_the_name_of_what_is_on_its_way_alone(two: Two) -> None:
    two.enrol_second()
    hefu("deposit", two.folder / "documents" / "0.txt", "--home", two.first, "--out", two.folder / "evidence", "--wait")
    out, evidence = two.folder / "out", (two.folder / "evidence" / "0.txt.hefu.json").read_bytes()
    (two.copies / "0.txt").write_bytes(b"another")
    words = ("deposit", two.copies / "0.txt", "--home", two.second, "--out", out, "--json")
    two.double.sealing = False
    (mine,) = hefu(*words).json["deposits"]
    two.double.sealing = True
    assert f"{out}/1/0.txt.hefu.json" in two.sync("--out", out)["evidence"]
    assert (out / "1" / "0.txt.hefu.json").read_bytes() == evidence
    (done,) = hefu(*words, "--wait").json["deposits"]
    assert (done["state"], done["statement"]) == ("anchored", mine["statement"])
    assert {entry["evidence"] for entry in two.listed()} >= {f"{out}/0.txt.hefu.json", f"{out}/1/0.txt.hefu.json"}
