"""Merkle trees of RFC 6962 section 2.1 (SHA-256): roots, inclusion and consistency paths, and their checks.

A tree is a size and a way to read its complete subtrees, so one set of functions serves a tree in memory and a
tree in tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from struct import iter_unpack
from typing import Final

from hefu_ledger.errors import MalformedError, VerificationError

EMPTY_ROOT: Final = sha256().digest()
NodeReader = Callable[[int, int], bytes]
"""``node(level, index)`` gives the 32-byte hash of the complete subtree over leaves
``[index << level, (index + 1) << level)``; it is never asked for any other subtree."""

_NODE: Final = sha256(b"\x01")  # copying it spares the prefix's concatenation and OpenSSL's look-up by name
_CHUNK: Final = 32 * 4096  # hashes worked on at a time: level by level over a whole big tree leaves the CPU's cache


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry to the 32 bytes of its leaf: SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two 32-byte children to their parent: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(size: int, node: NodeReader) -> bytes:
    """Compute the root of a tree of ``size`` leaves; an empty tree has EMPTY_ROOT."""
    return _subtree(0, size, node) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Give the audit path of leaf ``index`` (RFC 6962 section 2.1.1), the leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return _descend(index, index + 1, size, node)[1]


def consistency_path(old_size: int, new_size: int, node: NodeReader) -> list[bytes]:
    """Give the consistency proof between two sizes of a tree (RFC 6962 section 2.1.2); ``0 < old_size <= new_size``."""
    if not 0 < old_size <= new_size:
        raise ValueError(f"no consistency path leads from size {old_size} to {new_size}")
    low, path = _descend(0, old_size, new_size, node)
    return [_subtree(low, old_size, node), *path] if low else path  # the verifier has the old root already


def root_from_path(*, leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Compute the root to which ``path`` leads (RFC 9162 section 2.1.3.2).

    Raises VerificationError for an index outside the tree, a path of another length than that tree's, and
    hashes that are not 32 bytes.
    """
    if not 0 <= index < size:
        raise VerificationError(f"leaf {index} is not in a tree of {size}", code="path-place", index=index, size=size)
    _check_hashes((leaf_hash, *path))
    last = size - 1
    root = leaf_hash
    for sibling in path:
        if last == 0:
            raise VerificationError(f"inclusion path is too long for leaf {index} of {size}", code="path-length")
        if index & 1 or index == last:
            root = node_hash(sibling, root)
            while not index & 1 and index:  # levels at which the right edge has no sibling
                index, last = index >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise VerificationError(
            f"inclusion path of {len(path)} hashes is too short for a tree of {size}", code="path-length"
        )
    return root


