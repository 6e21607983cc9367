"""A second computer of a firm knows what the first deposited, as soon as it shares the vault."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.clients.test_offline import stamp
from tests.support.command_line import hefu, words_of
from tests.support.double import CODE, DROPPED, Double, Fault, problem, running
from tests.support.sample_ledger import POLICY

from hefu_ledger.deposit.evidence import format_evidence, parse_evidence
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.tlog.policy import format_policy


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

    def deposit_again(self, name: str) -> None:
        """Deposit one document of the folder by itself, on the first computer."""
        places = ("--home", self.first, "--out", self.folder / "evidence")
        hefu("deposit", self.folder / "documents" / name, "--again", *places, "--wait")

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
        (tmp_path / "words").write_text(words_of(done))
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
    monkeypatch.setattr("hefu.service.ATTEMPTS", 1)
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
    hefu(
        "refresh", "--out", two.folder / "evidence", "--home", two.first
    )  # the second computer's receipt tells of its key
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
    hefu("deposit", two.copies / "0.txt", "--again", "--home", two.second, "--out", out, "--wait")
    hefu(
        "deposit",
        two.folder / "documents" / "0.txt",
        "--again",
        "--home",
        two.first,
        "--out",
        two.folder / "evidence",
        "--wait",
    )
    mine = (out / "0.txt.hefu.json").read_bytes()
    done = two.sync("--out", out)
    assert done["evidence"] == [f"{out}/documents.hefu.bundle", f"{out}/2/0.txt.hefu.json"]
    assert (out / "0.txt.hefu.json").read_bytes() == mine
    assert two.sync("--out", out)["evidence"] == []


def watched_once(two: Two, home: Path) -> dict[str, Any]:
    """A round of watching a folder that both computers see."""
    out = two.folder / f"evidence of {home.name}"
    return hefu("watch", two.copies, "--home", home, "--out", out, "--once", "--json").json


@pytest.mark.parametrize("sealing", [False, True])
def test_two_computers_that_watch_one_folder_deposit_a_new_document_once(two: Two, sealing: bool) -> None:
    two.enrol_second()
    (two.copies / "new.txt").write_bytes(b"new")
    two.double.sealing = sealing
    assert watched_once(two, two.first)["new"] == 1
    before = len(two.double.ledger.deposits)
    done = watched_once(two, two.second)
    assert (done["deposited"], done["new"], done["changed"], done["intact"]) == (None, 0, 0, 6)
    (two.copies / "new.txt").write_bytes(b"changed")
    (two.copies / "newer.txt").write_bytes(b"newer")
    second = watched_once(two, two.second)
    assert (second["new"], second["changed"]) == (1, 1)
    assert watched_once(two, two.first)["deposited"] is None
    assert len(two.double.ledger.deposits) == before + 1
    notes = dict.fromkeys(two.double.posted("/v1/deposits"))  # what is on its way is sent again
    assert [parse_signed_statement(note)[1].count for note in notes] == [5, 1, 2]


def test_a_colleagues_deposit_of_some_of_what_is_new_leaves_the_rest_to_be_deposited(two: Two) -> None:
    two.enrol_second()
    for name in ("one.txt", "two.txt"):
        (two.copies / name).write_bytes(name.encode())
    hefu("deposit", two.copies / "one.txt", "--again", "--home", two.first, "--out", two.folder / "evidence")
    done = watched_once(two, two.second)
    assert (done["new"], done["intact"], done["deposited"]["documents"]) == (1, 6, 1)


@pytest.mark.parametrize("fault", [DROPPED, problem(410, "closed"), problem(500, "broken")])
def test_a_vault_that_cannot_be_asked_keeps_nothing_from_being_deposited(
    two: Two, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hefu.service.ATTEMPTS", 1)
    two.enrol_second()
    (two.copies / "new.txt").write_bytes(b"new")
    two.double.vault.faults = [fault]
    assert watched_once(two, two.second)["deposited"]["documents"] == 1


def test_a_colleagues_deposit_that_the_service_has_damaged_keeps_nothing_from_being_deposited(two: Two) -> None:
    two.enrol_second()
    (two.copies / "new.txt").write_bytes(b"new")
    watched_once(two, two.first)
    two.double.vault.damaged = {two.double.ledger.deposits[-1].acceptance.statement.hex()}
    assert watched_once(two, two.second)["deposited"]["documents"] == 1


def test_a_home_that_gives_the_service_nothing_watches_without_asking_for_a_vault(two: Two) -> None:
    config = two.first / "config.json"
    config.write_text(config.read_text().replace('{"depositor"', '{"upload":false,"depositor"'))
    (two.copies / "new.txt").write_bytes(b"new")
    two.double.vault.headers.clear()
    assert watched_once(two, two.first)["deposited"]["documents"] == 1
    assert two.double.vault.headers == []


def test_watching_asks_the_vault_only_for_what_it_does_not_know(two: Two) -> None:
    two.enrol_second()
    two.double.vault.headers.clear()
    watched_once(two, two.second)
    assert two.double.vault.headers == [], "nothing is new"
    (two.copies / "new.txt").write_bytes(b"new")
    watched_once(two, two.second)
    assert len(two.double.vault.headers) == 2, "the list, and the deposit's private half"


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def own(two: Two) -> Path:
    """The folder that a second computer has evidence of its own in, under a name that a colleague's has as well."""
    two.enrol_second()
    out, one = two.folder / "out", two.folder / "documents" / "0.txt"
    hefu("deposit", one, "--again", "--home", two.first, "--out", two.folder / "evidence", "--wait")
    (two.copies / "0.txt").write_bytes(b"another")
    hefu("deposit", two.copies / "0.txt", "--again", "--home", two.second, "--out", out, "--wait")
    return out


