"""A text that two approvers signed a copy each of is one deposit, and whoever has the documents its evidence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.conftest import NAME, Firm, Office
from tests.support.command_line import hefu
from tests.support.double import Double, Reply, problem
from tests.support.sample_ledger import POLICY

from hefu.evidence.bundle import read_part
from hefu.home.home import load_reader
from hefu.vault.blobs import About
from hefu.vault.secret import format_words
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.tlog.policy import format_policy


def deputies(office: Office) -> tuple[Path, Path]:
    """Two copies of one statement, each approved by another of two approvers."""
    deputy = office.folder / "deputy"
    office.add(office.ask(deputy, "--role", "approve"))
    office.request(deputy)
    copies = []
    for approver in (deputy, office.chief):
        desk = office.folder / f"desk of {approver.name}"
        desk.mkdir()
        copies.append(Path(shutil.copy(office.beside("statement"), desk)))
        office.approve(copies[-1], by=approver)
    return copies[0], copies[1]


def assert_settled(office: Office) -> None:
    """One deposit, whose evidence verifies; and the vault has its private half under the id that the ledger has."""
    assert sum(deposit.acceptance.depositor == "acme" for deposit in office.double.ledger.deposits) == 1
    policy = office.folder / "policy.txt"
    policy.write_text(format_policy(POLICY))
    evidence = office.folder / "evidence" / f"{NAME}.hefu.json"
    hefu("verify", evidence, office.folder / NAME, "--policy", policy)
    assert [path.name for path in evidence.parent.iterdir()] == [evidence.name]
    hefu("vault", "sync", "--home", office.clerk)
    checked = hefu("vault", "verify", "--home", office.clerk, "--json").json
    assert (checked["findings"], checked["pending"], checked["never"], checked["deposits"]) == ([], [], [], 1)


def test_a_deposit_goes_on_with_what_a_colleague_deposited_of_the_same_text(office: Office) -> None:
    office.state()
    first, other = deputies(office)
    hefu("submit", first, "--server", office.url)
    shutil.copy(other, office.beside("statement"))
    (done,) = office.deposit("--wait").json["deposits"]
    assert done["state"] == "anchored"
    assert done["statement"] == office.double.ledger.deposits[0].acceptance.statement.hex()
    assert_settled(office)


def test_before_it_is_on_the_ledger_a_colleagues_deposit_is_waited_for(office: Office) -> None:
    office.state()
    office.double.sealing = False
    first, other = deputies(office)
    hefu("submit", first, "--server", office.url)
    shutil.copy(other, office.beside("statement"))
    assert [office.state(), office.state()] == ["accepted", "accepted"]
    office.double.sealing = True
    done = hefu("refresh", "--home", office.clerk, "--json").json
    assert [item["state"] for item in done["done"]] == ["anchored"]
    assert_settled(office)


def test_submitting_the_second_copy_brings_back_the_answers_to_the_first(office: Office) -> None:
    office.state()
    first, other = deputies(office)
    hefu("submit", first, "--server", office.url)
    (done,) = hefu("submit", other, "--server", office.url, "--json").json["submitted"]
    assert done["statement"] == office.double.ledger.deposits[0].acceptance.statement.hex()
    assert done["state"] == "anchored"
    refreshed = hefu("refresh", "--from", other.parent, "--home", office.clerk, "--json").json
    assert [item["state"] for item in refreshed["done"]] == ["anchored"]
    assert_settled(office)


def test_a_receipt_of_another_text_never_takes_the_place_of_ones_own(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.state()
    _, other = deputies(office)
    shutil.copy(other, office.beside("statement"))
    (office.folder / "another").write_bytes(b"another")
    words = ("deposit", office.folder / "another", "--home", office.clerk, "--out", office.folder / "else")
    hefu(*words)
    office.approve(office.folder / "else" / "another.hefu.json.part")
    (done,) = hefu(*words, "--wait", "--json").json["deposits"]
    refused = problem(409, "conflict", f"deposited already: statement {done['statement']}, deposit 1")
    with monkeypatch.context() as patch:
        patch.setattr(office.double, "answer", _refusing(office.double, refused))
        assert "of another statement" in office.deposit("--wait", expect=1).err
    assert office.beside("part").exists()
    assert not (office.folder / "evidence" / f"{NAME}.hefu.json").exists()
    assert office.state("--wait") == "anchored"


def test_a_service_that_calls_ones_own_statement_an_earlier_one_costs_no_private_half(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.state()
    office.approve(office.beside("part"))
    office.double.sealing = False
    (done,) = office.deposit().json["deposits"]
    office.double.sealing = True
    refused = problem(409, "conflict", f"deposited already: statement {done['statement']}, deposit 1")
    with monkeypatch.context() as patch:
        patch.setattr(office.double, "answer", _refusing(office.double, refused))
        assert office.state("--wait") == "anchored"
    assert load_reader(str(office.clerk)).vault.has(done["statement"])
    assert_settled(office)


def test_a_receipt_under_another_id_than_was_asked_for_costs_no_private_half(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (done,) = firm.deposit(documents / "0.txt")
    unheard, answer, listing = "ab" * 32, firm.double.answer, firm.double.vault.answer
    monkeypatch.setattr(
        firm.double,
        "answer",
        lambda method, path, body: answer(method, path.replace(unheard, done.statement), body),
    )
    monkeypatch.setattr(
        firm.double.vault,
        "answer",
        lambda method, path, body, headers, _: listing(method, path, body, headers, [unheard]),
    )
    assert "of another statement" in hefu("vault", "sync", "--home", firm.home.path, expect=1).out
    assert firm.home.vault.has(done.statement)
    (firm.folder / "words").write_text(format_words(firm.home.recovery))
    place = ("--home", firm.folder / "new", "--server", firm.service.url, "--out", firm.folder / "back")
    back = hefu("vault", "restore", "--words", firm.folder / "words", *place, "--json", expect=1).json
    assert [Path(path).name for path in back["evidence"]] == ["0.txt.hefu.json"]


def _refusing(double: Double, refused: Reply) -> Callable[[str, str, bytes], Reply]:
    answer = double.answer
    return lambda method, path, body: (
        refused if (method, path) == ("POST", "/v1/deposits") else answer(method, path, body)
    )


def test_the_vault_files_a_deposit_under_what_a_colleague_deposited(office: Office) -> None:
    """The part was sent to nobody from here: another's statement with the same text was."""
    office.state("--offline")
    first, other = deputies(office)
    shutil.copy(other, office.beside("statement"))
    assert office.state("--offline") == "prepared"
    reader = load_reader(str(office.clerk))
    with office.beside("part").open("rb") as file:
        read = read_part(file)
        file.seek(0)
        mine = statement_id(read.statement).hex()
        reader.vault.keep_deposit(mine, About(f"{NAME}.hefu.json", str(office.folder / NAME)), file, read.end)
    hefu("submit", first, "--server", office.url)
    deposited = office.double.ledger.deposits[0].acceptance.statement.hex()
    checked = hefu("vault", "verify", "--home", office.clerk, "--json").json
    assert (checked["findings"], {each["name"] for each in checked["pending"]}) == ([], {deposited})
    assert checked["never"] == []
    hefu("vault", "sync", "--home", office.clerk)
    checked = hefu("vault", "verify", "--home", office.clerk, "--json").json
    assert (checked["findings"], checked["pending"], checked["deposits"]) == ([], [], 1)
    place = ("--server", office.url, "--words", office.words, "--out", office.folder / "back")
    done = hefu("vault", "restore", "--home", office.folder / "new", *place, "--json").json
    assert [Path(path).name for path in done["evidence"]] == [f"{NAME}.hefu.json"]


def test_without_answers_an_unapproved_statement_stays_unapproved(office: Office) -> None:
    assert office.state("--offline") == "unapproved"
    (office.folder / "stick").mkdir()
    done = hefu("refresh", "--from", office.folder / "stick", "--home", office.clerk, "--json").json["done"]
    assert [item["state"] for item in done] == ["unapproved"]
