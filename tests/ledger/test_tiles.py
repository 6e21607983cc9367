"""Tiles and bundles of c2sp.org/tlog-tiles: names, contents, and logs read back from what was written."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.encoding import to_base64
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.merkle import Tree, consistency_path, inclusion_path, leaf_hash, root_of
from hefu_ledger.tlog.tiles import Tile, format_bundle, node_reader, parse_bundle, parse_tile_path, tile_bytes, tiles_at

# A log of 70,000 entries whose tiles five unrelated programs have verified.
ENTRIES = [b'{"doc":"%d"}' % index for index in range(70_000)]
TREE = Tree(b"".join(map(leaf_hash, ENTRIES)))
ROOT = "K7YmEfyGSf5CqyQC9fi4CIqymqkf43IbPjSMPDAcUmg="
FILES = {
    "tile/0/000": "ee5eba991d0b6c6fa150c15bf0160288df32ea2762bd2c6106a3f30b85404313",
    "tile/0/273.p/112": "c593bf626a75b95094471a6cc0b17d55af5ec1470616ec28baabb19f092dc607",
    "tile/1/001.p/17": "f35179c57568cb1a1801db2a87d0cd429a3ecf09f28dfe5b21eab152d65c180d",
    "tile/entries/000": "926592b3bc7a26dfac2ef4d5f176eff3c0727ff15b7f87d9035a31bfb9617c5d",
}


def contents(tile: Tile) -> bytes:
    if tile.level >= 0:
        return tile_bytes(tile, TREE.node)
    return format_bundle(ENTRIES[256 * tile.index :][: tile.width])


def written(size: int, old_size: int = 0) -> dict[str, bytes]:
    return {tile.path: contents(tile) for tile in tiles_at(size, old_size)}


def test_the_log_of_70_000_entries_has_the_known_root_and_files() -> None:
    assert to_base64(TREE.root) == ROOT
    files = written(70_000)
    assert {path: sha256(files[path]).hexdigest() for path in FILES} == FILES


# Names.

PATHS = {
    "tile/0/000": Tile(0, 0, 256),
    "tile/0/273.p/112": Tile(0, 273, 112),
    "tile/entries/x001/x234/067": Tile(-1, 1_234_067, 256),
    "tile/entries/x001/x234/067.p/8": Tile(-1, 1_234_067, 8),
    "tile/3/999.p/255": Tile(3, 999, 255),
    "tile/10/x001/000.p/1": Tile(10, 1000, 1),
    "tile/63/x001/x000/000": Tile(63, 1_000_000, 256),
    "tile/0/x009/x007/x199/x254/x740/991": Tile(0, 2**53 - 1, 256),
}


@every_case(("path", "tile"), PATHS.items())
def test_a_tile_and_its_path_are_one_to_one(path: str, tile: Tile) -> None:
    assert tile.path == path
    assert parse_tile_path(path) == tile


@every_case(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x001/x000",
        "tile/0/001/000",
        "tile/0/x1/000",
        "tile/0/x001000",
        "tile/0/x001//000",
        "tile/0/1,000",
        "tile/0/+01",
        "tile/0/ 01",
        "tile/0/-01",
        "tile/0/٠٠١",
        "tile/0/000/",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/-1",
        "tile/0/000.p/1.p/1",
        "tile/0/000.p/1/",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/x/000",
        "tile//000",
        "tile/data/000",
        "tile/Entries/000",
        "/tile/0/000",
        "0/000",
        "tile/tile/0/000",
        "tiles/0/000",
        "TILE/0/000",
        "tile/0/../000",
        "tile/0/000\n",
        "tile/0/x009/x007/x199/x254/x740/992",
        "tile/0/" + "x999/" * 2000 + "999",
    ],
)
def test_any_other_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(MalformedError, match="not a tile's path"):
        parse_tile_path(path)


@given(st.builds(Tile, st.integers(-1, 63), st.integers(0, 2**53 - 1), st.integers(1, 256)))
def test_every_tile_is_read_back_from_its_path(tile: Tile) -> None:
    assert parse_tile_path(tile.path) == tile


@given(st.lists(st.sampled_from(["tile", "/", "entries", "0", "00", "17", "123", "x", "x045", ".p/"]), max_size=9))
def test_a_path_that_is_read_is_written_the_same(parts: list[str]) -> None:
    path = "".join(parts)
    try:
        tile = parse_tile_path(path)
    except MalformedError:
        return
    assert tile.path == path


# What a log writes.


def all_tiles(size: int) -> Iterator[Tile]:
    """The specification's own words: full tiles, and a partial one of floor(s / 256^l) mod 256 unless it is empty."""
    for level, span in ((-1, 1), (0, 1), (1, 256), (2, 256**2), (3, 256**3)):
        full, width = divmod(size // span, 256)
        yield from (Tile(level, index, 256) for index in range(full))
        if width:
            yield Tile(level, full, width)


def test_a_log_of_70_000_has_the_tiles_of_the_specifications_example() -> None:
    tiles = list(tiles_at(70_000))
    assert [tile for tile in tiles if tile.level >= 0] == [
        *(Tile(0, index, 256) for index in range(273)),
        Tile(0, 273, 112),
        Tile(1, 0, 256),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert [tile for tile in tiles if tile.level < 0] == [
        *(Tile(-1, index, 256) for index in range(273)),
        Tile(-1, 273, 112),
    ]


EDGES = [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_279, 65_280, 65_535, 65_536, 65_537, 65_792, 70_000]


@every_case("size", EDGES)
def test_growth_writes_what_the_smaller_log_had_not(size: int) -> None:
    for old_size in [edge for edge in EDGES if edge <= size]:
        tiles = list(tiles_at(size, old_size))
        assert len(tiles) == len(set(tiles))
        assert set(tiles) == set(all_tiles(size)) - set(all_tiles(old_size))


@given(st.lists(st.integers(0, 200_000), min_size=2, max_size=2).map(sorted))
def test_growth_between_any_two_sizes_writes_what_was_missing(sizes: list[int]) -> None:
    old_size, size = sizes
    assert set(tiles_at(size, old_size)) == set(all_tiles(size)) - set(all_tiles(old_size))


@pytest.mark.parametrize(("size", "old_size"), [(5, 6), (5, -1), (-1, -1)])
def test_a_log_does_not_shrink(size: int, old_size: int) -> None:
    with pytest.raises(ValueError, match=f"does not grow from {old_size} to {size}"):
        list(tiles_at(size, old_size))


def test_an_entry_bundle_has_no_hashes() -> None:
    with pytest.raises(ValueError, match="entries, not hashes"):
        tile_bytes(Tile(-1, 0, 256), TREE.node)


@given(st.lists(st.integers(0, 1500), max_size=5).map(sorted))
def test_a_log_grown_in_any_steps_is_read_back_at_each_from_files_that_never_change(steps: list[int]) -> None:
    files: dict[str, bytes] = {}
    for old_size, size in zip([0, *steps], steps, strict=False):
        for path, data in written(size, old_size).items():
            assert files.setdefault(path, data) == data
        node = node_reader(size, lambda tile: files[tile.path])
        assert root_of(size, node) == root_of(size, TREE.node)


# Reading.


def test_every_node_read_from_tiles_is_the_trees() -> None:
    for size in (1, 255, 256, 257, 700):
        files = written(size)
        node = node_reader(size, lambda tile, files=files: files[tile.path])  # type: ignore[misc]  # mypy infers no lambda with a default
        for level in range(10):
            for index in range(size >> level):
                assert node(level, index) == TREE.node(level, index)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 70_000])
