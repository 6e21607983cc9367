"""The one way to change a published file, which is otherwise written once: to put the right bytes in its place."""

# ruff: noqa: D102 -- the protocol carries the contract
from __future__ import annotations

from pathlib import Path

from hefu_ledger.tlog.tiles import Tile
from hefu_service.outside.durable import DurableFolder


class LedgerMender:
    """See ``ports.Mender``; in the layout of ``LedgerFolder``, whose root it is given."""

    def __init__(self, root: Path) -> None:
        self._folder = DurableFolder(root, mode=0o444)

    def rewrite_tile(self, tile: Tile, data: bytes) -> None:
        self._folder.replace(tile.path, data)

    def rewrite_leaves(self, batch: int, data: bytes) -> None:
        self._folder.replace(f"batches/{batch}/leaves", data)

    def rewrite_nodes(self, batch: int, data: bytes) -> None:
        self._folder.replace(f"batches/{batch}/nodes", data)
