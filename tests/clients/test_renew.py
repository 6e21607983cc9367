"""A renewal has new signatures and a new time, and proves that the old evidence was there by then."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu

from hefu_ledger.deposit.state import ANCHORED


@pytest.fixture
def policy(firm: Firm) -> Path:
    path = firm.folder / "policy"
    path.write_bytes(firm.double.answer("GET", "/v1/trust", b"")[1])
    return path


def deposit(firm: Firm, path: Path) -> dict[str, Any]:
    words = ("--home", firm.home.path, "--out", firm.out, "--wait", "--json")
    return dict(hefu("deposit", path, *words).json["deposits"][0])


def renew(firm: Firm, evidence: object, path: Path, expect: int = 0) -> dict[str, Any]:
    words = ("--home", firm.home.path, "--out", firm.out, "--wait", "--json")
    done = hefu("renew", evidence, path, *words, expect=expect).json
    return dict(done["deposits"][0]) if expect == 0 else done


@pytest.mark.parametrize("what", ["folder", "file"])
def test_the_old_evidence_and_the_documents_are_proven_by_the_new(
    firm: Firm, documents: Path, policy: Path, what: str
) -> None:
    path = documents if what == "folder" else documents / "0.txt"
    first = deposit(firm, path)
    firm.double.ledger.now += 8 * 365 * 86_400_000
    done = renew(firm, first["evidence"], path)
    assert (done["state"], done["documents"]) == (ANCHORED, first["documents"] + 1)
    together = firm.folder / "together"
    if what == "folder":
        shutil.copytree(documents, together)
    else:
        together.mkdir()
        shutil.copy(path, together)
    shutil.copy(first["evidence"], together)
    verdict = hefu("verify", done["evidence"], together, "--policy", policy, "--json").json
    assert (verdict["verdict"], verdict["facts"]["kind"]) == ("proven", "renewal")
    assert verdict["facts"]["previous"] == first["statement"]
    assert verdict["facts"]["received_at"] > first["received_at"]
    assert hefu("verify", first["evidence"], path, "--policy", policy, "--json").json["verdict"] == "proven"
    (together / Path(first["evidence"]).name).write_bytes(b"another")
    hefu("verify", done["evidence"], together, "--policy", policy, expect=1)


def test_a_renewal_hides_neither_the_early_date_nor_a_missing_document(firm: Firm, documents: Path) -> None:
    first = deposit(firm, documents)
    renew(firm, first["evidence"], documents)
    assert deposit(firm, documents)["received_at"] == first["received_at"]
    assert hefu("check", documents, "--home", firm.home.path, "--json").json["missing"] == []
    (documents / "0.txt").unlink()
    assert hefu("check", documents, "--home", firm.home.path, "--json", expect=1).json["missing"] == ["0.txt"]


def test_evidence_that_proves_nothing_is_not_renewed(firm: Firm, documents: Path) -> None:
    first = deposit(firm, documents)
    (documents / "0.txt").write_bytes(b"changed")
    before = len(firm.double.ledger.deposits)
    assert "0.txt" in renew(firm, first["evidence"], documents, expect=2)["error"]
    assert len(firm.double.ledger.deposits) == before
