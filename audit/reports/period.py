"""The time that a report is about: UTC, from its start on, up to and without its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from audit.reports.errors import BadOrder


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end), both aware and in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def parse(cls, start: str, end: str) -> Self:
        """Of two ISO 8601 dates or times; what names no zone is UTC, a date is its first moment. BadOrder."""
        period = cls(_moment("--from", start), _moment("--to", end))
        if period.start >= period.end:
            raise BadOrder(f"period: expected --from before --to, got {start} and {end}")
        return period

    def fill(self, sql: str) -> str:
        """`sql` with the bounds in place of $start and $end; they are times of ours, never what somebody typed."""
        return sql.replace("$start", _literal(self.start)).replace("$end", _literal(self.end))


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadOrder(f"{option}: expected an ISO date or time such as 2026-11-01, got {text[:64]!r}") from error


def _literal(moment: datetime) -> str:
    return f"timestamptz '{moment.isoformat(sep=' ')}'"
