"""A deposit is in the vault before anyone hears of it, at the service once acknowledged, and only as ciphertext."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.clients.dying import Forker
from tests.support.command_line import hefu
from tests.support.double import DROPPED, LOST, Fault, problem
from tests.support.modules import modules
from tests.support.sample_ledger import LOG

from hefu.deposit.offline import prepare
from hefu.deposit.plan import plan
from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.evidence.receipt import receipt_of
from hefu.home.home import load
from hefu.home.labels import Label, read_labels
from hefu.home.settings import keep_label
from hefu.recovery.numbers import running_numbers
from hefu.recovery.sync import sync
from hefu.recovery.verify import HERE, SERVICE, verify_vault
from hefu.vault import blobs
from hefu.vault.blobs import DEPOSIT, HOME, LABEL, RECEIPT_SUFFIX, About, opened, seal, seal_again, seal_deposit, unseal
from hefu.vault.secret import Recovery, format_words
from hefu.vault.store import Vault
from hefu_ledger.deposit.receipt import Receipt
from hefu_ledger.deposit.state import ANCHORED, KNOWN
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import MalformedError, UnknownFormatError
from hefu_ledger.tlog.note import SignatureLine, format_note, parse_note

ONE, OTHER = Recovery(sha256(b"one").digest()), Recovery(sha256(b"other").digest())


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are looked for in English."""
    monkeypatch.setenv("HEFU_LANG", "en")


def service_files(firm: Firm) -> dict[str, bytes]:
    return firm.double.vault.blobs.setdefault(firm.home.recovery.address, {})


def unsent(firm: Firm) -> list[str]:
    return firm.home.vault.owed()


def found(firm: Firm, *, offline: bool = False) -> list[tuple[str, str]]:
    """What verifying finds wrong."""
    reader = firm.home.reader
    return [(each.where, each.name) for each in verify_vault(reader, None if offline else firm.service).findings]


def pending(firm: Firm) -> list[tuple[str, str]]:
    """What verifying says an exchange with the service has still to do."""
    return [(each.where, each.name) for each in verify_vault(firm.home.reader, firm.service).pending]


# Files


def test_contents_come_back_for_the_secret_they_were_encrypted_to_and_for_no_other() -> None:
    data = seal(LABEL, "配方".encode() * 1000, ONE)
    assert unseal(data, ONE) == (LABEL, "配方".encode() * 1000)
    assert len(data) < 1000
    with pytest.raises(MalformedError, match="another recovery secret"):
        unseal(data, OTHER)


def test_changing_or_cutting_a_file_anywhere_is_noticed() -> None:
    data = seal(LABEL, b"contents", ONE)
    for place in range(len(data)):
        with pytest.raises(MalformedError):
            unseal(data[:place], ONE)
        with pytest.raises(MalformedError):
            unseal(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], ONE)


def test_a_file_of_a_later_version_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hefu.vault.blobs._FORMAT", "hefu-vault/v2")
    data = seal(LABEL, b"contents", ONE)
    monkeypatch.undo()
    with pytest.raises(UnknownFormatError):
        unseal(data, ONE)


