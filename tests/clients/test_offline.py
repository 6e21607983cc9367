"""What is signed without a network is carried, submitted, and becomes evidence from answers carried back."""

from __future__ import annotations

import random
import shutil
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.clients.dying import Forker
from tests.support.command_line import hefu
from tests.support.double import LOST
from tests.support.stamping import SHA256, algorithm, issue, tst_info

from hefu.client import Client
from hefu.evidence.verify import verify
from hefu.home.index import Index
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.state import KNOWN
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.timestamp import cms
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.proof import parse_proof
from hefu_ledger.verify.verdict import CANNOT_TELL, PROVEN

STATEMENT = "documents.hefu.bundle.statement"


@pytest.fixture
def stick(firm: Firm, documents: Path) -> Path:
    """A folder to carry, with the statement of the documents, signed without a network."""
    hefu("deposit", "--offline", "--home", firm.home.path, documents, "--out", firm.out)
    assert firm.double.requests == []
    folder = firm.folder / "stick"
    folder.mkdir()
    shutil.copy(firm.out / STATEMENT, folder)
    return folder


def submit(firm: Firm, stick: Path, expect: int = 0) -> dict[str, object]:
    value: dict[str, object] = hefu(
        "submit", stick / STATEMENT, "--server", firm.service.url, "--json", expect=expect
    ).json
    return value


def carry_back(firm: Firm, stick: Path, expect: int = 0) -> list[str]:
    """The states after refreshing from the stick, which touches no network."""
    asked = len(firm.double.requests)
    ran = hefu("refresh", "--from", stick, "--home", firm.home.path, "--json", expect=expect)
    assert len(firm.double.requests) == asked
    return [item["state"] for item in ran.json["done"]]


def test_signed_here_submitted_there_and_carried_back(firm: Firm, stick: Path, documents: Path) -> None:
    submit(firm, stick)
    assert carry_back(firm, stick) == ["anchored"]
    bundle = firm.out / "documents.hefu.bundle"
    assert verify(str(bundle), str(documents), policy=firm.home.policy).verdict == PROVEN
    assert firm.written() == {bundle.name}
    assert [row["state"] for row in hefu("list", "--home", firm.home.path, "--json").json["deposits"]] == ["anchored"]


def test_what_is_carried_reveals_nothing(firm: Firm, stick: Path, documents: Path) -> None:
    submit(firm, stick)
    carried = b"".join(path.read_bytes() for path in stick.iterdir())
    with Index(firm.home.path) as index:
        for document in index.search(""):
            assert document.name.encode() not in carried
            assert document.sha256.encode() not in carried
    assert documents.name.encode() not in carried


def test_preparing_again_changes_nothing(firm: Firm, stick: Path, documents: Path) -> None:
    (documents / "0.txt").write_bytes(b"changed since")
    hefu("deposit", "--offline", "--home", firm.home.path, documents, "--out", firm.out)
    assert (firm.out / STATEMENT).read_bytes() == (stick / STATEMENT).read_bytes()


def test_a_lost_statement_file_is_written_again(firm: Firm, stick: Path, documents: Path) -> None:
    (firm.out / STATEMENT).unlink()
    hefu("deposit", "--offline", "--home", firm.home.path, documents, "--out", firm.out)
    assert (firm.out / STATEMENT).read_bytes() == (stick / STATEMENT).read_bytes()


def test_submitting_twice_deposits_once(firm: Firm, stick: Path) -> None:
    submit(firm, stick)
    (stick / "documents.hefu.bundle.ack").unlink()
    submit(firm, stick)
    assert len(firm.double.ledger.deposits) == 1
    assert carry_back(firm, stick) == ["anchored"]


def test_an_acknowledgement_comes_back_before_its_receipt(firm: Firm, stick: Path) -> None:
    firm.double.sealing = False
    assert "not on the ledger yet" in hefu("submit", stick / STATEMENT, "--server", firm.service.url).out
    assert sorted(path.name for path in stick.iterdir()) == ["documents.hefu.bundle.ack", STATEMENT]
    assert carry_back(firm, stick) == ["accepted"]
    firm.double.sealing = True
    submit(firm, stick)
    (stick / "documents.hefu.bundle.ack").unlink()  # the receipt holds it as well
    assert carry_back(firm, stick) == ["anchored"]


