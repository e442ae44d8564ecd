"""Values as people read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from audit.reports.report import Value
from audit.reports.share import Share

NOTHING = "\N{EN DASH}"
DIGEST_SHOWN = 16  # characters; the JSON form has all of them


def shown(value: Value, unit: str) -> str:
    """One value in its unit; what is not there is a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, list):
        return ", ".join(shown(item, unit) for item in value) or NOTHING
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return _one(value, unit)


def _one(value: Share | datetime | str | float, unit: str) -> str:
    if isinstance(value, Share):
        return f"{value.value:.1%} [{value.low:.1%}, {value.high:.1%}] ({value.hits} of {value.n})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return _scalar(value, unit)


def _scalar(value: str | float, unit: str) -> str:
    if unit == "digest":
        text = str(value)
        return text if len(text) <= DIGEST_SHOWN else f"{text[:DIGEST_SHOWN]}\N{HORIZONTAL ELLIPSIS}"
    if isinstance(value, str) or unit == "text":
        return str(value)
    if unit == "share":
        return f"{value:.1%}"
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
    return f"{number} {unit}" if unit in ("ms", "days") else f"{number} s" if unit == "seconds" else number


def bar_shown(height: float, unit: str) -> str:
    """The number beside a bar."""
    return f"{height:.1%}" if unit == "share" else f"{height:,g}"


def stamped(moment: datetime) -> str:
    """A bound of a period, or when a report was made."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def outcome(valid: bool) -> str:
    """The first thing that every form says."""
    return (
        "The log verifies."
        if valid
        else "THE LOG DOES NOT VERIFY. What follows was read from files that may not be what was signed."
    )


def fault(first_bad: dict[str, Any] | None) -> str:
    """Where a log is broken."""
    if first_bad is None:
        return ""
    at = "" if first_bad["index"] is None else f", record {first_bad['index']}"
    return f"First fault: {first_bad['file']}{at}: {first_bad['reason']}"
