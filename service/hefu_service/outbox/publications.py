"""Every published checkpoint is told of once, in order; the database says which are owed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hefu_ledger.encoding import format_time
from hefu_ledger.records.record import parse_record
from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note
from hefu_service.outbox.messages import PUBLISHED, Figures, add_message
from hefu_service.ports.errors import StorageError
from hefu_service.ports.store import View
from hefu_service.services import Services
from hefu_service.texts import sentence

_AT_ONCE: Final = 100  # checkpoints of one transaction, which holds SQLite's only lock


def announce(services: Services, destination: str, *, now_ms: int) -> bool:
    """Write the messages that a destination is owed; a new one hears of the newest checkpoint first.

    False if it was owed none. Safe in any number of processes at once.
    """
    with services.store.outbox() as outbox, services.store.view() as view:
        outlet = outbox.outlet(destination)
        sizes = outbox.published_sizes(outlet.told, _AT_ONCE) if outlet.told else _newest(view)
        for size in sizes:
            outlet = replace(outlet, told=size)
            outlet = add_message(outbox, outlet, PUBLISHED, _figures(view, size, services.origin), now_ms=now_ms)
    return bool(sizes)


def _newest(view: View) -> list[int]:
    checkpoint = view.latest_checkpoint()
    return [] if checkpoint is None else [parse_checkpoint(parse_note(checkpoint).text).size]


def _figures(view: View, size: int, origin: str) -> Figures:
    """The checkpoint's numbers; no ``sealed_at`` before the first batch."""
    last = view.record(size - 1)
    if last is None:
        raise StorageError(sentence("outbox.record", size=size, last=size - 1))
    figures: dict[str, int | str] = {"entries": last.entries, "origin": origin, "size": size}
    batch = view.batch_of(last.entries - 1) if last.entries else None
    if batch is None:
        return figures
    return figures | {"sealed_at": format_time(parse_record(batch.data).recorded_at)}