def test_nothing_carried_leaves_it_prepared(firm: Firm, stick: Path) -> None:
    assert carry_back(firm, stick) == ["prepared"]


@pytest.mark.parametrize("carried", ["", "documents.hefu.bundle.ack"])
def test_carried_answers_leave_a_private_half_that_was_sent_as_sent(firm: Firm, documents: Path, carried: str) -> None:
    firm.double.sealing = False
    hefu("deposit", "--home", firm.home.path, documents, "--out", firm.out)
    folder = firm.folder / "stick"
    folder.mkdir()
    if carried:
        shutil.copy(firm.out / carried, folder)
    carry_back(firm, folder)
    assert firm.home.vault.owed() == []


def test_a_private_half_sent_since_it_was_prepared_is_not_owed_again(firm: Firm, stick: Path) -> None:
    assert firm.home.vault.owed() != []
    assert firm.home.send_owed(firm.service) == []
    submit(firm, stick)
    assert carry_back(firm, stick) == ["anchored"]
    assert firm.home.vault.owed() == []


def test_what_was_signed_without_a_network_is_sent_by_refresh_once_there_is_one(firm: Firm, stick: Path) -> None:
    del stick
    ran = hefu("refresh", "--home", firm.home.path, "--wait", "--json")
    assert [item["state"] for item in ran.json["done"]] == ["anchored"]
    assert firm.written() == {"documents.hefu.bundle"}
    assert "nothing was missing" in hefu("refresh", "--home", firm.home.path).out


def test_a_refresh_without_answers_says_what_is_still_on_its_way(firm: Firm, stick: Path) -> None:
    del stick
    firm.double.sealing = False
    assert "1 still on their way" in hefu("refresh", "--home", firm.home.path).out


@pytest.mark.parametrize("kind", ["ack", "receipt"])
def test_a_damaged_answer_is_refused_and_a_forged_one_never_becomes_evidence(
    firm: Firm, stick: Path, kind: str
) -> None:
    submit(firm, stick)
    path = stick / f"documents.hefu.bundle.{kind}"
    good = path.read_bytes()
    path.write_bytes(good[:-9])
    assert "copy it again" in hefu("refresh", "--from", stick, "--home", firm.home.path, expect=2).err
    place = good.rindex(b"=") - 9  # within the last signature
    path.write_bytes(good[:place] + (b"B" if good[place : place + 1] == b"A" else b"A") + good[place + 1 :])
    hefu("refresh", "--from", stick, "--home", firm.home.path, expect=None)
    assert not (firm.out / "documents.hefu.bundle").exists()
    path.write_bytes(good)
    assert carry_back(firm, stick) == ["anchored"]


def test_answers_about_other_deposits_are_passed_over(firm: Firm, stick: Path, documents: Path) -> None:
    submit(firm, stick)
    with Client(firm.home.path) as client:
        client.deposit([str(documents / "0.txt")], out=str(firm.folder / "elsewhere"))
    (stick / "notes.txt").write_text("not ours")
    (stick / "documents.hefu.bundle.ack").rename(stick / "renamed.ack")
    assert carry_back(firm, stick) == ["anchored"]


def test_what_is_no_statement_is_refused_before_anything_is_sent(firm: Firm, stick: Path) -> None:
    part = firm.out / "documents.hefu.bundle.part"
    ran = hefu("submit", stick / STATEMENT, part, "--server", firm.service.url, expect=2)
    assert "Carry NAME.statement" in ran.err
    assert firm.double.requests == []


def test_an_offline_deposit_names_the_checkpoint_that_was_seen_last(firm: Firm, stick: Path) -> None:
    _, statement = parse_signed_statement((stick / STATEMENT).read_bytes())
    assert firm.home.seen is not None
    checkpoint = parse_checkpoint(firm.home.seen.text)
    assert statement.seen == (checkpoint.root, checkpoint.size)


