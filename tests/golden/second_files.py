"""The files of a log, each checked by itself, and which to read; written from docs/audit-format.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.golden.second_keys import Chain, grow, open_note, root_of, signed, unb64
from tests.golden.second_records import Fault, check_group, check_row, need, sha256

MARK, BLOCK = b"preceptor-file-signature/v1:", 4096
FILE = re.compile(r"seg/([0-9]{20})\.parquet|pack/([0-9]{20})-([0-9]{20})-([0-9]{6})\.parquet")
STRING, BINARY, INT = pa.string(), pa.binary(), pa.int64()
COLUMNS = {"idx": INT, "ts": INT, "kind": STRING, "request_id": STRING, "subject": STRING, "action": STRING,
           "leaf": BINARY, "content": BINARY}  # fmt: skip
NULLABLE = ("subject", "action", "content")
SCHEMA = pa.schema([pa.field(name, kind, name in NULLABLE) for name, kind in COLUMNS.items()])


@dataclass(frozen=True)
class File:
    """A file by its name; a segment has no end."""

    path: str
    start: int
    end: int | None
    generation: int


@dataclass
class Part:
    """A file that was checked by itself."""

    file: File
    before: list[bytes]
    leaves: list[dict[str, Any]]
    hashes: list[bytes]
    gone: list[int]
    signer: int
    seal: dict[str, Any]

    @property
    def is_pack(self) -> bool:
        return self.file.end is not None

    def named(self) -> dict[str, Any]:
        """The fields of the record that names a pack."""
        return self.seal | {"end": self.file.end, "generation": self.file.generation}


def check_file(file: File, data: bytes, chain: Chain) -> Part:
    at = data.rfind(MARK) + len(MARK)
    mark = re.compile(rb"[0-9a-f]{128}").match(data, at)
    need(at >= len(MARK) and mark, "no file signature")
    message = (
        f"preceptor/v1/segment\n{chain.name}\n{file.start}\n{sha256(data[:at], b'0' * 128, data[at + 128 :]).hex()}\n"
    )
    signers = [n for n, key in enumerate(chain.keys) if signed(key, bytes.fromhex(mark[0].decode()), message)]
    need(signers, "file signature")
    part = Part(
        file, [], [], [], [], signers[0], {"bytes": len(data), "sha256": sha256(data).hex(), "start": file.start}
    )
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data))
        meta = {key.decode(): value.decode() for key, value in parquet.metadata.metadata.items()}
        need(
            (meta["preceptor.origin"], meta["preceptor.start"]) == (chain.name, str(file.start)), "footer: log or start"
        )
        part.before = [unb64(one, 32) for one in meta["preceptor.frontier"].split()]
        nodes = [unb64(one, 32) for one in meta.get("preceptor.nodes", "").split()]
        origin, size, root = open_note(meta["preceptor.checkpoint"], chain)
        need(origin == chain.name and parquet.schema_arrow.equals(SCHEMA), "footer: checkpoint or columns")
        need(len(part.before) == file.start.bit_count() and parquet.metadata.num_rows == size - file.start > 0, "size")
        need(
            ("preceptor.nodes" in meta) == (file.end is not None) and file.end in (None, size), "not what its name says"
        )
        tables = [parquet.read_row_group(number) for number in range(parquet.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError, KeyError, AttributeError) as error:
        raise Fault(f"footer or pages: {error}") from None
    blocks: list[bytes] = []
    for number, table in enumerate(tables):
        blocks += check_table(part, table, chain.name, size)
        check_group(parquet.metadata.row_group(number), table, data)
    frontier = part.before
    for index, digest in enumerate(part.hashes, file.start):
        frontier = grow(index, frontier, digest)
    need(root_of(frontier) == root, "records do not lead to the signed root")
    need(file.end is None or blocks == nodes, "preceptor.nodes are not those of the records")
    return part


def check_table(part: Part, table: pa.Table, origin: str, size: int) -> list[bytes]:
    """Add a row group to its file, which ends at `size`; the root of a whole block."""
    start = part.file.start + len(part.leaves)
    end, hashes = start + table.num_rows, []
    if part.file.end is not None:
        need(start // BLOCK == (end - 1) // BLOCK and (end % BLOCK == 0 or end == size), "row group: cuts", start)
    for index, row in enumerate(table.to_pylist(), start):
        try:
            leaf, gone = check_row(row, index, origin)
        except Fault as fault:
            raise Fault(fault.reason, index) from None
        need(not part.leaves or leaf["ts"] >= part.leaves[-1]["ts"], "time runs backwards", index)
        need(not gone or part.file.end is not None, "content is gone from a segment", index)
        part.leaves.append(leaf)
        part.gone += [index] if gone else []
        hashes.append(sha256(b"\0", row["leaf"]))
    part.hashes += hashes
    nodes: list[bytes] = []
    for n, digest in enumerate(hashes):
        nodes = grow(n, nodes, digest)
    return [root_of(nodes)] if start % BLOCK == 0 and len(hashes) == BLOCK else []


def list_files(log: Path) -> list[File]:
    found = []
    for path in sorted([*(log / "seg").glob("*"), *(log / "pack").glob("*")]):
        name = f"{path.parent.name}/{path.name}"
        if path.is_dir() or path.name.startswith(".tmp-"):
            continue
        match = FILE.fullmatch(name)
        need(match, "not a log file's name", None, f"{log.name}/{name}")
        start, *more = [int(digits) for digits in match.groups() if digits is not None]
        found.append(File(f"{log.name}/{name}", start, *(more or (None, 0))))
    return found


def cover(files: Sequence[File]) -> list[File]:
    starts, chosen, reached = {file.start for file in files}, list[File](), 0
    for start in sorted(starts):
        fitting = [file for file in files if file.start == start and (file.end is None or file.end in starts)]
        if start >= reached and fitting:
            chosen.append(max(fitting, key=lambda file: (file.end or 0, file.generation)))
            reached = chosen[-1].end or start + 1
    return chosen
