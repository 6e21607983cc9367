"""The index finds what was deposited by name, label, number and path, offline, and can be made again from evidence."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clients.conftest import Firm
from tests.support.command_line import hefu

from hefu.client import Client
from hefu.errors import ClientError
from hefu.home.entries import folded
from hefu.home.index import Index
from hefu.home.index_file import FILE
from hefu.home.labels import FILE as LABELS
from hefu.home.labels import MAX_TEXT, Label, format_label, parse_label


@pytest.fixture
def index(firm: Firm) -> Iterator[Index]:
    with Index(firm.home.path) as opened:
        yield opened


def deposit(firm: Firm, *paths: Path, wait: bool = True) -> None:
    with Client(firm.home.path) as client:
        client.deposit([os.fspath(path) for path in paths], out=str(firm.out), wait=wait, again=True)


def test_what_was_deposited_is_listed_with_its_evidence_and_original(firm: Firm, index: Index, documents: Path) -> None:
    deposit(firm, documents)
    deposit(firm, documents / "0.txt")
    single, bundle = index.deposits()
    assert (bundle.state, bundle.documents, bundle.folder) == ("anchored", 5, str(documents))
    assert (single.documents, single.evidence) == (1, str(firm.out / "0.txt.hefu.json"))
    names = [item.name for item in index.documents(bundle.id)]
    assert names == ["0.txt", "1.txt", "2.txt", "配方/empty", "配方/large"]
    assert {item.path for item in index.documents(bundle.id)} == {str(documents / name) for name in names}


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("配方", ["配方/empty", "配方/large"]),
        ("LARGE", ["配方/large"]),
        ("１.ＴＸＴ", ["1.txt"]),  # typed in full width
        ("%", []),
        ("_.txt", []),
        ("", ["0.txt", "1.txt", "2.txt", "配方/empty", "配方/large"]),
    ],
)
def test_search_takes_the_text_as_it_is_whatever_its_case_and_width(
    firm: Firm, index: Index, documents: Path, asked: str, names: list[str]
) -> None:
    deposit(firm, documents)
    assert [item.name for item in index.search(asked)] == names


def test_two_characters_of_chinese_are_found_which_a_trigram_index_would_miss(
    firm: Firm, index: Index, documents: Path
) -> None:
    (documents / "客户名单.xlsx").write_bytes(b"x")
    deposit(firm, documents)
    assert [item.name for item in index.search("名单")] == ["客户名单.xlsx"]


def test_labels_are_found_and_the_last_one_counts(firm: Firm, index: Index, documents: Path) -> None:
    deposit(firm, documents)
    deposit(firm, documents / "0.txt")
    number = index.deposits()[1].number
    hefu("label", "--home", firm.home.path, number, "2026 年投标")
    hefu("label", "--home", firm.home.path, documents / "1.txt", "旧")
    hefu("label", "--home", firm.home.path, documents / "1.txt", "样品 A")
    assert [item.label for item in index.search("样品")] == ["样品 A"]
    assert index.search("旧") == []
    assert len(index.search("投标")) == 5
    assert [entry.label for entry in index.deposits()] == ["", "2026 年投标"]
    hefu("label", "--home", firm.home.path, documents / "1.txt", "")
    assert index.search("样品") == []


def test_labels_are_never_sent_and_stay_when_the_index_is_lost(firm: Firm, documents: Path) -> None:
    deposit(firm, documents)
    firm.double.requests.clear()
    hefu("label", "--home", firm.home.path, documents / "0.txt", "机密")
    assert firm.double.requests == []
    (Path(firm.home.path) / FILE).unlink()
    hefu("refresh", "--home", firm.home.path, "--out", firm.out)
    assert [item["name"] for item in hefu("search", "--home", firm.home.path, "机密", "--json").json["documents"]] == [
        "0.txt"
    ]


@pytest.mark.parametrize("word", ["nothing", "0123456", "../x", "*", "????????"])
def test_what_is_no_deposit_and_no_document_is_refused_a_label(firm: Firm, documents: Path, word: str) -> None:
    deposit(firm, documents)
    assert "is not one deposit or document" in hefu("label", "--home", firm.home.path, word, "x", expect=2).err
    assert not (Path(firm.home.path) / LABELS).exists()


def test_a_digit_string_that_begins_two_statements_is_refused(firm: Firm, index: Index, documents: Path) -> None:
    deposit(firm, documents / "0.txt")
    deposit(firm, documents / "1.txt")
    first = index.deposits()[0].statement
    with closing(sqlite3.connect(Path(firm.home.path) / FILE)) as db, db:
        like = bytes.fromhex(first[:-2] + ("00" if first[-2:] != "00" else "01"))
        db.execute("UPDATE deposits SET statement = ? WHERE id <> ?", (like, index.deposits()[0].id))
    db.close()
    with pytest.raises(ClientError, match="more than one"):
        index.find(first[:12])
    assert index.find(first) == first


LABELS_OF_ALL_KINDS = st.builds(
    Label,
    st.integers(0, 10**14),
    st.text("0123456789abcdef/", min_size=1, max_size=100),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_TEXT),
)


@given(LABELS_OF_ALL_KINDS)
def test_a_label_reads_back_as_it_was_written_and_is_one_line(label: Label) -> None:
    data = format_label(label)
    assert b"\n" not in data
    assert parse_label(data) == label


def test_the_index_is_made_again_from_the_evidence_alone(firm: Firm, documents: Path) -> None:
    deposit(firm, documents, documents / "0.txt")
    firm.double.sealing = False
    deposit(firm, documents / "1.txt", wait=False)
    with Index(firm.home.path) as index:
        before = [entry._replace(id=0, folder="") for entry in index.deposits()]
        documents_before = index.search("")
    (Path(firm.home.path) / FILE).unlink()
    hefu("refresh", "--home", firm.home.path, "--out", firm.out)
    with Index(firm.home.path) as index:
        assert [entry._replace(id=0, folder="") for entry in index.deposits()] == before
        on_its_way, *settled = index.search("")
        assert settled == documents_before[1:], "the vault knows where the documents were"
        assert on_its_way == documents_before[0]._replace(path="")


def test_a_deposit_that_died_is_in_the_index_as_far_as_it_came(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    deposit(firm, documents, wait=False)
    assert [row["state"] for row in hefu("list", "--home", firm.home.path, "--json").json["deposits"]] == ["accepted"]
    part = firm.out / "documents.hefu.bundle.part"
    whole = part.read_bytes()
    with Index(firm.home.path) as index:
        index.expect(str(firm.out / "documents.hefu.bundle"), base=str(documents))
    part.write_bytes(whole[:1000])
    (entry,) = hefu("list", "--home", firm.home.path, "--json").json["deposits"]
    assert (entry["state"], entry["documents"]) == ("unfinished", 0)
    part.write_bytes(whole)
    (entry,) = hefu("list", "--home", firm.home.path, "--json").json["deposits"]
    assert (entry["state"], entry["documents"]) == ("accepted", 5)


def test_a_refused_deposit_is_listed_as_refused(firm: Firm, index: Index, documents: Path) -> None:
    firm.double.faults += [None, (403, b"{}", {})]
    with pytest.raises(ClientError, match="403"):
        deposit(firm, documents)
    assert [entry.state for entry in index.deposits()] == ["refused"]


def test_evidence_on_a_disk_that_is_away_stays_in_the_index(firm: Firm, index: Index, documents: Path) -> None:
    firm.double.sealing = False
    deposit(firm, documents, wait=False)
    firm.out.rename(firm.folder / "away")
    index.catch_up()
    assert [entry.state for entry in index.deposits()] == ["accepted"]


def test_list_of_a_deposit_shows_its_documents(firm: Firm, index: Index, documents: Path) -> None:
    deposit(firm, documents)
    number = index.deposits()[0].number
    shown = hefu("list", "--home", firm.home.path, number).out
    assert shown.count("\n") == 5
    assert "配方/large" in shown
    assert number in hefu("list", "--home", firm.home.path).out


def test_listing_searching_and_labelling_need_no_network_and_no_key(firm: Firm, documents: Path) -> None:
    deposit(firm, documents)
    (Path(firm.home.path) / "key").unlink()
    firm.double.requests.clear()
    hefu("list", "--home", firm.home.path)
    hefu("search", "--home", firm.home.path, "0")
    hefu("label", "--home", firm.home.path, documents / "0.txt", "x")
    assert firm.double.requests == []


def test_the_index_is_private(firm: Firm, index: Index) -> None:
    del index
    assert stat.S_IMODE((Path(firm.home.path) / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"not a database, and long enough to look at" * 10, None])
def test_a_damaged_or_newer_index_is_refused_with_what_to_do(firm: Firm, damage: bytes | None) -> None:
    path = Path(firm.home.path) / FILE
    if damage is None:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("PRAGMA user_version = 2")
        db.close()
    else:
        path.write_bytes(damage)
    assert "delete it; hefu refresh --out" in hefu("list", "--home", firm.home.path, expect=2).err


def test_a_folder_that_is_no_home_is_refused_and_left_alone(tmp_path: Path) -> None:
    assert "no home folder yet" in hefu("list", "--home", tmp_path, expect=2).err
    assert list(tmp_path.iterdir()) == []


def test_folding_is_stable() -> None:
    assert folded("ＡＢ©ß") == folded(folded("ＡＢ©ß"))


def test_an_index_that_another_process_keeps_busy_is_said_to_be(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hefu.home.index_file._PATIENCE_S", 0)
    with Index(firm.home.path):
        pass
    db = sqlite3.connect(Path(firm.home.path) / FILE, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    assert "close other hefu commands" in hefu("list", "--home", firm.home.path, expect=3).err
    db.execute("ROLLBACK")
    db.close()
    hefu("list", "--home", firm.home.path)