def test_evidence_that_is_there_is_not_prepared_again(firm: Firm, stick: Path, documents: Path) -> None:
    del stick
    hefu("refresh", "--home", firm.home.path, "--wait")
    words = ("deposit", "--offline", "--home", firm.home.path, documents, "--out", firm.out)
    (done,) = hefu(*words, "--json").json["deposits"]
    assert done["state"] == KNOWN
    assert "hefu submit" not in hefu(*words).out
    assert firm.written() == {"documents.hefu.bundle"}


def test_one_deposit_that_cannot_go_on_does_not_hold_up_the_others(firm: Firm, stick: Path, documents: Path) -> None:
    del stick
    (firm.out / "cut.hefu.bundle.part").write_bytes(b'{"count":')
    hefu("deposit", "--offline", "--home", firm.home.path, documents / "0.txt", "--out", firm.out)
    firm.double.faults += [(403, b"{}", {})]  # the first of the two that can be sent
    ran = hefu("refresh", "--home", firm.home.path, "--wait", "--json", expect=3)
    assert [Path(problem["path"]).name for problem in ran.json["stuck"]] == ["0.txt.hefu.json", "cut.hefu.bundle"]
    assert [Path(item["evidence"]).name for item in ran.json["done"]] == ["documents.hefu.bundle"]
    assert (firm.out / "0.txt.hefu.json.part").exists()  # refused now is not refused for ever: a key may be missing


def test_an_evidence_folder_on_a_disk_that_is_away_is_named(firm: Firm, stick: Path) -> None:
    del stick
    firm.out.rename(firm.folder / "away")
    assert "connect its disk" in hefu("refresh", "--home", firm.home.path, expect=3).out


def test_what_a_crash_left_beside_finished_evidence_is_cleared_away(firm: Firm, stick: Path) -> None:
    del stick
    part = firm.out / "documents.hefu.bundle.part"
    whole = part.read_bytes()
    hefu("refresh", "--home", firm.home.path, "--wait")
    part.write_bytes(whole)
    hefu("refresh", "--home", firm.home.path)
    assert firm.written() == {"documents.hefu.bundle"}


def stamp(receipt: Receipt, text: str | None = None) -> Receipt:
    """A receipt with a timestamp over its first checkpoint, or over another text."""
    proof, *later = receipt.proofs
    checkpoint = parse_proof(proof.proof.encode()).checkpoint
    digest = sha256((checkpoint.text if text is None else text).encode()).digest()
    token = issue(content=tst_info(imprint=cms.MessageImprint(algorithm=algorithm(SHA256), digest=digest)))
    return receipt._replace(proofs=(proof._replace(tokens=(token,)), *later))


@pytest.mark.parametrize("single", [False, True])
def test_refresh_fetches_timestamps_into_evidence_that_was_complete(firm: Firm, documents: Path, single: bool) -> None:
    original = documents / "0.txt" if single else documents
    with Client(firm.home.path) as client:
        (done,) = client.deposit([str(original)], out=str(firm.out))
    assert hefu("refresh", "--home", firm.home.path, "--json").json["grown"] == []
    firm.double.change_receipt = cache(stamp)
    assert hefu("refresh", "--home", firm.home.path, "--json").json["grown"] == [done.evidence]
    verdict = verify(done.evidence, str(original), policy=firm.home.policy)
    assert (verdict.verdict, verdict.steps[14].found) == (PROVEN, "1 tokens")
    assert len(firm.written()) == 1
    assert hefu("refresh", "--home", firm.home.path, "--json").json["grown"] == []


