"""RFC 6962 trees against a transcription of the RFC, and every way found to bend a path."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_from_path,
    root_of,
    root_of_leaves,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that Certificate Transparency implementations have shared since 2013.
CLASSIC_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CLASSIC_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

LIMIT = 40  # every tree up to this size is tried whole
SIZES = range(1, LIMIT + 1)
STRANGER = sha256(b"no node of any tree here").digest()


# RFC 6962 section 2.1, word for word: D is the list of entries.
def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: list[bytes]) -> bytes:
    """Section 2.1: the Merkle Tree Hash."""
    if not d:
        return sha256(b"").digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = split(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def audit_path(m: int, d: list[bytes]) -> list[bytes]:
    """Section 2.1.1: PATH(m, D[n])."""
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return [*audit_path(m, d[:k]), mth(d[k:])]
    return [*audit_path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], b: bool) -> list[bytes]:
    """Section 2.1.2: SUBPROOF(m, D[n], b); PROOF(m, D[n]) is SUBPROOF(m, D[n], true)."""
    if m == len(d):
        return [] if b else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % index for index in range(size)]


def hashes(size: int) -> bytes:
    return b"".join(map(leaf_hash, entries(size)))


TREES = [Tree(hashes(size)) for size in range(LIMIT + 1)]


def included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    try:
        verify_inclusion(leaf_hash=leaf, index=index, size=size, path=path, root=root)
    except VerificationError:
        return False
    return True


def consistent(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: list[bytes]) -> bool:
    try:
        verify_consistency(old_size=old_size, old_root=old_root, new_size=new_size, new_root=new_root, path=path)
    except VerificationError:
        return False
    return True


def bent(path: list[bytes]) -> list[list[bytes]]:
    """Every path that differs from ``path`` by one cut, addition, exchange or altered hash."""
    others = [path[:cut] + path[cut + 1 :] for cut in range(len(path))]
    others += [[*path[:at], extra, *path[at:]] for at in range(len(path) + 1) for extra in {STRANGER, *path}]
    others += [[*path[:at], STRANGER, *path[at + 1 :]] for at in range(len(path))]
    others += [[*path[:at], path[at + 1], path[at], *path[at + 2 :]] for at in range(len(path) - 1)]
    return [other for other in others if other != path]


# Roots.


def test_the_classic_vectors_give_their_roots() -> None:
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in CLASSIC_LEAVES]
    assert [root_of_leaves(b"".join(leaves[:size])).hex() for size in range(9)] == CLASSIC_ROOTS


def test_the_transcription_of_the_rfc_gives_the_classic_roots() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in CLASSIC_LEAVES]
    assert [mth(leaves[:size]).hex() for size in range(9)] == CLASSIC_ROOTS


def test_an_empty_tree_has_the_hash_of_nothing_as_its_root() -> None:
    nothing = sha256(b"").digest()
    assert nothing == EMPTY_ROOT == root_of_leaves(b"") == Tree(b"").root == Frontier().root()
    assert root_of(0, TREES[0].node) == nothing


def test_an_entry_that_spells_two_children_does_not_hash_to_their_parent() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    assert leaf_hash(left + right) != node_hash(left, right) != leaf_hash(b"\x01" + left + right)


@every_case("size", range(LIMIT + 1))
def test_every_way_to_the_root_agrees_with_the_rfc(size: int) -> None:
    frontier = Frontier()
    for entry in entries(size):
        frontier.append(leaf_hash(entry))
    root = mth(entries(size))
    assert root == root_of_leaves(hashes(size)) == TREES[size].root == frontier.root()
    assert root == root_of(size, TREES[LIMIT].node)  # any later tree still knows it


@every_case("size", [4095, 4096, 4097, 8191, 8192, 8193, 12289, 20_001])
def test_roots_agree_with_the_rfc_where_trees_are_hashed_in_pieces(size: int) -> None:
    assert root_of_leaves(hashes(size)) == Tree(hashes(size)).root == mth(entries(size))


@pytest.mark.parametrize("length", [1, 31, 33, 65])
def test_leaf_hashes_that_are_not_whole_are_refused(length: int) -> None:
    for build in (root_of_leaves, Tree):
        with pytest.raises(MalformedError, match=f"{length} bytes are not a whole number of 32-byte hashes"):
            build(bytes(length))


def test_a_tree_gives_each_complete_subtree_and_no_other() -> None:
    for size, tree in enumerate(TREES):
        for level in range(8):
            for index in range(size >> level):
                assert tree.node(level, index) == mth(entries(size)[index << level : (index + 1) << level])
            with pytest.raises(ValueError, match="no complete subtree"):
                tree.node(level, size >> level)
    for level, index in [(0, -1), (-1, 0)]:
        with pytest.raises(ValueError, match="no complete subtree"):
            TREES[8].node(level, index)


# Inclusion.


@every_case("size", SIZES)
def test_every_inclusion_path_is_the_rfcs_and_verifies(size: int) -> None:
    for index in range(size):
        path = TREES[size].path(index)
        assert path == audit_path(index, entries(size)) == inclusion_path(index, size, TREES[LIMIT].node)
        leaf = leaf_hash(entries(size)[index])
        assert included(leaf, index, size, path, TREES[size].root)
        assert root_from_path(leaf_hash=leaf, index=index, size=size, path=path) == TREES[size].root


@every_case("size", SIZES)
def test_a_path_proves_no_other_leaf_and_no_other_place(size: int) -> None:
    tree = TREES[size]
    for index in range(size):
        path = tree.path(index)
        for other in range(size):
            if other != index:
                assert not included(tree.node(0, index), other, size, path, tree.root)
                assert not included(tree.node(0, other), index, size, path, tree.root)
                assert not included(tree.node(0, other), other, size, path, tree.root)


@every_case("size", SIZES)
def test_a_path_too_short_too_long_or_altered_proves_nothing(size: int) -> None:
    tree = TREES[size]
    for index in range(size):
        for path in bent(tree.path(index)):
            assert not included(tree.node(0, index), index, size, path, tree.root)


@every_case("size", SIZES)
def test_the_path_of_another_tree_proves_nothing(size: int) -> None:
    for other in range(1, LIMIT + 1):
        for index in range(min(size, other) if other != size else 0):
            leaf = TREES[size].node(0, index)
            assert not included(leaf, index, size, TREES[other].path(index), TREES[size].root)
            assert not included(leaf, index, other, TREES[other].path(index), TREES[size].root)


@every_case("size", SIZES)
def test_an_inner_node_is_not_accepted_as_a_leaf(size: int) -> None:
    tree = TREES[size]
    for index in range(size):
        inner, path = tree.node(0, index), tree.path(index)
        for height, sibling in enumerate(path, 1):
            inner = next(
                node
                for node in (node_hash(inner, sibling), node_hash(sibling, inner))
                if audit_leads(node, path[height:], tree.root)
            )
            for place in range(size):
                assert not included(inner, place, size, path[height:], tree.root)


def audit_leads(node: bytes, path: list[bytes], root: bytes) -> bool:
    """Whether some sequence of left and right turns leads from ``node`` along ``path`` to ``root``."""
    if not path:
        return node == root
    return any(audit_leads(up, path[1:], root) for up in (node_hash(node, path[0]), node_hash(path[0], node)))


@every_case(("index", "size"), [(0, 0), (1, 1), (-1, 1), (-1, 5), (5, 5), (8, 5), (0, -1)])
def test_a_leaf_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(VerificationError, match=f"leaf {index} is not in a tree of {size}"):
        root_from_path(leaf_hash=STRANGER, index=index, size=size, path=[])
    with pytest.raises(ValueError, match=f"leaf {index} is not in a tree of {size}"):
        inclusion_path(index, size, TREES[LIMIT].node)


def test_hashes_cut_at_another_place_are_refused_though_their_bytes_are_the_same() -> None:
    left, right = TREES[2].node(0, 0), TREES[2].node(0, 1)
    both = left + right
    for cut in (0, 31, 33, 64):
        with pytest.raises(VerificationError, match="32 bytes"):
            root_from_path(leaf_hash=both[:cut], index=0, size=2, path=[both[cut:]])


@pytest.mark.parametrize("other", [b"", STRANGER[:31], STRANGER + b"\0"])
def test_a_hash_of_another_length_is_refused_wherever_it_stands(other: bytes) -> None:
    for leaf, sibling in ((other, STRANGER), (STRANGER, other)):
        with pytest.raises(VerificationError, match="32 bytes"):
            root_from_path(leaf_hash=leaf, index=0, size=2, path=[sibling])
    for place in range(3):
        old_root, new_root, sibling = (other if place == at else STRANGER for at in range(3))
        with pytest.raises(VerificationError, match="32 bytes"):
            verify_consistency(old_size=1, old_root=old_root, new_size=2, new_root=new_root, path=[sibling])


def test_the_error_for_another_root_shows_both() -> None:
    with pytest.raises(VerificationError, match="another root") as caught:
        verify_inclusion(leaf_hash=STRANGER, index=0, size=1, path=[], root=EMPTY_ROOT)
    assert (caught.value.expected, caught.value.found) == (EMPTY_ROOT.hex(), STRANGER.hex())


def test_the_error_for_another_root_of_a_consistency_path_names_it() -> None:
    path, (old, new) = consistency_path(3, 5, TREES[5].node), (TREES[3].root, TREES[5].root)
    for name, old_root, new_root in (("old", STRANGER, new), ("new", old, STRANGER)):
        with pytest.raises(VerificationError, match=f"another {name} root") as caught:
            verify_consistency(old_size=3, old_root=old_root, new_size=5, new_root=new_root, path=path)
        assert caught.value.expected == STRANGER.hex()
    with pytest.raises(VerificationError, match="one size differ") as caught:
        verify_consistency(old_size=3, old_root=old, new_size=3, new_root=new, path=[])
    assert (caught.value.expected, caught.value.found) == (old.hex(), new.hex())


def test_the_error_for_a_path_of_another_length_says_which() -> None:
    with pytest.raises(VerificationError, match="too short"):
        root_from_path(leaf_hash=STRANGER, index=0, size=2, path=[])
    with pytest.raises(VerificationError, match="too long"):
        root_from_path(leaf_hash=STRANGER, index=0, size=1, path=[STRANGER])
    with pytest.raises(VerificationError, match="too short"):
        verify_consistency(old_size=1, old_root=STRANGER, new_size=2, new_root=STRANGER, path=[])
    with pytest.raises(VerificationError, match="too short"):
        verify_consistency(old_size=3, old_root=STRANGER, new_size=4, new_root=STRANGER, path=[])
    with pytest.raises(VerificationError, match="too long"):
        verify_consistency(old_size=1, old_root=STRANGER, new_size=2, new_root=STRANGER, path=[STRANGER] * 2)
    with pytest.raises(VerificationError, match="too long between equal sizes"):
        verify_consistency(old_size=3, old_root=STRANGER, new_size=3, new_root=STRANGER, path=[STRANGER])


# Consistency.


@every_case("new", SIZES)
def test_every_consistency_path_is_the_rfcs_and_verifies(new: int) -> None:
    for old in range(1, new + 1):
        path = consistency_path(old, new, TREES[new].node)
        assert path == subproof(old, entries(new), True)
        assert consistent(old, TREES[old].root, new, TREES[new].root, path)


@every_case("new", SIZES)
def test_a_consistency_path_joins_no_other_trees(new: int) -> None:
    root = TREES[new].root
    for old in range(1, new + 1):
        path = consistency_path(old, new, TREES[new].node)
        assert not consistent(old, STRANGER, new, root, path)
        assert not consistent(old, TREES[old].root, new, STRANGER, path)
        assert old == new or not consistent(old, root, new, TREES[old].root, path)
        for other in SIZES:
            if other != old:
                assert not consistent(other, TREES[other].root, new, root, path)
                assert not consistent(old, TREES[other].root, new, root, path)
                assert new == old == other or not consistent(other, TREES[old].root, new, root, path)
            if other != new:
                assert not consistent(old, TREES[old].root, other, TREES[other].root, path)
                assert not consistent(old, TREES[old].root, new, TREES[other].root, path)


@every_case("new", SIZES)
def test_a_consistency_path_too_short_too_long_or_altered_proves_nothing(new: int) -> None:
    for old in range(1, new + 1):
        for path in bent(consistency_path(old, new, TREES[new].node)):
            assert not consistent(old, TREES[old].root, new, TREES[new].root, path)


@every_case("size", SIZES)
def test_trees_of_one_size_are_consistent_only_if_they_are_the_same_and_without_a_path(size: int) -> None:
    root = TREES[size].root
    assert consistent(size, root, size, root, [])
    assert not consistent(size, root, size, STRANGER, [])
    assert not consistent(size, STRANGER, size, root, [])
    for path in ([root], [STRANGER], TREES[size].path(size - 1) or [root]):
        assert not consistent(size, root, size, root, path)


@pytest.mark.parametrize("size", [7, 33])
def test_a_tree_whose_past_was_rewritten_is_consistent_with_no_path(size: int) -> None:
    for changed in range(size):
        forged = Tree(hashes(size)[: 32 * changed] + STRANGER + hashes(size)[32 * changed + 32 :])
        for old in range(changed + 1, size + 1):
            for tree in (forged, TREES[size]):
                path = consistency_path(old, size, tree.node)
                assert not consistent(old, TREES[old].root, size, forged.root, path)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (6, 5), (-1, 5), (-2, -1)])
def test_sizes_that_no_growth_joins_are_refused(old: int, new: int) -> None:
    with pytest.raises(VerificationError, match=f"from size {old} to {new}"):
        verify_consistency(old_size=old, old_root=EMPTY_ROOT, new_size=new, new_root=EMPTY_ROOT, path=[])
    with pytest.raises(ValueError, match=f"from size {old} to {new}"):
        consistency_path(old, new, TREES[LIMIT].node)


# Growth.


@every_case("size", range(LIMIT + 1))
def test_a_frontier_taken_up_again_grows_to_the_same_roots(size: int) -> None:
    frontier = Frontier()
    for index in range(size):
        frontier.append(TREES[LIMIT].node(0, index))
    again = Frontier(frontier.size, frontier.hashes)
    assert again.root() == frontier.root() == TREES[size].root
    for index in range(size, LIMIT):
        again.append(TREES[LIMIT].node(0, index))
        assert (again.size, again.root()) == (index + 1, TREES[index + 1].root)
    assert frontier.root() == TREES[size].root  # the two share nothing


def test_a_frontier_holds_the_largest_complete_subtrees() -> None:
    frontier = Frontier()
    for index in range(13):
        frontier.append(TREES[LIMIT].node(0, index))
    assert frontier.hashes == tuple(TREES[13].node(*place) for place in [(3, 0), (2, 2), (0, 12)])


@every_case(
    ("size", "hashes"),
    [(1, []), (0, [STRANGER]), (3, [STRANGER]), (4, [STRANGER, STRANGER]), (1, [b"short"]), (-1, [STRANGER])],
)
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(MalformedError, match=f"frontier of a tree of {size}"):
        Frontier(size, hashes)


def test_a_frontier_leaves_the_hashes_it_was_given_alone() -> None:
    given_hashes = [STRANGER]
    Frontier(1, given_hashes).append(STRANGER)
    assert given_hashes == [STRANGER]


def test_a_frontier_takes_leaf_hashes_and_not_entries() -> None:
    frontier = Frontier()
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        frontier.append(b"entry")
    assert (frontier.size, frontier.root()) == (0, EMPTY_ROOT)


# Larger trees.

BIG = Tree(hashes(5000))
sizes = st.integers(1, BIG.size)


@given(st.data(), sizes)
def test_any_leaf_of_any_tree_is_proven_and_one_changed_bit_is_not(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion_path(index, size, BIG.node), root_of(size, BIG.node)
    assert included(BIG.node(0, index), index, size, path, root)
    chain = [BIG.node(0, index), *path]
    place, bit = data.draw(st.integers(0, len(chain) - 1)), data.draw(st.integers(0, 255))
    chain[place] = (int.from_bytes(chain[place], "big") ^ 1 << bit).to_bytes(32, "big")
    assert not included(chain[0], index, size, chain[1:], root)


@given(st.lists(sizes, min_size=2, max_size=6).map(sorted))
def test_growth_in_steps_is_consistent_from_each_to_each(steps: list[int]) -> None:
    for old, new in [*pairwise(steps), (steps[0], steps[-1])]:
        path = consistency_path(old, new, BIG.node)
        assert consistent(old, root_of(old, BIG.node), new, root_of(new, BIG.node), path)
        assert len(path) <= new.bit_length() + 1


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=200))
def test_the_three_ways_to_a_root_agree_on_any_leaves(leaves: list[bytes]) -> None:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert root_of_leaves(b"".join(leaves)) == Tree(b"".join(leaves)).root == frontier.root()


@given(st.integers(0, 2**62), st.integers(1, 2**62), st.lists(st.just(STRANGER), max_size=70))
def test_a_path_of_any_length_in_a_tree_of_any_size_is_judged_without_fail(
    index: int, size: int, path: list[bytes]
) -> None:
    included(STRANGER, index, size, path, STRANGER)
    consistent(index, STRANGER, size, STRANGER, path)


@given(st.integers(1, 2**62), st.data())
def test_a_path_is_as_long_as_the_place_demands_in_trees_no_memory_holds(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, uniform)
    assert included(uniform(0, 0), index, size, path, root_of(size, uniform))
    old = data.draw(st.integers(1, size))
    assert consistent(old, root_of(old, uniform), size, root_of(size, uniform), consistency_path(old, size, uniform))


UNIFORM = [leaf_hash(b"")]
for _ in range(63):
    UNIFORM.append(node_hash(UNIFORM[-1], UNIFORM[-1]))


def uniform(level: int, _index: int) -> bytes:
    """A node of a tree whose entries are all empty."""
    return UNIFORM[level]
