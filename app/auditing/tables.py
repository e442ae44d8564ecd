"""One SELECT of an auditor's own: bounded, and its result as JSON that every client reads alike."""

import asyncio
import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from app.auditing.asking import SECONDS, Asking
from app.errors import BadRequest
from audit.errors import QueryRefused
from audit.sandbox import Bounds

MOST_ROWS = 1000
MAX_BYTES = 8 * 1024 * 1024
EXACT = 2**53 - 1  # the largest integer that every JSON reader holds (RFC 8259, section 6)
BOUNDS = Bounds(SECONDS, MAX_BYTES, MOST_ROWS + 1)
MAX_REASON = 2000


async def query(asking: Asking, sql: str) -> dict[str, Any]:
    """Columns and at most MOST_ROWS rows; raises BadRequest `query_refused` with DuckDB's reason, Fault.

    For the operator's people alone: what a free SELECT sees cannot be cut by tenant.
    """
    try:
        return await asyncio.to_thread(shown, await asking.table(sql, BOUNDS))
    except (QueryRefused, pa.ArrowException, ValueError, OverflowError) as error:  # the last: times out of any calendar
        raise BadRequest(_printable(str(error)), code="query_refused", param="sql") from error


def shown(table: pa.Table) -> dict[str, Any]:
    """A table by position, since two of its columns may share a name."""
    columns = [[_plain(cell) for cell in column.to_pylist()] for column in table.slice(0, MOST_ROWS).columns]
    return {
        "columns": [{"name": field.name, "type": str(field.type)} for field in table.schema],
        "rows": [list(row) for row in zip(*columns, strict=True)],
        "truncated": table.num_rows > MOST_ROWS,
    }


def _plain(value: Any) -> Any:
    """A cell as JSON, also where it holds others."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _number(value) if isinstance(value, int | float | Decimal) else _written(value)


def _number(value: float | Decimal) -> float | str:
    """What JSON has no number for, or not every reader an exact one, as text."""
    if isinstance(value, Decimal):
        return _number(int(value)) if value == value.to_integral_value() else float(value)
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    return value if math.isfinite(value) else str(value)


def _written(value: Any) -> Any:
    """Times as ISO 8601, durations in seconds, bytes as hex."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.hex() if isinstance(value, bytes) else str(value)


def _printable(reason: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else " " for c in reason[:MAX_REASON]) or "refused"
