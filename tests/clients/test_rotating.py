"""New recovery words take the place of the old: nothing is lost, whatever happens, and the old vault closes last."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Firm, Office
from tests.clients.dying import CUT, DIE, FULL, Forker
from tests.support.command_line import hefu, words_of
from tests.support.double import CODE, Reply, problem

from hefu.errors import ClosedError, UnreachableError
from hefu.home.home import load, load_reader
from hefu.home.labels import Label, read_labels
from hefu.home.settings import keep_label
from hefu.recovery.rotate import rotate
from hefu.recovery.verify import verify_vault
from hefu.vault.blobs import opened
from hefu.vault.remote import Remote
from hefu.vault.secret import Recovery, format_words, parse_words


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are looked for in English."""
    monkeypatch.setenv("HEFU_LANG", "en")


@pytest.fixture
def full(firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch) -> Firm:
    """A firm whose vault holds a deposit in pieces, a single one, settings and a label that was not sent yet."""
    with monkeypatch.context() as patch:
        patch.setattr("hefu.vault.blobs.PIECE", 600)
        (done,) = firm.deposit(documents)
    firm.deposit(documents / "0.txt")
    keep_label(firm.home.path, Label(3, done.statement, "投标"))
    return firm


def rotated(firm: Firm) -> Recovery:
    return parse_words(words_of(hefu("vault", "rotate", "--home", firm.home.path, "--json").json))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def second(firm: Firm) -> Path:
    """Another computer of the firm, which shares the vault."""
    (firm.folder / "words").write_text(format_words(firm.home.recovery))
    firm.double.forget_key()
    home = firm.folder / "second"
    words = ("--server", firm.service.url, "--code", CODE, "--recovery", firm.folder / "words")
    hefu("init", "--home", home, *words)
    return home


def assert_comes_back(firm: Firm, new: Recovery) -> None:
    """The new words alone bring everything back; the old ones nothing, and the home is whole."""
    hefu(
        "refresh", "--out", firm.out, "--home", firm.home.path
    )  # a receipt that is fetched anew tells of every key by now
    (firm.folder / "new words").write_text(format_words(new))
    restore = ("vault", "restore", "--words", firm.folder / "new words", "--server", firm.service.url)
    hefu(*restore, "--home", firm.folder / "again", "--out", firm.folder / "back")
    assert contents(firm.folder / "back") == contents(firm.out)
    assert [label.text for label in read_labels(str(firm.folder / "again"))] == ["投标"]
    with pytest.raises(ClosedError, match="hefu vault join"):
        Remote(firm.service, Recovery(firm.home.recovery.secret)).listing()
    reader = load_reader(firm.home.path)
    assert reader.recovery == new
    checked = verify_vault(reader, firm.service)
    assert (checked.findings, checked.pending, checked.never) == ([], [], [])


def test_the_new_words_bring_everything_back_and_the_old_read_nothing_more(full: Firm) -> None:
    done = hefu("vault", "rotate", "--home", full.home.path, "--json").json
    new = parse_words(words_of(done))
    assert new != full.home.recovery
    assert (done["closed"], done["left"]) == (True, [])
    sheet = Path(done["sheet"])
    assert all(f"<li>{word}</li>" in sheet.read_text() for word in words_of(done).split())
    assert sheet.stat().st_mode & 0o777 == 0o600
    assert_comes_back(full, new)


def test_deposits_go_on_under_the_new_words(full: Firm, documents: Path) -> None:
    new = rotated(full)
    hefu("deposit", documents / "1.txt", "--again", "--home", full.home.path, "--out", full.out, "--wait")
    assert_comes_back(full, new)


def test_the_old_vault_is_closed_after_all_else_and_not_before(full: Firm) -> None:
    rotated(full)
    old, new = full.home.recovery.address, load_reader(full.home.path).recovery.address
    assert list(full.double.vault.closed) == [old]
    last = full.double.vault.headers[-1]
    assert "Authorization" not in last, "the closing is the last of all requests"
    assert len(full.double.vault.blobs[new]) >= len(full.double.vault.blobs[old])


@pytest.mark.parametrize(
    ("how", "every"), [(DIE, 19), (CUT, 5), (FULL, 11), pytest.param(DIE, 1, marks=pytest.mark.soak)]
)
def test_interrupted_anywhere_it_goes_on_with_the_same_words_and_loses_nothing(
    full: Firm, forker: Forker, how: str, every: int
) -> None:
    identities = [name for name in full.home.vault.names() if f"{name}.receipt" in full.home.vault.names()]
    secrets, calls = list[bytes](), 0
    while forker.run(how, calls, "vault", "rotate", "--home", full.home.path):
        reader = load_reader(full.home.path)
        for identity in identities:
            with opened(reader.vault, identity, reader.recovery) as kept:
                assert kept.part.header.count in (1, 5)
        secrets += [reader.recovery.secret] if reader.recovery.secret not in secrets else []
        closed = full.double.vault.closed
        assert not closed or reader.recovery.secret != full.home.recovery.secret
        calls += every
    new = load_reader(full.home.path).recovery
    assert {*secrets, new.secret} == {full.home.recovery.secret, new.secret}
    assert len(full.double.vault.closed) == 1
    assert_comes_back(full, new)


