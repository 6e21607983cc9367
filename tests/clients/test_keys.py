"""Keys and approvals at the depositor's: what is carried is checked, and nothing is sent that lacks a signature."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.clients.conftest import NAME, Office
from tests.support.command_line import hefu
from tests.support.double import LOST
from tests.support.sample_ledger import POLICY

from hefu.home.home import load, load_reader
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.records.possession import format_possession, parse_signed_possession
from hefu_ledger.tlog.keyfile import parse_key
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import format_policy


def test_a_new_computer_has_the_firms_settings_and_a_key_of_its_own(office: Office) -> None:
    chief, clerk = load(str(office.chief)), load(str(office.clerk))
    assert clerk.config == chief.config._replace(event=1)
    assert (clerk.recovery, clerk.policy, clerk.genesis) == (chief.recovery, chief.policy, chief.genesis)
    assert clerk.signer.key != chief.signer.key
    assert [(key["role"], key["label"], key["this"]) for key in office.listed()] == [
        ("approve", "", True),
        ("prepare", "王会计", False),
    ]


def test_a_request_counts_for_nothing_until_a_colleague_has_added_it(office: Office) -> None:
    third = office.folder / "third"
    first = office.ask(third)
    assert office.ask(third) == first
    assert office.request(third)["file"] == str(first)
    assert parse_signed_possession(first.read_bytes())[1].signatures_required == 2
    assert not (third / "key").exists()
    office.add(first)
    assert office.request(third)["file"] == ""
    assert (third / "key").stat().st_mode & 0o777 == 0o600
    hefu("key", "request", "--home", third, expect=2)


def test_labels_are_never_sent(office: Office) -> None:
    office.add(office.ask(office.folder / "third"), "--label", "planted name")
    assert office.listed()[2]["label"] == "planted name"
    sent = [body for _, _, body in office.double.requests]
    blobs = [data for vault in office.double.vault.blobs.values() for data in vault.values()]
    assert not any(b"planted" in body for body in (*sent, *blobs))


def test_a_request_is_shown_and_asked_about_before_anything_is_signed(office: Office) -> None:
    asked = office.ask(office.folder / "third", "--role", "approve")
    before = asked.read_bytes()
    ran = hefu("key", "add", asked, "--home", office.chief, expect=2)
    fingerprint = parse_signed_possession(before)[1].key.fingerprint
    assert "approves" in ran.err
    assert fingerprint in ran.err
    assert "--fingerprint" in ran.err
    hefu("key", "add", asked, "--home", office.chief, "--fingerprint", "0" * 64, expect=2)
    assert asked.read_bytes() == before
    assert office.double.posted("/v1/enrolments") == []
    for home in (office.clerk, office.chief):
        hefu("key", "add", asked, "--home", home, "--fingerprint", fingerprint)
    assert [key["role"] for key in office.listed()] == ["approve", "prepare", "approve"]


def test_as_many_vouch_as_deposits_need_one_that_approves_among_them(office: Office) -> None:
    asked = office.ask(office.folder / "third")
    done = office.vouch(asked, office.clerk)
    assert (done["added"], len(done["signed_by"]), done["needed"]) == (False, 1, 2)
    assert office.vouch(asked, office.clerk)["signed_by"] == done["signed_by"]
    assert office.double.posted("/v1/enrolments") == []
    assert len(office.listed()) == 2
    assert office.vouch(asked, office.chief)["added"]
    assert len(office.listed()) == 3
    assert [key["word"] for key in office.listed()] == [0, 0, 0]


def test_a_request_for_fewer_signatures_or_another_firm_by_name_is_refused(office: Office) -> None:
    asked = office.ask(office.folder / "third")
    _, possession = parse_signed_possession(asked.read_bytes())
    third = parse_key((office.folder / "third" / "key.asked").read_bytes())
    for changes in ({"signatures_required": 1}, {"identity": bytes(32)}, {"signatures_required": 3}):
        text = format_possession(possession._replace(**changes))
        asked.write_bytes(format_note(sign_note(text, [third])))
        hefu("key", "add", asked, "--home", office.chief, "--yes", expect=2)
    assert office.double.posted("/v1/enrolments") == []


@pytest.mark.parametrize("spoil", [b"", b"x", b"hefu-possession/v1\n{}\n"])
def test_what_is_no_request_is_refused_before_anything_is_sent(office: Office, spoil: bytes) -> None:
    path = office.folder / "x.keyrequest"
    path.write_bytes(spoil)
    hefu("key", "add", path, "--home", office.chief, "--yes", expect=2)
    assert office.double.requests == []


def test_a_request_that_was_changed_or_is_another_firms_is_refused(office: Office) -> None:
    asked = office.ask(office.folder / "third")
    data = asked.read_bytes()
    _, possession = parse_signed_possession(data)
    asked.write_bytes(data.replace(b'"role":"approve"', b'"role":"approvE"') + b"x")
    hefu("key", "add", asked, "--home", office.chief, "--yes", expect=2)
    other = Ed25519Signer("log.example/fengxian/depositor/beta", bytes(32))
    text = format_possession(possession._replace(depositor="beta", key=other.key))
    asked.write_bytes(format_note(sign_note(text, [other])))
    hefu("key", "add", asked, "--home", office.chief, "--yes", expect=2)
    mine = load(str(office.chief)).signer
    asked.write_bytes(format_note(sign_note(format_possession(possession._replace(key=mine.key)), [mine])))
    assert "before" in hefu("key", "add", asked, "--home", office.chief, "--yes", expect=2).err
    assert office.double.posted("/v1/enrolments") == []


def test_wrong_words_and_a_home_without_words_are_refused(office: Office) -> None:
    new = office.folder / "new"
    hefu("key", "request", "--home", new, expect=2)
    hefu("key", "request", "--home", new, "--server", office.url, expect=2)
    (office.folder / "wrong").write_text("abandon " * 23 + "art")
    wrong = ("--words", office.folder / "wrong")
    hefu("key", "request", "--home", new, "--server", office.url, *wrong, expect=2)
    assert not (new / "config.json").exists()


def test_a_lost_answer_is_asked_for_again(office: Office) -> None:
    asked = office.ask(office.folder / "third")
    office.vouch(asked, office.clerk)
    office.double.faults = [None, None, LOST]
    office.vouch(asked, office.chief)
    assert len(office.double.posted("/v1/enrolments")) == 2
    assert len(office.listed()) == 3


def test_a_leavers_key_stops_and_a_stolen_one_is_reported(office: Office) -> None:
    clerk = office.listed()[1]["key"]
    hefu("key", "retire", clerk, "--home", office.chief)
    assert [key["state"] for key in office.listed()] == ["in force", "retired"]
    since = "2026-01-31T08:00:00.000Z"
    hefu("key", "lost", clerk, "--home", office.chief, "--since", since, "--reason", "laptop stolen")
    assert (office.listed()[1]["state"], office.listed()[1]["compromised_since"]) == ("compromised", since)


@pytest.mark.parametrize(
    "words",
    [
        ("retire", "00000000"),
        ("retire", "KEY", "--reason", "王会计离职"),
        ("retire", "KEY", "--reason", "x" * 401),
        ("lost", "KEY", "--since", "yesterday"),
        ("lost", "KEY"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_here(office: Office, words: tuple[str, ...]) -> None:
    key = office.listed()[1]["key"]
    hefu("key", *(key if word == "KEY" else word for word in words), "--home", office.chief, expect=2)
    assert office.double.posted("/v1/keys") == []


def test_a_deposit_that_needs_two_stops_before_anybody_hears_of_it(office: Office) -> None:
    vault = load_reader(str(office.clerk)).vault
    before = vault.names()
    assert [office.state(), office.state("--wait")] == ["unapproved", "unapproved"]
    assert office.posted() == []
    assert sorted(path.name for path in (office.folder / "evidence").iterdir()) == [
        f"{NAME}.hefu.json.part",
        f"{NAME}.hefu.json.statement",
    ]
    assert vault.names() == before


def test_an_approved_deposit_goes_on_with_both_lines(office: Office) -> None:
    office.state()
    first = office.beside("statement").read_bytes()
    office.approve(office.beside("statement"))
    approved = office.beside("statement").read_bytes()
    assert parse_note(approved).signatures[:1] == parse_note(first).signatures
    assert "has signed" in office.approve(office.beside("statement"), expect=2).err
    assert office.beside("statement").read_bytes() == approved
    assert office.state("--wait") == "anchored"
    assert office.posted() == [approved]
    assert not office.beside("part").exists()
    policy = office.folder / "policy.txt"
    policy.write_text(format_policy(POLICY))
    evidence = office.folder / "evidence" / f"{NAME}.hefu.json"
    assert hefu("verify", evidence, office.folder / NAME, "--policy", policy, "--json").json["verdict"] == "proven"


def test_a_folder_is_approved_as_well_and_shown_with_its_names(office: Office, documents: Path) -> None:
    words = ("deposit", documents, "--home", office.clerk, "--out", office.folder / "evidence", "--wait", "--json")
    assert hefu(*words).json["deposits"][0]["state"] == "unapproved"
    part = office.folder / "evidence" / "documents.hefu.bundle.part"
    shown = hefu("approve", part, "--home", office.chief, "--show", "--json").json
    assert (shown["count"], len(shown["names"]), shown["mine"], shown["compared"]) == (5, 5, False, False)
    ran = hefu("approve", part, "--home", office.chief, expect=2)
    assert shown["root"] in ran.err
    assert "prove nothing" in ran.err
    hefu("approve", part, "--home", office.chief, "--root", "0" * 64, expect=2)
    assert parse_note(part.with_suffix(".statement").read_bytes()).signatures[1:] == ()
    hefu("approve", part, "--home", office.chief, "--root", shown["root"])
    assert hefu(*words).json["deposits"][0]["state"] == "anchored"


def test_approving_compares_every_document_with_the_statement(office: Office, documents: Path) -> None:
    words = ("deposit", documents, "--home", office.clerk, "--out", office.folder / "evidence", "--json")
    hefu(*words)
    part = office.folder / "evidence" / "documents.hefu.bundle.part"
    statement = part.with_suffix(".statement")
    before = statement.read_bytes()
    (documents / "0.txt").rename(documents / "new.txt")
    (documents / "1.txt").write_bytes(b"changed  1")
    shown = office.approve(part, documents, expect=2)
    for name in ("0.txt: missing", "1.txt: other content", "new.txt: not part"):
        assert name in shown.err
    assert statement.read_bytes() == before
    (documents / "new.txt").rename(documents / "0.txt")
    (documents / "1.txt").write_bytes(b"document 1")
    assert office.approve(part, documents).json["compared"]
    office.state()
    single = office.approve(office.beside("part"), office.document()).json
    assert single["compared"]


def test_one_who_prepared_does_not_approve(office: Office) -> None:
    office.state()
    before = office.beside("statement").read_bytes()
    ran = office.approve(office.beside("part"), by=office.clerk, expect=2)
    assert "has signed" in ran.err
    assert office.beside("statement").read_bytes() == before


def test_an_approval_by_the_part_alone_writes_the_statement(office: Office) -> None:
    office.state()
    desk = office.folder / "desk"
    desk.mkdir()
    shutil.copy(office.beside("part"), desk)
    office.approve(desk / office.beside("part").name)
    shutil.copy(desk / office.beside("statement").name, office.beside("statement"))
    assert office.state() == "anchored"


def test_nobody_approves_what_a_stranger_signed_or_what_is_anothers(office: Office) -> None:
    office.state()
    statement = office.beside("statement")
    note, own = parse_note(statement.read_bytes()), load(str(office.clerk)).signer
    stranger = Ed25519Signer(own.key.name, bytes(32))
    beta = Ed25519Signer(own.key.name.replace("acme", "beta"), bytes(32))
    for text, signer in (
        (note.text, stranger),
        (note.text.replace('"depositor":"acme"', '"depositor":"beta"'), beta),
    ):
        other = office.folder / "other.statement"
        other.write_bytes(format_note(sign_note(text, [signer])))
        office.approve(other, expect=2)
        assert len(parse_note(other.read_bytes()).signatures) == 1
    forged = note.text.replace('"count":1', '"count":2')
    (office.folder / "forged.statement").write_bytes(format_note(note._replace(text=forged)))
    office.approve(office.folder / "forged.statement", expect=2)


def test_a_part_and_a_statement_of_two_deposits_are_not_mixed(office: Office) -> None:
    office.state()
    office.deposit(name="b.txt")
    shutil.copy(office.beside("statement", "b.txt"), office.beside("statement"))
    office.approve(office.beside("part"), expect=2)
    assert office.state() == "unapproved"
    assert parse_signed_statement(office.beside("statement").read_bytes())[1].count == 1


def test_an_approval_that_the_ledgers_rule_does_not_accept_replaces_nothing(office: Office) -> None:
    office.state()
    before = office.beside("part").read_bytes()
    note = parse_note(office.beside("statement").read_bytes())
    own = load(str(office.clerk)).signer
    more = sign_note(note.text, [Ed25519Signer(own.key.name, bytes(32))]).signatures
    office.beside("statement").write_bytes(format_note(note._replace(signatures=(*note.signatures, *more))))
    office.deposit(expect=2)
    assert office.beside("part").read_bytes() == before
    assert office.posted() == []


def test_a_crash_while_the_approval_is_taken_over_leaves_the_deposit_as_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.state()
    office.approve(office.beside("statement"))
    before = office.beside("part").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("hefu.deposit.approve.os.replace", _fail)
        office.deposit(expect=3)
    assert office.beside("part").read_bytes() == before
    assert office.posted() == []
    assert office.state("--wait") == "anchored"
    assert [path.name for path in (office.folder / "evidence").iterdir()] == [f"{NAME}.hefu.json"]


def _fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_was_approved_may_be_submitted_from_elsewhere(office: Office) -> None:
    assert office.state("--offline") == "unapproved"
    office.approve(office.beside("statement"))
    assert office.state("--offline") == "prepared"
    approved, stick = office.beside("statement").read_bytes(), office.folder / "stick"
    stick.mkdir()
    shutil.copy(office.beside("statement"), stick)
    hefu("submit", stick / office.beside("statement").name, "--server", office.url)
    done = hefu("refresh", "--from", stick, "--home", office.clerk, "--json").json["done"]
    assert [item["state"] for item in done] == ["anchored"]
    assert office.posted() == [approved]


def test_a_retired_approver_approves_nothing(office: Office) -> None:
    office.state()
    deputy = office.folder / "deputy"
    office.add(office.ask(deputy, "--role", "approve"))
    office.request(deputy)
    hefu("key", "retire", office.listed()[0]["key"], "--home", deputy)
    office.approve(office.beside("statement"), expect=2)
    office.approve(office.beside("statement"), by=deputy)
    assert office.state("--wait") == "anchored"


def test_watching_prepares_once_and_goes_on_when_it_was_approved(office: Office) -> None:
    watched, out = office.folder / "watched", office.folder / "watched evidence"
    watched.mkdir()
    (watched / "a.txt").write_bytes(b"a")
    words = ("watch", watched, "--home", office.clerk, "--out", out, "--once", "--wait", "--json")
    for _ in range(2):
        hefu(*words)
        (part,) = out.glob("*.part")
    assert office.posted() == []
    office.approve(part)
    hefu(*words)
    assert len(office.posted()) == 1
    assert list(out.glob("*.part")) == []
