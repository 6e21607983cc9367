"""Export 导出: the published ledger, copied so that any static file server can serve it; checkpoint last."""

from __future__ import annotations

from hefu_ledger.tlog.checkpoint import parse_checkpoint
from hefu_ledger.tlog.note import parse_note
from hefu_ledger.tlog.tiles import WIDTH, tiles_at
from hefu_service.ports.errors import ImmutableError, StorageError
from hefu_service.ports.files import ExportFiles
from hefu_service.publishing.entries import batch_entries
from hefu_service.services import Services
from hefu_service.texts import Text, sentence
from hefu_service.tiles import published_tile


def export_ledger(services: Services, target: ExportFiles, *, statements: bool) -> int:
    """Copy everything under the newest published checkpoint and return its size, in records.

    ``statements``: also the acceptances and statements of each batch, for a full replay. An earlier export is grown;
    ImmutableError if it is of another ledger, or if it has statements and shall not be given more: they are private,
    and an export without them is about to be published. Interrupted, it keeps its old checkpoint, and may be run
    again.
    """
    if not statements and target.has_entries():
        raise ImmutableError(sentence("export.private"))
    note = services.files.read_checkpoint()
    if note is None:
        raise StorageError(sentence("export.nothing"))
    size = parse_checkpoint(parse_note(note).text).size
    _check_reaches(services, size)
    for tile in tiles_at(size):
        target.write_tile(tile, published_tile(services.files, tile))
        if tile.width == WIDTH:
            target.drop_partials(tile)
    _copy_batches(services, target, size, statements=statements)
    target.write_checkpoint(note)
    return size


def _check_reaches(services: Services, size: int) -> None:
    """Raise StorageError where the database would leave batches out, as a standby that is behind does."""
    with services.store.view() as view:
        found = view.ledger_head().size
    if found < size:
        raise StorageError(sentence("export.behind", found=found, size=size))


def _copy_batches(services: Services, target: ExportFiles, size: int, *, statements: bool) -> None:
    with services.store.view() as view:
        batches = [record.index for record in view.records(0, size) if record.type == "batch"]
    for index in batches:
        target.write_leaves(index, _needed(services.files.read_leaves(index), sentence("export.leaves", index=index)))
        if statements:
            entries = batch_entries(services, index)
            target.write_entries(index, _needed(entries, sentence("export.entries", index=index)))


def _needed(data: bytes | None, name: Text) -> bytes:
    if data is None:
        raise StorageError(sentence("export.missing", name=name))
    return data
