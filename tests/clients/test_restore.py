"""From the words alone everything comes back to the last byte: from the service, or, without it, from the folder."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu
from tests.support.double import CODE, DROPPED, Double, problem, running
from tests.support.sample_ledger import POLICY, SampleLedger, signer

from hefu.cli.commands.vault import read_recovery
from hefu.deposit.depositor import deposit
from hefu.deposit.offline import prepare
from hefu.deposit.plan import plan
from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.evidence.verify import verify
from hefu.home.home import GENESIS, load, load_reader
from hefu.home.home import POLICY as POLICY_FILE
from hefu.home.labels import Label, append_label, read_labels
from hefu.home.settings import HomeSettings, VaultOptions, format_settings, keep_label
from hefu.keys.enrol import enrol
from hefu.recovery.restore import Restored, restore_from_folder, restore_from_service
from hefu.recovery.verify import verify_vault
from hefu.service import Service
from hefu.vault.blobs import HOME, seal
from hefu.vault.secret import Recovery, Sheet, format_sheet_text, format_words, parse_words
from hefu_ledger.tlog.keys import format_vkey
from hefu_ledger.verify.verdict import PROVEN

DEPOSITS = 5


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are looked for in English."""
    monkeypatch.setenv("HEFU_LANG", "en")


@pytest.fixture
def lost(firm: Firm, documents: Path) -> dict[str, bytes]:
    """Five deposits, two of them of one name; the evidence folder and the home are then destroyed, and this is what
    was in the evidence folder. The vault's folder is saved beside, as if it lay on another disk.
    """
    for number in range(3):
        firm.deposit(documents / f"{number}.txt")
    firm.deposit(documents)
    firm._replace(folder=firm.folder / "later").deposit(documents / "0.txt")
    evidence = {path.name: path.read_bytes() for path in firm.out.iterdir()}
    later = firm.folder / "later" / "evidence" / "0.txt.hefu.json"
    evidence[f"{DEPOSITS - 1}/0.txt.hefu.json"] = later.read_bytes()
    shutil.copytree(firm.home.vault.folder, firm.folder / "disk")
    for path in (firm.home.path, firm.out, firm.folder / "later"):
        shutil.rmtree(path)
    return evidence


def new(firm: Firm) -> tuple[str, str]:
    """An empty computer's home and evidence folder."""
    return str(firm.folder / "new"), str(firm.folder / "restored")


def from_service(firm: Firm, recovery: Recovery | None = None) -> Restored:
    home, out = new(firm)
    return restore_from_service(home, recovery or firm.home.recovery, firm.service, out=out)


def from_folder(firm: Firm, recovery: Recovery | None = None, *, service: Service | None = None) -> Restored:
    home, out = new(firm)
    return restore_from_folder(
        home, recovery or firm.home.recovery, str(firm.folder / "disk"), out=out, service=service
    )


def restored(firm: Firm) -> dict[str, bytes]:
    out = Path(new(firm)[1])
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("restore", [from_service, from_folder])
def test_every_evidence_file_comes_back_to_the_last_byte(
    firm: Firm, documents: Path, lost: dict[str, bytes], restore: Callable[[Firm], Restored]
) -> None:
    done = restore(firm)
    assert restored(firm) == lost
    assert (len(done.evidence), done.documents) == (DEPOSITS, 9)
    assert (done.waiting, done.never, done.problems) == ([], [], [])
    bundle = Path(new(firm)[1]) / "documents.hefu.bundle"
    assert verify(str(bundle), str(documents), policy=POLICY).verdict == PROVEN


@pytest.mark.parametrize("restore", [from_service, from_folder])
def test_the_home_comes_back_but_for_its_key(
    firm: Firm, lost: dict[str, bytes], restore: Callable[[Firm], Restored]
) -> None:
    restore(firm)
    path = new(firm)[0]
    reader = load_reader(path)
    assert (reader.config, reader.policy, reader.genesis) == firm.home[1:2] + firm.home[3:5]
    assert not (Path(path) / "key").exists()
    with pytest.raises(ClientError, match="hefu init"):
        load(path)
    assert verify_vault(reader, firm.service).findings == []
    assert lost


