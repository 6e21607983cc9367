"""The private half of a batch as auditors get it: a line of canonical JSON, [acceptance, statement], a deposit."""

from __future__ import annotations

from hefu_ledger.encoding import canonical
from hefu_ledger.records.bodies import Batch
from hefu_ledger.records.record import parse_record
from hefu_service.services import Services


def batch_entries(services: Services, index: int) -> bytes | None:
    """The entries of the batch whose record has this index; None if that is no batch's."""
    with services.store.view() as view:
        record = view.record(index)
    body = None if record is None else parse_record(record.data).body
    if not isinstance(body, Batch):
        return None
    entries = services.batch_files.read(body.first_seq, body.count)
    return b"".join(canonical([acceptance, statement.decode()]) + b"\n" for acceptance, statement in entries)
