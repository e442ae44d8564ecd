"""Rules that fired: the newest, and whether somebody has decided about them."""

from typing import Any

from app.auditing.asking import KEEP_S, Asking
from app.auth import Principal
from app.literals import of_tenant

MOST = 500


async def alerts(asking: Asking, who: Principal, *, still_open: bool | None) -> dict[str, Any]:
    """At most MOST; a tenant sees those that name it, and those of nobody that are about a request of its own."""
    return {"alerts": [dict(row) for row in await asking.rows(_sql(who, still_open), KEEP_S)]}


def _sql(who: Principal, still_open: bool | None) -> str:
    state = "true" if still_open is None else "a.open" if still_open else "not a.open"
    mine = of_tenant(who)
    about = f"select request_id from records where kind = 'request' and {mine}"  # noqa: S608 quoted
    within = f"({of_tenant(who, 'r.tenant')} or r.tenant = '' and a.about in ({about}))"
    return (
        "select a.request_id, epoch_us(a.ts) as ts, a.rule, a.severity, a.about, a.value, a.open "  # noqa: S608 quoted
        "from alerts a join records r on r.origin = a.origin and r.idx = a.idx "
        f"where r.kind = 'alert' and {state} and {within} order by a.ts desc, a.origin, a.idx desc limit {MOST}"
    )
