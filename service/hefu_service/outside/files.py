"""The two halves of the ledger as files: the published half, and the batches of statements, which are private."""

# ruff: noqa: D102 -- the protocols carry the contracts; implementations repeat nothing
from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from hefu_ledger.encoding import canonical, parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.tiles import ENTRIES, WIDTH, Tile, format_bundle, parse_bundle
from hefu_service.outside.durable import DurableFolder
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import Deposit
from hefu_service.publishing.batch_tree import read_path
from hefu_service.texts import sentence

_CHECKPOINT: Final = "checkpoint"
_MAX_LINE: Final = 65536  # an acceptance and a statement, escaped


class LedgerFolder:
    """See ``ports.LedgerFiles``: the layout of c2sp.org/tlog-tiles, and ``batches/<record index>/leaves``."""

    def __init__(self, root: Path) -> None:
        self._folder = DurableFolder(root, mode=0o444)
        self._private = DurableFolder(root, mode=0o400)

    def write_tile(self, tile: Tile, data: bytes) -> None:
        self._folder.create(tile.path, data)

    def read_tile(self, tile: Tile) -> bytes | None:
        data = self._folder.read(tile.path)
        if data is not None or tile.width == WIDTH:
            return data
        # Narrow before wide: a partial tile that goes meanwhile goes only once the full one stands.
        for width in sorted(width for width in {tile.width, *self._partials(tile), WIDTH} if width >= tile.width):
            wider = tile._replace(width=width)
            data = self._folder.read(wider.path)
            if data is not None:
                return data if wider == tile else _cut(wider, data, tile.width)
        return None

    def drop_partials(self, tile: Tile) -> None:
        full = tile._replace(width=WIDTH)
        if self._folder.read(full.path) is None:
            raise StorageError(sentence("file.no_tile", path=full.path))
        self._folder.remove(f"{full.path}.p")

    def write_leaves(self, batch: int, data: bytes) -> None:
        self._folder.create(_leaves(batch), data)

    def read_leaves(self, batch: int) -> bytes | None:
        return self._folder.read(_leaves(batch))

    def write_nodes(self, batch: int, data: bytes) -> None:
        self._folder.create(_nodes(batch), data)

    def read_nodes(self, batch: int) -> bytes | None:
        return self._folder.read(_nodes(batch))

    def read_path(self, batch: int, *, place: int, count: int) -> Sequence[bytes] | None:
        with self._folder.pieces(_nodes(batch)) as pieces:
            return None if pieces is None else read_path(place, count, pieces)

    def write_entries(self, batch: int, data: bytes) -> None:
        """See ``ports.ExportFiles``: only a copy made for auditors has them."""
        self._private.create(f"batches/{batch}/entries", data)

    def has_entries(self) -> bool:
        return any("entries" in self._folder.names(f"batches/{batch}") for batch in self._folder.names("batches"))

    def write_checkpoint(self, note: bytes) -> None:
        self._folder.replace(_CHECKPOINT, note)

    def read_checkpoint(self) -> bytes | None:
        return self._folder.read(_CHECKPOINT)

    def alone(self) -> AbstractContextManager[None]:
        return self._folder.alone()

    def _partials(self, tile: Tile) -> list[int]:
        names = self._folder.names(f"{tile._replace(width=WIDTH).path}.p")
        return [int(name) for name in names if name.isdecimal()]


class BatchFolder:
    """See ``ports.BatchFiles``: a file ``<first_seq>-<count>`` a batch, a line of canonical JSON a deposit.

    The count is in the name because a batch that was never recorded may leave its file behind, and the one that is
    recorded in its stead may be longer.
    """

    def __init__(self, root: Path) -> None:
        self._folder = DurableFolder(root, mode=0o400)

    def write(self, first_seq: int, deposits: Sequence[Deposit]) -> None:
        """See ``ports.BatchFiles``; ValueError for deposits that do not follow one another from ``first_seq`` on."""
        if [deposit.seq for deposit in deposits] != list(range(first_seq, first_seq + len(deposits))):
            raise ValueError(f"deposits of a batch must follow one another from {first_seq} on")
        lines = [canonical([deposit.acceptance, deposit.statement.decode()]) + b"\n" for deposit in deposits]
        self._folder.create(_batch(first_seq, len(deposits)), b"".join(lines))

    def alone(self) -> AbstractContextManager[None]:
        return self._folder.alone()

    def read(self, first_seq: int, count: int) -> Sequence[tuple[str, bytes]]:
        name = _batch(first_seq, count)
        data = self._folder.read(name)
        if data is None:
            raise StorageError(sentence("file.no_batch", name=name))
        lines = data.split(b"\n")
        if len(lines) != count + 1 or lines.pop():
            raise StorageError(sentence("file.batch_lines", name=name, count=count))
        try:
            return [_parse_entry(line) for line in lines]
        except MalformedError as error:
            raise StorageError(sentence("file.batch", name=name, error=error)) from error


def _parse_entry(line: bytes) -> tuple[str, bytes]:
    match parse_canonical(line, limit=_MAX_LINE):
        case [str(acceptance), str(statement)]:
            return acceptance, statement.encode()
    raise MalformedError("a line should hold an acceptance and a statement")


def _cut(tile: Tile, data: bytes, width: int) -> bytes:
    """Give the first ``width`` hashes or entries of a wider tile."""
    if tile.level != ENTRIES:
        return data[: 32 * width]
    try:
        return format_bundle(parse_bundle(data, tile.width)[:width])
    except MalformedError as error:
        raise StorageError(sentence("file.damaged", path=tile.path, error=error)) from error


def _leaves(batch: int) -> str:
    return f"batches/{batch}/leaves"


def _nodes(batch: int) -> str:
    return f"batches/{batch}/nodes"


def _batch(first_seq: int, count: int) -> str:
    return f"{first_seq:012d}-{count}"
