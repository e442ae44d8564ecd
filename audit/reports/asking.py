"""All questions of a report as one query, so that every section speaks of the same records."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from audit.errors import AuditError, BadKeys
from audit.query import Asker

MAX_ROWS = 20_000  # of one table: what is longer is for audit.query

Row = dict[str, Any]


def ask_all(asker: Asker, questions: Mapping[str, str]) -> dict[str, list[Row] | str]:
    """The rows of every question, at most MAX_ROWS + 1; where there are none to have, why.

    If that fails, each question is put alone, also to files that do not hold what was signed: whoever prints the
    answers must verify the log after, and say so if it is not valid. Raises BadKeys.
    """
    try:
        return dict(_together(asker, questions))
    except BadKeys:
        raise
    except (AuditError, OSError):
        asker.trust_files = True
    return {name: _alone(asker, sql) for name, sql in questions.items()}


def _together(asker: Asker, questions: Mapping[str, str]) -> dict[str, list[Row]]:
    parts = [f'(select list(row_) from (\n{_bounded(sql)}\n) row_) as "{name}"' for name, sql in questions.items()]  # noqa: S608
    (found,) = asker.ask("select " + ",\n".join(parts)).to_pylist()
    return {name: [_plain(row) for row in rows or []] for name, rows in found.items()}


def _alone(asker: Asker, sql: str) -> list[Row] | str:
    try:
        return [_plain(row) for row in asker.ask(_bounded(sql)).to_pylist()]
    except (AuditError, OSError) as error:
        return f"cannot be read: {next(iter(str(error).splitlines()), type(error).__name__)}"


def _bounded(sql: str) -> str:
    return f"select * from (\n{sql.strip()}\n) limit {MAX_ROWS + 1}"  # noqa: S608 - run in the sandbox


def _plain(row: Row) -> Row:
    return {name: _number(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _number(value: Decimal) -> int | float:
    """Sums come as decimals."""
    return int(value) if value == value.to_integral_value() else float(value)