def test_what_another_computer_deposited_under_the_old_words_is_carried_over(full: Firm, documents: Path) -> None:
    other = second(full)
    hefu("deposit", documents / "1.txt", "--again", "--home", other, "--out", full.out, "--wait")
    assert_comes_back(full, rotated(full))


def test_another_computer_is_told_and_takes_the_new_words(full: Firm, documents: Path) -> None:
    other = second(full)
    new = rotated(full)
    done = hefu("deposit", documents / "1.txt", "--again", "--home", other, "--out", full.out, "--wait").out
    assert "hefu vault join" in done
    assert "hefu vault join" in hefu("vault", "sync", "--home", other, expect=2).err
    (full.folder / "new words").write_text(format_words(new))
    hefu("vault", "join", "--home", other, "--words", full.folder / "words", expect=2)
    hefu("vault", "join", "--home", other, "--words", full.folder / "new words")
    assert load_reader(str(other)).recovery == new
    assert not (other / "vault.key.old").exists()
    hefu("vault", "sync", "--home", full.home.path)
    assert_comes_back(full, new)
    checked = verify_vault(load_reader(str(other)), full.service)
    assert (checked.findings, checked.pending) == ([], [])


@pytest.mark.parametrize(("how", "every"), [(DIE, 19), (CUT, 5), pytest.param(DIE, 1, marks=pytest.mark.soak)])
def test_joining_that_is_interrupted_goes_on(full: Firm, forker: Forker, how: str, every: int) -> None:
    other = second(full)
    (other / "recovery.html").write_bytes((Path(full.home.path) / "recovery.html").read_bytes())
    (full.folder / "new words").write_text(format_words(rotated(full)))
    words, calls = ("vault", "join", "--home", other, "--words", full.folder / "new words"), 0
    while forker.run(how, calls, *words):
        calls += every
    assert not (other / "recovery.html").exists()
    checked = verify_vault(load_reader(str(other)), full.service)
    assert (checked.findings, checked.pending, checked.deposits) == ([], [], 2)


