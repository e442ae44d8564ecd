"""Packs: many files of a log merged into one, without the content of erased people. Pure; no file access.

Row groups are cut at absolute multiples of 4096 records, so each whole one is a subtree of the Merkle tree; the footer
keeps their roots (`preceptor.nodes`), from which a receipt is made without reading the rest. `preceptor.erasures`
counts the erasures that the pack has applied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Checkpoint, b64
from audit.errors import BadSegment
from audit.keyring import KeyRing
from audit.merkle import StoredTree, leaf_hash, node_hash
from audit.segment import (
    CODECS,
    GROUP,
    SCHEMA,
    STATISTICS,
    Opened,
    check_group,
    check_head,
    footer,
    groups,
    open_file,
    subtree_root,
)
from audit.signature import sign_file

_REPEATED = ["kind", "request_id", "subject", "action"]
_FILTERS = {name: {"ndv": GROUP, "fpp": 0.01} for name in ("request_id", "subject")}
_LEVEL = GROUP.bit_length() - 1


def encode_pack(sources: Sequence[Opened], erased: Collection[str], erasures: int, signer: Ed25519PrivateKey) -> bytes:
    """The signed file that holds what `sources`, in order, hold; content under an `erased` tag is dropped."""
    before, origin = sources[0].before, sources[0].origin
    frontier, nodes = before, list[bytes]()
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, SCHEMA, compression=CODECS | dict.fromkeys(_REPEATED, "zstd"), use_dictionary=_REPEATED,
        write_statistics=STATISTICS, bloom_filter_options=_FILTERS,
    ) as writer:  # fmt: skip
        for start, table in _regrouped(sources, erased):
            hashes = [leaf_hash(leaf) for leaf in table["leaf"].to_pylist()]
            frontier = frontier.extend(hashes)
            nodes += subtree_root(start, hashes)
            writer.write_table(table, row_group_size=GROUP)
        note = Checkpoint(origin, frontier.size, frontier.root()).sign(signer)
        more = {"nodes": " ".join(map(b64, nodes)), "erasures": str(erasures)}
        writer.add_key_value_metadata(footer(origin, before, note, **more))
    return sign_file(sink.getvalue(), origin, before.size, signer)


def check_pack(data: bytes, ring: KeyRing, sources: Sequence[Opened], erased: Collection[str]) -> Opened:
    """Read back what is about to replace `sources`; BadSegment unless it holds the same under the same root."""
    opened, last = open_file(data, ring, sources[0].start), sources[-1]
    if (opened.before, opened.head) != (sources[0].before, last.head):
        raise BadSegment("pack does not lead from and to where its sources do")
    frontier, nodes = opened.before, list[bytes]()
    pairs = zip(groups(opened), _regrouped(sources, erased), strict=True)
    for number, ((start, table), (_, expected)) in enumerate(pairs):
        if not table.equals(expected):
            raise BadSegment("pack does not hold what its sources hold", start)
        check_group(opened, number, table)
        hashes = [leaf_hash(leaf) for leaf in table["leaf"].to_pylist()]
        frontier = frontier.extend(hashes)
        nodes += subtree_root(start, hashes)
    check_head(opened, frontier)
    if opened.nodes != tuple(nodes):
        raise BadSegment("stored subtree roots are not those of the rows")
    return opened


def erasures_applied(opened: Opened) -> int:
    """How many erasures a file has applied; none for a segment."""
    return int(opened.file.metadata.metadata.get(b"preceptor.erasures", b"0"))


def holds_content_of(opened: Opened, tags: Collection[str]) -> bool:
    """Whether a file still stores content under one of these tags."""
    wanted = pa.array(sorted(tags), pa.string())
    for number in range(opened.file.num_row_groups):
        subjects = opened.file.read_row_group(number, ["subject"])["subject"]
        if pc.any(pc.is_in(subjects, value_set=wanted)).as_py():
            table = opened.file.read_row_group(number, ["subject", "content"])
            held = pc.and_(pc.is_in(table["subject"], value_set=wanted), pc.is_valid(table["content"]))
            if pc.any(held).as_py():
                return True
    return False


@dataclass(slots=True)
class PackTree:
    """Proofs in the tree that ends with a pack, reading only the row groups that they need."""

    opened: Opened
    _nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        end, low = self.opened.before.size, 0
        for node in self.opened.before.nodes:
            level = (end - low).bit_length() - 1
            self._nodes[level, low >> level] = node
            low += 1 << level
        first = -(-self.opened.start // GROUP)
        for number, node in enumerate(self.opened.nodes or ()):
            self._nodes[_LEVEL, first + number] = node

    def path(self, index: int) -> list[bytes]:
        """RFC 6962 audit path of a record of the pack."""
        return StoredTree(self.opened.head.size, self._node).path(index)

    def _node(self, level: int, index: int) -> bytes:
        if (level, index) not in self._nodes:
            if level == 0:
                self._read_group(index)
            else:
                left, right = self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1)
                self._nodes[level, index] = node_hash(left, right)
        return self._nodes[level, index]

    def _read_group(self, index: int) -> None:
        number = index // GROUP - self.opened.start // GROUP
        start = max(self.opened.start, index // GROUP * GROUP)
        leaves = self.opened.file.read_row_group(number, ["leaf"])["leaf"].to_pylist()
        for at, leaf in enumerate(leaves, start):
            self._nodes[0, at] = leaf_hash(leaf)


def _regrouped(sources: Sequence[Opened], erased: Collection[str]) -> Iterator[tuple[int, pa.Table]]:
    """The sources' rows in new row groups, each with its first index."""
    start, held = sources[0].start, SCHEMA.empty_table()
    for source in sources:
        for _, table in groups(source):
            held = pa.concat_tables([held, _forget(table, erased)])
            while held.num_rows >= (size := GROUP - start % GROUP):
                yield start, held.slice(0, size).combine_chunks()
                held, start = held.slice(size), start + size
    if held.num_rows:
        yield start, held.combine_chunks()


def _forget(table: pa.Table, erased: Collection[str]) -> pa.Table:
    if not erased:
        return table
    gone = pc.fill_null(pc.is_in(table["subject"], value_set=pa.array(sorted(erased), pa.string())), False)
    content = pc.if_else(gone, pa.scalar(None, pa.binary()), table["content"])
    return table.set_column(SCHEMA.get_field_index("content"), SCHEMA.field("content"), content)
