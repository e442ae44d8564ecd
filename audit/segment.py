"""One commit as one Parquet file: encode, and the check that writer, reader and verifier share. Pure; no file access.

The footer's last key-value holds an Ed25519 signature over the SHA-256 of the whole file with that signature zeroed,
so every byte counts, and it is checked BEFORE the file is parsed: damaged bytes never reach the Parquet reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Checkpoint, VerifierKey, b64, open_checkpoint, unb64
from audit.errors import AuditError, BadNote, BadSegment
from audit.merkle import Frontier, leaf_hash
from audit.record import parse_leaf

DOMAIN = "preceptor/v1/segment"
MARKER = b"preceptor-file-signature/v1:"
BLANK = b"0" * 128
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


@dataclass(frozen=True, slots=True)
class Row:
    """Stored bytes of one record."""

    leaf: bytes
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class End:
    """Where a log ends: all that the next segment must agree with."""

    frontier: Frontier = field(default_factory=Frontier)
    ts: int = 0
    seal: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A checked segment. `seal` names its own bytes for the next commit to cite."""

    before: Frontier
    rows: tuple[Row, ...]
    leaves: tuple[dict[str, Any], ...]
    hashes: tuple[bytes, ...]
    head: Checkpoint
    note: str
    seal: dict[str, Any]

    @property
    def start(self) -> int:
        """Index of the first record."""
        return self.before.size


def encode(origin: str, before: Frontier, rows: Sequence[Row], signer: Ed25519PrivateKey) -> bytes:
    """The signed file for `rows` appended at `before`."""
    after = before.extend([leaf_hash(row.leaf) for row in rows])
    head = Checkpoint(origin, after.size, after.root())
    sink = pa.BufferOutputStream()
    codecs = dict.fromkeys(SCHEMA.names, "none") | {"leaf": "zstd"}
    with pq.ParquetWriter(
        sink, SCHEMA, compression=codecs, use_dictionary=False, write_statistics=STATISTICS
    ) as writer:
        writer.write_table(_table(before.size, rows))
        # not through the schema, which is embedded a second time as base 64
        writer.add_key_value_metadata(
            {
                "preceptor.origin": origin,
                "preceptor.start": str(before.size),
                "preceptor.frontier": " ".join(map(b64, before.nodes)),
                "preceptor.checkpoint": head.sign(signer),
                "preceptor.signature": (MARKER + BLANK).decode(),
            }
        )
    return _sign(sink.getvalue().to_pybytes(), origin, before.size, signer)


def decode(data: bytes, key: VerifierKey, start: int) -> Segment:
    """Check everything a segment claims by itself; BadSegment names the first record that is wrong."""
    _check_signature(data, key, start)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        meta = {name.decode(): value.decode() for name, value in file.metadata.metadata.items()}
        table = file.read()
        before = Frontier(start, tuple(unb64(node) for node in meta["preceptor.frontier"].split()))
        note = meta["preceptor.checkpoint"]
        head = open_checkpoint(note, key)
    except (pa.ArrowException, OSError, ValueError, KeyError, AuditError) as error:
        raise BadSegment(f"footer: {error}") from error
    if meta["preceptor.origin"] != key.name or meta["preceptor.start"] != str(start):
        raise BadSegment("footer names another log or start")
    if not table.schema.equals(SCHEMA) or table.num_rows == 0:
        raise BadSegment("expected the segment's columns and at least one record")
    rows = tuple(map(Row, table["leaf"].to_pylist(), table["content"].to_pylist()))
    leaves = _check_rows(table, rows, key.name, start)
    hashes = tuple(leaf_hash(row.leaf) for row in rows)
    after = before.extend(hashes)
    if (head.size, head.root) != (after.size, after.root()):
        raise BadSegment("records do not lead to the signed root")
    seal = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "start": start}
    return Segment(before, rows, leaves, hashes, head, note, seal)


def follow(end: End, segment: Segment) -> End:
    """Check that `segment` continues the log that ends at `end`; BadSegment if not."""
    if segment.before != end.frontier:
        raise BadSegment("does not continue the tree before it")
    if segment.leaves[0].get("seal") != end.seal:
        raise BadSegment("first record does not name the file before it", segment.start)
    ts = end.ts
    for leaf in segment.leaves:
        if leaf["ts"] < ts:
            raise BadSegment("time runs backwards", leaf["idx"])
        ts = leaf["ts"]
    return End(segment.before.extend(segment.hashes), ts, segment.seal)


def end_of(segment: Segment) -> End:
    """The end a log has after `segment`, which is trusted as it stands."""
    return End(segment.before.extend(segment.hashes), segment.leaves[-1]["ts"], segment.seal)


def action_of(leaf: dict[str, Any]) -> str | None:
    """The decision a leaf records, if its kind has one."""
    action = leaf["fields"].get("action")
    return action if isinstance(action, str) else None


def _table(start: int, rows: Sequence[Row]) -> pa.Table:
    leaves = [parse_leaf(row.leaf) for row in rows]
    columns: dict[str, list[Any]] = {name: [leaf[name] for leaf in leaves] for name in COPIED}
    columns["idx"] = list(range(start, start + len(rows)))
    columns["action"] = [action_of(leaf) for leaf in leaves]
    columns["leaf"] = [row.leaf for row in rows]
    columns["content"] = [row.content for row in rows]
    return pa.table(columns, schema=SCHEMA)


def _check_rows(table: pa.Table, rows: Sequence[Row], origin: str, start: int) -> tuple[dict[str, Any], ...]:
    leaves = []
    names = [name for name in SCHEMA.names if name not in ("leaf", "content")]
    copies = table.select(names).to_pylist()
    for index, (row, copy) in enumerate(zip(rows, copies, strict=True), start):
        try:
            leaf = parse_leaf(row.leaf)
        except AuditError as error:
            raise BadSegment(str(error), index) from error
        if (leaf["origin"], leaf["idx"]) != (origin, index):
            raise BadSegment("leaf names another log or index", index)
        if copy != {name: leaf[name] for name in ("idx", *COPIED)} | {"action": action_of(leaf)}:
            raise BadSegment("a column differs from its leaf", index)
        _check_content(leaf["content"], row.content, index)
        leaves.append(leaf)
    return tuple(leaves)


def _check_content(content: dict[str, Any] | None, cell: bytes | None, index: int) -> None:
    expected = None if content is None else content.get("ct_sha256")
    if expected != (None if cell is None else hashlib.sha256(cell).hexdigest()):
        raise BadSegment("content is not what the leaf names", index)


def _message(data: bytes, origin: str, start: int) -> bytes:
    return f"{DOMAIN}\n{origin}\n{start}\n{hashlib.sha256(data).hexdigest()}\n".encode()


def _sign(blank: bytes, origin: str, start: int, signer: Ed25519PrivateKey) -> bytes:
    at = blank.rindex(MARKER) + len(MARKER)
    signature = signer.sign(_message(blank, origin, start)).hex().encode()
    return blank[:at] + signature + blank[at + len(BLANK) :]


def _check_signature(data: bytes, key: VerifierKey, start: int) -> None:
    at = data.rfind(MARKER) + len(MARKER)
    hexed = data[at : at + len(BLANK)]
    try:
        signature = bytes.fromhex(hexed.decode("ascii"))
        if at < len(MARKER) or signature.hex().encode() != hexed:  # only lower case: one form per signature
            raise BadSegment("file carries no signature")
        key.check(signature, _message(data[:at] + BLANK + data[at + len(BLANK) :], key.name, start))
    except (ValueError, BadNote) as error:
        raise BadSegment("file is not as it was signed") from error
