"""The files of a log: encode one commit, and the checks that writer, reader and verifier share. Pure; no file access.

A file is a run of records with the tree before it and the signed head after it. One commit makes a segment;
`audit.pack` merges segments into packs, which have many row groups and may have lost the content of erased people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import bloom
from audit.checkpoint import Checkpoint, b64, unb64
from audit.errors import AuditError, BadSegment
from audit.keyring import KeyRing
from audit.merkle import Frontier, leaf_hash
from audit.record import parse_leaf
from audit.signature import BLANK, MARKER, check_file, sign_file

GROUP = 4096  # records per row group of a pack, cut at absolute multiples
COPIED = ("ts", "kind", "request_id", "subject")
SCHEMA = pa.schema(
    [
        pa.field("idx", pa.int64(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("subject", pa.string()),
        pa.field("action", pa.string()),
        pa.field("leaf", pa.binary(), nullable=False),
        pa.field("content", pa.binary()),
    ]
)
STATISTICS = ["idx", "ts", "kind", "action"]  # never leaf or content: their minimum would be a copy of text
CODECS = dict.fromkeys(SCHEMA.names, "none") | {"leaf": "zstd"}
Leaf = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """Stored bytes of one record."""

    leaf: bytes
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose signature and footer were checked. `signer` is its key's place in the ring."""

    file: pq.ParquetFile
    data: pa.Buffer
    origin: str
    before: Frontier
    head: Checkpoint
    note: str
    signer: int
    nodes: tuple[bytes, ...] | None

    @property
    def start(self) -> int:
        """Index of the first record."""
        return self.before.size

    @property
    def is_pack(self) -> bool:
        """Whether it merges commits."""
        return self.nodes is not None

    def seal(self) -> dict[str, Any]:
        """What the next commit cites of a segment."""
        return {"bytes": self.data.size, "sha256": hashlib.sha256(self.data).hexdigest(), "start": self.start}


@dataclass(frozen=True, slots=True)
class Batch:
    """One checked row group. `nulled` lists records whose content is gone."""

    start: int
    rows: tuple[Row, ...]
    leaves: tuple[Leaf, ...]
    hashes: tuple[bytes, ...]
    nulled: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A checked file, all of it in memory."""

    before: Frontier
    rows: tuple[Row, ...]
    leaves: tuple[Leaf, ...]
    hashes: tuple[bytes, ...]
    head: Checkpoint
    note: str
    seal: dict[str, Any]
    signer: int
    is_pack: bool = False

    @property
    def start(self) -> int:
        """Index of the first record."""
        return self.before.size


def encode(
    origin: str,
    before: Frontier,
    rows: Sequence[Row],
    signer: Ed25519PrivateKey,
    leaves: Sequence[Leaf] | None = None,
) -> bytes:
    """The signed file for `rows` appended at `before`; `leaves` spares parsing what was just made."""
    after = before.extend([leaf_hash(row.leaf) for row in rows])
    head = Checkpoint(origin, after.size, after.root())
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, SCHEMA, compression=CODECS, use_dictionary=False, write_statistics=STATISTICS
    ) as writer:
        writer.write_table(_table(before.size, rows, leaves or [parse_leaf(row.leaf) for row in rows]))
        # not through the schema, which is embedded a second time as base 64
        writer.add_key_value_metadata(footer(origin, before, head.sign(signer)))
    return sign_file(sink.getvalue(), origin, before.size, signer)


def footer(origin: str, before: Frontier, note: str, **more: str) -> dict[str, str]:
    """The footer's key-values; the blank signature comes last."""
    return {
        "preceptor.origin": origin,
        "preceptor.start": str(before.size),
        "preceptor.frontier": " ".join(map(b64, before.nodes)),
        "preceptor.checkpoint": note,
        **{f"preceptor.{name}": value for name, value in more.items()},
        "preceptor.signature": (MARKER + BLANK).decode(),
    }


def open_file(data: pa.Buffer | bytes, ring: KeyRing, start: int, signer: int | None = None) -> Opened:
    """Check signature and footer; BadSegment. `signer` is known when these bytes were checked before."""
    data = pa.py_buffer(data)
    if signer is None:
        signer = check_file(data, ring, start)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        meta = {name.decode(): value.decode() for name, value in file.metadata.metadata.items()}
        before = Frontier(start, _hashes(meta["preceptor.frontier"]))
        nodes = meta.get("preceptor.nodes")
        note = meta["preceptor.checkpoint"]
        head = ring.open(note)
        opened = Opened(file, data, ring.name, before, head, note, signer, None if nodes is None else _hashes(nodes))
    except (pa.ArrowException, OSError, ValueError, KeyError, AttributeError, AuditError) as error:
        raise BadSegment(f"footer: {error}") from error
    if (meta.get("preceptor.origin"), meta.get("preceptor.start")) != (ring.name, str(start)):
        raise BadSegment("footer names another log or start")
    if not file.schema_arrow.equals(SCHEMA) or file.metadata.num_rows != head.size - start or head.size == start:
        raise BadSegment("expected the log's columns and the records up to the signed head")
    return opened