def test_proofs_read_from_the_tiles_of_a_large_log_are_the_trees(size: int) -> None:
    files = written(size)
    node = node_reader(size, lambda tile: files[tile.path])
    for index in (0, 1, 255, 256, 32_767, 65_279, size - 257, size - 1):
        assert inclusion_path(index, size, node) == inclusion_path(index, size, TREE.node)
        assert consistency_path(index + 1, size, node) == consistency_path(index + 1, size, TREE.node)


def test_a_proof_in_70_000_entries_reads_four_tiles_once_each() -> None:
    read: list[str] = []

    def fetch(tile: Tile) -> bytes:
        read.append(tile.path)
        return contents(tile)

    node = node_reader(70_000, fetch)
    for _ in range(2):
        inclusion_path(1000, 70_000, node)
    assert sorted(read) == ["tile/0/003", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17"]


@pytest.mark.parametrize("change", [b"", b"\x00", bytes(32)])
def test_a_tile_of_another_length_is_refused(change: bytes) -> None:
    full = node_reader(300, lambda tile: (contents(tile) + change)[: None if change else -32])
    for index in (0, 299):
        with pytest.raises(MalformedError, match=r"tile/0/00\d\S* holds \d+ bytes, not \d+"):
            full(0, index)


def test_a_full_tile_in_place_of_a_partial_one_is_refused() -> None:
    node = node_reader(300, lambda tile: contents(tile._replace(width=256)))
    with pytest.raises(MalformedError, match=r"tile/0/001\.p/44 holds 8192 bytes, not 1408"):
        node(0, 256)


@every_case(("level", "index"), [(0, 300), (1, 150), (8, 1), (9, 0), (0, -1), (-1, 0)])
def test_no_tile_is_read_for_a_node_the_log_does_not_have(level: int, index: int) -> None:
    def fetch(tile: Tile) -> bytes:
        raise AssertionError(tile)

    with pytest.raises(ValueError, match=f"no complete subtree {index} at level {level} in a log of 300"):
        node_reader(300, fetch)(level, index)


# Bundles.


def test_a_bundle_is_each_entry_after_its_length() -> None:
    assert format_bundle([b"", b"a", b"b" * 258]) == b"\0\0" + b"\0\1a" + b"\1\2" + b"b" * 258


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entries_are_read_back_from_their_bundle(entries: list[bytes]) -> None:
    assert parse_bundle(format_bundle(entries), len(entries)) == entries


def test_an_entry_is_at_most_65535_bytes() -> None:
    assert parse_bundle(format_bundle([bytes(65_535)]), 1) == [bytes(65_535)]
    with pytest.raises(ValueError, match="65536 bytes does not fit"):
        format_bundle([b"", bytes(65_536)])


@every_case("count", [-1, 0, 1, 2, 4, 256])
def test_a_bundle_of_more_or_fewer_entries_is_refused(count: int) -> None:
    with pytest.raises(MalformedError, match=f"does not hold exactly {count} entries"):
        parse_bundle(format_bundle([b"one", b"", b"three"]), count)


def test_a_bundle_cut_or_continued_anywhere_is_refused() -> None:
    data = format_bundle([b"one", b"", b"three"])
    for other in [*(data[:cut] for cut in range(len(data))), data + b"\0", data + b"\0\0", b"\0" + data]:
        with pytest.raises(MalformedError, match="does not hold exactly 3 entries"):
            parse_bundle(other, 3)


@given(st.binary(max_size=40), st.integers(0, 6))
def test_a_bundle_that_is_read_is_written_the_same(data: bytes, count: int) -> None:
    try:
        entries = parse_bundle(data, count)
    except MalformedError:
        return
    assert len(entries) == count
    assert format_bundle(entries) == data
