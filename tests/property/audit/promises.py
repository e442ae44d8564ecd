"""What was promised to whom, and whether a log keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit.checkpoint import Checkpoint
from audit.keyring import KeyRing
from audit.log import Log, Receipt
from audit.merkle import leaf_hash
from audit.proof import check_receipt
from audit.reader import leaves_of_kinds
from audit.record import Kind
from audit.walk import Claims


@dataclass
class Promises:
    """Receipts by what they are for, every root seen by its size, and decisions as (base, index)."""

    receipts: dict[tuple[str, int], Receipt] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    decisions: list[tuple[int, int]] = field(default_factory=list)

    def keep(self, receipt: Receipt, ring: KeyRing, by: Log) -> Receipt:
        """It verifies with the root's keys, and agrees with every other promise. What was pruned may be said anew."""
        proven = check_receipt(receipt.proof, ring)
        assert proven.index == receipt.idx
        known = self.receipts.setdefault((receipt.request_id, receipt.seq), receipt)
        if known.idx < receipt.idx and known.idx < dropped_before(by):
            known = self.receipts[receipt.request_id, receipt.seq] = receipt
        assert (known.idx, known.ts) == (receipt.idx, receipt.ts)
        self.claim(proven.head.size, proven.head.root)
        return receipt

    def claim(self, size: int, root: bytes) -> None:
        """One root per size."""
        assert self.roots.setdefault(size, root) == root

    def least(self) -> int:
        """How many records the log must hold."""
        return max((receipt.idx + 1 for receipt in self.receipts.values()), default=0)

    def claims(self, origin: str) -> Claims:
        """The roots, for the verifier."""
        claims = Claims()
        for size, root in self.roots.items():
            claims.add(Checkpoint(origin, size, root), "a receipt")
        return claims

    def check(self, log: Log) -> None:
        """Every promise, against all records that the log holds, hashed here."""
        reader = log.memory.reader
        frontier = reader.open(reader.files[0]).before
        stored = list(reader.stored(frontier.size))
        leaves = {each.leaf["idx"]: each.leaf for each in stored}
        assert list(leaves) == list(range(frontier.size, frontier.size + len(stored)))
        times = [leaf["ts"] for leaf in leaves.values()]
        assert times == sorted(times)
        for each in stored:
            frontier = frontier.extend([leaf_hash(each.data)])
            assert self.roots.get(frontier.size, frontier.root()) == frontier.root()
        for (request_id, seq), receipt in self.receipts.items():
            if receipt.idx in leaves or receipt.idx >= reader.files[0].start:
                leaf = leaves[receipt.idx]
                assert (leaf["request_id"], leaf["seq"], leaf["ts"]) == (request_id, seq, receipt.ts)
        # what a prune dropped may still lie there, and a writer that opened meanwhile does not know it
        self._check_once([leaf for idx, leaf in leaves.items() if idx >= dropped_before(log)])

    def _check_once(self, leaves: list[dict[str, Any]]) -> None:
        said = [(leaf["request_id"], leaf["seq"]) for leaf in leaves if leaf["kind"] == Kind.window]
        assert len(said) == len(set(said))
        changes = [leaf["idx"] for leaf in leaves if leaf["kind"] == Kind.revocation]
        for base, idx in self.decisions:
            assert not [other for other in changes if base < other < idx]


def dropped_before(log: Log) -> int:
    """Up to where prune records drop what there is."""
    reader = log.memory.reader
    found = (leaf for file in reader.files for leaf in leaves_of_kinds(reader.open(file), (Kind.prune,)))
    return max((leaf["fields"]["end"] for leaf in found), default=0)
