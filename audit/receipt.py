"""Receipts: what a caller gets for a record. Rebuilt at any time from the one segment that holds the record."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.content import RecordId
from audit.keys import SubjectKeys
from audit.merkle import Span
from audit.proof import Proof, pack_extra
from audit.record import CLOSING, EXCHANGE
from audit.segment import Segment

SKEW_US = 60_000_000  # how far the clocks of who makes ids and who writes may be apart
LONGEST_US = 3_600_000_000  # no exchange lasts longer


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


def search(request_id: str, starts: Sequence[int], read: Callable[[int], Segment]) -> Iterator[Segment]:
    """Segments that hold a request's records, found by the time in its UUIDv7 (RFC 9562 5.7); reads few others."""
    made = _made_us(request_id)
    if made is None:
        return
    at = bisect_left(starts, made - SKEW_US, key=lambda start: int(read(start).leaves[-1]["ts"]))
    horizon = made + SKEW_US
    for start in starts[at:]:
        segment = read(start)
        if segment.leaves[0]["ts"] > horizon:
            return
        kinds = {leaf["kind"] for leaf in segment.leaves if leaf["request_id"] == request_id}
        if kinds:
            yield segment
            horizon = made + LONGEST_US
        if kinds & CLOSING or kinds - EXCHANGE:
            return


def _made_us(request_id: str) -> int | None:
    try:
        uuid = UUID(request_id)
    except ValueError:
        return None
    return (uuid.int >> 80) * 1000 if uuid.version == 7 else None
