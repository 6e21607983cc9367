"""The right contents of every published file, by the database: for ``fsck`` and for its repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from hefu_ledger.tlog.merkle import Tree, leaf_hash
from hefu_ledger.tlog.tiles import ENTRIES, WIDTH, Tile, format_bundle, tile_bytes, tiles_at
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import StoredRecord
from hefu_service.ports.store import View
from hefu_service.sealing.batch import batch_body
from hefu_service.texts import Text, sentence

MISSING: Final = sentence("found.missing")
_AT_ONCE = 1_000  # rows read together


def records_of(view: View, size: int) -> Iterator[StoredRecord]:
    """The first ``size`` records; in parts, each read to its end, also when an error ends a check."""
    for start in range(0, size, _AT_ONCE):
        yield from list(view.records(start, min(_AT_ONCE, size - start)))


def record_tree(view: View, size: int) -> Tree:
    """The tree of the first ``size`` records."""
    return Tree(b"".join([leaf_hash(record.data) for record in records_of(view, size)]))


def wanted_tiles(view: View, tree: Tree, size: int) -> Iterator[tuple[Tile, bytes]]:
    """Every tile and bundle of a ledger of ``size`` records.

    Each partial one is followed by all that are narrower, which older checkpoints need and receipts are made of;
    whether they are files of their own or cut from a wider one is all the same.
    """
    for widest in tiles_at(size):
        narrowest = widest.width if widest.width == WIDTH else 1
        entries = [record.data for record in view.records(widest.index * WIDTH, widest.width)]
        for width in range(widest.width, narrowest - 1, -1):
            tile = widest._replace(width=width)
            yield tile, format_bundle(entries[:width]) if tile.level == ENTRIES else tile_bytes(tile, tree.node)


def fault_of(read: Callable[[], object], wanted: object) -> Text | None:
    """Compare a file, read by ``read``, with the bytes it must hold; the fault as a text, None if they are equal.

    A file that cannot be read is a fault too, and does not end the check of its neighbours.
    """
    try:
        found = read()
    except StorageError as error:
        return sentence("found.unreadable", error=error)
    if found == wanted:
        return None
    return MISSING if found is None else sentence("found.other")


def wanted_leaves(view: View, size: int) -> Iterator[tuple[int, bytes]]:
    """The leaf hashes of every batch among the first ``size`` records, by its record's index."""
    for record in records_of(view, size):
        if record.type == "batch":
            body = batch_body(record)
            deposits = view.deposits(body.first_seq, body.count)
            yield record.index, b"".join([leaf_hash(deposit.acceptance.encode()) for deposit in deposits])
