"""The earliest date counts: deposited again, documents keep their early evidence, which is brought back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu

from hefu.home.index_file import FILE
from hefu.vault.blobs import RECEIPT_SUFFIX
from hefu_ledger.deposit.state import ANCHORED, KNOWN


def deposit(firm: Firm, path: Path, *more: object, out: Path | None = None, expect: int = 0) -> dict[str, Any]:
    words = ("--home", firm.home.path, "--out", out or firm.out, "--wait", "--json")
    done = hefu("deposit", path, *words, *more, expect=expect).json
    return dict(done["deposits"][0]) if expect == 0 else done


def count(firm: Firm) -> int:
    return len(firm.double.ledger.deposits)


@pytest.mark.parametrize("what", ["folder", "file"])
@pytest.mark.parametrize("lost_index", [False, True])
def test_evidence_that_was_deleted_comes_back_with_its_date(
    firm: Firm, documents: Path, what: str, lost_index: bool
) -> None:
    path = documents if what == "folder" else documents / "0.txt"
    first = deposit(firm, path)
    whole = Path(first["evidence"]).read_bytes()
    Path(first["evidence"]).unlink()
    if lost_index:
        (Path(firm.home.path) / FILE).unlink()
    again = deposit(firm, path)
    assert (again["state"], again["received_at"], again["number"]) == (KNOWN, first["received_at"], first["number"])
    assert Path(again["evidence"]).read_bytes() == whole
    assert count(firm) == 1


def test_a_single_document_of_a_folder_gets_evidence_with_the_date_of_the_folder(firm: Firm, documents: Path) -> None:
    first = deposit(firm, documents)
    copy = firm.folder / "copy of it.txt"
    shutil.copy(documents / "0.txt", copy)
    single = deposit(firm, copy)
    assert (single["received_at"], single["statement"]) == (first["received_at"], first["statement"])
    assert single["evidence"] == str(firm.out / "copy of it.txt.hefu.json")
    (firm.folder / "policy").write_bytes(firm.double.answer("GET", "/v1/trust", b"")[1])
    assert (
        hefu("verify", single["evidence"], copy, "--policy", firm.folder / "policy", "--json").json["verdict"]
        == "proven"
    )


def test_evidence_that_lies_elsewhere_is_pointed_to(firm: Firm, documents: Path) -> None:
    first = deposit(firm, documents)
    again = deposit(firm, documents, out=firm.folder / "another")
    assert (again["evidence"], again["state"], count(firm)) == (first["evidence"], KNOWN, 1)
    said = hefu("deposit", documents, "--home", firm.home.path, "--out", firm.folder / "another").out
    assert "--again" in said


def test_the_user_may_deposit_again(firm: Firm, documents: Path) -> None:
    deposit(firm, documents)
    again = deposit(firm, documents, "--again", out=firm.folder / "another")
    assert (again["state"], count(firm)) == (ANCHORED, 2)


def test_changed_documents_are_no_earlier_ones(firm: Firm, documents: Path) -> None:
    deposit(firm, documents)
    (documents / "0.txt").write_bytes(b"another content")
    assert deposit(firm, documents, out=firm.folder / "another")["state"] == ANCHORED
    told = deposit(firm, documents, out=firm.out, expect=2)["error"]
    assert "hefu watch" in told
    assert "--once" in told


def test_where_evidence_and_vault_are_gone_nothing_is_deposited_in_silence(firm: Firm, documents: Path) -> None:
    first = deposit(firm, documents)
    Path(first["evidence"]).unlink()
    for path in Path(firm.home.vault.folder).iterdir():
        if path.name.startswith(first["statement"]):
            path.unlink()
    told = deposit(firm, documents, expect=2)["error"]
    assert first["number"] in told
    assert "--again" in told
    assert count(firm) == 1


def test_evidence_that_is_gone_is_listed_as_gone_and_a_check_fails(firm: Firm, documents: Path) -> None:
    first = deposit(firm, documents)
    assert hefu("check", documents, "--home", firm.home.path, "--json").json["evidence_gone"] == []
    Path(first["evidence"]).unlink()
    (entry,) = hefu("list", "--home", firm.home.path, "--json").json["deposits"]
    assert entry["gone"] is True
    assert "not there" in hefu("list", "--home", firm.home.path).out
    checked = json.loads(hefu("check", documents, "--home", firm.home.path, "--json", expect=1).out)
    assert checked["evidence_gone"] == [first["evidence"]]


@pytest.mark.parametrize("how", ["link", "renamed", "lost index"])
def test_a_deposited_document_that_is_gone_is_missed_by_any_path(firm: Firm, documents: Path, how: str) -> None:
    deposit(firm, documents)
    (documents / "0.txt").unlink()
    folder = firm.folder / "by another path"
    if how == "link":
        folder.symlink_to(documents)
    elif how == "renamed":
        documents.rename(folder)
    else:
        folder = documents
        (Path(firm.home.path) / FILE).unlink()
    checked = hefu("check", folder, "--home", firm.home.path, "--json", expect=1).json
    assert (checked["missing"], checked["intact"]) == (["0.txt"], 4)


def test_where_no_vault_tells_of_lost_paths_a_check_cannot_tell(firm: Firm, documents: Path) -> None:
    deposit(firm, documents)
    (Path(firm.home.path) / FILE).unlink()
    shutil.rmtree(firm.home.vault.folder)
    hefu("refresh", "--home", firm.home.path, "--out", firm.out)
    checked = hefu("check", documents, "--home", firm.home.path, "--json", expect=3).json
    assert (checked["unplaced"], checked["intact"]) == (1, 5)


def test_a_number_is_found_in_any_case_and_width_and_without_its_check_character(firm: Firm, documents: Path) -> None:
    number = deposit(firm, documents)["number"]
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    for written in (number, number.lower(), wide, number[:-1], f" {number.lower()[:-1]} "):
        found = hefu("search", written, "--home", firm.home.path, "--json").json["documents"]
        assert len(found) == 5, written
        assert len(hefu("list", written, "--home", firm.home.path, "--json").json["documents"]) == 5


def several(firm: Firm, *paths: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Deposit paths of which some cannot be: names and states of the others, and names of those that failed."""
    words = ("--home", firm.home.path, "--out", firm.out, "--wait", "--json")
    told = hefu("deposit", *paths, *words, expect=2).json
    done = [(Path(each["path"]).name, each["state"]) for each in told["deposits"]]
    return done, [Path(each["path"]).name for each in told["failed"]]


