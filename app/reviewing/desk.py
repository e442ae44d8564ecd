"""The review desk: what awaits a reviewer, and the records that claim, label and decide it. The queue is a view.

Two reviewers never hold one item: a claim is a record with `if_last`, so of two at once the log takes one. A lease that
nobody gives back ends by itself. Two reviewers label without seeing each other's label; who decides a dispute is a
third. Nobody judges an exchange of their own, or of another tenant: gold items, which are made for reviewers, are
everybody's, and the operator's reviewers see all.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from uuid_utils import uuid7

from app.auth import GOLD, OPERATOR, Principal
from app.errors import BadRequest, Fault, NotAllowed, NotFound, Taken
from app.literals import ID, quoted
from app.reviewing.agreement import agreement
from audit.errors import BadEntry, NotLast
from audit.kinds import EXCHANGE
from audit.receipt import Receipt
from audit.record import Entry, Kind
from deployments.ports import LogPort, ServiceUnavailable

LEASE_S = 900
STATES = ("open", "labelled", "agreed", "disputed", "decided")
REASONS = ("alert", "appeal", "finding", "disagreement", "doubt", "flagged", "random")
MOST_ITEMS = 200
MOST_SIMILAR = 5
MOST_APPEALS = 10
_COLUMNS = (
    "about, ts, due, reasons, priority, tenant, subject, action, category, score, state, labels, labelled_by, held_by, "
    "held_until, last, decision"
)

UNJUDGED: dict[str, Any] = {"ts": None, "action": None, "category": None, "score": None, "checks": [], "finish": None}
"""What is told of a record that is no part of an exchange: a finding's fields would say what its author expects."""

Ask = Callable[[str], Sequence[Mapping[str, Any]]]
"""Rows of one SELECT over the log's views; blocks."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the view `review_queue`."""

    about: str
    ts: datetime
    due: datetime
    reasons: Sequence[str]
    priority: int
    tenant: str | None
    subject: str | None
    action: str | None
    category: str | None
    score: float | None
    state: str
    labels: int
    labelled_by: Sequence[str]
    held_by: str | None
    held_until: datetime | None
    last: int
    decision: str | None

    def describe(self, tag: str) -> dict[str, Any]:
        """What a reviewer is shown before they labelled: nothing of what others think."""
        held = self.held_until.isoformat() if self.held_until and self.held_by == tag else None
        return {
            "about": self.about, "since": self.ts.isoformat(), "due": self.due.isoformat(),
            "overdue": self.due < datetime.now(UTC), "reasons": list(self.reasons),
            "priority": self.priority, "action": self.action, "category": self.category, "score": self.score,
            "state": self.state, "labels": self.labels, "held_until": held,
        }  # fmt: skip