@pytest.fixture
def synced(two: Two, own: Path) -> Path:
    """The same, with two colleagues' evidence beside it."""
    two.sync("--out", own)
    assert bytes_below(own).keys() == {"documents.hefu.bundle", "0.txt.hefu.json", "1/0.txt.hefu.json"}
    return own


@pytest.mark.parametrize(
    "lost", ["documents.hefu.bundle", "0.txt.hefu.json", "1", "1/0.txt.hefu.json", "0.txt.hefu.json 1", "."]
)
def test_evidence_that_was_deleted_is_written_again_where_it_was(two: Two, synced: Path, lost: str) -> None:
    before, listed = bytes_below(synced), two.listed()
    for name in lost.split():
        path = synced / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    gone = {f"{synced}/{name}" for name in before.keys() - (bytes_below(synced) if synced.exists() else {}).keys()}
    done = two.sync("--out", synced)
    assert (set(done["evidence"]), done["learned"], done["elsewhere"], done["problems"]) == (gone, 0, 0, [])
    assert bytes_below(synced) == before
    assert [{**entry, "id": 0} for entry in two.listed()] == [{**entry, "id": 0} for entry in listed]
    assert two.sync("--out", synced)["evidence"] == []


def test_evidence_that_was_deleted_elsewhere_is_said_to_be_in_the_vault_alone_and_written_to_the_folder_given(
    two: Two, synced: Path
) -> None:
    mine = (synced / "0.txt.hefu.json").read_bytes()
    (synced / "0.txt.hefu.json").unlink()
    assert (two.sync()["elsewhere"], len(two.listed())) == (1, 3)
    done = two.sync("--out", two.folder / "new")
    assert done["evidence"] == [f"{two.folder}/new/0.txt.hefu.json"]
    assert bytes_below(two.folder / "new") == {"0.txt.hefu.json": mine}
    assert len(two.listed()) == 3


def test_evidence_in_a_folder_that_is_away_is_not_taken_for_deleted(two: Two, synced: Path) -> None:
    """A drive that is not there just now."""
    synced.rename(two.folder / "away")
    done = two.sync("--out", two.folder / "new")
    assert (done["evidence"], done["elsewhere"]) == ([], 0)


