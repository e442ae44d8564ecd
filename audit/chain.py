"""How files join into a log: what each file claims, and whether it continues the one before. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.checkpoint import Checkpoint, VerifierKey
from audit.errors import BadNote, BadSegment
from audit.keyring import KeyRing
from audit.merkle import Frontier
from audit.record import Kind
from audit.segment import Leaf, Segment, batches, check_head, open_file, subtree_root

NOTABLE = frozenset({Kind.logs, Kind.head, Kind.erase, Kind.pack, Kind.prune, Kind.key})


@dataclass(frozen=True, slots=True)
class End:
    """Where a log ends: all that the next file must agree with.

    `seal` names the segment before (None at the beginning); it binds only if `sealed`. `key` is the place of the key
    in force in the ring, None while unknown: a reader who begins in the middle learns it from the first segment.
    """

    frontier: Frontier = field(default_factory=Frontier)
    ts: int = 0
    seal: dict[str, Any] | None = None
    sealed: bool = True
    key: int | None = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a checked file says, without its records. `roots` holds the tree's roots at the sizes asked for."""

    before: Frontier
    after: Frontier
    head: Checkpoint
    signer: int
    first_ts: int
    last_ts: int
    cites: dict[str, Any] | None
    seal: dict[str, Any] | None
    sha256: str
    length: int
    notable: tuple[Leaf, ...] = ()
    nulled: tuple[tuple[int, str], ...] = ()
    roots: tuple[tuple[int, bytes], ...] = ()

    @property
    def start(self) -> int:
        """Index of the first record."""
        return self.before.size

    @property
    def is_pack(self) -> bool:
        """Only a segment has a seal."""
        return self.seal is None


def summarise(data: Any, ring: KeyRing, start: int, wanted: Collection[int] = ()) -> Summary:
    """Check everything a file claims by itself; `wanted` are tree sizes. BadSegment names the first bad record."""
    opened = open_file(data, ring, start)
    frontier, first, ts = opened.before, None, 0
    notable, nulled, roots, nodes = list[Leaf](), list[tuple[int, str]](), list[tuple[int, bytes]](), list[bytes]()
    for batch in batches(opened):
        first = first or batch.leaves[0]
        ts = _check_time(batch.leaves, ts)
        notable += [leaf for leaf in batch.leaves if leaf["kind"] in NOTABLE]
        nulled += [(index, batch.leaves[index - batch.start]["subject"]) for index in batch.nulled]
        frontier = _extend(frontier, batch.hashes, wanted, roots)
        nodes += subtree_root(batch.start, batch.hashes)
    check_head(opened, frontier)
    if opened.nodes is not None and opened.nodes != tuple(nodes):
        raise BadSegment("stored subtree roots are not those of the rows")
    assert first is not None  # noqa: S101 - open_file demands records
    seal = opened.seal()
    return Summary(
        opened.before, frontier, opened.head, opened.signer, first["ts"], ts, first.get("seal"),
        None if opened.is_pack else seal, seal["sha256"], seal["bytes"], tuple(notable), tuple(nulled), tuple(roots),
    )  # fmt: skip


def summary_of(segment: Segment) -> Summary:
    """The same for a segment that is in memory."""
    last = _check_time(segment.leaves, 0)
    notable = tuple(leaf for leaf in segment.leaves if leaf["kind"] in NOTABLE)
    return Summary(
        segment.before, segment.before.extend(segment.hashes), segment.head, segment.signer, segment.leaves[0]["ts"],
        last, segment.leaves[0].get("seal"), None if segment.is_pack else segment.seal, segment.seal["sha256"],
        segment.seal["bytes"], notable,
    )  # fmt: skip


def follow(end: End, part: Summary, ring: KeyRing) -> End:
    """The end after `part`; BadSegment unless it continues the log that ends at `end`."""
    if part.before != end.frontier:
        raise BadSegment("does not continue the tree before it")
    if part.first_ts < end.ts:
        raise BadSegment("time runs backwards", part.start)
    if not part.is_pack and end.sealed and part.cites != end.seal:
        raise BadSegment("first record does not name the file before it", part.start)
    if end.key is not None and (part.signer < end.key if part.is_pack else part.signer != end.key):
        raise BadSegment("signed by a key that is not in force here")
    key = end.key if part.is_pack else part.signer
    for leaf in part.notable:
        if leaf["kind"] == Kind.key:
            key = _next_key(leaf, key, part, ring)
    return End(part.after, part.last_ts, part.seal, not part.is_pack, key)


def _extend(
    frontier: Frontier, hashes: Sequence[bytes], wanted: Collection[int], roots: list[tuple[int, bytes]]
) -> Frontier:
    start = frontier.size
    for size in sorted(size for size in wanted if start < size <= start + len(hashes)):
        frontier = frontier.extend(hashes[frontier.size - start : size - start])
        roots.append((size, frontier.root()))
    return frontier.extend(hashes[frontier.size - start :])


def _check_time(leaves: Iterable[Leaf], ts: int) -> int:
    for leaf in leaves:
        if leaf["ts"] < ts:
            raise BadSegment("time runs backwards", leaf["idx"])
        ts = leaf["ts"]
    return ts


def _next_key(leaf: Leaf, key: int | None, part: Summary, ring: KeyRing) -> int:
    try:
        named = VerifierKey.parse(leaf["fields"]["vkey"])
    except BadNote as error:
        raise BadSegment(f"key record: {error}", leaf["idx"]) from error
    if named not in ring.keys or (key is not None and ring.keys.index(named) != key + 1):
        raise BadSegment("key record does not name the root's next key", leaf["idx"])
    if not part.is_pack and leaf["idx"] != part.after.size - 1:
        raise BadSegment("a key record ends its file", leaf["idx"])
    return ring.keys.index(named)