class Desk:
    """The queue of one root, and what reviewers do with it."""

    def __init__(self, ask: Ask, control: LogPort) -> None:
        self._ask = ask
        self._control = control

    async def items(
        self, who: Principal, tag: str, states: Sequence[str], limit: int, *, reason: str = "", overdue: bool = False
    ) -> list[Item]:
        """What this reviewer may take up, the most urgent and then the oldest first; `reason` empty: for any."""
        _require_known("state", states, STATES)
        _require_known("reason", [reason] if reason else [], REASONS)
        named = ", ".join(f"'{state}'" for state in states)
        why = f"list_contains(reasons, '{reason}')" if reason else "true"
        late = "due < now()" if overdue else "true"
        return await self._rows(
            f"where {_within(who)} and state in ({named}) and {why} and {late} and subject is distinct from '{tag}' "
            f"and not list_contains(labelled_by, '{tag}') and (held_by is null or held_by = '{tag}') "
            f"order by priority desc, ts limit {min(limit, MOST_ITEMS)}"
        )

    async def item(self, who: Principal, about: str) -> Item:
        """One item; raises NotFound, for another tenant's too."""
        rows = await self._rows(f"where {_within(who)} and about = '{about}'") if ID.fullmatch(about) else []
        if not rows:
            raise NotFound("expected the id of something that awaits review")
        return rows[0]

    async def similar(self, who: Principal, tag: str, about: str) -> list[Item]:
        """What was decided alike, nearest by score: of the same action and category, decided ones first. NotFound."""
        item = await self.item(who, about)
        if item.action is None:
            return []
        category = "null" if item.category is None else quoted(item.category)
        score = "null" if item.score is None else f"{item.score!r}"
        return await self._rows(
            f"where {_within(who)} and about <> '{about}' and subject is distinct from '{tag}' "
            f"and action = {quoted(item.action)} and category is not distinct from {category} "
            f"order by state = 'decided' desc, abs(score - {score}) nulls last, ts desc limit {MOST_SIMILAR}"
        )

    async def judged(self, item: Item) -> dict[tuple[str, int], dict[str, Any]]:
        """By kind and number, what the guard made of each record of the item's exchange; never text."""
        kinds = ", ".join(f"'{kind}'" for kind in sorted(EXCHANGE))
        rows = await asyncio.to_thread(
            self._ask,
            "select kind, seq, ts, action, category, score, fields from records "  # noqa: S608 checked and quoted
            f"where request_id = '{item.about}' and kind in ({kinds}) and {_of(item)}",
        )
        return {(row["kind"], row["seq"]): _judged(row) for row in rows}

    async def appeals(self, item: Item) -> list[dict[str, Any]]:
        """Request id and time of the appeals about it, the latest first."""
        if "appeal" not in item.reasons:
            return []
        sql = (
            f"select request_id, ts from reviews where kind = 'appeal' and about = '{item.about}' "  # noqa: S608 likewise
            f"and {_of(item)} order by ts desc limit {MOST_APPEALS}"
        )
        return [dict(row) for row in await asyncio.to_thread(self._ask, sql)]

    async def claim(self, who: Principal, tag: str, about: str) -> Receipt:
        """A lease of LEASE_S. Raises Taken when somebody else has it, NotAllowed for this reviewer's own exchange."""
        item = await self.item(who, about)
        self._require_stranger(item, tag)
        if item.held_by not in (None, tag):
            raise Taken("somebody else is at this item; take another", code="item_taken")
        until = int(datetime.now(UTC).timestamp() + LEASE_S) * 1_000_000
        return await self._append(who, tag, item, {"decision": "claim", "until_us": until})

    async def release(self, who: Principal, tag: str, about: str) -> Receipt:
        """Give a lease back."""
        return await self._append(who, tag, await self.held(who, tag, about), {"decision": "release"})

    async def label(self, who: Principal, tag: str, about: str, said: Mapping[str, Any], note: str | None) -> Receipt:
        """What it was, and what should have happened; needs the lease, and ends it."""
        item = await self.held(who, tag, about)
        if tag in item.labelled_by:
            raise NotAllowed("you have labelled this; a second label is somebody else's", code="already_labelled")
        return await self._append(who, tag, item, {"decision": "label", **said}, note)

    async def decide(self, who: Principal, tag: str, about: str, said: Mapping[str, Any], note: str | None) -> Receipt:
        """Uphold or overturn what was done; a dispute is decided by somebody who has not labelled it."""
        item = await self.held(who, tag, about)
        if item.state not in ("agreed", "disputed"):
            raise NotAllowed(f"expected two labels before a decision, found {item.labels}", code="labels_lacking")
        if item.state == "disputed" and tag in item.labelled_by:
            raise NotAllowed("a dispute is decided by somebody who has not labelled it", code="own_label")
        return await self._append(who, tag, item, dict(said), note)

    async def agreement(self, who: Principal, tag: str) -> dict[str, Any]:
        """See app.reviewing.agreement; among the reviewers of a tenant, or for the operator among all."""
        labels = (
            f"select about, reviewer, label from reviews where decision = 'label' and {_among(who, tag)} order by idx"  # noqa: S608 quoted
        )
        gold = f"select request_id, category from findings where source = 'gold' and tenant = {quoted(GOLD)}"  # noqa: S608
        said, known = await asyncio.to_thread(lambda: (self._ask(labels), self._ask(gold)))
        return agreement(said, {row["request_id"]: row["category"] for row in known})

    async def held(self, who: Principal, tag: str, about: str) -> Item:
        """The item, while this reviewer holds its lease; raises Taken."""
        item = await self.item(who, about)
        self._require_stranger(item, tag)
        if item.held_by != tag:
            raise Taken("claim the item first: you do not hold its lease", code="not_held")
        return item

    @staticmethod
    def _require_stranger(item: Item, tag: str) -> None:
        if item.subject == tag:
            raise NotAllowed("nobody reviews an exchange of their own", code="own_exchange")

    async def _append(
        self, who: Principal, tag: str, item: Item, fields: dict[str, Any], note: str | None = None
    ) -> Receipt:
        """A note is kept under the key of whom it is about; where that is nobody, under the reviewer's own."""
        about = {"about": item.about, "reviewer": tag} | fields
        subject, whose = ("", item.subject) if item.subject else (who.subject, None)
        tenant = (item.tenant or "") if item.subject else who.tenant
        entry = Entry(
            Kind.review, str(uuid7()), 0, tenant, subject, about, note, "reviewer",
            (f"review/{item.about}", item.last), whose,
        )  # fmt: skip
        try:
            return (await asyncio.shield(self._control.append([entry])))[0]
        except NotLast as error:
            raise Taken("somebody else was quicker; look again", code="item_taken") from error
        except BadEntry as error:  # erased since the queue was read
            raise NotFound("whom this is about has been erased") from error
        except ServiceUnavailable as error:
            raise Fault("the log does not answer", code="log_unavailable") from error

    async def _rows(self, rest: str) -> list[Item]:
        rows = await asyncio.to_thread(self._ask, f"select {_COLUMNS} from review_queue {rest}")  # noqa: S608 checked above
        return [Item(**row) for row in rows]


