"""Depositing: what is sent, what is refused, and what lies on disk afterwards."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.conftest import Firm, both_ways
from tests.support.command_line import hefu
from tests.support.double import DROPPED, LOST, Fault, problem, text
from tests.support.sample_ledger import ACKNOWLEDGEMENT, DAY, LOG, sample

from hefu.errors import AlarmError, ClientError, FolderError, Problem, RefusedError, UnreachableError
from hefu.evidence.verify import verify
from hefu_ledger.deposit.acceptance import Acceptance, format_acceptance, parse_acceptance
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED, KNOWN
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.errors import LedgerError, MalformedError, VerificationError
from hefu_ledger.records.bodies import Clock
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, parse_note, sign_note
from hefu_ledger.verify.verdict import PROVEN

BUNDLE = "documents.hefu.bundle"


def proven(firm: Firm, evidence: str, document: Path) -> bool:
    return verify(str(firm.out / evidence), str(document), policy=firm.home.policy).verdict == PROVEN


@both_ways
def test_a_folder_becomes_a_bundle_that_verifies(firm: Firm, documents: Path) -> None:
    (done,) = firm.deposit(documents)
    assert (done.state, done.documents, done.left_out) == (ANCHORED, 5, ())
    assert (done.path, done.evidence) == (str(documents), str(firm.out / BUNDLE))
    assert firm.written() == {BUNDLE}
    assert proven(firm, BUNDLE, documents)


@both_ways
def test_a_file_becomes_an_evidence_file_that_verifies(firm: Firm, documents: Path) -> None:
    firm.deposit(documents / "0.txt")
    assert firm.written() == {"0.txt.hefu.json"}
    assert proven(firm, "0.txt.hefu.json", documents / "0.txt")


@both_ways
def test_evidence_is_private(firm: Firm, documents: Path) -> None:
    firm.deposit(documents, documents / "0.txt")
    assert {path.stat().st_mode & 0o777 for path in firm.out.iterdir()} == {0o600}


@both_ways
def test_only_the_statement_leaves_the_machine(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    (sent,) = firm.double.posted("/v1/deposits")
    lines = (firm.out / BUNDLE).read_bytes().splitlines()
    assert sent == json.loads(lines[-2]).encode()
    everything = b"".join(path.encode() + body for _, path, body in firm.double.requests)
    private = [lines[0].split(b'"')[-2], b"0.txt", "配方".encode()]
    for path in documents.rglob("*"):
        if path.is_file():
            private.append(hashlib.sha256(path.read_bytes()).hexdigest().encode())
    assert not [secret for secret in private if secret in everything]


@both_ways
def test_two_deposits_of_the_same_document_cannot_be_told_to_be_the_same(firm: Firm, documents: Path) -> None:
    (documents / "again").mkdir()
    (documents / "again" / "0.txt.copy").write_bytes((documents / "0.txt").read_bytes())
    firm.deposit(documents / "0.txt", documents / "again" / "0.txt.copy")
    roots = {parse_signed_statement(body)[1].root for body in firm.double.posted("/v1/deposits")}
    assert len(roots) == 2


def test_the_statement_names_the_newest_checkpoint_seen(firm: Firm, documents: Path) -> None:
    firm.double.grow(3)
    firm.deposit(documents)
    _, statement = parse_signed_statement(firm.double.posted("/v1/deposits")[0])
    assert statement.seen is not None
    assert statement.seen == (firm.double.ledger.tree(5).root, 5)


def test_all_are_sent_before_the_first_is_waited_for(firm: Firm, documents: Path) -> None:
    firm.deposit(documents, documents / "0.txt", documents / "1.txt")
    asked = [method for method, path, _ in firm.double.requests if "/v1/deposits" in path]
    assert asked == ["POST"] * 3 + ["GET"] * 3


@both_ways
def test_without_waiting_the_deposit_is_accepted_and_the_same_call_completes_it(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    (done,) = firm.deposit(documents, wait=False)
    assert done.state == ACCEPTED
    assert firm.written() == {f"{BUNDLE}.part", f"{BUNDLE}.ack"}
    firm.double.sealing = True
    (again,) = firm.deposit(documents, wait=False)
    assert again == done._replace(state=ANCHORED)
    assert firm.written() == {BUNDLE}
    assert len(firm.double.ledger.deposits) == 1


def test_waiting_asks_again_with_growing_pauses(firm: Firm, documents: Path) -> None:
    waiting: Fault = (202, b'{"state":"accepted"}', {"Retry-After": "1"})
    firm.double.faults = [None, None, *[waiting] * 7]
    assert firm.deposit(documents)[0].state == ANCHORED
    assert firm.pauses == [0.25, 0.5, 1, 2, 4, 5, 5]


def test_a_broken_promise_is_said_and_its_proof_kept(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    firm.double.ledger.now -= DAY
    firm.double.delay = 1
    with pytest.raises(UnreachableError, match=r"waited as long as the service promised .*keep .*\.ack"):
        firm.deposit(documents)
    assert firm.written() == {f"{BUNDLE}.part", f"{BUNDLE}.ack"}


@pytest.mark.parametrize("fault", [DROPPED, LOST, (503, b"", {}), (502, b"", {})])
def test_faults_on_the_way_never_deposit_twice(firm: Firm, documents: Path, fault: Fault) -> None:
    firm.double.faults = [None, fault, fault]
    firm.deposit(documents)
    sent = firm.double.posted("/v1/deposits")
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert len(firm.double.ledger.deposits) == 1


def test_a_service_that_is_away_leaves_a_deposit_that_the_same_call_sends_again(firm: Firm, documents: Path) -> None:
    firm.double.faults = [None, *[DROPPED] * 7]
    with pytest.raises(UnreachableError):
        firm.deposit(documents)
    assert firm.written() == {f"{BUNDLE}.part"}
    firm.deposit(documents)
    assert len(set(firm.double.posted("/v1/deposits"))) == 1
    assert firm.written() == {BUNDLE}


@pytest.mark.parametrize("refusal", [problem(403, "The key is retired", "key-not-in-force"), (403, b"blocked", {})])
def test_a_refusal_that_no_key_signed_deletes_nothing_and_the_next_run_takes_it_up(
    firm: Firm, documents: Path, refusal: Fault
) -> None:
    firm.double.faults = [None, refusal]
    with pytest.raises(RefusedError, match="403"):
        firm.deposit(documents)
    assert firm.written() == {f"{BUNDLE}.part", f"{BUNDLE}.refused"}
    assert "403" in (firm.out / f"{BUNDLE}.refused").read_text()
    before = {path: path.read_bytes() for path in Path(firm.home.vault.folder).iterdir()}
    (done,) = firm.deposit(documents)
    assert (done.state, len(firm.double.ledger.deposits)) == (ANCHORED, 1)
    assert f"{firm.home.vault.folder}/{done.statement}" in map(str, before), "the very statement that was refused"
    assert firm.written() == {BUNDLE}


@pytest.mark.parametrize("status", [403, 404, 507])
def test_where_a_filter_refuses_what_the_service_has_accepted_it_is_asked_for(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A filter before the service blocks the answer, or the first answer was lost and the next attempt refused."""
    real = firm.double.answer

    def answer(method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        reply = real(method, path, body)
        return (status, b"blocked", {}) if (method, path) == ("POST", "/v1/deposits") else reply

    monkeypatch.setattr(firm.double, "answer", answer)
    (done,) = firm.deposit(documents)
    assert (done.state, firm.written(), len(firm.double.ledger.deposits)) == (ANCHORED, {BUNDLE}, 1)


def test_a_refused_deposit_is_given_up_by_its_depositors_command_alone(firm: Firm, documents: Path) -> None:
    home = ("--home", firm.home.path)
    firm.double.faults = [None, problem(403, "No")]
    hefu("deposit", documents, *home, "--out", firm.out, expect=2)
    (listed,) = hefu("list", *home, "--json").json["deposits"]
    assert listed["state"] == "refused"
    part = firm.out / f"{BUNDLE}.part"
    assert "--yes" in hefu("drop", part, *home, expect=2).err
    assert part.exists()
    hefu("drop", part, *home, "--yes")
    assert (firm.written(), firm.home.vault.has(listed["statement"])) == (set(), False)
    assert hefu("list", *home, "--json").json["deposits"] == []


def test_a_deposit_that_the_service_has_is_not_given_up(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    part = firm.out / f"{BUNDLE}.part"
    assert "hefu refresh" in hefu("drop", part, "--home", firm.home.path, "--yes", expect=2).err
    assert "hefu drop" not in hefu("drop", firm.out / "none.part", "--home", firm.home.path, "--yes", expect=2).err
    firm.double.sealing = True
    assert firm.deposit(documents)[0].state == ANCHORED


def test_of_several_one_that_cannot_be_deposited_does_not_hold_up_the_others(firm: Firm, documents: Path) -> None:
    words = ("--home", firm.home.path, "--out", firm.out, "--wait", "--json")
    hefu("deposit", documents / "0.txt", *words)
    (documents / "0.txt").write_bytes(b"changed since")
    done = hefu("deposit", documents / "0.txt", documents / "1.txt", *words, expect=2).json
    assert [item["state"] for item in done["deposits"]] == [ANCHORED]
    assert [failed["path"] for failed in done["failed"]] == [str(documents / "0.txt")]
    assert (firm.out / "1.txt.hefu.json").exists()


def test_what_was_sent_before_is_kept_even_if_it_is_refused_now(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    firm.double.faults = [problem(403, "The key is retired")]
    (done,) = firm.deposit(documents, wait=False)
    assert (done.state, firm.written()) == (ACCEPTED, {f"{BUNDLE}.part", f"{BUNDLE}.ack"})


@both_ways
def test_deposited_again_nothing_is_sent_and_nothing_written(firm: Firm, documents: Path) -> None:
    before = firm.deposit(documents, documents / "0.txt")
    stamps = {path.name: path.stat().st_mtime_ns for path in firm.out.iterdir()}
    firm.double.requests.clear()
    after = firm.deposit(documents, documents / "0.txt")
    assert [item.state for item in after] == [KNOWN, KNOWN]
    assert [item._replace(state=ANCHORED) for item in after] == before
    assert firm.double.requests == []
    assert stamps == {path.name: path.stat().st_mtime_ns for path in firm.out.iterdir()}


def change(folder: Path) -> None:
    (folder / "0.txt").write_bytes(b"document X")


def add(folder: Path) -> None:
    (folder / "new").write_bytes(b"")


def remove(folder: Path) -> None:
    (folder / "0.txt").unlink()


def rename(folder: Path) -> None:
    (folder / "0.txt").rename(folder / "00.txt")


@pytest.mark.parametrize("differ", [change, add, remove, rename])
@both_ways
def test_evidence_of_other_contents_stays_and_the_way_out_is_named(
    firm: Firm, documents: Path, differ: Callable[[Path], None]
) -> None:
    firm.deposit(documents)
    evidence = (firm.out / BUNDLE).read_bytes()
    differ(documents)
    with pytest.raises(ClientError, match="choose another --out"):
        firm.deposit(documents)
    assert (firm.out / BUNDLE).read_bytes() == evidence
    assert firm.written() == {BUNDLE}
    assert len(firm.double.ledger.deposits) == 1


@pytest.mark.parametrize("data", [b"", b"not evidence", b'{"count":1', b"{}"])
@pytest.mark.parametrize("name", [BUNDLE, "0.txt.hefu.json"])
@both_ways
def test_any_other_file_in_the_way_stays(firm: Firm, documents: Path, name: str, data: bytes) -> None:
    firm.out.mkdir()
    (firm.out / name).write_bytes(data)
    with pytest.raises(ClientError, match="choose another --out"):
        firm.deposit(documents if name == BUNDLE else documents / "0.txt")
    assert (firm.out / name).read_bytes() == data
    assert firm.written() == {name}


@both_ways
def test_another_depositors_evidence_of_the_same_document_is_other_evidence(firm: Firm) -> None:
    ledger = sample()
    (firm.folder / "list.csv").write_bytes(b"customers")
    firm.out.mkdir()
    evidence = format_evidence(ledger.evidence(2, 0, ledger.receipt(2, [2])))
    (firm.out / "list.csv.hefu.json").write_bytes(evidence)
    with pytest.raises(ClientError, match="a deposit of beta"):
        firm.deposit(firm.folder / "list.csv")
    assert (firm.out / "list.csv.hefu.json").read_bytes() == evidence


@both_ways
def test_documents_changed_since_an_unfinished_deposit_are_told_once_its_evidence_is_safe(
    firm: Firm, documents: Path
) -> None:
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    change(documents)
    firm.double.sealing = True
    with pytest.raises(ClientError, match=r"0\.txt: SHA-256"):
        firm.deposit(documents)
    assert firm.written() == {BUNDLE}
    (documents / "0.txt").write_bytes(b"document 0")
    assert proven(firm, BUNDLE, documents)


@both_ways
def test_everything_that_cannot_be_deposited_is_named_at_once_and_nothing_is_written(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (documents / "link").symlink_to("0.txt")
    os.mkfifo(documents / "pipe")
    (documents / os.fsdecode(b"\xff")).write_bytes(b"")
    monkeypatch.setattr("hefu.files.scan.os.access", lambda path, _: not path.endswith("1.txt"))
    with pytest.raises(FolderError) as caught:
        firm.deposit(documents)
    assert caught.value.exit_code == 2
    assert [problem.path for problem in caught.value.problems] == ["1.txt", "\\xff", "link", "pipe"]
    for line in ("1.txt: not readable by this user", "link: a symbolic link", "pipe: a named pipe", "not UTF-8"):
        assert line in str(caught.value)
    assert firm.written() == set()
    assert firm.double.posted("/v1/deposits") == []


def test_what_is_left_out_on_request_is_listed_and_the_rest_deposited(firm: Firm, documents: Path) -> None:
    (documents / "link").symlink_to("0.txt")
    (done,) = firm.deposit(documents, skip_unreadable=True)
    assert done.left_out == (Problem("link", "a symbolic link, which is not followed; name the file that it leads to"),)
    assert done.documents == 5
    assert not proven(firm, BUNDLE, documents)  # the folder holds something that the deposit does not cover
    (documents / "link").unlink()
    assert proven(firm, BUNDLE, documents)
    assert firm.deposit(documents, skip_unreadable=True)[0].state == KNOWN


@pytest.fixture
def broken_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """1.txt and 配方/large were found readable, and are not."""
    real = os.open

    def fail(path: str, *rest: int) -> int:
        if str(path).endswith(("1.txt", "large")):
            raise OSError(5, "Input/output error", path)
        return real(path, *rest)

    monkeypatch.setattr("hefu.files.document.os.open", fail)


@pytest.mark.usefixtures("broken_disk")
@both_ways
def test_what_proves_unreadable_only_in_reading_is_named_too_and_nothing_stays(firm: Firm, documents: Path) -> None:
    with pytest.raises(FolderError) as caught:
        firm.deposit(documents)
    assert caught.value.problems == (
        Problem(f"{documents}/1.txt", "Input/output error"),
        Problem(f"{documents}/配方/large", "Input/output error"),
    )
    assert firm.written() == set()


@pytest.mark.usefixtures("broken_disk")
def test_what_proves_unreadable_only_in_reading_is_left_out_on_request(firm: Firm, documents: Path) -> None:
    (done,) = firm.deposit(documents, skip_unreadable=True)
    assert (done.documents, len(done.left_out)) == (3, 2)
    assert firm.written() == {BUNDLE}


@pytest.mark.usefixtures("broken_disk")
@both_ways
def test_a_folder_of_which_nothing_is_readable_is_no_deposit(firm: Firm, documents: Path) -> None:
    with pytest.raises(FolderError):
        firm.deposit(documents / "1.txt", skip_unreadable=True)
    assert firm.written() == set()


def test_a_document_that_changes_while_it_is_read_stops_the_deposit(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.readv

    def append_meanwhile(descriptor: int, buffers: tuple[bytearray]) -> int:
        count = real(descriptor, buffers)
        if count == 10 and buffers[0].startswith(b"document 1"):
            with (documents / "1.txt").open("ab") as file:
                file.write(b"more")
        return count

    monkeypatch.setattr("hefu.files.document.os.readv", append_meanwhile)
    with pytest.raises(FolderError, match=r"1\.txt: it changed while it was being read"):
        firm.deposit(documents)
    assert firm.written() == set()
    assert firm.double.posted("/v1/deposits") == []


@pytest.mark.parametrize("kind", ["missing", "link", "pipe", "root", "name"])
def test_a_path_that_is_neither_file_nor_folder_is_named_before_anything_is_read(firm: Firm, kind: str) -> None:
    path = firm.folder / "odd"
    if kind == "link":
        path.symlink_to(".")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "root":
        path = Path("/")
    elif kind == "name":
        path = firm.folder / os.fsdecode(b"\xff")
        path.write_bytes(b"")
    with pytest.raises(FolderError):
        firm.deposit(path)
    assert firm.double.requests == []


@both_ways
def test_an_empty_folder_is_no_deposit(firm: Firm) -> None:
    (firm.folder / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(ClientError, match="holds 0 documents"):
        firm.deposit(firm.folder / "empty")


def test_two_paths_that_would_share_their_evidence_are_refused(firm: Firm, documents: Path) -> None:
    (documents / "配方" / "0.txt").write_bytes(b"")
    with pytest.raises(ClientError, match="would share"):
        firm.deposit(documents / "0.txt", documents / "配方" / "0.txt")
    with pytest.raises(ClientError, match="would share"):
        firm.deposit(documents, documents)


def test_evidence_and_home_are_not_written_into_the_folder_that_is_deposited(firm: Firm) -> None:
    with pytest.raises(ClientError, match="lies inside"):
        firm.deposit(firm.folder)


def test_a_name_is_taken_from_where_the_path_leads(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(documents)
    firm.deposit(Path())
    assert firm.written() == {BUNDLE}


@both_ways
def test_a_second_deposit_into_the_same_folder_waits_its_turn(firm: Firm, documents: Path) -> None:
    firm.out.mkdir()
    descriptor = os.open(firm.out, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(ClientError, match="another hefu deposit is writing"):
            firm.deposit(documents)
    finally:
        os.close(descriptor)
    firm.deposit(documents)


def acknowledged(
    edit: Callable[[Acceptance], Acceptance], signer: Ed25519Signer = ACKNOWLEDGEMENT
) -> Callable[[bytes], Fault]:
    def forge(data: bytes) -> Fault:
        acceptance = edit(parse_acceptance(parse_note(data).text))
        return text(201, format_note(sign_note(format_acceptance(acceptance), [signer])).decode())

    return forge


@pytest.mark.parametrize(
    "forge",
    [
        acknowledged(lambda acceptance: acceptance, LOG),
        acknowledged(lambda acceptance: acceptance._replace(statement=bytes(32))),
        acknowledged(lambda acceptance: acceptance._replace(depositor="beta")),
        acknowledged(lambda acceptance: acceptance._replace(origin="log.example/other")),
        acknowledged(lambda acceptance: acceptance._replace(anchor_by=acceptance.received_at + DAY + 1)),
        acknowledged(lambda acceptance: acceptance._replace(anchor_by=acceptance.received_at - 1)),
        lambda _: text(201, ""),
        lambda _: text(200, "<html>welcome to the hotel</html>"),
    ],
    ids=["other key", "other statement", "other depositor", "other ledger", "long delay", "past", "empty", "portal"],
)
@both_ways
def test_an_acknowledgement_that_does_not_hold_is_not_believed(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch, forge: Callable[[bytes], Fault]
) -> None:
    real = firm.double.answer

    def answer(method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        reply = real(method, path, body)
        forged = forge(reply[1]) if method == "POST" else reply
        assert isinstance(forged, tuple)
        return forged

    monkeypatch.setattr(firm.double, "answer", answer)
    with pytest.raises((LedgerError, UnreachableError)):  # a portal's page is not the service
        firm.deposit(documents)
    assert firm.written() == {f"{BUNDLE}.part"}


def test_an_acceptance_by_an_event_from_before_the_own_key_is_not_believed(firm: Firm, documents: Path) -> None:
    """It could show, when asked in court, only keys that were in force before this one."""
    firm = firm._replace(home=firm.home._replace(config=firm.home.config._replace(event=1)))
    with pytest.raises(VerificationError, match="event: expected at least 1, found 0"):
        firm.deposit(documents)
    assert firm.written() == {f"{BUNDLE}.part"}


def other_acknowledgement(receipt: Receipt) -> Receipt:
    acceptance = parse_acceptance(parse_note(receipt.acknowledgement.encode()).text)
    later = format_acceptance(acceptance._replace(received_at=acceptance.received_at + 1))
    return receipt._replace(acknowledgement=format_note(sign_note(later, [ACKNOWLEDGEMENT])).decode())


def lengthened(receipt: Receipt) -> Receipt:
    return receipt._replace(batch_path=(bytes(32), *receipt.batch_path))


def without_enrolment(receipt: Receipt) -> Receipt:
    proof = receipt.proofs[0]
    strange = sample().records[2].decode()
    return receipt._replace(
        records=(receipt.records[0], strange, receipt.records[2]),
        proofs=(proof._replace(paths=(proof.paths[0], None)),),
    )


def anothers(_receipt: Receipt) -> Receipt:
    return sample().receipt(0, [1])


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (other_acknowledgement, "another acknowledgement"),
        (anothers, "another statement"),
        (lengthened, "path is too long"),
        (without_enrolment, "event 0"),
    ],
)
@both_ways
def test_a_receipt_that_does_not_hold_becomes_no_evidence(
    firm: Firm, documents: Path, edit: Callable[[Receipt], Receipt], said: str
) -> None:
    firm.double.change_receipt = edit
    with pytest.raises(LedgerError, match=said):
        firm.deposit(documents)
    assert firm.written() | {f"{BUNDLE}.ack"} == {f"{BUNDLE}.part", f"{BUNDLE}.ack"}  # submit may refuse it already
    firm.double.change_receipt = lambda receipt: receipt
    firm.deposit(documents)
    assert firm.written() == {BUNDLE}


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>"])
def test_a_receipt_that_is_none_becomes_no_evidence(firm: Firm, documents: Path, body: bytes) -> None:
    firm.double.faults = [None, None, (200, body, {})]
    with pytest.raises((MalformedError, UnreachableError)):
        firm.deposit(documents)
    assert firm.written() == {f"{BUNDLE}.part", f"{BUNDLE}.ack"}


def test_a_ledger_that_went_back_is_an_alarm_with_both_checkpoints(firm: Firm, documents: Path) -> None:
    firm.double.grow(2)
    seen = firm.double.ledger.checkpoint()
    firm.home.remember(seen)
    firm.double.ledger.records.pop()
    with pytest.raises(AlarmError, match="rollback") as caught:
        firm.deposit(documents)
    assert caught.value.exit_code == 1
    assert caught.value.remembered.encode() == format_note(seen)
    assert caught.value.found.encode() == format_note(firm.double.ledger.checkpoint())
    assert firm.written() == set()
    assert firm.home.seen == seen


@pytest.mark.parametrize("grown", [0, 1, 300])
def test_a_ledger_that_was_rewritten_is_an_alarm(firm: Firm, documents: Path, grown: int) -> None:
    firm.double.grow(2)
    firm.home.remember(firm.double.ledger.checkpoint())
    del firm.double.ledger.records[2:]
    firm.double.ledger.now += 1
    for _ in range(2 + grown):
        firm.double.ledger.append(other_history(firm))
    with pytest.raises(AlarmError, match="does not lead from the checkpoint seen before"):
        firm.deposit(documents)
    assert firm.double.posted("/v1/deposits") == []


def other_history(firm: Firm) -> Clock:
    return Clock(0, firm.double.ledger.now, "another history")
