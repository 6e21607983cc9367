"""A ledger replayed at either depth, and the fault that both find, or full depth alone."""

from __future__ import annotations

import pytest

from hefu_ledger.errors import LedgerError
from hefu_ledger.records.bodies import Batch
from hefu_ledger.replay import Replay
from hefu_ledger.tlog.checkpoint import Checkpoint
from hefu_ledger.tlog.note import format_note
from tests.support.sample_ledger import LOG, SampleLedger


def replayed(ledger: SampleLedger, *, full: bool, remembered: tuple[Checkpoint, ...] = ()) -> Replay:
    replay = Replay(full=full)
    for checkpoint in remembered:
        replay.remember(checkpoint)
    for data in ledger.records:
        record = replay.record(data)
        if isinstance(record.body, Batch):
            if full:
                replay.entries(ledger.entries(record.index))
            else:
                replay.leaves(ledger.leaves(record.index))
    replay.finish(format_note(ledger.checkpoint()), [LOG.key])
    return replay


def found_at_both_depths(ledger: SampleLedger) -> str:
    with pytest.raises(LedgerError) as public:
        replayed(ledger, full=False)
    with pytest.raises(LedgerError) as full:
        replayed(ledger, full=True)
    assert str(public.value) == str(full.value)
    return str(full.value)


def found_in_full_only(ledger: SampleLedger) -> str:
    replayed(ledger, full=False)
    with pytest.raises(LedgerError) as error:
        replayed(ledger, full=True)
    return str(error.value)