def test_the_vault_s_folder_alone_restores_though_the_service_is_gone(firm: Firm, lost: dict[str, bytes]) -> None:
    firm.double.requests.clear()
    from_folder(firm)
    assert firm.double.requests == []
    assert restored(firm) == lost
    assert verify_vault(load_reader(new(firm)[0]), None).findings == []


def test_the_ledger_is_held_to_what_was_seen_before(firm: Firm, lost: dict[str, bytes]) -> None:
    from_folder(firm)
    assert (Path(new(firm)[0]) / "checkpoint").exists()
    assert lost


def test_a_restored_home_deposits_again_with_a_new_key_and_the_same_vault(
    firm: Firm, documents: Path, lost: dict[str, bytes]
) -> None:
    from_service(firm)
    path = new(firm)[0]
    firm.double.forget_key()
    done = enrol(path, firm.service, CODE)
    assert (done.words, done.sheet) == ("", ""), "the sheet is the one there is"
    home = load(path)
    assert home.recovery == firm.home.recovery
    targets = plan([str(documents / "1.txt")], str(firm.folder / "next"), path)
    (again,) = deposit(home, firm.service, targets, out=str(firm.folder / "next"), wait=False)
    assert again.unsent == ""
    assert home.vault.has(again.statement)
    assert lost


def test_a_restored_home_is_not_enrolled_for_another_depositor(firm: Firm, lost: dict[str, bytes]) -> None:
    from_service(firm)
    with pytest.raises(ClientError, match="beta"):
        enrol(new(firm)[0], firm.service, "beta.secret")
    assert load_reader(new(firm)[0]).config == firm.home.config
    assert lost


def test_words_of_another_sheet_are_refused_and_leave_nothing(firm: Firm, lost: dict[str, bytes]) -> None:
    other = Recovery(bytes(32))
    with pytest.raises(ClientError, match="no vault of these words"):
        from_service(firm, other)
    with pytest.raises(ClientError, match="do not open this vault"):
        from_folder(firm, other)
    assert not Path(new(firm)[0]).exists()
    assert not Path(new(firm)[1]).exists()
    assert lost


def test_a_folder_that_is_no_vault_is_told_from_wrong_words(firm: Firm) -> None:
    (firm.folder / "disk").mkdir()
    with pytest.raises(ClientError, match="holds no vault files"):
        from_folder(firm)


def test_a_service_that_fails_is_told_from_wrong_words(firm: Firm, lost: dict[str, bytes]) -> None:
    firm.double.vault.faults = [problem(500, "internal")]
    with pytest.raises(UnreachableError):
        from_service(firm)
    firm.double.vault.faults = [problem(403, "forbidden")]
    with pytest.raises(RefusedError, match="forbidden"):
        from_service(firm)
    firm.double.vault.faults = [DROPPED] * 7
    with pytest.raises(UnreachableError):
        from_service(firm)
    assert lost


