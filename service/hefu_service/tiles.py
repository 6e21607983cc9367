"""The published tiles as a tree, and the tree they grow to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hefu_ledger.tlog.merkle import NodeReader, node_hash
from hefu_ledger.tlog.tiles import Tile, node_reader
from hefu_service.ports.errors import DamagedError
from hefu_service.ports.files import LedgerFiles


def published_nodes(files: LedgerFiles, size: int) -> NodeReader:
    """Read the ledger of ``size`` from its published tiles; DamagedError for one that is missing or cut."""

    def fetch(tile: Tile) -> bytes:
        data = files.read_tile(tile)
        if data is None:
            raise DamagedError(f"{tile.path} is not there: run `hefu-service fsck --repair`")
        if len(data) != 32 * tile.width:
            raise DamagedError(f"{tile.path} is damaged: run `hefu-service fsck --repair`")
        return data

    return node_reader(size, fetch)


def grown_nodes(old: NodeReader, old_size: int, new_leaves: Sequence[bytes]) -> NodeReader:
    """The nodes of a ledger of ``old_size`` that has grown by leaf hashes of 32 bytes."""

    @cache
    def node(level: int, index: int) -> bytes:
        if (index + 1) << level <= old_size:
            return old(level, index)
        if level == 0:
            return new_leaves[index - old_size]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node
