"""Writes the rows as Parquet, a folder for each licence shard. The same rows give the same bytes."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from train.errors import KnowledgeError
from train.parts import located
from train.teaching.rows import SCHEMA, Row

_PART = 5000  # rows of a file


class NotEmpty(KnowledgeError):
    """A place that already holds something: parts of an older set beside new ones would be taken for one set."""


def claim(out: str) -> None:
    """Make the place; raises NotEmpty where Parquet files are in it."""
    from pyarrow.fs import FileSelector

    files, root = located(out)
    files.create_dir(root, recursive=True)
    there = [
        each.path for each in files.get_file_info(FileSelector(root, recursive=True)) if each.extension == "parquet"
    ]
    if there:
        raise NotEmpty(f"{out}: expected an empty place, got {len(there)} Parquet files, {there[0]} among them")


def write(out: str, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Write rows in the order given; for each file its digest, size and number of rows."""
    files, root = located(out)
    made: dict[str, dict[str, Any]] = {}
    for shard in sorted({row["shard"] for row in rows}):
        own = [row for row in rows if row["shard"] == shard]
        files.create_dir(f"{root}/{shard}", recursive=True)
        for number, start in enumerate(range(0, len(own), _PART)):
            part = own[start : start + _PART]
            buffer = pa.BufferOutputStream()
            table = pa.Table.from_pylist(part, schema=SCHEMA)
            pq.write_table(table, buffer, compression="zstd", compression_level=3, version="2.6", row_group_size=_PART)
            data = buffer.getvalue().to_pybytes()
            name = f"{shard}/part-{number:04d}.parquet"
            put(out, name, data)
            made[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": len(part)}
    return made


def put(out: str, name: str, data: bytes) -> None:
    """Put one file into the place, whole or not at all."""
    files, root = located(out)
    with files.open_output_stream(f"{root}/{name}.half") as stream:
        stream.write(data)
    files.move(f"{root}/{name}.half", f"{root}/{name}")


def put_json(out: str, name: str, told: Any) -> None:
    """Put a JSON document into the place."""
    put(out, name, (json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