@pytest.mark.parametrize("change", ["another text", "another statement", "no proof"])
def test_a_receipt_that_proves_less_never_takes_the_place_of_a_good_one(
    firm: Firm, documents: Path, change: str
) -> None:
    with Client(firm.home.path) as client:
        (done,) = client.deposit([str(documents)], out=str(firm.out))
    before = Path(done.evidence).read_bytes()

    def worse(receipt: Receipt) -> Receipt:
        good = stamp(receipt, "another text" if change == "another text" else None)
        if change == "another statement":
            return good._replace(statement=good.statement.replace("file", "other"))
        if change == "no proof":
            return good._replace(proofs=(good.proofs[0]._replace(proof="x"),))
        return good

    firm.double.change_receipt = worse
    hefu("refresh", "--home", firm.home.path, expect=3 if change == "another statement" else 0)
    assert Path(done.evidence).read_bytes() == before


def test_refresh_tells_what_the_ledger_learnt_of_the_keys_and_doubts_what_they_signed(
    firm: Firm, documents: Path
) -> None:
    with Client(firm.home.path) as client:
        (done,) = client.deposit([str(documents)], out=str(firm.out))
        key = client.keys()[0].key
    assert verify(done.evidence, str(documents), policy=firm.home.policy).verdict == PROVEN
    before = "2020-01-01T00:00:00.000Z"
    hefu("key", "lost", key, "--home", firm.home.path, "--since", before)
    found = hefu("refresh", "--home", firm.home.path, "--json").json
    assert found["grown"] == [done.evidence]
    assert key in found["doubted"][0]["cause"]
    verdict = verify(done.evidence, str(documents), policy=firm.home.policy)
    assert verdict.verdict == CANNOT_TELL
    assert [step.step for step in verdict.steps if step.outcome == "cannot"] == [17]
    asked = len(firm.double.requests)
    hefu("refresh", "--home", firm.home.path)
    assert len(firm.double.requests) == asked + 2  # its keys, and one receipt of the last days


def test_refresh_asks_for_every_receipt_once_the_keys_have_had_an_event(firm: Firm, documents: Path) -> None:
    def asked() -> int:
        before = len(firm.double.requests)
        hefu("refresh", "--home", firm.home.path)
        paths = [path for _, path, *_ in firm.double.requests[before:]]
        return sum(path.endswith("/receipt") for path in paths)

    words = ("--home", firm.home.path, "--out", firm.out, "--wait")
    hefu("deposit", documents / "0.txt", *words)
    firm.double.ledger.now += 90 * 86_400_000
    hefu("deposit", documents / "1.txt", *words)
    assert [asked(), asked()] == [2, 1], "at first all, and then those of the last days"
    key = firm.home.signer.key.key_id.hex()
    hefu("key", "lost", key, "--home", firm.home.path, "--since", "2020-01-01T00:00:00.000Z")
    assert [asked(), asked()] == [2, 1]


@pytest.mark.parametrize("rounds", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_a_refresh_killed_or_cut_off_at_random_loses_nothing_and_deposits_nothing_twice(
    firm: Firm, documents: Path, forker: Forker, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for number in range(rounds):
        out = firm.folder / f"evidence{number}"
        paths = [documents, documents / "0.txt"]
        hefu("deposit", "--offline", "--again", "--home", firm.home.path, *paths, "--out", out)
        before = len(firm.double.ledger.deposits)
        words = ("refresh", "--home", firm.home.path, "--out", out, "--wait")
        for _ in range(2):
            firm.double.faults += chance.choices([None, LOST, (503, b"", {})], [3, 1, 1], k=3)
            forker.dies(chance.randrange(16), *words)
            for path in out.iterdir():  # whatever is there under its final name is whole
                if path.suffix in (".json", ".bundle"):
                    original = documents if path.suffix == ".bundle" else documents / "0.txt"
                    assert verify(str(path), str(original), policy=firm.home.policy).verdict == PROVEN, seed
        firm.double.faults.clear()
        hefu(*words)
        assert {path.name for path in out.iterdir()} == {"documents.hefu.bundle", "0.txt.hefu.json"}, seed
        assert len(firm.double.ledger.deposits) == before + 2, seed
    states = {row["state"] for row in hefu("list", "--home", firm.home.path, "--json").json["deposits"]}
    assert states == {"anchored"}, seed
