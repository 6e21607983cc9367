"""Published tiles: the one place that reads them, as files and as the tree they hold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

from hefu_ledger.tlog.merkle import NodeReader, node_hash
from hefu_ledger.tlog.tiles import ENTRIES, Tile, node_reader
from hefu_service.ports.errors import DamagedError
from hefu_service.ports.files import LedgerFiles


def published_tile(files: LedgerFiles, tile: Tile) -> bytes:
    """Read a tile or bundle (c2sp.org/tlog-tiles); DamagedError if it is missing, or a hash tile of another length."""
    data = files.read_tile(tile)
    if data is None:
        raise DamagedError(f"{tile.path} is not there: run `hefu-service fsck --repair`")
    if tile.level != ENTRIES and len(data) != 32 * tile.width:
        raise DamagedError(f"{tile.path} is damaged: run `hefu-service fsck --repair`")
    return data


def published_nodes(files: LedgerFiles, size: int) -> NodeReader:
    """Read the tree of ``size`` records from its published tiles; DamagedError as of ``published_tile``."""
    return node_reader(size, partial(published_tile, files))


def grown_nodes(old: NodeReader, old_size: int, new_leaves: Sequence[bytes]) -> NodeReader:
    """The tree of ``old_size`` records, grown by leaf hashes of 32 bytes."""

    @cache
    def node(level: int, index: int) -> bytes:
        if (index + 1) << level <= old_size:
            return old(level, index)
        if level == 0:
            return new_leaves[index - old_size]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node