def test_a_finished_home_is_not_written_over(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    with pytest.raises(ClientError, match="a home already"):
        restore_from_service(firm.home.path, firm.home.recovery, firm.service, out=str(firm.folder / "restored"))


def test_restoring_again_changes_nothing_and_never_writes_over_other_files(firm: Firm, lost: dict[str, bytes]) -> None:
    from_service(firm)
    from_service(firm)
    from_folder(firm)
    assert restored(firm) == lost
    path = Path(new(firm)[1]) / "1.txt.hefu.json"
    path.write_bytes(lost[path.name] + b" ")
    with pytest.raises(ClientError, match="holds something else"):
        from_service(firm)
    assert path.read_bytes() == lost[path.name] + b" "
    assert restored(firm).keys() == lost.keys()


def test_a_damaged_file_costs_its_own_deposit_alone_and_is_named(firm: Firm, lost: dict[str, bytes]) -> None:
    files = firm.double.vault.blobs[firm.home.recovery.address]
    hurt = firm.double.ledger.deposits[3].acceptance.statement.hex()
    files[hurt] = files[hurt][:-1]
    done = from_service(firm)
    assert [each.path for each in done.problems] == [hurt]
    assert restored(firm) == {name: data for name, data in lost.items() if not name.endswith(".bundle")}
    (firm.folder / "disk" / f"{hurt}.receipt").write_bytes(b"damaged")
    done = from_folder(firm, service=firm.service)
    assert [each.path for each in done.problems] == [f"{hurt}.receipt"]
    assert restored(firm) == lost, "its receipt came from the service"


def test_a_vault_without_settings_says_so(firm: Firm, lost: dict[str, bytes]) -> None:
    files = firm.double.vault.blobs[firm.home.recovery.address]
    deposits = {deposit.acceptance.statement.hex() for deposit in firm.double.ledger.deposits}
    (settings,) = files.keys() - deposits
    del files[settings]
    with pytest.raises(ClientError, match="no readable settings"):
        from_service(firm)
    files[settings] = seal(HOME, b"{}", firm.home.recovery)
    with pytest.raises(Exception, match="missing config"):
        from_service(firm)
    assert lost


def test_what_is_not_on_the_ledger_yet_and_what_never_was_sent_is_named(firm: Firm, documents: Path) -> None:
    firm.deposit(documents / "0.txt")
    firm.double.sealing = False
    (waiting,) = firm.deposit(documents / "1.txt", wait=False)
    (never,) = prepare(firm.home, plan([str(documents / "2.txt")], str(firm.out), firm.home.path), out=str(firm.out))
    firm.home.send_owed(firm.service)
    shutil.rmtree(firm.home.path)
    done = from_service(firm)
    assert (len(done.evidence), done.waiting, done.never) == (1, [waiting.statement], [never.statement])
    firm.double.sealing = True
    done = from_service(firm)
    assert (len(done.evidence), done.waiting, done.never) == (2, [], [never.statement])


def test_labels_come_back_in_their_order(firm: Firm, documents: Path) -> None:
    (done,) = firm.deposit(documents / "0.txt")
    labels = [Label(at, done.statement, text) for at, text in ((3, "丙"), (4, "甲"), (5, ""))]
    for label in labels:
        append_label(firm.home.path, label)
        keep_label(firm.home.path, label)
    firm.home.send_owed(firm.service)
    shutil.rmtree(firm.home.path)
    from_service(firm)
    assert read_labels(new(firm)[0]) == labels


@pytest.mark.parametrize("restore", [from_service, from_folder])
def test_a_full_disk_at_any_sync_leaves_only_whole_files_and_room_makes_it_go_on(
    firm: Firm, lost: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, restore: Callable[[Firm], Restored]
) -> None:
    real, place, failed = os.fsync, 0, True
    while failed:
        left = [place]

        def full(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", full)
            try:
                restore(firm)
                failed = False
            except OSError:
                whole = {name: data for name, data in restored(firm).items() if not name.endswith(".tmp")}
                assert whole.items() <= lost.items()
        if place % 7 == 0:  # now and then from what was left, else from the beginning
            restore(firm)
            assert restored(firm) == lost
        shutil.rmtree(new(firm)[0], ignore_errors=True)
        shutil.rmtree(new(firm)[1], ignore_errors=True)
        place += 1
    assert place > 30


def test_words_are_read_from_a_file_or_the_text_of_the_code(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery, path = firm.home.recovery, tmp_path / "words.txt"
    path.write_text("\ufeff" + format_words(recovery) + "\r\n", encoding="utf-8")
    assert read_recovery(str(path)) == (recovery, None)
    sheet = Sheet(recovery, "acme", firm.home.config.origin, firm.service.url, firm.home.genesis.log.fingerprint)
    path.write_text(format_sheet_text(sheet), encoding="utf-8")
    assert read_recovery(str(path)) == (recovery, sheet)
    monkeypatch.setattr("sys.stdin", io.StringIO(format_words(recovery)))
    assert read_recovery("-") == (recovery, None)


# Init


def test_the_words_are_given_once_and_are_those_of_the_sheet_and_the_key(firm: Firm, tmp_path: Path) -> None:
    firm.double.forget_key()
    done = enrol(str(tmp_path / "second"), firm.service, CODE)
    assert parse_words(done.words) == load(str(tmp_path / "second")).recovery
    page = Path(done.sheet).read_text(encoding="utf-8")
    assert all(f"<li>{word}</li>" in page for word in done.words.split())
    assert parse_words(done.words) != firm.home.recovery


def test_a_second_computer_joins_the_vault_of_the_sheet(firm: Firm, tmp_path: Path) -> None:
    firm.double.forget_key()
    path = tmp_path / "second"
    done = enrol(str(path), firm.service, CODE, VaultOptions(recovery=firm.home.recovery))
    assert (done.words, done.sheet, done.unsent) == ("", "", "")
    assert load(str(path)).recovery == firm.home.recovery
    assert not (path / "recovery.html").exists()


def test_a_home_being_made_does_not_change_its_vault(double: Double, tmp_path: Path) -> None:
    with running(double) as url, Service(url, sleep=lambda _: None) as service:
        path = str(tmp_path / "home")
        double.faults = [None, problem(403, "no")]
        with pytest.raises(RefusedError):
            enrol(path, service, CODE)
        with pytest.raises(ClientError, match="another vault"):
            enrol(path, service, CODE, VaultOptions(recovery=Recovery(bytes(32))))
        assert enrol(path, service, CODE).words


def test_an_init_without_the_service_s_vault_is_finished_and_says_so(double: Double, tmp_path: Path) -> None:
    with running(double) as url, Service(url, sleep=lambda _: None) as service:
        double.vault.faults = [problem(507, "full")]
        done = enrol(str(tmp_path / "home"), service, CODE)
        assert "full" in done.unsent
        home = load(str(tmp_path / "home"))
        assert len(home.vault.owed()) == 1
        assert home.send_owed(service) == []
        assert home.vault.owed() == []
        double.forget_key()
        double.vault.headers.clear()
        done = enrol(str(tmp_path / "other"), service, CODE, VaultOptions(str(tmp_path / "drive"), upload=False))
        assert (done.unsent, double.vault.headers) == ("", [])
        assert load(str(tmp_path / "other")).vault.names() == sorted(
            path.name for path in (tmp_path / "drive").iterdir()
        )


def planted(firm: Firm, policy: bytes, genesis: bytes | None = None) -> None:
    """Settings as one who knows the words can write them, newer than any."""
    home = firm.home
    own = Path(home.path, GENESIS).read_bytes()
    settings = HomeSettings(home.config, genesis or own, policy, 4_000_000_000_000)
    home.vault.keep(HOME, format_settings(settings))


def test_settings_that_trust_a_strange_log_key_are_refused_by_name(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    stranger = signer(firm.home.config.origin, "strange").key
    own = Path(firm.home.path, POLICY_FILE).read_bytes()
    planted(firm, f"log {format_vkey(stranger)}\n".encode() + own)
    words = firm.folder / "words"
    words.write_text(format_words(firm.home.recovery))
    place = ("--home", firm.folder / "new", "--out", firm.folder / "back", "--from", f"{firm.home.path}/vault")
    ran = hefu("vault", "restore", *place, "--words", words, expect=1)
    assert stranger.fingerprint in ran.out
    assert firm.home.genesis.log.fingerprint in ran.out
    assert "compare it with the log key on the recovery sheet" in ran.out
    assert (firm.folder / "new" / "policy.txt").read_bytes() == own


def test_a_ledger_that_is_not_the_sheet_s_is_not_trusted(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    evil = signer(firm.home.config.origin, "strange").key
    ledger = SampleLedger()
    ledger.append(firm.home.genesis._replace(log=evil))
    planted(firm, f"log {format_vkey(evil)}\nquorum none\n".encode(), ledger.records[0])
    words = firm.folder / "words"
    words.write_text(format_words(firm.home.recovery))
    place = ("--home", firm.folder / "new", "--out", firm.folder / "back", "--from", f"{firm.home.path}/vault")
    assert "several ledgers" in hefu("vault", "restore", *place, "--words", words, expect=2).err
    config, fingerprint = firm.home.config, firm.home.genesis.log.fingerprint
    sheet = Sheet(firm.home.recovery, config.depositor, config.origin, config.server, fingerprint)
    words.write_text(format_sheet_text(sheet))
    ran = hefu("vault", "restore", *place, "--words", words, expect=1)
    assert evil.fingerprint in ran.out
    assert "compare it" not in ran.out
    assert load_reader(str(firm.folder / "new")).genesis == firm.home.genesis
    words.write_text(format_sheet_text(sheet._replace(fingerprint="ab" * 32)))
    other = ("--home", firm.folder / "other", *place[2:])
    assert "ab" * 32 in hefu("vault", "restore", *other, "--words", words, expect=2).err
