"""``--tsa``: timestamps count by the certificates that the reader trusts, and by no others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.ledger.test_stamps import stamped
from tests.support.command_line import hefu
from tests.support.double import export
from tests.support.sample_ledger import POLICY, sample
from tests.support.stamping import AT, AUTHORITY, enrol, pem, root

from hefu_ledger.tlog.policy import format_policy

TIME = (AT + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")  # the token states no accuracy


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "e.json").write_bytes(stamped())
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    (tmp_path / "root.der").write_bytes(root().der)
    (tmp_path / "root.pem").write_bytes(pem(enrol("stranger", None, AUTHORITY)) + pem(root()))
    (tmp_path / "stranger.pem").write_bytes(pem(enrol("stranger", None, AUTHORITY)))
    return tmp_path


@pytest.mark.parametrize(
    ("authorities", "independent"),
    [
        ([], False),
        (["root.der"], True),
        (["root.pem"], True),
        (["stranger.pem"], False),
        (["stranger.pem", "root.der"], True),
    ],
)
def test_a_timestamp_counts_by_the_reader_s_roots(files: Path, authorities: list[str], independent: bool) -> None:
    trusted = [word for name in authorities for word in ("--tsa", files / name)]
    words = ("verify", files / "e.json", files / "document", "--policy", files / "policy.txt", "--json")
    facts = hefu(*words, *trusted).json["facts"]
    assert facts["independent"] is independent
    told = hefu("inspect", files / "e.json", "--json", *trusted).json
    found = [{"time": f"{TIME}.000Z", "authority": each} for each in facts.get("stamped", {})]
    assert told.get("timestamped", "not asked") == (found if trusted else "not asked")
    assert bool(found) is independent


@pytest.mark.parametrize("command", ["verify", "inspect", "audit", "check"])
def test_a_file_without_a_certificate_is_named(files: Path, firm: Firm, command: str) -> None:
    words = {
        "verify": (files / "e.json", files / "document"),
        "inspect": (files / "e.json",),
        "audit": (export(sample(), files / "ledger"), "--policy", files / "policy.txt"),
        "check": (files, "--home", firm.home.path),
    }[command]
    assert "holds no certificate" in hefu(command, *words, "--tsa", files / "policy.txt", expect=3).err


def test_an_audit_says_that_a_ledger_publishes_no_timestamps(files: Path) -> None:
    ledger = export(sample(), files / "ledger")
    words = ("audit", ledger, "--policy", files / "policy.txt")
    assert "a ledger publishes none" in hefu(*words, "--tsa", files / "root.pem").out
    assert "a ledger publishes none" not in hefu(*words).out


def test_check_counts_the_evidence_that_an_authority_stamped(files: Path, firm: Firm, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("one")
    home = ("--home", firm.home.path)
    hefu("deposit", tmp_path / "d", *home, "--out", firm.out, "--wait")
    ran = hefu("check", tmp_path / "d", *home, "--tsa", files / "root.pem", "--json").json
    assert ran["timestamped"] == {str(firm.out / "d.hefu.bundle"): []}
    assert "0 of 1 pieces" in hefu("check", tmp_path / "d", *home, "--tsa", files / "root.der").out
