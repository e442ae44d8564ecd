"""Consistency proofs and trees over stored nodes, against a tree written straight from RFC 6962 section 2.1."""

import hashlib
import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import BadProof
from audit.merkle import Frontier, Span, StoredTree, check_consistency, leaf_hash, node_hash, root_from_path

MOST = 70
LEAVES = tuple(leaf_hash(str(number).encode()) for number in range(MOST))
EMPTY = hashlib.sha256().digest()


def split(low: int, high: int) -> int:
    width = 1
    while width * 2 < high - low:
        width *= 2
    return low + width


@cache
def naive_root(low: int, high: int) -> bytes:
    if high - low < 2:
        return LEAVES[low] if low < high else EMPTY
    middle = split(low, high)
    return node_hash(naive_root(low, middle), naive_root(middle, high))


def naive_proof(old: int, low: int, high: int, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 2.1.2, with absolute indexes."""
    if old == high:
        return [] if whole else [naive_root(low, high)]
    middle = split(low, high)
    if old <= middle:
        return [*naive_proof(old, low, middle, whole), naive_root(middle, high)]
    return [*naive_proof(old, middle, high, False), naive_root(low, middle)]


def span(old: int, new: int) -> Span:
    return Span(Frontier().extend(LEAVES[:old]), LEAVES[old:new])


def stored(size: int) -> StoredTree:
    def node(level: int, index: int) -> bytes:
        low, high = index << level, (index + 1) << level
        assert 0 <= low < high <= size, "asked for a subtree that is not complete"
        return naive_root(low, high)

    return StoredTree(size, node)


def test_every_pair_of_sizes_has_the_rfc_s_proof_and_it_is_accepted():
    for new in range(MOST + 1):
        for old in range(new + 1):
            path = span(old, new).consistency()
            assert path == (naive_proof(old, 0, new) if old else []), (old, new)
            assert stored(new).consistency(old) == path
            check_consistency(old, naive_root(0, old), new, naive_root(0, new), path)


def refused(old: int, old_root: bytes, new: int, new_root: bytes, path: list[bytes]) -> bool:
    with pytest.raises(BadProof):
        check_consistency(old, old_root, new, new_root, path)
    return True


def test_no_proof_serves_another_old_or_new_tree():
    small, count = 32, 0
    for new in range(2, small + 1):
        for old in range(1, new):
            path, roots = naive_proof(old, 0, new), (naive_root(0, old), naive_root(0, new))
            for other in range(1, small + 1):
                if other not in (old, new) and other < new:
                    count += refused(other, naive_root(0, other), new, roots[1], path)
                if other not in (old, new) and other > old:
                    count += refused(old, roots[0], other, naive_root(0, other), path)
    assert count == 4 * math.comb(small, 3)


sizes = st.integers(1, MOST - 1).flatmap(lambda old: st.tuples(st.just(old), st.integers(old + 1, MOST)))


@given(sizes, st.data())
def test_an_altered_proof_is_refused(pair, data):
    old, new = pair
    path, old_root, new_root = naive_proof(old, 0, new), naive_root(0, old), naive_root(0, new)
    hashes = [old_root, new_root, *path]
    at, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    hashes[at] = (int.from_bytes(hashes[at]) ^ 1 << bit).to_bytes(32)
    assert refused(old, hashes[0], new, hashes[1], hashes[2:])
    place = data.draw(st.integers(0, len(path)))
    extra = data.draw(st.sampled_from([EMPTY, old_root, new_root, *path]))
    assert refused(old, old_root, new, new_root, [*path[:place], extra, *path[place:]])
    assert refused(old, old_root, new, new_root, path[:place] + path[place + 1 :] if place < len(path) else path[:-1])
    assert refused(old, old_root, new, new_root, [])
    assert refused(old, old_root, new, new_root, [path[0][:31], *path[1:]])
    assert refused(new, new_root, old, old_root, path)
    if len(path) > 1:
        assert refused(old, old_root, new, new_root, path[::-1])


def test_equal_and_empty_trees_take_the_empty_path_only():
    root = naive_root(0, 5)
    check_consistency(5, root, 5, root, [])
    check_consistency(0, EMPTY, 5, root, [])
    check_consistency(0, EMPTY, 0, EMPTY, [])
    assert refused(5, root, 5, root, [root])
    assert refused(0, EMPTY, 5, root, [root])
    assert refused(5, root, 5, naive_root(0, 6), [])
    assert refused(0, root, 5, root, [])
    assert refused(0, root, 0, root, [])
    assert refused(0, EMPTY, 0, root, [])
    assert refused(-1, EMPTY, 5, root, [])


def test_a_stored_tree_has_every_path_and_its_frontier():
    for size in range(MOST + 1):
        tree = stored(size)
        assert tree.frontier() == Frontier().extend(LEAVES[:size])
        for index in range(size):
            assert root_from_path(LEAVES[index], index, size, tree.path(index)) == naive_root(0, size)


def test_what_lies_outside_a_stored_tree_is_refused():
    for index in (-1, 5, 6):
        with pytest.raises(BadProof, match="outside a tree of size 5"):
            stored(5).path(index)
    for old in (-1, 6):
        with pytest.raises(BadProof, match=r"old size in 0\.\.5"):
            stored(5).consistency(old)
