"""RFC 6962 Merkle tree over a frontier: pure functions of hashes, no I/O.

The frontier of a tree is the list of roots of its maximal complete subtrees, largest first (at most 64).
Together with the leaves that follow, it gives the new root and every inclusion proof of the new leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
    """The leaves from `before.size` on: inclusion proofs in the tree that ends with the last of them."""

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
        low, high, path = 0, size, []
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._subtree(middle, high))
                high = middle
            else:
                path.append(self._subtree(low, middle))
                low = middle
        return path[::-1]

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


def _split(width: int) -> int:
    """Largest power of two below `width` (RFC 6962 2.1)."""
    return 1 << ((width - 1).bit_length() - 1)
