"""Receipts: what a caller gets for a record. Rebuilt at any time from the one segment that holds the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.content import RecordId
from audit.keys import SubjectKeys
from audit.merkle import Span
from audit.proof import Proof, pack_extra
from audit.segment import Segment


@dataclass(frozen=True, slots=True)
class Receipt:
    """Plain data. `proof` is tlog-proof text, checked offline with the root's verifier key; `subject` is the tag."""

    origin: str
    idx: int
    ts: int
    kind: str
    request_id: str
    seq: int
    proof: str
    subject: str | None = None


class Receipts:
    """Makes the receipts of one segment's records, in the tree that ends with the segment."""

    def __init__(self, segment: Segment, subjects: SubjectKeys) -> None:
        self._segment = segment
        self._span = Span(segment.before, segment.hashes)
        self._subjects = subjects

    def of(self, idx: int) -> Receipt:
        """The receipt of record `idx`."""
        segment = self._segment
        row, leaf = segment.rows[idx - segment.start], segment.leaves[idx - segment.start]
        proof = Proof(idx, tuple(self._span.path(idx)), segment.note, pack_extra(row.leaf, self._salt(leaf)))
        return Receipt(
            leaf["origin"], idx, leaf["ts"], leaf["kind"], leaf["request_id"], leaf["seq"], str(proof), leaf["subject"]
        )

    def _salt(self, leaf: dict[str, Any]) -> bytes | None:
        """The commitment's salt; None without text, or once the subject is erased."""
        if leaf["content"] is None:
            return None
        key = self._subjects.by_tag(leaf["tenant"], leaf["subject"])
        if key is None:
            return None
        return RecordId(leaf["origin"], leaf["request_id"], leaf["seq"], leaf["kind"]).derive(key).salt
