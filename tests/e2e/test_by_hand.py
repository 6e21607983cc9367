"""``docs/verify-by-hand.sh``: evidence checked by bash, openssl and sha256sum alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.support.pages import DOCS
from tests.support.sample_ledger import LOG, LOG_MLDSA44, ORIGIN, POLICY, depositor_signer, sample

from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.deposit.statement import format_statement, parse_statement, statement_id
from hefu_ledger.encoding import canonical
from hefu_ledger.number import format_number
from hefu_ledger.tlog.note import cosign, sign_note
from hefu_ledger.tlog.policy import Log, format_policy
from hefu_ledger.tlog.proof import format_proof, parse_proof

SCRIPT = DOCS / "verify-by-hand.sh"
RECEIVED = "received 接收 2026-01-01T00:00:00.020Z"
SEALED = "sealed 入账 2026-01-01T00:00:01.020Z"


def by_hand(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check what lies in a folder."""
    command = ["bash", str(SCRIPT), "evidence.json", "document", "policy.txt"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One document of a deposit, in a batch of two, in a ledger of five records."""
    ledger = sample()
    (tmp_path / "evidence.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    return tmp_path


def test_every_check_holds_and_who_which_and_when_are_shown(folder: Path) -> None:
    done = by_hand(folder)
    assert (done.returncode, done.stderr) == (0, "")
    checks, _, shown = done.stdout.partition("\n\n")
    assert [line[:4] for line in checks.splitlines()] == ["OK  "] * 14
    for fact in ("上海acme化妆品有限公司 91310120MA1HP00194", format_number("FX", 1), RECEIVED, SEALED):
        assert fact in shown


def test_the_logs_line_is_found_among_others_of_its_name(folder: Path) -> None:
    """The log signs with two keys of one name; the order of lines, in note and policy, means nothing."""
    evidence = json.loads((folder / "evidence.json").read_bytes())
    proof = parse_proof(evidence["receipt"]["proofs"][0]["proof"].encode())
    (first,) = sign_note(proof.checkpoint.text, [LOG]).signatures
    second = cosign(proof.checkpoint.text, LOG_MLDSA44, 0)
    for signatures in ((first, second), (second, first)):
        note = proof.checkpoint._replace(signatures=signatures)
        evidence["receipt"]["proofs"][0]["proof"] = format_proof(proof._replace(checkpoint=note)).decode()
        (folder / "evidence.json").write_bytes(canonical(evidence))
        for logs in ((Log(LOG.key), Log(LOG_MLDSA44.key)), (Log(LOG_MLDSA44.key), Log(LOG.key))):
            (folder / "policy.txt").write_text(format_policy(POLICY._replace(logs=logs)))
            done = by_hand(folder)
            assert (done.returncode, done.stderr, done.stdout.count("OK  ")) == (0, "", 14)


def test_evidence_that_shows_no_identity_names_the_depositor(folder: Path) -> None:
    evidence = json.loads((folder / "evidence.json").read_bytes())
    del evidence["identity"]
    (folder / "evidence.json").write_bytes(canonical(evidence))
    done = by_hand(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "主体     acme (no identity is shown 未出示身份)" in done.stdout


def test_a_record_from_after_the_batch_is_left_out(folder: Path) -> None:
    evidence = json.loads((folder / "evidence.json").read_bytes())
    evidence["receipt"]["records"].append(sample().records[-1].decode())
    evidence["receipt"]["proofs"][0]["paths"].append(None)
    (folder / "evidence.json").write_bytes(canonical(evidence))
    done = by_hand(folder)
    assert (done.returncode, done.stderr, done.stdout.count("OK  ")) == (0, "", 14)


def test_another_identity_than_the_enrolled_one_fails(folder: Path) -> None:
    evidence = (folder / "evidence.json").read_bytes()
    (folder / "evidence.json").write_bytes(evidence.replace("上海acme".encode(), "上海acne".encode()))
    done = by_hand(folder)
    assert done.returncode == 1
    assert "FAILED  the identity is the one enrolled" in done.stdout


def test_a_policy_without_the_logs_key_fails(folder: Path) -> None:
    (folder / "policy.txt").write_text(format_policy(POLICY).replace(ORIGIN, "other.example/log"))
    done = by_hand(folder)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("FAILED  the log's trusted key")


def test_an_acceptance_of_another_number_fails(folder: Path) -> None:
    evidence = (folder / "evidence.json").read_bytes()
    (folder / "evidence.json").write_bytes(evidence.replace(b'\\"seq\\":1', b'\\"seq\\":2', 1))
    assert by_hand(folder).returncode == 1


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
