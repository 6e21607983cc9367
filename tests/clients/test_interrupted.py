"""A deposit that dies anywhere is finished by running it again, and is deposited once."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.clients.dying import Forker
from tests.support.sample_ledger import depositor_signer, opened_identity

from hefu.deposit.pending import resume, write
from hefu.deposit.plan import plan
from hefu.errors import ClientError
from hefu.evidence.verify import verify
from hefu_ledger.deposit.bundle import read_header, read_texts
from hefu_ledger.deposit.state import ANCHORED, KNOWN
from hefu_ledger.verify.verdict import PROVEN


def words(firm: Firm, path: Path) -> tuple[object, ...]:
    """The command that deposits it."""
    return ("deposit", path, "--again", "--home", firm.home.path, "--out", firm.out, "--wait")


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_deposit_killed_before_any_step_is_finished_by_the_next_and_deposited_once(
    firm: Firm, documents: Path, what: str, forker: Forker, every: int
) -> None:
    path = documents if what == "folder" else documents / "0.txt"
    final = firm.out / ("documents.hefu.bundle" if what == "folder" else "0.txt.hefu.json")
    calls = 0
    while forker.dies(calls, *words(firm, path)):
        deposits = len(firm.double.ledger.deposits)
        if final.exists():
            assert verify(str(final), str(path), policy=firm.home.policy).verdict == PROVEN
        (done,) = firm.deposit(path)
        assert done.state in (ANCHORED, KNOWN)
        assert firm.written() == {final.name}
        assert len(firm.double.ledger.deposits) == max(deposits, 1)
        assert verify(str(final), str(path), policy=firm.home.policy).verdict == PROVEN
        final.unlink()
        firm.double.ledger.deposits.clear()
        firm.double.ledger.covered = 0
        del firm.double.ledger.records[2:]
        firm.double.ledger.batches.clear()
        (Path(firm.home.path) / "checkpoint").write_bytes(firm.double.answer("GET", "/ledger/checkpoint", b"")[1])
        calls += every
    assert calls > 12


def test_an_unfinished_bundle_cut_anywhere_is_started_afresh_or_resumed_never_both(firm: Firm, documents: Path) -> None:
    firm.out.mkdir()
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    part = firm.out / "documents.hefu.bundle.part"
    whole = part.read_bytes()
    (first,) = firm.double.posted("/v1/deposits")
    firm.double.sealing = True
    for cut in [*range(0, len(whole), 97), len(whole) - 1, len(whole)]:
        part.write_bytes(whole[:cut])
        firm.double.requests.clear()
        firm.deposit(documents)
        assert (firm.double.posted("/v1/deposits") == [first]) == (cut == len(whole))
        assert firm.written() == {"documents.hefu.bundle"}
        (firm.out / "documents.hefu.bundle").unlink()


@pytest.mark.parametrize("rest", [b"{", b'{"acknowledgement":"', b"\0" * 40960])
def test_a_receipt_cut_short_at_the_end_of_an_unfinished_bundle_is_written_again(
    firm: Firm, documents: Path, rest: bytes
) -> None:
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    with (firm.out / "documents.hefu.bundle.part").open("ab") as file:
        file.write(rest)
    firm.double.sealing = True
    firm.deposit(documents)
    evidence = str(firm.out / "documents.hefu.bundle")
    assert verify(evidence, str(documents), policy=firm.home.policy).verdict == PROVEN


def test_an_unfinished_bundle_of_an_earlier_key_or_identity_is_not_written_anew(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    (target,) = plan([str(documents)], str(firm.out), firm.home.path)
    assert resume(target, firm.home) is not None
    assert resume(target, firm.home._replace(signer=depositor_signer("acme", "new"))) is not None
    other = firm.home.config._replace(identity=opened_identity("beta"))
    assert resume(target, firm.home._replace(config=other)) is not None
    with pytest.raises(ClientError, match="another --out"):
        resume(target, firm.home._replace(config=firm.home.config._replace(depositor="beta")))


def test_changing_any_line_of_an_unfinished_bundle_makes_it_start_afresh(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    part = firm.out / "documents.hefu.bundle.part"
    whole = part.read_bytes()
    (first,) = firm.double.posted("/v1/deposits")
    firm.double.sealing = True
    for line in range(whole.count(b"\n")):
        lines = whole.splitlines(keepends=True)
        lines[line] = lines[line][:-20] + (b"B" if lines[line][-20:-19] == b"A" else b"A") + lines[line][-19:]
        part.write_bytes(b"".join(lines))
        firm.double.requests.clear()
        firm.deposit(documents)
        assert firm.double.posted("/v1/deposits") != [first]
        (firm.out / "documents.hefu.bundle").unlink()


@pytest.mark.parametrize("limit", [1, 1000, 3000])
def test_a_disk_that_is_full_while_cards_are_written_leaves_nothing(firm: Firm, documents: Path, limit: int) -> None:
    firm.out.mkdir()
    (target,) = plan([str(documents)], str(firm.out), firm.home.path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (documents / "many").mkdir()
    for number in range(40):
        (documents / "many" / f"{number}").write_bytes(b"x")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with pytest.raises(OSError, match="File too large"):
            write(target, target.documents().names, firm.home, None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert firm.written() == set()
    firm.deposit(documents)
    assert firm.written() == {"documents.hefu.bundle"}


@pytest.mark.parametrize("place", range(7))
def test_a_disk_that_is_full_at_any_sync_leaves_whole_files_only_and_room_makes_it_go_on(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    left = [place]
    real = os.fsync

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            firm.deposit(documents)
    for name in firm.written() - {"documents.hefu.bundle.ack"}:
        with (firm.out / name).open("rb") as file:
            assert len(list(read_texts(file, read_header(file).count))) == 5
    firm.deposit(documents)
    assert firm.written() == {"documents.hefu.bundle"}
    assert len(firm.double.ledger.deposits) == 1


def test_an_interrupt_while_hashing_leaves_nothing(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hefu.files.document.os.readv", interrupt)
        with pytest.raises(KeyboardInterrupt):
            firm.deposit(documents)
    assert firm.written() == set()


def test_evidence_that_appears_meanwhile_is_not_overwritten(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, name in ((documents, "documents.hefu.bundle"), (documents / "0.txt", "0.txt.hefu.json")):
        real = firm.double.change_receipt

        def appear(receipt: object, name: str = name) -> object:
            (firm.out / name).write_bytes(b"other")
            return receipt

        monkeypatch.setattr(firm.double, "change_receipt", appear)
        with pytest.raises(Exception, match="has appeared meanwhile"):
            firm.deposit(path)
        assert (firm.out / name).read_bytes() == b"other"
        monkeypatch.setattr(firm.double, "change_receipt", real)
        with pytest.raises(Exception, match="holds other evidence"):
            firm.deposit(path)
        (firm.out / name).unlink()
        firm.deposit(path)
        assert verify(str(firm.out / name), str(path), policy=firm.home.policy).verdict == PROVEN


def test_another_depositors_unfinished_deposit_is_left_alone(firm: Firm, documents: Path) -> None:
    firm.double.sealing = False
    firm.deposit(documents, wait=False)
    before = {path.name: path.read_bytes() for path in firm.out.iterdir()}
    other = firm.home._replace(config=firm.home.config._replace(depositor="beta"))
    with pytest.raises(Exception, match="a deposit of acme on its way"):
        firm._replace(home=other).deposit(documents)
    assert before == {path.name: path.read_bytes() for path in firm.out.iterdir()}
