"""What was decided, day by day, why, and how far the guard's scores drift. Days are UTC's, today's not yet whole."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from app.auditing.asking import KEEP_S, Asking, Row, together
from app.auditing.drift import DAYS, series
from app.auth import Principal
from app.literals import of_tenant

MOST_DAYS = 90
COUNTS = ("allow", "teach", "refuse", "fault")
_TODAY = "select strftime(now(), '%Y-%m-%d') as day"
# Each exchange counts once: a fault is one, whatever had been decided before.
_DAYS = """select strftime(ts, '%Y-%m-%d') as day,
    count(*) filter (not failed and action in ('ALLOW', 'REDACT')) as allow,
    count(*) filter (not failed and action = 'TEACH') as teach,
    count(*) filter (not failed and action = 'REFUSE') as refuse,
    count(*) filter (failed) as fault
from (
    select ts, action, action is null or finish_reason is not distinct from 'fault' as failed
    from exchanges where {within} and ts >= {since}
) group by day"""
_APPEALS = """select strftime(ts, '%Y-%m-%d') as day, count(*) as appeals
from records where kind = 'appeal' and {within} and ts >= {since} group by day"""
_CATEGORIES = """select category,
    count(*) filter (action = 'REFUSE') as refuse, count(*) filter (action = 'TEACH') as teach
from exchanges where {within} and ts >= {since} and action in ('REFUSE', 'TEACH') and category is not null
group by category order by refuse desc, teach desc, category"""
_SCORES = """select strftime(ts, '%Y-%m-%d') as day, round(score * 1000)::integer as thousandth, count(*) as n
from records where kind = 'request' and action is not null and score is not null and {within}
    and ts >= {since} - to_days({more}) and fields ->> 'role' <> 'redteam'
group by day, thousandth"""


async def trends(asking: Asking, who: Principal, days: int) -> dict[str, Any]:
    """The last `days` days of this principal's tenant, or of all for the operator's people; raises Fault."""
    (found,) = await asking.rows(_sql(who, days), KEEP_S)
    today = date.fromisoformat(found["today"][0]["day"])
    shown = [today - timedelta(back) for back in reversed(range(days))]
    counted = {row["day"]: row for row in found["days"] or ()}
    appealed = {row["day"]: row["appeals"] for row in found["appeals"] or ()}
    told = [_day(day.isoformat(), counted, appealed) for day in shown]
    indexes = await asyncio.to_thread(series, _histograms(found["scores"] or ()), shown)
    return {
        "days": told,
        "categories": [dict(row) for row in found["categories"] or ()],
        "drift": [{"day": day.isoformat(), "psi": index} for day, index in zip(shown, indexes, strict=True)],
        "faults": sum(one["fault"] for one in told),
    }


def _sql(who: Principal, days: int) -> str:
    since = f"date_trunc('day', now()) - to_days({days - 1:d})"
    asked = {"today": _TODAY, "days": _DAYS, "appeals": _APPEALS, "categories": _CATEGORIES, "scores": _SCORES}
    within = of_tenant(who)
    return together(
        {name: sql.replace("{within}", within).replace("{since}", since).replace("{more}", str(DAYS))
         for name, sql in asked.items()}
    )  # fmt: skip


def _day(day: str, counted: dict[str, Row], appealed: dict[str, int]) -> dict[str, Any]:
    row = counted.get(day, {})
    return {"day": day} | {name: row.get(name, 0) for name in COUNTS} | {"appeals": appealed.get(day, 0)}


def _histograms(rows: Iterable[Row]) -> dict[date, dict[int, int]]:
    by_day: dict[date, dict[int, int]] = defaultdict(dict)
    for row in rows:
        by_day[date.fromisoformat(row["day"])][row["thousandth"]] = row["n"]
    return by_day
