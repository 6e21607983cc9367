"""A service ends: its ledger is handed over, the next one names it, and what it gave its depositors still proves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.fault.ledger_data import replay
from tests.support.serving import get, run, serving

from hefu_ledger.records.record import Genesis, parse_record
from hefu_ledger.tlog.policy import parse_policy
from hefu_service.wiring import open_services

FIRM = ("上海某某化妆品有限公司", "91310120MA1HP00194")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is left of a service: an enterprise's evidence, its policy, and the export. Its data are destroyed."""
    folder = tmp_path_factory.mktemp("ended")
    (folder / "配方.txt").write_text("蚕丝")
    with serving(folder / "data") as service:
        words = ("--home", folder / "home")
        run("hefu", "init", *words, "--server", service.url, "--code", service.enrol(*FIRM))
        run("hefu", "deposit", *words, folder / "配方.txt", "--out", folder / "evidence", "--wait")
        (folder / "policy.txt").write_bytes(get(service.port, "/v1/trust")[1])
    run("hefu-service", "fsck", "--data", folder / "data")
    run("hefu-service", "export", "--data", folder / "data", "--out", folder / "handover", "--statements")
    shutil.rmtree(folder / "data")
    return folder


def succeed(ended: Path, data: Path, origin: str, *, expect: int = 0) -> str:
    words = ("--data", data, "--origin", origin, "--predecessor", ended / "handover" / "checkpoint")
    return run("hefu-service", "init", *words, expect=expect).stderr


def test_the_successors_first_record_names_the_last_checkpoint(ended: Path, tmp_path: Path) -> None:
    succeed(ended, tmp_path / "data", "log.example/fengxian-2")
    with open_services(tmp_path / "data") as services, services.store.view() as view:
        first = view.record(0)
    assert first is not None
    genesis = parse_record(first.data).body
    assert isinstance(genesis, Genesis)
    assert genesis.predecessor == (ended / "handover" / "checkpoint").read_text()
    assert run("hefu-service", "fsck", "--data", tmp_path / "data").stdout == "clean\n"


def test_a_ledger_does_not_continue_itself(ended: Path, tmp_path: Path) -> None:
    assert "has its own name" in succeed(ended, tmp_path / "data", "log.example/fengxian", expect=2)
    assert not (tmp_path / "data").exists()


def test_what_is_no_checkpoint_is_no_predecessor(ended: Path, tmp_path: Path) -> None:
    words = ("--data", tmp_path / "data", "--origin", "log.example/next", "--predecessor", ended / "policy.txt")
    run("hefu-service", "init", *words, expect=2)
    assert not (tmp_path / "data").exists()


def test_evidence_of_a_ledger_that_has_ended_still_verifies_offline(ended: Path) -> None:
    (evidence,) = (ended / "evidence").iterdir()
    words = (evidence, ended / "配方.txt", "--policy", ended / "policy.txt", "--json")
    assert json.loads(run("hefu", "verify", *words).stdout)["verdict"] == "proven"


def test_anyone_can_replay_what_was_handed_over(ended: Path, tmp_path: Path) -> None:
    words = (ended / "handover", "--policy", ended / "policy.txt", "--state", tmp_path / "state", "--json")
    assert json.loads(run("hefu", "audit", *words).stdout)["verdict"] == "proven"
    (log,) = parse_policy((ended / "policy.txt").read_text()).logs
    assert replay(ended / "handover", (), log.key).deposits == 1
