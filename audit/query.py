"""Ask the log: `python -m audit.query ROOT "SQL" [--format table|json|parquet] [--keys DIR]`.

Views: `records` (one row per record) and `exchanges` (one row per request). Without keys text columns are NULL.
Exit 0 answered, 1 refused or failed, 2 cannot read.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audit import pipe, sandbox, views
from audit.errors import AuditError, QueryRefused
from audit.keys import SubjectKeys

MAX_CELL = 100


def query(root: Path, sql: str, keys: SubjectKeys | None = None) -> pa.Table:
    """The result of one SELECT over the views of a root. QueryRefused, and what `audit.views` raises."""
    return sandbox.run(views.views(root, keys), sql)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 answered, 1 refused or failed, 2 cannot read."""
    parser = argparse.ArgumentParser(prog="python -m audit.query", description="One SELECT over records and exchanges.")
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder of the logs")
    parser.add_argument("sql", metavar="SQL", help="one SELECT over the views records and exchanges")
    parser.add_argument("--format", choices=("table", "json", "parquet"), default="table")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="key folder; without it text is NULL")
    given = parser.parse_args(arguments)
    try:
        keys = SubjectKeys.load(given.keys) if given.keys else None
        result = query(given.root, given.sql, keys)
    except QueryRefused as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    except (AuditError, OSError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    _show(result, given.format)
    return 0


def _show(result: pa.Table, form: str) -> None:
    if form == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(result, sink)
        sys.stdout.buffer.write(sink.getvalue().to_pybytes())
    elif form == "json":
        print(json.dumps(result.to_pylist(), ensure_ascii=False, default=_plain))
    else:
        print(_as_text(result))


def _plain(value: Any) -> str:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _as_text(result: pa.Table) -> str:
    """Aligned columns; long cells are cut, control characters escaped: what a user wrote must not drive a terminal."""
    rows = [result.column_names]
    rows += [
        list(row) for row in zip(*([_cell(v) for v in column.to_pylist()] for column in result.columns), strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else _plain(value)
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:MAX_CELL])
    return safe + "…" if len(text) > MAX_CELL else safe


if __name__ == "__main__":
    sys.exit(pipe.run(main))
