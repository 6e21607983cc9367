"""Auditing a ledger from its files: what holds, what is missing, what was rewritten."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.double import export
from tests.support.sample_ledger import LOG, POLICY, WITNESSED, WITNESSES, SampleLedger, sample, signer

from hefu.errors import UnreachableError
from hefu.monitor.fetcher import open_source
from hefu.monitor.replay import audit
from hefu.monitor.state import read_state, write_state
from hefu_ledger.errors import MalformedError
from hefu_ledger.records.bodies import Clock
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.merkle import leaf_hash
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_ledger.tlog.policy import Policy
from hefu_ledger.verify.verdict import CANNOT_TELL, NOT_PROVEN, PROVEN, Verdict


def large(count: int = 300) -> SampleLedger:
    ledger = sample()
    for _ in range(count):
        ledger.deposit("beta", {"list.csv": b"customers"})
        ledger.seal()
    return ledger


def run(folder: Path, policy: Policy = POLICY) -> Verdict:
    return audit(open_source(str(folder)), policy=policy, seen=None)[0]


def failed(verdict: Verdict) -> list[int]:
    return [step.step for step in verdict.steps if step.outcome in ("failed", "cannot")]


@pytest.mark.parametrize("statements", [False, True])
def test_an_exported_ledger_replays_at_the_depth_that_its_files_allow(tmp_path: Path, statements: bool) -> None:
    verdict = run(export(large(), tmp_path, statements=statements))
    assert verdict.verdict == PROVEN
    assert (verdict.facts["records"], verdict.facts["deposits"]) == (305, 303)
    assert verdict.facts["depth"] == ("full" if statements else "public")
    assert ("signatures" in verdict.steps[5].found) != statements


def test_a_ledger_is_audited_over_http(firm: Firm) -> None:
    firm.double.grow(300)
    verdict, checkpoint = audit(open_source(f"{firm.service.url}/ledger"), policy=POLICY, seen=None)
    assert verdict.verdict == PROVEN
    assert checkpoint == firm.double.ledger.checkpoint()


def test_the_ledger_is_found_below_a_service_s_address_and_below_its_data(firm: Firm, tmp_path: Path) -> None:
    firm.double.grow(3)
    assert audit(open_source(f"{firm.service.url}/"), policy=POLICY, seen=None)[0].verdict == PROVEN
    export(sample(), tmp_path / "ledger")
    assert run(tmp_path).verdict == PROVEN


def test_partial_tiles_that_were_cleared_away_are_read_from_the_full_ones(tmp_path: Path) -> None:
    folder = export(large(), tmp_path)
    ledger = large()
    old = ledger.checkpoint(200)
    (folder / "checkpoint").write_bytes(format_note(old))
    verdict = run(folder)
    assert (verdict.verdict, verdict.facts["records"]) == (PROVEN, 200)


@pytest.mark.parametrize("statements", [False, True])
def test_whether_a_source_is_private_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: bool
) -> None:
    folder = export(large(20), tmp_path, statements=statements)
    real, listed = os.listdir, list[str]()

    def listdir(path: str) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert run(folder).verdict == PROVEN
    assert listed == [f"{folder}/batches"]


def test_entries_that_are_missing_are_named_with_what_to_do(tmp_path: Path) -> None:
    folder = export(large(3), tmp_path, statements=True)
    (folder / "batches" / "3" / "entries").unlink()
    verdict = run(folder)
    assert (verdict.verdict, failed(verdict)) == (CANNOT_TELL, [3])
    assert "batches/3/entries is missing" in verdict.steps[2].found
    assert "--statements" in verdict.steps[2].found


@pytest.mark.parametrize("statements", [False, True])
def test_every_file_is_needed(tmp_path: Path, statements: bool) -> None:
    folder = export(large(), tmp_path, statements=statements)
    needed = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in [*needed[:9], *needed[-9:]]:
        if statements and path.name == "leaves":
            continue
        data = path.read_bytes()
        path.unlink()
        assert run(folder).verdict == CANNOT_TELL, path
        path.write_bytes(data)
    assert run(folder).verdict == PROVEN


@pytest.mark.parametrize("statements", [False, True])
def test_every_changed_byte_of_any_file_is_a_contradiction(tmp_path: Path, statements: bool) -> None:
    """Only a checkpoint can be changed so that nothing signed is left to contradict; of its lines one is enough."""
    folder = export(sample(), tmp_path, statements=statements)
    for path in [path for path in sorted(folder.rglob("*")) if path.is_file()]:
        if statements and path.name == "leaves":
            continue  # the full replay does not read them
        whole = path.read_bytes()
        end = whole.index(b"\n\n") if path.name == "checkpoint" else len(whole)
        for place in range(0, end, 13):
            data = bytearray(whole)
            data[place] ^= 1
            path.write_bytes(data)
            verdict = run(folder)
            if path.name == "checkpoint":  # where one of the log's two lines fails, that is noted
                said = verdict.verdict in (NOT_PROVEN, CANNOT_TELL) or verdict.steps[0].outcome == "noted"
            else:
                said = verdict.verdict == NOT_PROVEN
            assert said, f"{path.name} {place}"
        if path.name != "checkpoint":
            for other in (whole + b"x", whole[:-2], b""):
                path.write_bytes(other)
                assert run(folder).verdict == NOT_PROVEN, f"{path.name} {len(other)}"
        path.write_bytes(whole)


def test_a_signed_record_of_a_form_unknown_here_is_no_contradiction(tmp_path: Path) -> None:
    ledger = sample()
    prev = leaf_hash(ledger.records[-1]).hex().encode()
    later = re.sub(rb'"prev":"[0-9a-f]+"', b'"prev":"%s"' % prev, ledger.records[-1])
    ledger.records.append(later.replace(b'"index":4', b'"index":5').replace(b"hefu-record/v1", b"hefu-record/v2"))
    verdict = run(export(ledger, tmp_path))
    assert (verdict.verdict, failed(verdict)) == (CANNOT_TELL, [3])


def test_a_checkpoint_of_another_key_is_not_proven(tmp_path: Path) -> None:
    folder = export(sample(), tmp_path)
    note = sample().checkpoint()
    (folder / "checkpoint").write_bytes(format_note(sign_note(note.text, [signer("log.example/fengxian", "x")])))
    assert failed(run(folder)) == [1]


def test_a_signed_checkpoint_that_the_records_do_not_lead_to_is_a_contradiction(tmp_path: Path) -> None:
    folder = export(sample(), tmp_path)
    text = format_checkpoint(Checkpoint("log.example/fengxian", 5, bytes(32)))
    (folder / "checkpoint").write_bytes(format_note(sign_note(text, [LOG])))
    assert failed(run(folder)) == [3]


def test_a_quorum_of_the_policy_must_be_met(tmp_path: Path) -> None:
    ledger = sample()
    folder = export(ledger, tmp_path)
    assert (run(folder, WITNESSED).verdict, failed(run(folder, WITNESSED))) == (CANNOT_TELL, [1])
    (folder / "checkpoint").write_bytes(format_note(ledger.checkpoint(cosigners=WITNESSES[:2])))
    verdict = run(folder, WITNESSED)
    assert verdict.verdict == PROVEN
    assert verdict.facts["witnessed_at"].endswith("Z")


def rewrite(ledger: SampleLedger) -> None:
    ledger.records[-1:] = []
    ledger.batches.clear()
    first = sample()
    ledger.records[:] = first.records[:3]
    ledger.covered = 0
    for number in range(4):
        ledger.now += number
        ledger.append(Clock(0, ledger.now, "another history"))


def shorten(ledger: SampleLedger) -> None:
    ledger.batches.pop(len(ledger.records) - 1)
    ledger.records.pop()


@pytest.mark.parametrize(("edit", "step"), [(rewrite, 4), (shorten, 2)])
def test_a_ledger_that_went_back_is_an_alarm_with_both_signed_checkpoints(
    tmp_path: Path, edit: Callable[[SampleLedger], None], step: int
) -> None:
    ledger = sample()
    seen = ledger.checkpoint()
    edit(ledger)
    verdict, checkpoint = audit(open_source(str(export(ledger, tmp_path))), policy=POLICY, seen=seen)
    assert (verdict.verdict, failed(verdict), checkpoint) == (NOT_PROVEN, [step], None)
    both = {"seen_before": format_note(seen).decode(), "seen_now": format_note(ledger.checkpoint()).decode()}
    assert verdict.facts["alarm"] == both


def test_a_ledger_that_only_grew_is_proven_to_have_grown(tmp_path: Path) -> None:
    ledger = sample()
    seen = ledger.checkpoint(2)
    verdict, checkpoint = audit(open_source(str(export(ledger, tmp_path))), policy=POLICY, seen=seen)
    assert [step.outcome for step in verdict.steps] == ["ok"] * 5 + ["unchecked"]
    assert checkpoint == ledger.checkpoint()


def test_a_memory_that_the_policy_does_not_trust_is_a_contradiction(tmp_path: Path) -> None:
    stranger = sign_note(sample().checkpoint().text, [signer("log.example/fengxian", "x")])
    verdict, _ = audit(open_source(str(export(sample(), tmp_path))), policy=POLICY, seen=stranger)
    assert failed(verdict) == [2]


def test_the_memory_reads_back_and_is_absent_at_first(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    assert read_state(path) is None
    write_state(path, sample().checkpoint())
    assert read_state(path) == sample().checkpoint()


@pytest.mark.parametrize("data", [b"", b"{}", b'{"checkpoint":""}', b'{"checkpoint":"x"}', b"[]"])
def test_a_damaged_memory_is_not_taken_for_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "state").write_bytes(data)
    with pytest.raises(MalformedError):
        read_state(str(tmp_path / "state"))


def test_a_source_that_is_not_there_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        run(tmp_path / "nothing")


def test_a_source_that_cannot_be_reached_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hefu.service.ATTEMPTS", 1)
    with pytest.raises(UnreachableError):
        audit(open_source("http://127.0.0.1:9/ledger"), policy=POLICY, seen=None)
