"""Receipts: what a caller gets for a record. Rebuilt at any time from the one file that holds the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audit.keys import SubjectKeys
from audit.merkle import Span
from audit.pack import PackTree
from audit.proof import Proof, pack_extra
from audit.seal import RecordId
from audit.segment import Opened, Segment


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


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes the receipts of one file's records, in the tree that ends with the file."""

    note: str
    path: Callable[[int], list[bytes]]
    subjects: SubjectKeys

    @classmethod
    def of_segment(cls, segment: Segment, subjects: SubjectKeys) -> Receipts:
        """For a commit that is in memory."""
        return cls(segment.note, Span(segment.before, segment.hashes).path, subjects)

    @classmethod
    def of_file(cls, opened: Opened, subjects: SubjectKeys) -> Receipts:
        """For a file on disk; reads what the proof needs."""
        return cls(opened.note, PackTree(opened).path, subjects)

    def of(self, stored: bytes, leaf: dict[str, Any], salt: bytes | None = None) -> Receipt:
        """The receipt of one record, given as it is stored and as it reads; its salt is derived unless given."""
        idx = leaf["idx"]
        proof = Proof(idx, tuple(self.path(idx)), self.note, pack_extra(stored, salt or self._salt(leaf)))
        return Receipt(
            leaf["origin"], idx, leaf["ts"], leaf["kind"], leaf["request_id"], leaf["seq"], str(proof), leaf["subject"]
        )

    def _salt(self, leaf: dict[str, Any]) -> bytes | None:
        """The commitment's salt; None without text, or once the subject is erased."""
        if leaf["content"] is None:
            return None
        key = self.subjects.by_tag(leaf["tenant"], leaf["subject"])
        if key is None:
            return None
        return RecordId(leaf["origin"], leaf["request_id"], leaf["seq"], leaf["kind"]).derive(key).salt