@pytest.mark.parametrize("rest", [b"x", seal(LABEL, b"", ONE)])
def test_nothing_follows_the_contents(rest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    real = zlib.compress
    monkeypatch.setattr("hefu.vault.blobs.zlib.compress", lambda data, level: real(data, level) + rest)
    data = seal(LABEL, b"contents", ONE)
    monkeypatch.undo()
    with pytest.raises(MalformedError, match="followed by something"):
        unseal(data, ONE)


def kept_in_pieces(firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A deposit so large that it needs four files; its id."""
    monkeypatch.setattr("hefu.vault.blobs.PIECE", 400)
    (done,) = firm.deposit(documents)
    names = [name for name in firm.home.vault.names() if name.startswith(done.statement)]
    assert names == [done.statement, *(f"{done.statement}.{place}" for place in (1, 2, 3)), f"{done.statement}.receipt"]
    return done.statement


def test_a_large_deposit_is_cut_into_files_and_comes_back_whole(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = kept_in_pieces(firm, documents, monkeypatch)
    bundle = (firm.out / "documents.hefu.bundle").read_bytes()
    with opened(firm.home.vault, identity, firm.home.recovery) as kept:
        assert kept.about == About("documents.hefu.bundle", str(documents))
        assert kept.file.read(kept.part.end) == bundle[: kept.part.end]
        assert bundle[kept.part.end :].startswith(b'{"acknowledgement"')
    assert found(firm) == []


def test_a_missing_or_exchanged_piece_is_found(firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = kept_in_pieces(firm, documents, monkeypatch)
    folder = Path(firm.home.vault.folder)
    one, two = folder / f"{identity}.2", folder / f"{identity}.3"
    first, second = one.read_bytes(), two.read_bytes()
    for path, data in ((one, second), (two, first)):
        path.write_bytes(data)
        assert (HERE, identity) in found(firm)
        one.write_bytes(first)
        two.write_bytes(second)
    two.unlink()
    assert (HERE, identity) in found(firm)
    (folder / identity).unlink()
    assert {(HERE, f"{identity}.1"), (HERE, f"{identity}.2"), (HERE, identity)} <= set(found(firm))


def test_a_bundle_that_was_cut_short_meanwhile_is_not_kept() -> None:
    with pytest.raises(MalformedError, match="shorter than it was"):
        list(seal_deposit(About("x.hefu.json", "/x"), io.BytesIO(b"short"), 6, ONE))


@pytest.mark.parametrize("name", ["../x.hefu.json", "/etc/x.hefu.bundle", "x", "a/b.hefu.json", ""])
def test_a_vault_cannot_make_restoring_write_outside_of_its_folder(firm: Firm, documents: Path, name: str) -> None:
    firm.deposit(documents / "0.txt")
    (identity,) = (each for each in firm.home.vault.names() if each.endswith(".receipt"))
    identity = identity.removesuffix(".receipt")
    with opened(firm.home.vault, identity, firm.home.recovery) as kept:
        (data,) = seal_deposit(About(name, "/x"), kept.file, kept.part.end, firm.home.recovery)
    (Path(firm.home.vault.folder) / identity).write_bytes(data)
    with pytest.raises(MalformedError), opened(firm.home.vault, identity, firm.home.recovery):
        pass


# Depositing


def test_a_deposit_is_in_the_folder_and_at_the_service_and_its_receipt_in_the_folder(
    firm: Firm, documents: Path
) -> None:
    (done,) = firm.deposit(documents)
    here = {name: firm.home.vault.read(name) for name in firm.home.vault.names()}
    assert {done.statement, f"{done.statement}.receipt"} < here.keys()
    assert service_files(firm) == {name: data for name, data in here.items() if not name.endswith(".receipt")}
    assert (done.unsent, unsent(firm)) == ("", [])
    assert found(firm) == []


def test_the_folder_has_it_before_the_service_hears_of_it(firm: Firm, documents: Path) -> None:
    firm.double.faults = [None, *[DROPPED] * 7]
    with pytest.raises(UnreachableError):
        firm.deposit(documents)
    assert verify_vault(firm.home.reader, None).deposits == 1
    assert service_files(firm).keys() == {
        name for name in service_files(firm) if blobs.kind_of(service_files(firm)[name], firm.home.recovery) == HOME
    }


def test_the_private_half_of_a_refused_statement_stays_in_the_vault(firm: Firm, documents: Path) -> None:
    before = firm.home.vault.names()
    firm.double.faults = [None, problem(403, "The key is retired")]
    with pytest.raises(RefusedError):
        firm.deposit(documents)
    assert len(firm.home.vault.names()) == len(before) + 1
    assert found(firm) == []


def test_what_the_service_does_not_take_now_is_said_and_sent_with_the_next_deposit(firm: Firm, documents: Path) -> None:
    firm.double.vault.faults = [problem(507, "The vault is full")]
    (done,) = firm.deposit(documents)
    assert done.state == ANCHORED
    assert "The vault is full" in done.unsent
    assert unsent(firm) == [done.statement]
    assert (found(firm), pending(firm)) == ([], [(SERVICE, done.statement)])
    (again,) = firm.deposit(documents / "0.txt")
    assert (again.unsent, unsent(firm)) == ("", [])
    assert found(firm) == []


def owing(firm: Firm, count: int = 3) -> list[str]:
    """Labels that the service has still to be given, in the order in which they are sent."""
    for place in range(count):
        keep_label(firm.home.path, Label(place, "ab" * 32, f"label {place}"))
    return unsent(firm)


@pytest.mark.parametrize("status", [400, 409, 413])
def test_one_file_that_is_refused_holds_up_no_other_and_is_named(firm: Firm, status: int) -> None:
    first, *others = owing(firm)
    firm.double.vault.faults = [problem(status, "Not this one")]
    (problem_told,) = firm.home.send_owed(firm.service)
    assert (problem_told.path, "Not this one" in problem_told.cause) == (first, True)
    assert unsent(firm) == [first]
    assert set(others) < service_files(firm).keys()
    assert firm.home.send_owed(firm.service) == []
    assert unsent(firm) == []


def test_exchanging_sends_the_rest_and_names_each_that_was_refused_once(firm: Firm) -> None:
    owed = owing(firm)
    firm.double.vault.faults = [None, problem(413, "Too large"), None, problem(413, "Too large")]
    ran = hefu("vault", "sync", "--home", firm.home.path, "--json", expect=1).json
    refused = {each["path"] for each in ran["problems"]}
    assert refused == set(unsent(firm))
    assert (len(refused), ran["sent"]) == (2, len(owed) - 2)


@pytest.mark.parametrize("smallest_first", [True, False])
def test_where_there_is_no_room_only_what_is_smaller_is_tried(firm: Firm, smallest_first: bool) -> None:
    vault = firm.home.vault
    names = sorted(owing(firm), key=lambda name: len(vault.read(name) or b""), reverse=not smallest_first)
    firm.double.vault.faults = [problem(507, "The vault is full")]
    refused = [each.path for each in vault.send_each(names, firm.home.remote(firm.service)) if each.cause]
    size = len(vault.read(names[0]) or b"")
    assert refused == [name for name in names if len(vault.read(name) or b"") >= size]
    assert sorted(unsent(firm)) == sorted(refused)
    assert firm.home.send_owed(firm.service) == []


def test_exchanging_settles_what_was_noted_as_owed_and_had_arrived(firm: Firm) -> None:
    """The power went between the answer and the note."""
    (name,) = owing(firm, 1)
    firm.home.remote(firm.service).put(name, firm.home.vault.read(name) or b"")
    assert sync(firm.home, firm.service).sent == 0
    assert unsent(firm) == []


@pytest.mark.parametrize(
    "fault", [DROPPED, problem(503, "Busy"), problem(401, "No"), problem(403, "Retired"), problem(410, "Closed")]
)
def test_nothing_more_is_tried_where_no_other_file_could_fare_better(
    firm: Firm, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hefu.service.ATTEMPTS", 1)
    owed = owing(firm)
    firm.double.vault.headers.clear()
    firm.double.vault.faults = [fault]
    (told,) = firm.home.send_owed(firm.service)
    assert (told.path, unsent(firm)) == (owed[0], owed)
    assert len(firm.double.vault.headers) == 1


def test_a_deposit_s_first_file_waits_for_a_piece_that_was_refused(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first is, all are: a colleague would take the deposit for damaged."""
    firm.double.vault.faults = [problem(413, "Too large")]
    identity = kept_in_pieces(firm, documents, monkeypatch)
    assert {name for name in service_files(firm) if name.startswith(identity)} == {f"{identity}.1", f"{identity}.2"}
    assert unsent(firm) == [f"{identity}.3", identity]
    assert firm.home.send_owed(firm.service) == []
    assert identity in service_files(firm)


def test_owing_a_deposit_that_is_interrupted_never_owes_its_first_file_alone(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = kept_in_pieces(firm, documents, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr("hefu.vault.store.sync_folder", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            firm.home.vault.owe_deposit(identity)
    assert unsent(firm) == [f"{identity}.3"]


def test_all_of_a_deposit_is_owed_where_the_network_ends_between_its_files(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hefu.service.ATTEMPTS", 1)
    firm.double.vault.faults = [None, DROPPED]
    identity = kept_in_pieces(firm, documents, monkeypatch)
    assert unsent(firm) == [f"{identity}.2", f"{identity}.1", identity]


def test_depositing_names_what_the_service_still_refuses_of_earlier_deposits(firm: Firm, documents: Path) -> None:
    (first,) = owing(firm, 1)
    firm.double.vault.faults = [problem(413, "Too large")]
    words = ("deposit", documents / "0.txt", "--home", firm.home.path, "--out", firm.out, "--wait")
    told = hefu(*words).out
    assert first in told
    assert "hefu vault sync" in told
    firm.double.vault.faults = [problem(413, "Too large")]
    assert hefu(*words, "--json").json["owed"] == [first]
    assert hefu(*words, "--json").json["owed"] == []


def test_a_lost_answer_is_asked_for_again_and_keeps_one_file(firm: Firm, documents: Path) -> None:
    firm.double.vault.faults = [LOST, DROPPED]
    (done,) = firm.deposit(documents)
    assert done.unsent == ""
    assert found(firm) == []


def test_without_the_service_s_vault_nothing_is_sent(firm: Firm, documents: Path) -> None:
    home = firm.home._replace(config=firm.home.config._replace(upload=False))
    firm.double.vault.headers.clear()
    (done,) = firm._replace(home=home).deposit(documents)
    assert firm.double.vault.headers == []
    assert home.vault.has(done.statement)
    assert verify_vault(home.reader, firm.service).findings == []


def test_the_vault_may_lie_in_another_folder(firm: Firm, documents: Path, tmp_path: Path) -> None:
    share, away = tmp_path / "网络盘", tmp_path / "away"
    elsewhere = firm._replace(home=firm.home._replace(config=firm.home.config._replace(vault=str(share))))
    shutil.copytree(firm.home.vault.folder, share)
    (done,) = elsewhere.deposit(documents)
    assert (share / done.statement).exists()
    assert not firm.home.vault.has(done.statement)
    share.rename(away)
    for mounted in (False, True):  # an empty mount point is no new vault
        if mounted:
            share.mkdir()
        with pytest.raises(ClientError, match="away, or empty"):
            elsewhere.deposit(documents / "0.txt")
        assert not share.exists() or list(share.iterdir()) == []
    assert len(firm.double.ledger.deposits) == 1
    share.rmdir()
    away.rename(share)
    elsewhere.deposit(documents / "0.txt")


def test_a_deposit_that_the_service_hides_leaves_a_gap_in_the_running_numbers(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words alone bring back what the service tells of; its own numbers tell that there was more."""
    hidden, *_ = (firm.deposit(documents / f"{number}.txt")[0] for number in range(3))
    kept = firm.double.vault.blobs[firm.home.recovery.address]
    del kept[hidden.statement]
    real = firm.double.statements
    monkeypatch.setattr(firm.double, "statements", lambda: [each for each in real() if each != hidden.statement])
    (firm.folder / "words").write_text(format_words(firm.home.recovery))
    words = ("--words", firm.folder / "words", "--server", firm.service.url, "--out", firm.folder / "back")
    new = firm.folder / "new"
    told = hefu("vault", "restore", "--home", new, *words, "--json", expect=1).json
    assert "no. 1 " in " ".join(problem["cause"] for problem in told["problems"])
    assert "no. 1 " in hefu("vault", "sync", "--home", new, expect=1).out
    said = hefu("vault", "verify", "--home", new, expect=1).out
    assert "no. 1 " in said
    assert "is no. 3 " in said, "the last one, for people to compare: a hidden later one leaves no gap"


def test_only_signed_running_numbers_count_and_a_wide_gap_is_named_by_its_ends(firm: Firm, documents: Path) -> None:
    """A number of the service's own choice costs no time, and one that no key of genesis signed tells nothing."""
    statements = [firm.deposit(documents / f"{number}.txt")[0].statement for number in range(2)]
    for statement in statements:
        (Path(firm.home.vault.folder) / f"{statement}{RECEIPT_SUFFIX}").unlink()
    second, reader = firm.double.ledger.deposits[1], firm.home.reader
    second.acceptance = second.acceptance._replace(nth=10**15)
    numbers = running_numbers(reader, statements, firm.service)
    assert numbers.last == 10**15 + 1
    assert list(numbers.missing()) == [f"2–{10**15}"]
    genesis = reader.genesis._replace(acknowledgement=LOG.key)
    assert running_numbers(reader._replace(genesis=genesis), statements, firm.service) == (0, [])


def test_without_a_network_a_deposit_without_its_receipt_is_no_gap(firm: Firm, documents: Path) -> None:
    statements = [firm.deposit(documents / f"{number}.txt")[0].statement for number in range(3)]
    (Path(firm.home.vault.folder) / f"{statements[0]}{RECEIPT_SUFFIX}").unlink()
    assert running_numbers(firm.home.reader, statements, None) == (3, [])
    assert list(running_numbers(firm.home.reader, statements[1:], None).missing()) == ["1"]


@pytest.mark.parametrize("when", ["deposit", "sync", "early"])
def test_what_a_service_adds_to_a_receipt_without_meaning_is_not_kept(firm: Firm, documents: Path, when: str) -> None:
    """Lines of unknown keys could crowd out witnesses' lines later; eight are kept, as of any union."""
    path, words = documents / "0.txt", ("--home", firm.home.path, "--out", firm.out, "--wait")
    hefu("deposit", documents / "1.txt" if when == "deposit" else path, *words)
    (first,) = firm.out.iterdir()
    lines = tuple(SignatureLine("a.stranger", bytes([n] * 4), bytes(64)) for n in range(12))

    def foul(receipt: Receipt) -> Receipt:
        note = parse_note(receipt.acknowledgement.encode())
        note = note._replace(signatures=(*note.signatures, *lines))
        return receipt._replace(acknowledgement=format_note(note).decode())

    firm.double.change_receipt = foul
    if when != "deposit":
        first.unlink()
        (receipt,) = Path(firm.home.vault.folder).glob(f"*{RECEIPT_SUFFIX}")
        receipt.unlink()
    hefu("vault", "sync", *words[:4]) if when == "sync" else hefu("deposit", path, *words)
    kept = receipt_of(str(firm.out / "0.txt.hefu.json"))
    assert len(parse_note(kept.acknowledgement.encode()).signatures) == 9


def test_a_home_whose_vault_no_service_holds_is_not_told_that_everything_is_there(firm: Firm, documents: Path) -> None:
    path = Path(firm.home.path) / "config.json"
    path.write_bytes(canonical(json.loads(path.read_text()) | {"upload": False}))
    words = ("--home", firm.home.path, "--out", firm.out, "--wait", "--json")
    hefu("deposit", documents / "0.txt", *words)
    (lost,) = hefu("deposit", documents / "1.txt", *words).json["deposits"]
    said = hefu("vault", "verify", "--home", firm.home.path).out
    assert "is not known" in said
    assert "not deposited" not in said
    for file in Path(firm.home.vault.folder).glob(f"{lost['statement']}*"):
        file.unlink()
    told = hefu("vault", "verify", "--home", firm.home.path, expect=1).out
    assert lost["evidence"] in told, "a file's name, not a number in hex"


def test_the_address_and_nothing_else_of_the_secret_is_sent(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    sent = repr(firm.double.vault.headers).encode() + b"".join(service_files(firm).values())
    sent += repr(firm.double.requests).encode()
    recovery = firm.home.recovery
    assert recovery.address.encode() in sent
    for secret in (recovery.secret, recovery.secret.hex().encode(), b"AGE-SECRET-KEY", b"documents", b"0.txt"):
        assert secret not in sent


def test_a_deposit_prepared_without_a_network_is_kept_and_owed(firm: Firm, documents: Path) -> None:
    (done,) = prepare(firm.home, plan([str(documents)], str(firm.out), firm.home.path), out=str(firm.out))
    assert firm.home.vault.has(done.statement)
    assert unsent(firm) == [done.statement]
    checked = verify_vault(firm.home.reader, firm.service)
    assert (checked.never, checked.findings) == ([done.statement], [])


def test_files_are_readable_by_their_owner_alone(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    folder = Path(firm.home.vault.folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert (Path(firm.home.path) / "vault.key").stat().st_mode & 0o777 == 0o600
    assert (Path(firm.home.path) / "recovery.html").stat().st_mode & 0o777 == 0o600


# Interrupted


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_a_deposit_killed_before_any_step_loses_nothing_and_is_in_the_vault_once(
    firm: Firm, documents: Path, forker: Forker, every: int
) -> None:
    """Whatever was acknowledged is in the folder; the next run completes it, and the vault with it."""
    deaths = 0
    words = ("deposit", documents, "--again", "--home", firm.home.path, "--out", firm.out, "--wait")
    while forker.dies(deaths * every, *words, piece=400):
        for deposit in firm.double.ledger.deposits:
            assert firm.home.vault.has(deposit.acceptance.statement.hex())
        (done,) = firm.deposit(documents)
        assert done.state in (ANCHORED, KNOWN)
        assert len(firm.double.ledger.deposits) == deaths + 1
        (firm.out / "documents.hefu.bundle").unlink()
        deaths += 1
    assert deaths * every > 20
    assert found(firm) == []
    assert verify_vault(firm.home.reader, firm.service).deposits == deaths + 1


def test_what_a_crash_left_of_a_large_deposit_is_taken_over(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypting again gives other bytes: pieces of two attempts must never meet."""
    with monkeypatch.context() as patch:
        patch.setattr("hefu.vault.blobs.PIECE", 400)
        patch.setattr("hefu.vault.store.write_new", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            firm.deposit(documents)
    monkeypatch.setattr("hefu.vault.blobs.PIECE", 600)
    (done,) = firm.deposit(documents)
    with opened(firm.home.vault, done.statement, firm.home.recovery) as kept:
        assert kept.part.header.count == 5
    assert found(firm) == []


# Verifying, exchanging


def test_a_missing_or_damaged_file_is_named_here_and_at_the_service(firm: Firm, documents: Path) -> None:
    (one,) = firm.deposit(documents)
    (two,) = firm.deposit(documents / "0.txt")
    (settings,) = (name for name in service_files(firm) if name not in (one.statement, two.statement))
    folder = Path(firm.home.vault.folder)
    for name in (one.statement, f"{one.statement}.receipt", settings):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert (HERE, name.removesuffix(".receipt")) in found(firm)
        (folder / name).unlink()
        assert (HERE, "" if name == settings else name.removesuffix(".receipt")) in found(firm)
        (folder / name).write_bytes(data)
        assert found(firm) == []
    files = service_files(firm)
    for name in (one.statement, settings):
        data = files[name]
        files[name] = files[two.statement]
        assert (SERVICE, name) in found(firm)
        files[name] = data[:-1]
        assert (SERVICE, name) in found(firm)
        del files[name]
        assert (SERVICE, name) in found(firm)
        assert found(firm, offline=True) == []
        files[name] = data
        assert found(firm) == []


def test_a_deposit_of_which_nobody_has_the_private_half_is_named(firm: Firm, documents: Path) -> None:
    (done,) = firm.deposit(documents)
    for name in firm.home.vault.names():
        if name.startswith(done.statement):
            (Path(firm.home.vault.folder) / name).unlink()
    del service_files(firm)[done.statement]
    assert found(firm, offline=True) == [], "without the service nobody can know"
    assert found(firm) == [(HERE, done.statement), (SERVICE, done.statement)]


def test_files_named_for_others_are_not_believed(firm: Firm, documents: Path) -> None:
    (one,) = firm.deposit(documents)
    (two,) = firm.deposit(documents / "0.txt")
    folder = Path(firm.home.vault.folder)
    first, second = ((folder / f"{each.statement}.receipt").read_bytes() for each in (one, two))
    (folder / f"{one.statement}.receipt").write_bytes(second)
    assert found(firm) == [(HERE, one.statement)]
    (folder / f"{one.statement}.receipt").write_bytes(first)
    (folder / ("0" * 64)).write_bytes(seal(LABEL, b"{}", firm.home.recovery))
    assert (HERE, "0" * 64) in found(firm)
    (folder / ("0" * 64)).write_bytes(seal("later", b"{}", firm.home.recovery))
    assert (HERE, "0" * 64) in found(firm)
    (folder / ("0" * 64)).write_bytes(seal(DEPOSIT, b"{}", firm.home.recovery))
    assert (HERE, "0" * 64) in found(firm)


def test_two_computers_of_a_firm_exchange_deposits_receipts_and_labels(
    firm: Firm, documents: Path, tmp_path: Path
) -> None:
    (done,) = firm.deposit(documents)
    keep_label(firm.home.path, Label(5, done.statement, "投标"))
    assert sync(firm.home, firm.service).sent == 1
    other = tmp_path / "other"
    other.mkdir()
    for name in ("key", "config.json", "policy.txt", "genesis", "checkpoint", "vault.key"):
        (other / name).write_bytes((Path(firm.home.path) / name).read_bytes())
    second = load(str(other))
    assert verify_vault(second.reader, firm.service).findings != []
    done_there = sync(second, firm.service)
    assert (done_there.sent, done_there.fetched, done_there.receipts, done_there.problems) == (0, 3, 1, [])
    assert verify_vault(second.reader, firm.service).findings == []
    assert read_labels(str(other)) == [Label(5, done.statement, "投标")]
    assert sync(second, firm.service)[:3] == (0, 0, 0)
    third = firm._replace(home=second, folder=other)
    (later,) = third.deposit(documents / "1.txt")
    assert (HERE, later.statement) in found(firm)
    assert sync(firm.home, firm.service)[:3] == (0, 1, 1)
    assert found(firm) == []


def test_exchanging_names_what_the_service_has_damaged_and_goes_on(firm: Firm, documents: Path) -> None:
    (one,) = firm.deposit(documents)
    (two,) = firm.deposit(documents / "0.txt")
    folder = Path(firm.home.vault.folder)
    for done in (one, two):
        (folder / done.statement).unlink()
    service_files(firm)[one.statement] = b"age-encryption.org/v1\n"
    synced = sync(firm.home, firm.service)
    assert synced.fetched == 1
    assert one.statement in {each.path for each in synced.problems}
    assert not firm.home.vault.has(one.statement)
    assert firm.home.vault.has(two.statement)


def test_a_file_encrypted_again_is_no_contradiction_to_the_one_the_service_has(firm: Firm, documents: Path) -> None:
    (done,) = firm.deposit(documents)
    remote = firm.home.remote(firm.service)
    label = firm.home.vault.keep(LABEL, b"{}")
    assert firm.home.send_owed(firm.service) == []
    (Path(firm.home.vault.folder) / label).unlink()
    assert firm.home.vault.keep(LABEL, b"{}") == label
    assert firm.home.send_owed(firm.service) == []
    with pytest.raises(RefusedError, match="409"):
        remote.put(done.statement, seal(LABEL, b"{}", firm.home.recovery))


def test_a_piece_encrypted_again_is_the_piece_that_the_service_has(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not unpack by itself; were it refused, its note would hold up all that is still to be sent."""
    monkeypatch.setattr("hefu.vault.blobs.PIECE", 600)
    (done,) = firm.deposit(documents)
    remote, second = firm.home.remote(firm.service), f"{done.statement}.1"
    _, again = seal_again(second, firm.home.vault.read(second) or b"", firm.home.recovery)
    assert again != firm.home.vault.read(second)
    remote.put(second, again)
    _, other = seal_again(done.statement, firm.home.vault.read(done.statement) or b"", firm.home.recovery)
    with pytest.raises(RefusedError, match="409"):
        remote.put(second, other)


def test_other_files_in_the_folder_are_left_alone(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    folder = Path(firm.home.vault.folder)
    for name in ("Thumbs.db", "0" * 63, f"{'0' * 64}.tmp", "A" * 64):
        (folder / name).write_bytes(b"other")
    assert found(firm) == []
    assert isinstance(firm.home.vault, Vault)


def test_verifying_evidence_imports_none_of_it() -> None:
    others = modules("pyrage", "segno", "mnemonic", "bech32", "httpx")
    others |= modules("hefu.vault.store", "hefu.vault.secret", "hefu.home.home")
    code = "import sys, hefu.cli.main, hefu.cli.commands.evidence, hefu.evidence.verify;"
    code += f"print([name for name in sys.modules if name in {others!r}])"
    places = os.pathsep.join(str(Path(__file__).parents[2] / name) for name in ("ledger", "clients"))
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": places}, capture_output=True)
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()
