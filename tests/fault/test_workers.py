"""Two and ten worker processes seal and publish at once: each step has one winner, and there is one ledger."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.fault.accounting import account
from tests.fault.databases import Beginning, Begun, opened, process
from tests.fault.figures import Figures
from tests.support.postgres import Postgres
from tests.support.sample_service import SampleService, statement

from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note
from hefu_service.intake.acknowledgement import acknowledge
from hefu_service.ports.errors import HeadMovedError
from hefu_service.publishing.publish import publish
from hefu_service.sealing.seal import seal_once

REQUESTERS = 3
PATIENCE_S = 60


def work(data: Path, url: URL, out: Path) -> None:
    """Seal and publish without taking turns until told to end: that the head is swapped is all that is left."""
    won, lost, seen = 0, 0, set[str]()
    with opened(data, url) as sample:
        out.with_suffix(".ready").touch()
        while not (data / "end").exists():
            try:
                won += seal_once(sample.services)
            except HeadMovedError:
                lost += 1
            publish(sample.services)
            note = sample.services.files.read_checkpoint()
            seen |= set() if note is None else {note.decode()}
    out.write_text(json.dumps({"won": won, "lost": lost, "seen": sorted(seen)}))


def deposit_all(sample: SampleService, begun: Begun, count: int, acknowledged: dict[bytes, bytes]) -> None:
    """Deposit over several threads, each one statement after the other."""

    def run(first: int) -> None:
        for number in range(first, count, REQUESTERS):
            note = statement(begun.key, number)
            (accepted,) = sample.accept(note)
            acknowledged[note] = acknowledge(sample.services, accepted.deposit).encode()

    threads = [threading.Thread(target=run, args=(first,)) for first in range(REQUESTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("deposits", [60, pytest.param(3000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("workers", [2, 10])
def test_processes_that_seal_at_once_make_one_ledger(
    postgres: Postgres, tmp_path: Path, workers: int, deposits: int, figures: Figures
) -> None:
    begun = Beginning(tmp_path, postgres)()
    outs = [tmp_path / f"{number}.json" for number in range(workers)]
    processes = [process(work, begun.data, begun.url, out) for out in outs]
    acknowledged: dict[bytes, bytes] = {}
    with opened(begun.data, begun.url) as sample:
        until_ready(outs)
        deposit_all(sample, begun, deposits, acknowledged)
        (begun.data / "end").touch()
        for each in processes:
            each.join(PATIENCE_S)
        assert [each.exitcode for each in processes] == [0] * workers
        told = [json.loads(out.read_text()) for out in outs]
        seen = {note: parse_checkpoint(parse_note(note.encode()).text) for each in told for note in each["seen"]}
        with sample.services.store.view() as view:
            sealed_by_them = view.ledger_head().size - 2  # but for genesis and the enrolment
        assert sum(each["won"] for each in told) == sealed_by_them  # each record is of one worker, and no other's
        figures.faults = sum(each["lost"] for each in told)
        account(sample.services, acknowledged, figures, tmp_path / "export", seen=seen.values())
        assert len(acknowledged) == deposits


def until_ready(outs: list[Path]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not all(out.with_suffix(".ready").exists() for out in outs):
        assert time.monotonic() < deadline
        time.sleep(0.01)