def groups(opened: Opened) -> Iterator[tuple[int, pa.Table]]:
    """First index and columns of each row group."""
    start = opened.start
    for number in range(opened.file.num_row_groups):
        try:
            table = opened.file.read_row_group(number, use_threads=opened.is_pack)
            table.validate(full=True)  # that texts are UTF-8
        except (pa.ArrowException, OSError) as error:
            raise BadSegment(f"row group {number}: {error}") from error
        end = start + table.num_rows
        if opened.is_pack and (start // GROUP != (end - 1) // GROUP or (end % GROUP and end != opened.head.size)):
            raise BadSegment(f"row group {number}: expected cuts at multiples of {GROUP}", start)
        yield start, table
        start = end


def batches(opened: Opened) -> Iterator[Batch]:
    """Every record with everything it claims by itself; BadSegment names the first that is wrong."""
    for number, (start, table) in enumerate(groups(opened)):
        rows = tuple(map(Row, table["leaf"].to_pylist(), table["content"].to_pylist()))
        leaves = tuple(_leaf(row, opened.origin, index) for index, row in enumerate(rows, start))
        _check_copies(table, leaves, start)
        check_group(opened, number, table)
        nulled = tuple(_check_contents(rows, leaves, start))
        if nulled and not opened.is_pack:
            raise BadSegment("content is not what the leaf names", nulled[0])
        yield Batch(start, rows, leaves, tuple([leaf_hash(row.leaf) for row in rows]), nulled)


def decode(data: pa.Buffer | bytes, ring: KeyRing, start: int) -> Segment:
    """Check everything a file claims by itself, and hold it; BadSegment names the first record that is wrong."""
    opened = open_file(data, ring, start)
    rows, leaves, hashes = list[Row](), list[Leaf](), list[bytes]()
    for batch in batches(opened):
        rows += batch.rows
        leaves += batch.leaves
        hashes += batch.hashes
    check_head(opened, opened.before.extend(hashes))
    return Segment(
        opened.before, tuple(rows), tuple(leaves), tuple(hashes), opened.head, opened.note, opened.seal(),
        opened.signer, opened.is_pack,
    )  # fmt: skip


def check_head(opened: Opened, after: Frontier) -> None:
    """BadSegment unless the records lead to the signed head."""
    if (opened.head.size, opened.head.root) != (after.size, after.root()):
        raise BadSegment("records do not lead to the signed root")


def subtree_root(start: int, hashes: Sequence[bytes]) -> list[bytes]:
    """The root that a pack stores for a row group that is a whole subtree; none for another."""
    return [Frontier().extend(hashes).root()] if start % GROUP == 0 and len(hashes) == GROUP else []


def action_of(leaf: Leaf) -> str | None:
    """The decision a leaf records, if its kind has one."""
    action = leaf["fields"].get("action")
    return action if isinstance(action, str) else None


def _table(start: int, rows: Sequence[Row], leaves: Sequence[Leaf]) -> pa.Table:
    columns: dict[str, list[Any]] = _copies(leaves)
    columns["idx"] = list(range(start, start + len(rows)))
    columns["leaf"] = [row.leaf for row in rows]
    columns["content"] = [row.content for row in rows]
    return pa.table(columns, schema=SCHEMA)


def _copies(leaves: Sequence[Leaf]) -> dict[str, list[Any]]:
    return {name: [leaf[name] for leaf in leaves] for name in ("idx", *COPIED)} | {
        "action": [action_of(leaf) for leaf in leaves]
    }


def _leaf(row: Row, origin: str, index: int) -> Leaf:
    try:
        leaf = parse_leaf(row.leaf)
    except AuditError as error:
        raise BadSegment(str(error), index) from error
    if leaf["origin"] != origin or leaf["idx"] != index:
        raise BadSegment("leaf names another log or index", index)
    return leaf


def _check_copies(table: pa.Table, leaves: Sequence[Leaf], start: int) -> None:
    for name, expected in _copies(leaves).items():
        found = table[name].to_pylist()
        if found != expected:
            at = next(at for at, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1])
            raise BadSegment(f"column {name} differs from its leaf", start + at)


def _check_contents(rows: Sequence[Row], leaves: Sequence[Leaf], start: int) -> Iterable[int]:
    """Indexes of records whose content is gone; BadSegment for content that is not the leaf's."""
    for index, (row, leaf) in enumerate(zip(rows, leaves, strict=True), start):
        content = leaf["content"]
        expected = None if content is None else content.get("ct_sha256")
        if row.content is None:
            if expected is not None:
                yield index
        elif hashlib.sha256(row.content).hexdigest() != expected:
            raise BadSegment("content is not what the leaf names", index)


def check_group(opened: Opened, number: int, table: pa.Table) -> None:
    """Statistics and Bloom filters say what the rows say: else a reader would pass over rows that are there."""
    meta = opened.file.metadata.row_group(number)
    for column, name in enumerate(SCHEMA.names):
        chunk = meta.column(column)
        if chunk.physical_type != opened.file.schema.column(column).physical_type:  # of which statistics would abort
            raise BadSegment(f"column {name} says that it has another type")
        if chunk.is_stats_set:
            _check_statistics(name, chunk.statistics, table[name])
        if chunk.bloom_filter_offset is not None:
            at = chunk.bloom_filter_offset
            bits = bytes(opened.data[at : at + (chunk.bloom_filter_length or 0)])
            bloom.require_members(bits, {value for value in table[name].to_pylist() if value is not None})


def _check_statistics(name: str, said: Any, values: pa.ChunkedArray) -> None:
    bounds = pc.min_max(values).as_py()
    try:
        differ = said.has_min_max and (said.min, said.max) != (bounds["min"], bounds["max"])
    except ValueError:  # no text
        differ = True
    if differ:
        raise BadSegment(f"statistics of {name} differ from its rows")
    if said.null_count not in (None, values.null_count):
        raise BadSegment(f"null count of {name} differs from its rows")


def _hashes(text: str) -> tuple[bytes, ...]:
    return tuple(unb64(node) for node in text.split())
