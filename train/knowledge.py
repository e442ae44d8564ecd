"""Ask the knowledge base: `python -m train.knowledge "SQL" [--root URI] [--format table|json|parquet]`.

One SELECT over the views of docs/knowledge.md; without SQL, the views and their columns. The database is made for the
question, sees the Parquet files and nothing else, and can change nothing.
Exit status: 0 answered, 1 refused or failed, 2 cannot read.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SQL = Path(__file__).with_suffix(".sql")
DEFAULT = "var/knowledge"


def open_base(root: str) -> "duckdb.DuckDBPyConnection":
    """A locked database with the views of the knowledge base at a path or URI. Raises OSError, ValueError."""
    import duckdb
    import pyarrow.dataset as ds

    from train import accounts
    from train.parts import located
    from train.records import SCHEMAS

    files, path = located(root)
    listed = list(accounts.read(root)["files"])
    connection = duckdb.connect()
    for name, schema in SCHEMAS.items():
        members = [f"{path}/{each}" for each in listed if each.startswith(f"{name}/")]
        connection.register(name, ds.dataset(members, schema=schema, format="parquet", filesystem=files))
    connection.execute(SQL.read_text())
    connection.execute("set enable_external_access = false; set lock_configuration = true")
    return connection


def ask(root: str, question: str) -> "pa.Table":
    """The answer to one SELECT; raises ValueError for anything else, duckdb.Error, OSError."""
    import duckdb

    with open_base(root) as connection:
        statements = connection.extract_statements(question)
        if len(statements) != 1 or statements[0].type not in {
            duckdb.StatementType.SELECT,
            duckdb.StatementType.EXPLAIN,
        }:
            raise ValueError(f"expected one SELECT, got {len(statements)} statements or another kind")
        return connection.sql(question).to_arrow_table()


_VIEWS = """select table_name as "view", comment,
    (select string_agg(column_name, ', ' order by column_index) from duckdb_columns() c
     where c.table_name = v.view_name) as columns
from (select view_name, view_name as table_name, comment from duckdb_views() where not internal) v order by 1"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.knowledge", description=__doc__.split("\n")[0])
    parser.add_argument("question", nargs="?", metavar="SQL", help="one SELECT; without it, the views are listed")
    parser.add_argument("--root", default=os.environ.get("PRECEPTOR_KNOWLEDGE", DEFAULT), metavar="URI")
    parser.add_argument("--format", choices=("table", "json", "parquet"), default="table")
    options = parser.parse_args(arguments)
    import duckdb

    from audit import render
    from train.errors import KnowledgeError

    try:
        render.show(ask(options.root, options.question or _VIEWS), options.format)
    except (ValueError, duckdb.Error) as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    except (OSError, KnowledgeError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