def test_a_path_that_cannot_be_deposited_holds_up_no_other(firm: Firm, documents: Path) -> None:
    """Early evidence is shown along with what is new, in the order given, and with each failure its way out."""
    deposit(firm, documents / "0.txt")
    link = firm.folder / "link"
    link.symlink_to(documents / "2.txt")
    paths = [documents / "1.txt", link, documents / "0.txt", firm.folder / "nothing"]
    assert several(firm, *paths) == ([("1.txt", ANCHORED), ("0.txt", KNOWN)], ["link", "nothing"])
    assert count(firm) == 2
    said = hefu("deposit", *paths, "--home", firm.home.path, "--out", firm.out, "--wait", expect=2).out
    assert "name the file that it leads to" in said


def test_early_evidence_that_is_lost_holds_up_no_other(firm: Firm, documents: Path) -> None:
    first = deposit(firm, documents / "0.txt")
    Path(first["evidence"]).unlink()
    for path in Path(firm.home.vault.folder).glob(f"{first['statement']}*"):
        path.unlink()
    assert several(firm, documents / "0.txt", documents / "1.txt") == ([("1.txt", ANCHORED)], ["0.txt"])


def test_early_evidence_without_its_receipt_is_fetched_and_without_a_network_explained(
    firm: Firm, documents: Path
) -> None:
    first = deposit(firm, documents / "0.txt")
    whole = Path(first["evidence"]).read_bytes()
    Path(first["evidence"]).unlink()
    (Path(firm.home.vault.folder) / f"{first['statement']}{RECEIPT_SUFFIX}").unlink()
    told = hefu("deposit", documents / "0.txt", "--home", firm.home.path, "--out", firm.out, "--offline", expect=2)
    assert first["number"] in told.err
    assert "hefu vault sync" in told.err
    assert deposit(firm, documents / "0.txt")["state"] == KNOWN
    assert Path(first["evidence"]).read_bytes() == whole