def _require_known(param: str, came: Sequence[str], known: Sequence[str]) -> None:
    """Raises BadRequest."""
    if wrong := [each for each in came if each not in known]:
        raise BadRequest(f"expected {param}s of {', '.join(known)}, came {wrong[0][:40]!r}", param=param)


def _judged(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = json.loads(row["fields"])
    checks = [
        {"check": each["check"], "action": each["action"], "category": each["category"],
         "score": None if each["score_ppm"] is None else each["score_ppm"] / 1_000_000}
        for each in fields.get("checks", [])
    ]  # fmt: skip
    told = {name: row[name] for name in ("action", "category", "score")}
    return told | {
        "ts": row["ts"].isoformat(), "checks": checks, "finish": fields.get("finish_reason") or fields.get("cause"),
    }  # fmt: skip


def _of(item: Item) -> str:
    """Condition on `tenant`: others may append under an id that they know."""
    return "true" if item.tenant is None else f"tenant = {quoted(item.tenant)}"


def _within(who: Principal) -> str:
    """Condition on `tenant`: what these reviewers may see."""
    return "true" if who.tenant == OPERATOR else f"tenant in ({quoted(who.tenant)}, {quoted(GOLD)})"


def _among(who: Principal, tag: str) -> str:
    """Condition on `tenant` and `reviewer`: labels of the tenant's items, and its people's labels of gold items."""
    if who.tenant == OPERATOR:
        return "true"
    mine = f"tenant = {quoted(who.tenant)}"
    theirs = f"reviewer = '{tag}' or reviewer in (select subject from records where {mine})"  # noqa: S608 quoted
    return f"({mine} or tenant = {quoted(GOLD)} and ({theirs}))"
