"""The service's own knowledge of the ledger, for the verdict on a receipt that is sent to it."""

from __future__ import annotations

import json

from hefu_ledger.deposit.receipt import MAX_RECORDS
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.verify import Reading
from hefu_service.ports.rows import LEDGER
from hefu_service.receipts.verdict import format_known
from hefu_service.services import Services


def find_known(services: Services, wanted: bytes) -> bytes:
    """The published records that a verdict may depend on (see ``verdict.wanted``): as carried, and as told since."""
    asked = json.loads(wanted)
    if asked is None:
        return format_known(None)
    with services.store.view() as view:
        note = view.latest_checkpoint()
        if note is None:
            return format_known(None)
        size = parse_checkpoint(parse_note(note).text).size
        carried = [view.record(index) for index in asked["indices"][:MAX_RECORDS] if 0 <= index < size]
        told = [*view.records_of(asked["depositor"]), *view.records_of(LEDGER)]
    records = [record for record in (*carried, *told) if record is not None and record.index < size]
    return format_known(Reading(size, {record.index: record.data.decode() for record in records}))
