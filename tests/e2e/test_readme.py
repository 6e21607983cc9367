"""The README's own lines, run as they stand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.sample_ledger import POLICY, depositor_signer, sample

from hefu.cli.main import MODULES
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.deposit.statement import format_statement, parse_statement, statement_id
from hefu_ledger.tlog.note import sign_note
from hefu_ledger.tlog.policy import format_policy

README = Path(__file__).resolve().parents[2] / "README.md"


def test_every_command_that_is_shown_exists_and_the_path_to_them_is_set_first() -> None:
    text = README.read_text()
    lines = [line for block in text.split("```sh\n")[1:] for line in block.split("```")[0].splitlines()]
    shown = [line.split() for line in lines if line.startswith("hefu ")]
    known = {tuple(name.split()) for name in MODULES}
    assert [words for words in shown if not known & {tuple(words[1:2]), tuple(words[1:3])}] == []
    first = next(place for place, line in enumerate(lines) if line.startswith(("hefu ", "hefu-service ")))
    assert any(line.startswith('export PATH="$PWD/.venv/bin:$PATH"') for line in lines[:first])


def by_hand(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the README's bash block in a folder."""
    block = README.read_text().split("```bash\n")[1].split("```")[0]
    return subprocess.run(["bash", "-c", block], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One document of a deposit, in a batch of two, in a ledger of five records."""
    ledger = sample()
    (tmp_path / "evidence.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    return tmp_path


def test_a_receipt_is_checked_by_hand_with_openssl_and_sha256sum(folder: Path) -> None:
    done = by_hand(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[:4] for line in done.stdout.splitlines()] == ["OK  "] * 13


def test_by_hand_a_changed_document_fails(folder: Path) -> None:
    (folder / "document").write_bytes(b"formula 4")
    done = by_hand(folder)
    assert done.returncode == 1
    assert done.stdout.startswith("FAILED  the document")


PLACES = ["batch_path", "path", "paths", "acknowledgement", "proof", "statement", "records", "label", "circumstances"]


@pytest.mark.parametrize("place", PLACES)
def test_by_hand_changed_evidence_fails(folder: Path, place: str) -> None:
    evidence = (folder / "evidence.json").read_bytes()
    start = evidence.index(b'"%b":' % place.encode()) + len(place) + 30
    digit = next(at for at in range(start, start + 400) if evidence[at : at + 1] in b"23456")
    changed = evidence[:digit] + bytes([evidence[digit] + 1]) + evidence[digit + 1 :]
    (folder / "evidence.json").write_bytes(changed)
    assert by_hand(folder).returncode != 0


def test_by_hand_anothers_commitment_deposited_again_is_not_accepted(tmp_path: Path) -> None:
    ledger = sample()
    mine = ledger.deposits[1]
    stolen = ledger.deposit("beta", mine.documents)
    stolen.texts, stolen.seed = mine.texts, mine.seed
    copied = parse_statement(mine.statement.text)._replace(depositor="beta")
    stolen.statement = sign_note(format_statement(copied), [depositor_signer("beta")])
    stolen.acceptance = stolen.acceptance._replace(statement=statement_id(stolen.statement))
    ledger.seal()
    (tmp_path / "evidence.json").write_bytes(format_evidence(ledger.evidence(3, 3, ledger.receipt(3, [2]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    done = by_hand(tmp_path)
    assert done.returncode == 1
    assert "FAILED  the card is of that depositor" in done.stdout
