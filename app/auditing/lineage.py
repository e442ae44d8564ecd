"""What is the same for every auditor: where models come from, and which views there are."""

import json
from typing import Any

from app.auditing.asking import KEEP_S, Asking, Row

MOST = 200
JSON = ("weights", "gates", "metrics", "sources")
LINEAGE = f"select * replace (epoch_us(ts) as ts) from lineage order by ts desc, idx desc limit {MOST}"  # noqa: S608
VIEWS = (
    "select v.view_name as name, v.comment as about, "
    "list({'name': c.column_name, 'type': c.data_type} order by c.column_index) as columns "
    "from duckdb_views() v join duckdb_columns() c on c.table_name = v.view_name "
    "where v.comment is not null group by all order by name"
)
VIEWS_KEEP_S = 3600.0  # they change with the code alone


async def lineage(asking: Asking) -> dict[str, Any]:
    """The newest promotions, back to run, dataset and sources. Promotions are nobody's, so every auditor sees them."""
    return {"promotions": [_opened(row) for row in await asking.rows(LINEAGE, KEEP_S)]}


async def views(asking: Asking) -> dict[str, Any]:
    """The views that docs/audit-views.md describes, and their columns with DuckDB's types."""
    return {"views": [dict(row) for row in await asking.rows(VIEWS, VIEWS_KEEP_S)]}


def _opened(row: Row) -> dict[str, Any]:
    return dict(row) | {name: json.loads(row[name]) for name in JSON if row[name] is not None}
