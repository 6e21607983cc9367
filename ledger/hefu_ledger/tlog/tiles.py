"""Tiles and entry bundles of c2sp.org/tlog-tiles v0.1.0: names, contents, and proofs read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from hefu_ledger.encoding import parse_decimal
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.merkle import NodeReader, Tree

WIDTH: Final = 256  # hashes in a full tile, entries in a full bundle
ENTRIES: Final = -1  # the level of entry bundles
_HEIGHT: Final = 8  # tree levels that one tile spans
_CACHED_TILES: Final = 1024  # at most 16 KiB each


class Tile(NamedTuple):
    """One tile: ``level`` 0..63, or -1 for an entry bundle; ``width`` 256 when full, 1..255 at the right edge."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nothing here needs
    width: int

    @property
    def path(self) -> str:
        """The name under the log's prefix, like ``tile/0/x001/x234/067.p/8`` or ``tile/entries/000``."""
        number, rest = f"{self.index % 1000:03}", self.index // 1000
        while rest:
            number, rest = f"x{rest % 1000:03}/{number}", rest // 1000
        kind = "entries" if self.level == ENTRIES else self.level
        return f"tile/{kind}/{number}" + ("" if self.width == WIDTH else f".p/{self.width}")


def parse_tile_path(path: str) -> Tile:
    """Read a path as ``Tile.path`` writes it; MalformedError for every other spelling."""
    name, partial, width = path.partition(".p/")
    kind, _, groups = name.removeprefix("tile/").partition("/")
    try:
        tile = Tile(
            ENTRIES if kind == "entries" else parse_decimal(kind, limit=63),
            parse_decimal(groups.replace("/", "").replace("x", "").lstrip("0") or "0"),
            parse_decimal(width, limit=WIDTH - 1) if partial else WIDTH,
        )
    except MalformedError as error:
        raise MalformedError(f"not a tile's path: {path[:80]!r}: {error}") from None
    if tile.width == 0 or tile.path != path:
        raise MalformedError(f"not a tile's path, which would be like tile/0/x001/x234/067.p/8: {path[:80]!r}")
    return tile


def tiles_at(size: int, old_size: int = 0) -> Iterator[Tile]:
    """Give every bundle and hash tile that a log of ``old_size`` writes in growing to ``size``.

    Those that became full, and the partial ones at the right edge of ``size``; bundles first, then level by level.
    """
    if not 0 <= old_size <= size:
        raise ValueError(f"a log does not grow from {old_size} to {size}")
    yield from _level_at(ENTRIES, size, old_size)
    level = 0
    while size > old_size:
        yield from _level_at(level, size, old_size)
        level, size, old_size = level + 1, size // WIDTH, old_size // WIDTH


def tile_bytes(tile: Tile, node: NodeReader) -> bytes:
    """Give the contents of a hash tile: ``width`` hashes of 32 bytes."""
    if tile.level < 0:
        raise ValueError("an entry bundle holds entries, not hashes")
    first = tile.index * WIDTH
    return b"".join([node(_HEIGHT * tile.level, index) for index in range(first, first + tile.width)])


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """Write entries of at most 65,535 bytes, each after its length as two bytes, big-endian; ValueError for longer."""
    longest = max(map(len, entries), default=0)
    if longest > 0xFFFF:
        raise ValueError(f"an entry of {longest} bytes does not fit a bundle (65535)")
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def parse_bundle(data: bytes, count: int) -> list[bytes]:
    """Read exactly ``count`` entries; MalformedError if there are fewer, more or cut ones."""
    entries: list[bytes] = []
    offset = 0
    while offset < len(data) and len(entries) < count:
        start = offset + 2
        offset = start + int.from_bytes(data[offset:start], "big")
        entries.append(data[start:offset])
    if offset != len(data) or len(entries) != count:
        raise MalformedError(f"entry bundle of {len(data)} bytes does not hold exactly {count} entries")
    return entries


def node_reader(size: int, fetch: Callable[[Tile], bytes]) -> NodeReader:
    """Read the nodes of a log of ``size`` from its tiles (full, or the partial ones at ``size``).

    The bytes that ``fetch`` returns are believed: check the proof or the root made from them. Other than ``32 * width``
    bytes is a MalformedError. Tiles are cached.
    """

    @lru_cache(maxsize=_CACHED_TILES)
    def subtree(tile: Tile) -> Tree:
        data = fetch(tile)
        if len(data) != 32 * tile.width:
            raise MalformedError(f"{tile.path} holds {len(data)} bytes, not {32 * tile.width}")
        return Tree(data)

    def node(level: int, index: int) -> bytes:
        if level < 0 or not 0 <= index < size >> level:
            raise ValueError(f"no complete subtree {index} at level {level} in a log of {size}")
        tile_level, height = divmod(level, _HEIGHT)
        across = WIDTH >> height  # nodes of this level in one tile
        tile_index, position = divmod(index, across)
        width = min(WIDTH, (size >> _HEIGHT * tile_level) - WIDTH * tile_index)
        return subtree(Tile(tile_level, tile_index, width)).node(height, position)

    return node


def _level_at(level: int, size: int, old_size: int) -> Iterator[Tile]:
    """The tiles of one level that change when it grows from ``old_size`` hashes to ``size``."""
    full, width = divmod(size, WIDTH)
    for index in range(old_size // WIDTH, full):
        yield Tile(level, index, WIDTH)
    if width and size > old_size:
        yield Tile(level, full, width)
