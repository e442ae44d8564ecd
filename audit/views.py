"""The views as DuckDB sees them: a dataset per log, the macros that stand for keys, and `views.sql`.

Nothing is read before a query asks for it; text is opened only in rows that a query reaches.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from pyarrow.fs import FileSystem

from audit.sandbox import Files
from audit.scan import LogDataset

if TYPE_CHECKING:
    from audit.opener import Opener

SQL = Path(__file__).with_suffix(".sql")


def install(connection: duckdb.DuckDBPyConnection, logs: Files, filesystem: FileSystem, opener: Opener | None) -> None:
    """Make every view of docs/audit-views.md over these logs."""
    tables = []
    for number, (origin, files) in enumerate(logs.items()):
        connection.register(f"log_{number}", LogDataset(files, filesystem))
        tables.append(f"select '{origin}' as origin, * from log_{number}")  # noqa: S608 - a key's name has no quotes
    connection.execute("create view stored as " + " union all ".join(tables))
    connection.execute("comment on view stored is 'the stored columns of every record: leaf and encrypted content'")
    text = "null::varchar"
    if opener is not None:
        connection.create_function(
            "open_text", opener.column, ["BLOB", "BLOB"], "VARCHAR", type="arrow", null_handling="special"
        )
        text = "open_text(leaf, content)"
    connection.execute(f"create macro has_keys() as {opener is not None}")
    connection.execute(f"create macro text_of(leaf, content) as {text}")
    connection.execute(SQL.read_text())