def test_evidence_that_is_finished_just_now_is_not_taken_for_deleted(
    two: Two, synced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, part = synced / "1.txt.hefu.json", synced / "1.txt.hefu.json.part"
    two.double.sealing = False
    hefu("deposit", two.copies / "1.txt", "--again", "--home", two.second, "--out", synced)
    exists = os.path.lexists

    def finished_meanwhile(path: str) -> bool:
        answer = exists(path)
        if path in (str(final), str(part)) and exists(part):
            part.rename(final)
        return answer

    monkeypatch.setattr("os.path.lexists", finished_meanwhile)
    assert two.sync()["elsewhere"] == 0
    assert str(final) in {entry["evidence"] for entry in two.listed()}


def test_evidence_that_is_not_what_the_vault_has_stays_and_is_named(two: Two, synced: Path) -> None:
    for name in ("documents.hefu.bundle", "1/0.txt.hefu.json"):
        before = bytes_below(synced)
        good = before[name]
        bad = [
            good[:-1],
            good + b" ",
            b"",
            b"mine",
            good.replace(b'"seed":"', b'"seed":"0', 1),
            before["0.txt.hefu.json"],
        ]
        for data in bad:
            if data == good:
                continue
            (synced / name).write_bytes(data)
            (synced / "0.txt.hefu.json").unlink()
            done = hefu("vault", "sync", "--home", two.second, "--out", synced, "--json", expect=1).json
            assert [problem["path"] for problem in done["problems"]] == [f"{synced}/{name}"]
            assert "run this again" in done["problems"][0]["cause"]
            assert done["evidence"] == [f"{synced}/0.txt.hefu.json"]
            assert bytes_below(synced) == before | {name: data}
        (synced / name).unlink()
        assert two.sync("--out", synced)["evidence"] == [f"{synced}/{name}"]
        assert bytes_below(synced) == before


def test_evidence_that_carries_another_deposits_receipt_is_not_taken_for_good(two: Two, synced: Path) -> None:
    path = synced / "1" / "0.txt.hefu.json"
    other = parse_evidence((synced / "0.txt.hefu.json").read_bytes())
    path.write_bytes(format_evidence(parse_evidence(path.read_bytes())._replace(receipt=other.receipt)))
    done = hefu("vault", "sync", "--home", two.second, "--out", synced, "--json", expect=1).json
    assert [problem["path"] for problem in done["problems"]] == [str(path)]


def test_evidence_that_is_new_here_leaves_the_name_of_what_was_deleted_alone(two: Two, own: Path) -> None:
    mine = (own / "0.txt.hefu.json").read_bytes()
    (own / "0.txt.hefu.json").unlink()
    assert two.sync("--out", own)["problems"] == []
    assert bytes_below(own)["0.txt.hefu.json"] == mine
    assert bytes_below(own)["1/0.txt.hefu.json"] == (two.folder / "evidence" / "0.txt.hefu.json").read_bytes()


def test_what_was_cut_out_of_evidence_is_not_taken_for_a_changed_one(two: Two, synced: Path) -> None:
    hefu("extract", synced / "documents.hefu.bundle", "1.txt", "--out", synced)
    hefu("refresh", "--home", two.second, "--out", synced)
    assert len(two.listed()) == 4
    assert two.sync("--out", synced)["problems"] == []


@pytest.mark.parametrize("lost", [["1.txt.hefu.json"], ["1.txt.hefu.json", "documents.hefu.bundle"]])
def test_what_was_cut_out_of_evidence_and_deleted_does_not_lend_its_name_to_all_of_it(
    two: Two, synced: Path, lost: list[str]
) -> None:
    before = bytes_below(synced)
    (synced / "documents.hefu.bundle").rename(two.folder / "documents.hefu.bundle")
    hefu("extract", two.folder / "documents.hefu.bundle", "1.txt", "--out", synced)
    hefu("refresh", "--home", two.second, "--out", synced)
    for name in {"1.txt.hefu.json", "documents.hefu.bundle"} - set(lost):
        (two.folder / name).rename(synced / name)
    (synced / "1.txt.hefu.json").unlink()
    assert two.sync("--out", synced)["problems"] == []
    assert bytes_below(synced) == before


@pytest.mark.parametrize("odd", ["link", "folder", "pipe"])
def test_what_is_no_file_where_evidence_was_stays_and_the_rest_is_written(two: Two, synced: Path, odd: str) -> None:
    path, other = synced / "1" / "0.txt.hefu.json", synced / "documents.hefu.bundle"
    good = other.read_bytes()
    path.unlink()
    other.unlink()
    match odd:
        case "link":
            path.symlink_to(two.folder / "nowhere")
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    before = path.lstat()
    done = hefu("vault", "sync", "--home", two.second, "--out", synced, "--json", expect=1).json
    assert {problem["path"] for problem in done["problems"]} == {str(path)}
    assert other.read_bytes() == good
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_what_is_in_the_way_of_evidence_stays_and_the_rest_is_written(two: Two, synced: Path) -> None:
    out = two.folder / "new"
    (out / "1").mkdir(parents=True)
    (out / "0.txt.hefu.json").write_bytes(b"mine")
    (out / "1" / "0.txt.hefu.json").write_bytes(b"mine too")
    (synced / "1" / "0.txt.hefu.json").unlink()
    (synced / "documents.hefu.bundle").unlink()
    done = hefu("vault", "sync", "--home", two.second, "--out", out, "--json", expect=1).json
    hefu("refresh", "--out", two.folder / "evidence", "--home", two.first)
    assert [problem["path"] for problem in done["problems"]] == [f"{out}/1/0.txt.hefu.json"]
    assert done["evidence"] == [f"{out}/documents.hefu.bundle"]
    assert bytes_below(out) == {
        "0.txt.hefu.json": b"mine",
        "1/0.txt.hefu.json": b"mine too",
        "documents.hefu.bundle": (two.folder / "evidence" / "documents.hefu.bundle").read_bytes(),
    }
    assert done["elsewhere"] == 1


def test_evidence_that_has_gained_timestamps_is_good_and_comes_back_with_them(two: Two, synced: Path) -> None:
    before = bytes_below(synced)
    two.double.change_receipt = stamp
    assert len(hefu("refresh", "--home", two.second, "--json").json["grown"]) == 3
    renewed = bytes_below(synced)
    assert all(renewed[name] != data for name, data in before.items())
    done = two.sync("--out", synced)
    assert (done["evidence"], done["problems"]) == ([], [])
    shutil.rmtree(synced)
    two.sync("--out", synced)
    assert bytes_below(synced) == renewed


def test_evidence_with_timestamps_that_the_vault_does_not_know_is_good(two: Two, synced: Path) -> None:
    two.double.change_receipt = stamp
    receipts = {path: path.read_bytes() for path in (two.second / "vault").glob("*.receipt")}
    hefu("refresh", "--home", two.second)
    for path, data in receipts.items():
        path.write_bytes(data)
    done = two.sync("--out", synced)
    assert (done["evidence"], done["problems"]) == ([], [])


def test_what_a_colleague_has_on_its_way_is_known_and_followed(two: Two) -> None:
    two.double.sealing = False
    paths = ("--home", two.first, "--out", two.folder / "evidence")
    hefu("deposit", two.folder / "documents" / "1.txt", "--again", *paths)
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
    hefu(
        "deposit",
        two.folder / "documents" / "1.txt",
        "--again",
        "--home",
        two.first,
        "--out",
        two.folder / "evidence",
        "--wait",
    )
    done = two.sync("--out", two.folder / "restored")
    assert done["evidence"] == [f"{two.folder}/restored/1.txt.hefu.json"]


def test_a_colleagues_evidence_leaves_the_name_of_what_is_on_its_way_alone(two: Two) -> None:
    two.enrol_second()
    hefu(
        "deposit",
        two.folder / "documents" / "0.txt",
        "--again",
        "--home",
        two.first,
        "--out",
        two.folder / "evidence",
        "--wait",
    )
    out, evidence = two.folder / "out", (two.folder / "evidence" / "0.txt.hefu.json").read_bytes()
    (two.copies / "0.txt").write_bytes(b"another")
    words = ("deposit", two.copies / "0.txt", "--again", "--home", two.second, "--out", out, "--json")
    two.double.sealing = False
    (mine,) = hefu(*words).json["deposits"]
    two.double.sealing = True
    assert f"{out}/1/0.txt.hefu.json" in two.sync("--out", out)["evidence"]
    assert (out / "1" / "0.txt.hefu.json").read_bytes() == evidence
    (done,) = hefu(*words, "--wait").json["deposits"]
    assert (done["state"], done["statement"]) == ("anchored", mine["statement"])
    assert {entry["evidence"] for entry in two.listed()} >= {f"{out}/0.txt.hefu.json", f"{out}/1/0.txt.hefu.json"}
