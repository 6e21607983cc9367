"""A restore, or a refresh with the vault, that dies anywhere is finished by running it again, to the last byte."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.clients.conftest import Firm
from tests.clients.dying import CUT, DIE, FULL, Forker
from tests.support.command_line import hefu
from tests.support.double import LOST

from hefu.evidence.verify import verify
from hefu.files.atomic import replace
from hefu.home.home import load_reader
from hefu.home.labels import Label, append_label, read_labels
from hefu.home.settings import keep_label
from hefu.recovery.verify import verify_vault
from hefu.vault.secret import Sheet, format_sheet_text
from hefu_ledger.verify.verdict import PROVEN

STEPS = 200  # about as many as a restore has


class Lost(NamedTuple):
    """A firm whose home is gone: what its evidence folder and its labels were, and how to restore them."""

    firm: Firm
    evidence: dict[str, bytes]
    labels: list[Label]
    words: tuple[object, ...]

    @property
    def home(self) -> Path:
        return self.firm.folder / "new"

    @property
    def out(self) -> Path:
        return self.firm.folder / "restored"

    def finish(self, *, expect: int = 0) -> None:
        hefu(*self.words, expect=expect)

    def assert_nothing_half_written(self) -> dict[str, int]:
        """Whatever has its final name is whole, or never was this restore's; which file each is."""
        there = {name: data for name, data in files(self.out).items() if not name.endswith(".tmp")}
        assert there.items() <= self.evidence.items()
        return {name: (self.out / name).stat().st_ino for name in there}

    def assert_all_restored(self) -> None:
        """Every evidence file and every file of the vault to the last byte, and nothing else but the home's own."""
        assert files(self.out) == self.evidence
        vault = {name: data for name, data in files(self.home / "vault").items() if not name.endswith(".receipt")}
        assert vault == self.firm.double.vault.blobs[self.firm.home.recovery.address]
        assert [name for name in files(self.home) if name.endswith(".tmp")] == []
        assert read_labels(str(self.home)) == self.labels
        reader = load_reader(str(self.home))
        assert reader.config == self.firm.home.config
        assert verify_vault(reader, self.firm.service).findings == []

    def forget(self) -> None:
        for path in (self.home, self.out):
            shutil.rmtree(path, ignore_errors=True)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["service", "folder"])
