"""RFC 6962 Merkle tree over a frontier or over stored nodes: pure functions of hashes, no I/O.

The frontier of a tree is the list of roots of its maximal complete subtrees, largest first (at most 64). Together with
the leaves that follow, it gives the new root, their inclusion proofs, and the proof that the old tree is its prefix.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audit.errors import BadProof

HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """State of a tree of `size` leaves; one node per set bit of `size`, largest subtree first."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.nodes) != self.size.bit_count():
            raise BadProof(f"frontier of size {self.size}: got {len(self.nodes)} nodes")
        if any(len(node) != HASH_BYTES for node in self.nodes):
            raise BadProof("frontier node is not 32 bytes long")

    def extend(self, hashes: Sequence[bytes]) -> Frontier:
        """The frontier after appending leaves with these leaf hashes."""
        nodes, size = list(self.nodes), self.size
        for digest in hashes:
            node, bit = digest, size
            while bit & 1:
                node = node_hash(nodes.pop(), node)
                bit >>= 1
            nodes.append(node)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        """RFC 6962 2.1 Merkle tree hash; SHA-256 of nothing for the empty tree."""
        if not self.nodes:
            return hashlib.sha256(b"").digest()
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root


@dataclass(slots=True)
class Span:
    """The leaves from `before.size` on, in the tree that ends with the last of them."""

    before: Frontier
    hashes: Sequence[bytes]
    _known: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        low, end = 0, self.before.size
        for node in self.before.nodes:
            width = 1 << ((end - low).bit_length() - 1)
            self._known[low, low + width] = node
            low += width

    def path(self, index: int) -> list[bytes]:
        """RFC 6962 2.1.1 audit path of leaf `index`, from its sibling up to the root's child."""
        size = self.before.size + len(self.hashes)
        if not self.before.size <= index < size:
            raise BadProof(f"index {index} is outside {self.before.size}..{size}")
        return _inclusion(index, size, self._subtree)

    def consistency(self) -> list[bytes]:
        """RFC 6962 2.1.2 proof that the tree at `before` is a prefix; empty if that is empty or nothing follows."""
        return _consistency(self.before.size, self.before.size + len(self.hashes), self._subtree)

    def _subtree(self, low: int, high: int) -> bytes:
        known = self._known.get((low, high))
        if known is not None:
            return known
        if high - low == 1:
            return self.hashes[low - self.before.size]
        middle = low + _split(high - low)
        node = node_hash(self._subtree(low, middle), self._subtree(middle, high))
        self._known[low, high] = node
        return node


@dataclass(frozen=True, slots=True)
class StoredTree:
    """A tree of `size` leaves over kept nodes: any proof between any sizes up to this one.

    `node(level, index)` is the root of the complete subtree over the leaves index * 2**level up to
    (index + 1) * 2**level; it is asked only for subtrees that lie in the tree, and what it raises passes through.
    """

    size: int
    node: Callable[[int, int], bytes]

    def frontier(self) -> Frontier:
        """State of the tree, ready to be extended."""
        levels = [level for level in reversed(range(self.size.bit_length())) if self.size >> level & 1]
        return Frontier(self.size, tuple(self.node(level, (self.size >> level) - 1) for level in levels))

    def path(self, index: int) -> list[bytes]:
        """RFC 6962 2.1.1 audit path of leaf `index`; BadProof if the tree does not hold it."""
        if not 0 <= index < self.size:
            raise BadProof(f"index {index} is outside a tree of size {self.size}")
        return _inclusion(index, self.size, self._subtree)

    def consistency(self, old_size: int) -> list[bytes]:
        """RFC 6962 2.1.2 proof that the tree of the first `old_size` leaves is a prefix; BadProof if that is larger."""
        if not 0 <= old_size <= self.size:
            raise BadProof(f"expected an old size in 0..{self.size}, got {old_size}")
        return _consistency(old_size, self.size, self._subtree)

    def _subtree(self, low: int, high: int) -> bytes:
        width = high - low
        if width & (width - 1):  # only the right edge of a tree is not complete
            middle = low + _split(width)
            return node_hash(self._subtree(low, middle), self._subtree(middle, high))
        return self.node(width.bit_length() - 1, low // width)


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Root that `path` proves for the leaf hash at `index` of `size` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        raise BadProof(f"index {index} is outside a tree of size {size}")
    node, position, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            raise BadProof("inclusion proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise BadProof("inclusion proof is too short")
    return node


def check_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Raise BadProof unless `path` proves that the old tree is a prefix of the new one (RFC 9162 2.1.4.2).

    Equal sizes need equal roots, an empty old tree needs its one root; either takes the empty path only.
    """
    if not 0 <= old_size <= new_size:
        raise BadProof(f"consistency proof: expected an old size in 0..{new_size}, got {old_size}")
    if any(len(digest) != HASH_BYTES for digest in (old_root, new_root, *path)):
        raise BadProof("consistency proof: expected hashes of 32 bytes")
    if old_size == 0 and old_root != Frontier().root():
        raise BadProof("consistency proof: the old root is not that of an empty tree")
    if old_size == new_size and old_root != new_root:
        raise BadProof(f"consistency proof: two roots for size {new_size}")
    if old_size in (0, new_size):
        if path:
            raise BadProof(f"consistency proof: expected an empty path, got {len(path)} hashes")
    elif _roots_from_path(old_size, old_root, new_size, path) != (old_root, new_root):
        raise BadProof(f"consistency proof does not lead from size {old_size} to {new_size}")


def _roots_from_path(old_size: int, old_root: bytes, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Old and new root that `path` leads to, for 0 < old_size < new_size."""
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    steps = iter(path if position else (old_root, *path))  # a complete old tree is a node of the new one
    old = new = next(steps, b"")
    for sibling in steps:
        if last == 0:
            raise BadProof("consistency proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise BadProof("consistency proof is too short")
    return old, new


def _inclusion(index: int, size: int, subtree: Callable[[int, int], bytes]) -> list[bytes]:
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low = middle
    return path[::-1]


def _consistency(old: int, new: int, subtree: Callable[[int, int], bytes]) -> list[bytes]:
    """Walk to where the old tree ends; every node asked for lies before or behind that point, none across it."""
    if old in (0, new):
        return []
    low, high, path = 0, new, []
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(subtree(middle, high))
            high = middle
        else:
            path.append(subtree(low, middle))
            low = middle
    if low:  # otherwise this node is the old root, which the verifier knows
        path.append(subtree(low, high))
    return path[::-1]


def _split(width: int) -> int:
    """Largest power of two below `width` (RFC 6962 2.1)."""
    return 1 << ((width - 1).bit_length() - 1)
