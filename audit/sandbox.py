"""One SELECT over given tables in a process of its own: no path, no network, no temp files, bounded memory and time.

Run as `python -m audit.sandbox` by `run`; talks Arrow over its pipes. A locked DuckDB that may see a path can still
overwrite it, so it sees none: the tables come through stdin, and the process may not write a single byte to a file.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from audit.errors import QueryRefused

MEMORY_MB = 1024
SECONDS = 30
ADDRESS_SPACE = 8 * 1024**3  # Arrow and DuckDB reserve far more than they use


def run(tables: Mapping[str, pa.Table], sql: str, *, seconds: int = SECONDS) -> pa.Table:
    """The result of one SELECT over `tables`; QueryRefused with a reason otherwise."""
    command = [sys.executable, "-m", "audit.sandbox"]
    try:
        done = subprocess.run(
            command, input=_request(tables, sql, seconds), capture_output=True, timeout=seconds + 30, check=False,
            cwd=Path(__file__).resolve().parents[1], env={"PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise QueryRefused(f"no result within {seconds} s") from error
    status, _, body = done.stdout.partition(b"\n")
    if done.returncode != 0 or status != b"ok":
        reason = body.decode(errors="replace") if status == b"refused" else f"query process ended: {done.returncode}"
        raise QueryRefused(reason)
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all()


def _request(tables: Mapping[str, pa.Table], sql: str, seconds: int) -> bytes:
    parts = {name: _to_ipc(table) for name, table in tables.items()}
    sizes = {name: len(part) for name, part in parts.items()}
    head = json.dumps({"sql": sql, "seconds": seconds, "tables": sizes}).encode()
    return b"".join([head, b"\n", *parts.values()])


def _to_ipc(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _read_request(source: BinaryIO) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    head: dict[str, Any] = json.loads(source.readline())
    tables = {}
    for name, size in head["tables"].items():
        with pa.ipc.open_stream(source.read(size)) as reader:
            tables[name] = reader.read_all()
    return head, tables


def _confine(seconds: int) -> None:
    for limit, value in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_CPU, 4 * seconds),
    ):
        resource.setrlimit(limit, (value, value))


def _connect(tables: Mapping[str, pa.Table], seconds: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false", "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false", "python_enable_replacements": "false", "temp_directory": "",
            "memory_limit": f"{MEMORY_MB}MB", "threads": "2", "max_execution_time": str(seconds * 1000),
        },
    )  # fmt: skip
    for name, table in tables.items():
        connection.register(name, table)
    connection.execute("SET lock_configuration = true")
    return connection


def _select(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryRefused("expected one SELECT")
    return connection.execute(statements[0]).to_arrow_table()


def main() -> int:
    """Answer one request on stdin."""
    request, tables = _read_request(sys.stdin.buffer)
    _confine(request["seconds"])
    try:
        result = _select(_connect(tables, request["seconds"]), request["sql"])
        answer = b"ok\n" + _to_ipc(result)
    except (duckdb.Error, QueryRefused, MemoryError, pa.ArrowException) as error:
        answer = b"refused\n" + (str(error) or type(error).__name__).encode(errors="replace")
    sys.stdout.buffer.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