def lost(firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Lost:
    """Three deposits, two of one name and one cut into pieces, and a label; then the home is destroyed."""
    later = firm._replace(folder=firm.folder / "later")
    firm.deposit(documents / "0.txt")
    with monkeypatch.context() as patch:
        patch.setattr("hefu.vault.blobs.PIECE", 600)
        firm.deposit(documents)
    (again,) = later.deposit(documents / "0.txt")
    evidence = files(firm.out) | {f"2/{name}": data for name, data in files(later.out).items()}
    label = Label(3, again.statement, "投标")
    append_label(firm.home.path, label)
    keep_label(firm.home.path, label)
    assert firm.home.send_owed(firm.service) == []
    shutil.copytree(firm.home.vault.folder, firm.folder / "disk")
    for path in (firm.home.path, firm.out, later.folder):
        shutil.rmtree(path)
    sheet = firm.folder / "sheet.txt"
    home = firm.home
    where = (home.config.origin, firm.service.url, home.genesis.log.fingerprint)
    sheet.write_text(format_sheet_text(Sheet(home.recovery, "acme", *where)))
    source = ("--from", firm.folder / "disk") if request.param == "folder" else ()
    words = ("vault", "restore", "--home", firm.folder / "new", "--words", sheet, "--out", firm.folder / "restored")
    return Lost(firm, evidence, [label], (*words, *source))


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_a_restore_killed_before_any_step_is_finished_by_the_next(lost: Lost, forker: Forker, every: int) -> None:
    calls = 0
    while forker.dies(calls, *lost.words):
        before = lost.assert_nothing_half_written()
        lost.finish()
        lost.assert_all_restored()
        after = lost.assert_nothing_half_written()
        assert before.items() <= after.items(), "what was there was left alone"
        lost.forget()
        calls += every
    lost.assert_all_restored()
    assert calls > 40


@pytest.mark.parametrize("rounds", [4, pytest.param(66, marks=pytest.mark.soak)])
def test_a_restore_that_is_killed_cut_off_or_without_room_again_and_again_is_finished_in_the_end(
    lost: Lost, forker: Forker, rounds: int
) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201 -- shown if it fails
    chance = random.Random(seed)
    for _ in range(rounds):
        before: dict[str, int] = {}
        for _ in range(3):
            how = chance.choice([DIE, CUT, FULL])
            lost.firm.double.faults += chance.choices([None, LOST, (503, b"", {})], [3, 1, 1], k=2)
            lost.firm.double.vault.faults += chance.choices([None, LOST, (503, b"", {})], [3, 1, 1], k=2)
            forker.run(how, chance.randrange(10 if how == CUT else STEPS), *lost.words)
            after = lost.assert_nothing_half_written()
            assert before.items() <= after.items()
            before = after
        lost.firm.double.faults.clear()
        lost.firm.double.vault.faults.clear()
        lost.finish()
        lost.assert_all_restored()
        lost.forget()


def test_a_restore_killed_beside_files_of_others_overwrites_none(lost: Lost, forker: Forker) -> None:
    other = lost.out / "documents.hefu.bundle"
    for calls in range(0, STEPS, 25):
        lost.out.mkdir()
        other.write_bytes(b"other")
        forker.run(DIE, calls, *lost.words)
        assert other.read_bytes() == b"other"
        lost.finish(expect=2)
        assert other.read_bytes() == b"other"
        other.unlink()
        lost.finish()
        lost.assert_all_restored()
        lost.forget()


@pytest.mark.parametrize("rounds", [4, pytest.param(66, marks=pytest.mark.soak)])
def test_a_refresh_that_is_killed_cut_off_or_without_room_completes_the_vault_and_deposits_once(
    firm: Firm, documents: Path, forker: Forker, rounds: int
) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201 -- shown if it fails
    chance = random.Random(seed)
    originals = {"documents.hefu.bundle": documents, "0.txt.hefu.json": documents / "0.txt"}
    for number in range(rounds):
        out = firm.folder / f"evidence{number}"
        hefu("deposit", "--offline", "--again", "--home", firm.home.path, *originals.values(), "--out", out)
        before = len(firm.double.ledger.deposits)
        words = ("refresh", "--home", firm.home.path, "--out", out, "--wait")
        for _ in range(3):
            how = chance.choice([DIE, CUT, FULL])
            firm.double.vault.faults += chance.choices([None, LOST, (503, b"", {})], [3, 1, 1], k=2)
            forker.run(how, chance.randrange(12 if how == CUT else 80), *words)
            for deposit in firm.double.ledger.deposits:
                assert firm.home.vault.has(deposit.acceptance.statement.hex())
            for name in originals.keys() & files(out).keys():
                assert verify(str(out / name), str(originals[name]), policy=firm.home.policy).verdict == PROVEN
        firm.double.vault.faults.clear()
        hefu(*words)
        assert files(out).keys() == originals.keys()
        assert len(firm.double.ledger.deposits) == before + 2
        assert firm.home.vault.owed() == []
        found = verify_vault(firm.home.reader, firm.service)
        assert (found.deposits, found.never, found.findings) == (before + 2, [], [])
        assert [name for name in files(Path(firm.home.path)) if name.endswith(".tmp")] == []


def test_a_passing_name_left_beside_evidence_never_cuts_it_short(lost: Lost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between link and unlink the evidence has two names: to write under the passing one would write into it."""
    lost.finish()
    final = lost.out / "0.txt.hefu.json"  # the first that is written
    final.with_name(final.name + ".tmp").hardlink_to(final)
    with monkeypatch.context() as patch:
        patch.setattr("hefu.recovery.rebuild._evidence", lambda *_: iter([b"half"]))
        hefu(*lost.words, expect=2)
    assert final.read_bytes() == lost.evidence[final.name]
    lost.finish()
    lost.assert_all_restored()


def test_a_file_with_a_passing_name_left_is_not_cut_short_by_writing_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"whole")
    (tmp_path / "file.tmp").hardlink_to(path)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            replace(str(path), b"other")
    assert files(tmp_path) == {"file": b"whole"}


def test_what_a_crash_left_beside_a_finished_bundle_is_cleared_away_by_refresh(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    for kind in ("ack", "statement"):
        (firm.out / f"documents.hefu.bundle.{kind}").write_bytes(b"left")
    (firm.out / "other.ack").write_bytes(b"of somebody else")
    hefu("refresh", "--home", firm.home.path, "--out", firm.out)
    assert files(firm.out).keys() == {"documents.hefu.bundle", "other.ack"}
