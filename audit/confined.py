"""The inside of the sandbox: confine this process, answer one request, end. Run by `audit.sandbox`.

A locked DuckDB that may see a path can still overwrite it, so it sees none: pyarrow opens the given files, and the
process may not write a single byte to a file. Text that was opened is counted whatever becomes of the query, because
an error message can carry it.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from audit.errors import AuditError, BadKeys, QueryRefused
from audit.sandbox import UNBOUNDED, Answer, Bounds, Files, Request

if TYPE_CHECKING:
    import duckdb
    from pyarrow.fs import FileSystem

    from audit.opener import Opener

MEMORY_MB = 1024
ADDRESS_SPACE = 8 * 1024**3  # Arrow and DuckDB reserve far more than they use
BATCH_ROWS = 64 * 1024


class NoPandas:
    """An import hook: pyarrow loads pandas where it finds it, which takes longer than most queries."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Of pandas, that it is not there; of all else, nothing."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def confine(seconds: int) -> None:
    """Give up for good: writing to files, core dumps, memory and time without end."""
    for limit, value in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_CPU, 4 * seconds),
    ):
        resource.setrlimit(limit, (value, value))


def connect(request: Request, opener: Opener | None = None) -> duckdb.DuckDBPyConnection:
    """A fresh, locked database that holds the views and nothing else."""
    import duckdb

    from audit import views

    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false", "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false", "python_enable_replacements": "false", "temp_directory": "",
            "memory_limit": f"{MEMORY_MB}MB", "threads": "2", "max_execution_time": str(request.seconds * 1000),
        },
    )  # fmt: skip
    views.install(connection, *_located(request), opener)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def select(connection: duckdb.DuckDBPyConnection, sql: str, bounds: Bounds = UNBOUNDED) -> pa.Buffer:
    """The result of one SELECT as an Arrow stream, within the bounds of its size.

    QueryRefused, duckdb.Error, OSError, pyarrow.ArrowException.
    """
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryRefused("expected one SELECT")
    left = bounds.rows
    reader = connection.sql(sql).to_arrow_reader(BATCH_ROWS if left is None else min(BATCH_ROWS, max(left, 1)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch if left is None else batch.slice(0, left))
            if sink.tell() > bounds.max_bytes:
                raise QueryRefused(f"expected a result of at most {bounds.max_bytes} bytes, got more")
            if left is not None and (left := left - batch.num_rows) <= 0:
                break
    return sink.getvalue()


def answer(request: Request) -> Answer:
    """What becomes of a request; whatever went wrong is told, not raised."""
    import duckdb

    opener, result = None, Answer("ok")
    try:
        opener = None if request.keys is None else _opener(Path(request.keys))
        result = Answer("ok", body=select(connect(request, opener), request.sql, _bounds(request)))
    except BadKeys as error:
        result = Answer("keys", str(error))
    except (duckdb.InvalidInputException, OSError) as error:  # what a failed scan comes as
        result = Answer("gone" if _is_gone(request) else "refused", str(error))
    except (duckdb.Error, AuditError, MemoryError, pa.ArrowException) as error:
        result = Answer("refused", str(error) or type(error).__name__)
    if opener is None:
        return result
    if opener.failure is not None:
        result = Answer("keys" if isinstance(opener.failure, BadKeys) else "unproven", str(opener.failure))
    about = next(iter(opener.requests)) if len(opener.requests) == 1 else None
    return replace(result, opened=len(opener.records), about=about)


def _bounds(request: Request) -> Bounds:
    return Bounds(request.seconds, request.max_bytes, request.rows)


def _opener(keys: Path) -> Opener:
    from audit.keys import SubjectKeys
    from audit.opener import Opener

    return Opener(SubjectKeys.load(keys))


def _located(request: Request) -> tuple[Files, FileSystem]:
    """The files by their places in a file system of pyarrow's, which knows no URLs."""
    from pyarrow.fs import FileSystem, LocalFileSystem

    if request.url is None:
        return request.logs, LocalFileSystem()
    url = request.url.rstrip("/")
    filesystem, base = FileSystem.from_uri(url)
    moved = {
        origin: [(start, base + place.removeprefix(url)) for start, place in files]
        for origin, files in request.logs.items()
    }
    return moved, filesystem


def _is_gone(request: Request) -> bool:
    """Whether a file that was listed is there no more: the writer packs while we read."""
    from pyarrow.fs import FileType

    try:
        logs, filesystem = _located(request)
        found = filesystem.get_file_info([place for files in logs.values() for _, place in files])
    except (OSError, pa.ArrowException):
        return False
    return any(info.type is FileType.NotFound for info in found)


def main() -> int:
    """Answer the request on stdin."""
    sys.meta_path.insert(0, NoPandas())
    import audit.views  # noqa: F401 - loaded while the other side still checks files

    request = Request.parse(sys.stdin.buffer.readline())
    confine(request.seconds)
    given = answer(request)
    head = {name: getattr(given, name) for name in ("status", "reason", "opened", "about")}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    sys.stdout.buffer.write(given.body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
