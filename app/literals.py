"""Values of callers in SQL: checked and quoted literals, or none at all; for every question over the views."""

import re
from datetime import UTC, datetime, timedelta

from app.auth import OPERATOR, Principal

ID = re.compile(r"[0-9A-Za-z._:-]{1,200}")
"""What an id may look like that goes into SQL between plain quotes."""


def quoted(text: str) -> str:
    """A string literal of standard SQL, in which a quote is doubled and nothing else is special.

    ValueError for NUL, at which DuckDB's parser ends.
    """
    if "\0" in text:
        raise ValueError("expected text without NUL")
    return "'" + text.replace("'", "''") + "'"


def instant(us: int) -> str:
    """A time stamp of DuckDB's, of microseconds since 1970 (UTC)."""
    return f"make_timestamptz({us:d}::bigint)"


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a time; exact, and UTC where it names no zone."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def of_tenant(who: Principal, tenant: str = "tenant") -> str:
    """A condition on the expression `tenant`: the operator's people see every record, others those of their tenant."""
    return "true" if who.tenant == OPERATOR else f"{tenant} = {quoted(who.tenant)}"
