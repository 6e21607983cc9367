"""A service ends: its ledger is handed over, the next one names it, and what it gave its depositors still proves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.fault.ledger_data import replay
from tests.support.sample_ledger import WITNESSES
from tests.support.serving import get, run, serving

from hefu_ledger.records.bodies import Genesis
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.note import cosign, format_note, parse_note
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


def succeed(checkpoint: Path, data: Path, origin: str, *, expect: int = 0) -> str:
    words = ("--data", data, "--origin", origin, "--predecessor", checkpoint)
    return run("hefu-service", "init", *words, expect=expect).stderr


def predecessor_of(data: Path) -> str | None:
    """The checkpoint that the first record names."""
    with open_services(data) as services, services.store.view() as view:
        first = view.record(0)
    assert first is not None
    genesis = parse_record(first.data).body
    assert isinstance(genesis, Genesis)
    return genesis.predecessor


def test_the_successors_first_record_names_the_last_checkpoint_without_the_lines_of_witnesses(
    ended: Path, tmp_path: Path
) -> None:
    own = parse_note((ended / "handover" / "checkpoint").read_bytes())
    witness = cosign(own.text, WITNESSES[0], 1)
    (tmp_path / "seen").write_bytes(format_note(own._replace(signatures=(witness, *own.signatures, witness))))
    succeed(tmp_path / "seen", tmp_path / "data", "log.example/fengxian-2")
    assert predecessor_of(tmp_path / "data") == (ended / "handover" / "checkpoint").read_text()
    assert run("hefu-service", "fsck", "--data", tmp_path / "data").stdout == "clean\n"


def test_a_ledger_does_not_continue_itself(ended: Path, tmp_path: Path) -> None:
    checkpoint = ended / "handover" / "checkpoint"
    assert "has its own name" in succeed(checkpoint, tmp_path / "data", "log.example/fengxian", expect=2)
    assert not (tmp_path / "data").exists()


def test_what_is_no_checkpoint_is_no_predecessor(ended: Path, tmp_path: Path) -> None:
    words = ("--data", tmp_path / "data", "--origin", "log.example/next", "--predecessor", ended / "policy.txt")
    run("hefu-service", "init", *words, expect=2)
    assert not (tmp_path / "data").exists()


def test_a_checkpoint_that_witnesses_alone_signed_is_no_predecessor(ended: Path, tmp_path: Path) -> None:
    own = parse_note((ended / "handover" / "checkpoint").read_bytes())
    seen = tmp_path / "seen"
    seen.write_bytes(format_note(own._replace(signatures=(cosign(own.text, WITNESSES[0], 1),))))
    assert "no line in the name of" in succeed(seen, tmp_path / "data", "log.example/next", expect=2)
    assert not (tmp_path / "data").exists()


def test_evidence_of_a_ledger_that_has_ended_still_verifies_offline(ended: Path) -> None:
    (evidence,) = (ended / "evidence").iterdir()
    words = (evidence, ended / "配方.txt", "--policy", ended / "policy.txt", "--json")
    assert json.loads(run("hefu", "verify", *words).stdout)["verdict"] == "proven"


def test_anyone_can_replay_what_was_handed_over(ended: Path, tmp_path: Path) -> None:
    words = (ended / "handover", "--policy", ended / "policy.txt", "--state", tmp_path / "state", "--json")
    assert json.loads(run("hefu", "audit", *words).stdout)["verdict"] == "proven"
    log, _ = parse_policy((ended / "policy.txt").read_text()).logs
    assert replay(ended / "handover", (), log.key).deposits == 1