def test_joining_that_is_interrupted_at_its_very_end_is_done_when_it_is_run_again(
    full: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old words are gone by then, and nothing says that the change is under way."""
    other = second(full)
    (full.folder / "new words").write_text(format_words(rotated(full)))
    words = ("vault", "join", "--home", other, "--words", full.folder / "new words")
    with monkeypatch.context() as patch:
        patch.setattr(
            "hefu.recovery.rotate.sync_folder", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "no disk"))
        )
        hefu(*words, expect=3)
    assert not (other / "vault.key.old").exists()
    synced: list[str] = []
    monkeypatch.setattr("hefu.recovery.rotate.sync_folder", synced.append)
    hefu(*words)
    assert synced == [f"{other}/vault.key.old"], "or a power cut would bring the old words back"
    checked = verify_vault(load_reader(str(other)), full.service)
    assert (checked.findings, checked.pending, checked.deposits) == ([], [], 2)


def test_a_sheet_of_words_that_are_no_longer_in_force_does_not_stay_on_a_computer_that_joined(full: Firm) -> None:
    other = second(full)
    sheet = other / "recovery.html"
    sheet.write_bytes((Path(full.home.path) / "recovery.html").read_bytes())
    new = rotated(full)
    (full.folder / "new words").write_text(format_words(new))
    ran = hefu("vault", "join", "--home", other, "--words", full.folder / "new words")
    assert not sheet.exists()
    assert f"{sheet} showed the old recovery words, and was removed" in ran.out


@pytest.mark.parametrize(("old", "new"), [(b"</li><li>", b"</li> <li>"), (b"<ol>", b"<ol >"), (b"</ol>", b"\n</ol>")])
def test_a_page_on_which_no_words_are_found_stays_where_a_sheet_would_be(full: Firm, old: bytes, new: bytes) -> None:
    """A browser saves a colleague's new sheet in its own way, and nobody may have another."""
    other = second(full)
    (full.folder / "new words").write_text(format_words(rotated(full)))
    saved = (Path(full.home.path) / "recovery.html").read_bytes().replace(old, new)
    (other / "recovery.html").write_bytes(saved)
    hefu("vault", "join", "--home", other, "--words", full.folder / "new words")
    assert (other / "recovery.html").read_bytes() == saved


def test_a_sheet_of_the_words_in_force_stays(full: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where replacing them was interrupted at its very end, it is the only one there is."""
    with monkeypatch.context() as patch:
        patch.setattr("hefu.recovery.rotate._end", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotate(full.home.path, full.service)
    sheet = Path(full.home.path) / "recovery.html"
    before = sheet.read_bytes()
    (full.folder / "new words").write_text(format_words(load_reader(full.home.path).recovery))
    done = hefu("vault", "join", "--home", full.home.path, "--words", full.folder / "new words", "--json").json
    assert (sheet.read_bytes(), done["sheet_removed"]) == (before, "")


def test_words_of_another_firm_and_an_old_vault_still_open_are_refused(full: Firm) -> None:
    other = second(full)
    key = (other / "vault.key").read_bytes()
    stranger = Recovery(bytes(32))
    (full.folder / "stranger").write_text(format_words(stranger))
    assert "holds no vault" in hefu("vault", "join", "--home", other, "--words", full.folder / "stranger", expect=2).err
    full.double.vault.blobs[stranger.address] = dict(full.double.vault.blobs[full.home.recovery.address])
    refused = hefu("vault", "join", "--home", other, "--words", full.folder / "stranger", expect=2).err
    assert "still open" in refused
    assert (other / "vault.key").read_bytes() == key
    assert not (other / "vault.key.old").exists()


def test_a_service_that_takes_not_all_leaves_the_old_vault_open(full: Firm) -> None:
    full.double.vault.room = False
    assert "the old vault stays open" in hefu("vault", "rotate", "--home", full.home.path, expect=3).err
    assert full.double.vault.closed == {}
    assert "only half replaced" in hefu("vault", "verify", "--home", full.home.path, expect=None).out
    full.double.vault.room = True
    assert_comes_back(full, rotated(full))


def test_what_the_service_has_damaged_stops_it_before_anything_is_changed(full: Firm) -> None:
    (only_there, *_) = (name for name in full.home.vault.names() if f"{name}.receipt" in full.home.vault.names())
    (Path(full.home.vault.folder) / only_there).unlink()
    full.double.vault.damaged = {only_there}
    assert (
        "not the bytes that the service itself lists" in hefu("vault", "rotate", "--home", full.home.path, expect=3).err
    )
    assert load_reader(full.home.path).recovery == full.home.recovery
    assert full.double.vault.closed == {}


def test_a_file_damaged_here_is_taken_from_the_service_before_the_old_vault_closes(full: Firm) -> None:
    for name in full.home.vault.names():
        if not name.endswith(".receipt") and name in full.double.vault.blobs[full.home.recovery.address]:
            (Path(full.home.vault.folder) / name).write_bytes(b"damaged")
    assert_comes_back(full, rotated(full))


def test_what_nobody_can_decrypt_is_named_and_does_not_stand_in_the_way(full: Firm) -> None:
    """Or a leaver could, with one file, keep the words that she knows in force for ever."""
    junk = "ab" * 32
    full.double.vault.blobs[full.home.recovery.address][junk] = b"age-encryption.org/v1\njunk"
    done = hefu("vault", "rotate", "--home", full.home.path, "--json", expect=1).json
    assert [problem["path"] for problem in done["left"]] == [junk]
    assert done["closed"]
    assert_comes_back(full, parse_words(words_of(done)))


def test_a_vault_that_no_service_holds_is_changed_here_alone(firm: Firm, documents: Path) -> None:
    firm.double.vault.blobs.clear()  # what init gave it
    keep_here_alone(Path(firm.home.path))
    firm = firm._replace(home=load(firm.home.path))
    firm.deposit(documents)
    before = dict(firm.double.vault.blobs)
    done = hefu("vault", "rotate", "--home", firm.home.path, "--json").json
    assert not done["closed"]
    assert firm.double.vault.blobs == before
    assert verify_vault(load_reader(firm.home.path), None).findings == []


def keep_here_alone(home: Path) -> None:
    """Let a home be as one that was made with ``--no-vault``."""
    config = home / "config.json"
    config.write_text(config.read_text().replace('{"depositor"', '{"upload":false,"depositor"'))


def test_a_home_that_gives_the_service_nothing_never_leaves_a_colleagues_vault_open(full: Firm) -> None:
    """It has nothing to put in its place: whoever knows the old words would read on, and nobody be told."""
    other = second(full)
    keep_here_alone(other)
    before = contents(other / "vault"), (other / "vault.key").read_bytes()
    refused = hefu("vault", "rotate", "--home", other, expect=2).err
    assert "--no-vault" in refused
    assert "hefu vault join" in refused
    assert (contents(other / "vault"), (other / "vault.key").read_bytes()) == before
    assert not (other / "vault.key.old").exists()
    new = rotated(full)
    (full.folder / "new words").write_text(format_words(new))
    hefu("vault", "join", "--home", other, "--words", full.folder / "new words")
    assert load_reader(str(other)).recovery == new
    assert full.double.vault.closed.keys() == {full.home.recovery.address}


def test_a_change_of_words_here_alone_says_what_it_does_not_do(firm: Firm) -> None:
    firm.double.vault.blobs.clear()
    keep_here_alone(Path(firm.home.path))
    said = hefu("vault", "rotate", "--home", firm.home.path).out
    assert "in this folder alone" in said
    assert "copies" in said
    assert "is closed" not in said


def test_one_file_that_is_refused_is_named_and_the_rest_is_sent_though_the_old_vault_stays_open(
    full: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    (piece, *_) = (name for name in full.home.vault.names() if name.endswith(".1"))
    real = full.double.vault.answer

    def refusing(method: str, path: str, *rest: Any) -> Reply:
        refused = (method, path) == ("PUT", f"/v1/vault/{piece}")
        return problem(413, "Too large") if refused else real(method, path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(full.double.vault, "answer", refusing)
        refused = hefu("vault", "rotate", "--home", full.home.path, expect=3).err
    assert f"{piece}: 413 Too large" in refused
    assert full.double.vault.closed == {}
    present = load_reader(full.home.path)
    names = {name for name in present.vault.names() if not name.endswith(".receipt")}
    assert names - full.double.vault.blobs[present.recovery.address].keys() == {piece, piece.removesuffix(".1")}
    assert_comes_back(full, rotated(full))


def test_who_may_not_close_a_vault_is_told_before_anything_is_changed(office: Office) -> None:
    before = {path: path.read_bytes() for path in office.clerk.glob("vault.key*")}
    assert "takes an approver's signature" in hefu("vault", "rotate", "--home", office.clerk, expect=2).err
    hefu("key", "retire", office.listed()[1]["key"], "--home", office.chief)
    hefu("vault", "rotate", "--home", office.clerk, expect=2)
    assert {path: path.read_bytes() for path in office.clerk.glob("vault.key*")} == before
    hefu("vault", "rotate", "--home", office.chief)
    assert len(office.double.vault.closed) == 1


def test_a_deposit_that_began_under_the_old_words_is_never_kept_under_them(full: Firm, documents: Path) -> None:
    """Its documents may have been read for hours, while the words were replaced and the old sheet destroyed."""
    new = rotated(full)
    before = contents(Path(full.home.vault.folder))
    with pytest.raises(UnreachableError, match="run the same command again"):
        full.deposit(documents / "1.txt")
    (receipt, *_) = full.double._receipts.values()
    with pytest.raises(UnreachableError, match="run the same command again"):
        full.home.vault.keep_receipt(receipt)
    assert contents(Path(full.home.vault.folder)) == before
    hefu("deposit", documents / "1.txt", "--again", "--home", full.home.path, "--out", full.out, "--wait")
    assert_comes_back(full, new)


def test_a_change_that_another_computer_overtook_gives_way_to_it(
    full: Firm, documents: Path, forker: Forker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted or not."""
    other = second(full)
    with monkeypatch.context() as patch:
        patch.setattr(full.double.vault, "close", lambda *_: problem(409, "conflict", "not now"))
        hefu("vault", "rotate", "--home", other, expect=2)
    overtaken = load_reader(str(other)).recovery
    hefu("deposit", documents / "1.txt", "--again", "--home", other, "--out", full.out, "--wait")
    new = rotated(full)
    assert "hefu vault join" in hefu("vault", "rotate", "--home", other, expect=2).err
    (full.folder / "new words").write_text(format_words(new))
    words, calls = ("vault", "join", "--home", other, "--words", full.folder / "new words"), 0
    while forker.run(DIE, calls, *words):
        calls += 13
    with pytest.raises(ClosedError):
        Remote(full.service, Recovery(overtaken.secret)).listing()
    assert load_reader(str(other)).recovery == new
    assert verify_vault(load_reader(str(other)), full.service).findings == []
    hefu("vault", "sync", "--home", full.home.path)
    assert_comes_back(full, new)


def test_a_copy_of_the_old_vault_s_folder_still_restores_with_the_old_words(full: Firm) -> None:
    copy = Path(shutil.copytree(full.home.vault.folder, full.folder / "copy"))
    rotated(full)
    (full.folder / "words").write_text(format_words(full.home.recovery))
    place = ("--home", full.folder / "again", "--from", copy, "--out", full.folder / "back")
    restore = ("vault", "restore", "--words", full.folder / "words", "--server", full.service.url, *place)
    assert "this vault was closed" in hefu(*restore, expect=1).out
    assert contents(full.folder / "back") == contents(full.out)
