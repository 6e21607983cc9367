"""Files of the ledger, of batches, of exports and of the vault."""

# ruff: noqa: D102 -- where a name says it all, the signature is the contract
from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from hefu_ledger.tlog.tiles import Tile
from hefu_service.ports.rows import Deposit


class LedgerFiles(Protocol):
    """The published ledger: plain files, write-once but for ``checkpoint``. Durable on return."""

    def write_tile(self, tile: Tile, data: bytes) -> None:
        """Raises ImmutableError if the tile exists with other bytes."""

    def read_tile(self, tile: Tile) -> bytes | None:
        """The tile's bytes, cut from a wider one if only that exists; None if there is none."""

    def write_leaves(self, batch: int, data: bytes) -> None:
        """Write the leaf hashes (32 bytes each) of the batch with record index ``batch``; ImmutableError as above."""

    def read_leaves(self, batch: int) -> bytes | None: ...

    def write_nodes(self, batch: int, data: bytes) -> None:
        """A large batch's tree, in the layout of ``publishing.batch_tree``; ImmutableError as above."""

    def read_nodes(self, batch: int) -> bytes | None: ...

    def read_path(self, batch: int, *, place: int, count: int) -> Sequence[bytes] | None:
        """The audit path of leaf ``place`` of ``count`` as the batch's nodes have it, unchecked; None without them."""

    def write_checkpoint(self, note: bytes) -> None:
        """Replace the checkpoint atomically."""

    def read_checkpoint(self) -> bytes | None: ...

    def drop_partials(self, tile: Tile) -> None:
        """Remove the partial tiles that a full one replaces; the full one MUST exist."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold a lock against all other threads and processes; it MUST NOT be entered twice."""


class Mender(Protocol):
    """Replaces damaged files of the published ledger. Durable on return."""

    def rewrite_tile(self, tile: Tile, data: bytes) -> None: ...
    def rewrite_leaves(self, batch: int, data: bytes) -> None: ...
    def rewrite_nodes(self, batch: int, data: bytes) -> None: ...


class ExportFiles(LedgerFiles, Protocol):
    """A copy of the published ledger that may also hold the batches' private half."""

    def write_entries(self, batch: int, data: bytes) -> None:
        """Acceptances and statements of the batch with this record index; ImmutableError as for tiles."""

    def has_entries(self) -> bool:
        """True if the acceptances and statements of any batch are here."""


class BatchFiles(Protocol):
    """The private half of the ledger: one write-once file of acceptances and statements a batch."""

    def write(self, first_seq: int, deposits: Sequence[Deposit]) -> None:
        """Durable on return; the same again is harmless, other bytes are ImmutableError.

        Another count is another file: an attempt that was never recorded may have left a shorter or longer run.
        """

    def read(self, first_seq: int, count: int) -> Sequence[tuple[str, bytes]]:
        """Acceptance texts and statements; StorageError if the file is missing or damaged."""

    def alone(self) -> AbstractContextManager[None]:
        """As of ``LedgerFiles``."""


class VaultFiles(Protocol):
    """Depositors' encrypted files, each written once."""

    def write(self, depositor: str, name: str, data: bytes) -> None:
        """Durable on return; the same again is harmless, and other bytes are another file."""

    def read(self, depositor: str, name: str, digest: bytes) -> bytes | None:
        """The file of this SHA-256 as it lies on disk, None if there is none."""
