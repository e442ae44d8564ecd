"""A query's result as a text table, as JSON or as Parquet. What a user once wrote must not drive a terminal."""

from __future__ import annotations

import datetime
import decimal
import json
import sys
from typing import TYPE_CHECKING, Any

from audit.errors import QueryRefused

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CELL = 100
FORMATS = ("table", "json", "parquet")


def show(result: pa.Table, form: str) -> None:
    """Write a result to stdout in one of FORMATS."""
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(result, sink)
        sys.stdout.buffer.write(sink.getvalue())
    elif form == "json":
        print(json.dumps(result.to_pylist(), ensure_ascii=False, default=_plain))
    else:
        print(as_text(result))


def as_text(result: pa.Table) -> str:
    """Aligned columns under their names; long cells are cut, control characters escaped."""
    columns = [list(map(_cell, column.to_pylist())) for column in result.columns]
    rows = [[_cell(name) for name in result.column_names], *map(list, zip(*columns, strict=True))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def tell(error: Exception) -> int:
    """Say on stderr what went wrong; the exit status for it: 1 refused, 2 cannot read."""
    refused = isinstance(error, QueryRefused)
    reason = "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in str(error))
    print(f"{'refused' if refused else 'cannot read'}: {reason}", file=sys.stderr)
    return 1 if refused else 2


def _escape(text: str) -> str:
    return text.encode("unicode_escape").decode()


def _plain(value: Any) -> str | int | float:
    if isinstance(value, decimal.Decimal):  # sums and HUGEINT
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else str(_plain(value))
    safe = "".join(c if c.isprintable() else _escape(c) for c in text[:MAX_CELL])
    return safe + "…" if len(text) > MAX_CELL else safe
