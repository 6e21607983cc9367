"""A batch's whole tree as one file, so that a path is read in two pieces instead of hashed from every leaf.

::

    group 0 │ group 1 │ … │ the last group, perhaps smaller │ top
    └ the hashes of 256 leaves and of all complete subtrees above them, level by level: 511 in all
                                                              └ the same, above the roots of the full groups

It is a short cut: each reader of a path checks that it leads to the root.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final

from hefu_ledger.tlog.merkle import Tree, inclusion_path

Pieces = Callable[[int, int], bytes]
"""``pieces(offset, size)`` gives so many bytes, or fewer at the end."""

_HEIGHT: Final = 8
_WIDTH: Final = 1 << _HEIGHT


def format_nodes(leaves: bytes) -> bytes:
    """Write the tree over contiguous 32-byte leaf hashes."""
    groups = [leaves[start : start + 32 * _WIDTH] for start in range(0, len(leaves), 32 * _WIDTH)]
    trees = [Tree(group) for group in groups]
    roots = b"".join([tree.root for tree in trees if tree.size == _WIDTH])
    return b"".join([group + tree.inner for group, tree in zip(groups, trees, strict=True)]) + roots + Tree(roots).inner


def read_path(place: int, count: int, pieces: Pieces) -> list[bytes]:
    """Read the inclusion path of leaf ``place`` of ``count``; its hashes are shorter where the file is."""

    @cache
    def group(number: int) -> bytes:
        return pieces(number * _length(_WIDTH), _length(min(_WIDTH, count - number * _WIDTH)))

    @cache
    def top() -> bytes:
        full, rest = divmod(count, _WIDTH)
        return pieces(full * _length(_WIDTH) + _length(rest), _length(full))

    def node(level: int, index: int) -> bytes:
        if level >= _HEIGHT:
            return _hash(top(), count >> _HEIGHT, level - _HEIGHT, index)
        number, place = divmod(index, _WIDTH >> level)
        return _hash(group(number), min(_WIDTH, count - number * _WIDTH), level, place)

    return inclusion_path(place, count, node)


def _hash(data: bytes, size: int, level: int, index: int) -> bytes:
    """One hash of a tree of ``size`` leaves that is written level by level."""
    start = 32 * (_hashes(size, level) + index)
    return data[start : start + 32]


def _length(size: int) -> int:
    return 32 * _hashes(size, size.bit_length())


@lru_cache(maxsize=1024)
def _hashes(size: int, levels: int) -> int:
    """How many hashes the lowest ``levels`` of a tree of ``size`` leaves have."""
    return sum(size >> level for level in range(levels))