def verify_inclusion(*, leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that leaf ``index`` of the tree of ``size`` leaves under ``root`` is ``leaf_hash``.

    ``leaf_hash`` must be computed from an entry by the caller: a path cannot tell a leaf from an inner node.
    """
    found = root_from_path(leaf_hash=leaf_hash, index=index, size=size, path=path)
    if found != root:
        raise VerificationError(
            "inclusion path leads to another root", code="path-root", expected=root.hex(), found=found.hex()
        )


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the old tree is the beginning of the new one (RFC 9162 section 2.1.4.2).

    Equal sizes need an empty path and equal roots. An old size of 0 is refused, since anything extends it.
    """
    if not 0 < old_size <= new_size:
        raise VerificationError(
            f"no consistency path leads from size {old_size} to {new_size}",
            code="ledger-shorter",
            old=old_size,
            new=new_size,
        )
    _check_hashes((old_root, new_root, *path))
    if old_size == new_size:
        _check_same(old_root, new_root, path)
        return
    whole = old_size & (old_size - 1) == 0  # the old tree is a node of the new one, and the path leaves it out
    if not (whole or path):
        raise VerificationError(
            f"consistency path is too short for sizes {old_size} and {new_size}", code="consistency-length"
        )
    start, *siblings = [old_root, *path] if whole else path
    found = _roots_from_consistency(start, old_size, new_size, siblings)
    for name, expected, computed in zip(("old", "new"), (old_root, new_root), found, strict=True):
        if computed != expected:
            raise VerificationError(
                f"consistency path leads to another {name} root",
                code="consistency-root",
                expected=expected.hex(),
                found=computed.hex(),
            )


def root_of_leaves(leaf_hashes: bytes) -> bytes:
    """Compute the root over contiguous 32-byte leaf hashes; none give EMPTY_ROOT.

    Raises MalformedError for a length that is no multiple of 32.
    """
    _count(leaf_hashes)
    level = leaf_hashes
    while len(level) > _CHUNK:
        level = b"".join([root_of_leaves(level[start : start + _CHUNK]) for start in range(0, len(level), _CHUNK)])
    while len(level) > 32:
        level = _parents(level) + level[len(level) & ~63 :]  # a hash without a sibling rises as it is
    return level or EMPTY_ROOT


class Tree:
    """A tree in memory over contiguous 32-byte leaf hashes; it takes 64 bytes a leaf."""

    def __init__(self, leaf_hashes: bytes) -> None:
        """Hash every complete subtree; MalformedError for a length that is no multiple of 32."""
        self.size = _count(leaf_hashes)
        self._levels = [leaf_hashes]
        while len(level := self._levels[-1]) > 32:
            chunks = [_parents(level[start : start + _CHUNK]) for start in range(0, len(level), _CHUNK)]
            self._levels.append(b"".join(chunks))

    @property
    def root(self) -> bytes:
        """The root over all leaves, 32 bytes."""
        return root_of(self.size, self.node)

    @property
    def inner(self) -> bytes:
        """The hashes of all complete subtrees above the leaves, level by level, contiguous."""
        return b"".join(self._levels[1:])

    def node(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree ``index`` of ``level``; a NodeReader."""
        if level < 0 or not 0 <= index < self.size >> level:
            raise ValueError(f"no complete subtree {index} at level {level} in a tree of {self.size}")
        return self._levels[level][32 * index : 32 * index + 32]

    def path(self, index: int) -> list[bytes]:
        """The inclusion path of leaf ``index``."""
        return inclusion_path(index, self.size, self.node)


class Frontier:
    """The right edge of a growing tree: the roots of its maximal complete subtrees, the largest first.

    At most 64 hashes, for a tree of any size: they tell the root and take further leaves.
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Resume from an earlier ``size`` and ``hashes``; MalformedError unless there is a hash per set bit of size."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(hash_) != 32 for hash_ in hashes):
            raise MalformedError(f"the frontier of a tree of {size} is not {len(hashes)} hashes")
        self.size = size
        self._hashes = list(hashes)

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """One 32-byte hash per set bit of ``size``."""
        return tuple(self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf, given as its 32-byte leaf hash."""
        if len(leaf_hash) != 32:
            raise ValueError(f"a leaf hash has 32 bytes, not {len(leaf_hash)}")
        complete = leaf_hash
        rest = self.size
        while rest & 1:
            complete = node_hash(self._hashes.pop(), complete)
            rest >>= 1
        self._hashes.append(complete)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far, 32 bytes."""
        if not self._hashes:
            return EMPTY_ROOT
        *larger, root = self._hashes
        for left in reversed(larger):
            root = node_hash(left, root)
        return root


def _subtree(low: int, high: int, node: NodeReader) -> bytes:
    """Hash leaves [low, high): one node if complete, else the largest complete one that fits and the rest."""
    level = (high - low).bit_length() - 1
    middle = low + (1 << level)
    left = node(level, low >> level)
    return left if middle == high else node_hash(left, _subtree(middle, high, node))


def _descend(start: int, end: int, size: int, node: NodeReader) -> tuple[int, list[bytes]]:
    """Go from the root to the largest subtree that ends with leaf ``end - 1`` and begins at ``start`` or later.

    Returns where that subtree begins, and the siblings passed on the way, the lowest first.
    """
    low, high = 0, size
    siblings = []
    while low < start or high > end:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if end <= middle:
            siblings.append(_subtree(middle, high, node))
            high = middle
        else:
            siblings.append(_subtree(low, middle, node))
            low = middle
    return low, siblings[::-1]


def _check_same(old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    if path:
        raise VerificationError(
            f"consistency path of {len(path)} hashes is too long between equal sizes", code="consistency-length"
        )
    if old_root != new_root:
        raise VerificationError(
            "two trees of one size differ", code="consistency-root", expected=old_root.hex(), found=new_root.hex()
        )


def _roots_from_consistency(
    start: bytes, old_size: int, new_size: int, siblings: Iterable[bytes]
) -> tuple[bytes, bytes]:
    """Climb from the subtree at the old tree's right edge to the old root and the new root."""
    old, new = old_size - 1, new_size - 1
    while old & 1:
        old, new = old >> 1, new >> 1
    old_root = new_root = start
    for sibling in siblings:
        if new == 0:
            raise VerificationError(
                f"consistency path is too long for sizes {old_size} and {new_size}", code="consistency-length"
            )
        if old & 1 or old == new:
            old_root, new_root = node_hash(sibling, old_root), node_hash(sibling, new_root)
            while not old & 1 and old:
                old, new = old >> 1, new >> 1
        else:
            new_root = node_hash(new_root, sibling)
        old, new = old >> 1, new >> 1
    if new:
        raise VerificationError(
            f"consistency path is too short for sizes {old_size} and {new_size}", code="consistency-length"
        )
    return old_root, new_root


def _parents(level: bytes) -> bytes:
    """Hash each pair of contiguous 32-byte hashes; a last one without a sibling has no parent here."""
    parents = []
    copy = _NODE.copy
    for (pair,) in iter_unpack("64s", level[: len(level) & ~63]):
        parent = copy()
        parent.update(pair)
        parents.append(parent.digest())
    return b"".join(parents)


def _count(hashes: bytes) -> int:
    if len(hashes) % 32:
        raise MalformedError(f"{len(hashes)} bytes are not a whole number of 32-byte hashes")
    return len(hashes) // 32


def _check_hashes(hashes: Iterable[bytes]) -> None:
    # With hashes of other lengths, two different pairs of children could be the same 64 bytes.
    if any(len(hash_) != 32 for hash_ in hashes):
        raise VerificationError("a hash does not have 32 bytes", code="path-hash")
