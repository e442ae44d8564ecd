"""The timeline: records by a form, newest first, in pages that neither repeat nor skip what was there.

A page ends with a cursor, the place of its last record in the order (ts, origin, idx), which is total and never
changes. A record that is written while somebody leafs is newer than their first page.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.auditing.asking import Asking
from app.auth import Principal
from app.errors import BadRequest
from app.literals import instant, microseconds, of_tenant, quoted
from audit.kinds import Kind

MOST = 200
TENANT = "json_of(leaf) ->> '$.tenant'"
_CURSOR = re.compile(r"(-?[0-9]{1,18})-([0-9]{1,18})-([A-Za-z0-9._~/-]{1,255})")


def _moment(value: object) -> object:
    """ISO 8601 alone: pydantic would take numbers for seconds."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("expected an ISO 8601 date or time, UTC unless it names a zone") from error
    return value


def _whole(text: str) -> str:
    Cursor.parse(text)
    return text


Moment = Annotated[datetime, BeforeValidator(_moment)]
Printable = Annotated[str, Field(pattern=r"^[ -~]{1,256}$")]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of one record in the order of the timeline."""

    ts: int
    idx: int
    origin: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of what `str` made; ValueError."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise ValueError("expected `next` of the page before")
        return cls(int(match[1]), int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{self.ts}-{self.idx}-{self.origin}"

    def condition(self) -> str:
        """What comes after it; the first part is what the files' statistics can answer."""
        ts = instant(self.ts)
        behind = f"(origin < {quoted(self.origin)} or origin = {quoted(self.origin)} and idx < {self.idx:d})"
        return f"ts <= {ts} and (ts < {ts} or {behind})"


class Form(BaseModel):
    """What is looked for; what is not said does not matter. `since` is in it, `until` no longer is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind | None = None
    action: Literal["ALLOW", "TEACH", "REFUSE", "REDACT"] | None = None
    category: Printable | None = None
    subject: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    request_id: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] | None = None
    since: Moment | None = None
    until: Moment | None = None
    before: Annotated[str, Field(max_length=300), AfterValidator(_whole)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50

    def sql(self, who: Principal) -> str:
        """Leaves of this principal's records alone, one more than the page holds; BadRequest for what fits into none.

        Of the stored columns all but the leaf are read first, so that only what may match is taken apart.
        """
        try:
            conditions = [of_tenant(who, TENANT), *self._conditions()]
        except (ValueError, OverflowError) as error:
            raise BadRequest(f"expected values that a record can have: {error}") from error
        return (
            f"select json_of(leaf) as leaf from stored where {' and '.join(conditions)} "  # noqa: S608 quoted
            f"order by ts desc, origin desc, idx desc limit {self.limit + 1:d}"
        )

    def _conditions(self) -> Sequence[str]:
        same = {
            "kind": self.kind and self.kind.value, "action": self.action, "subject": self.subject,
            "request_id": self.request_id, "field(leaf, 'category')": self.category,
        }  # fmt: skip
        found = [f"{column} = {quoted(value)}" for column, value in same.items() if value is not None]
        found += [f"ts >= {instant(microseconds(self.since))}"] if self.since else []
        found += [f"ts < {instant(microseconds(self.until))}"] if self.until else []
        return found + ([Cursor.parse(self.before).condition()] if self.before else [])


async def events(asking: Asking, who: Principal, form: Form) -> dict[str, Any]:
    """One page of the timeline, and where the next begins; raises BadRequest, Fault."""
    leaves = [json.loads(row["leaf"]) for row in await asking.rows(form.sql(who))]
    page = leaves[: form.limit]
    last = Cursor(page[-1]["ts"], page[-1]["idx"], page[-1]["origin"]) if len(leaves) > len(page) else None
    return {"events": [_event(leaf) for leaf in page], "next": None if last is None else str(last)}


def _event(leaf: dict[str, Any]) -> dict[str, Any]:
    """A leaf without what only a verifier needs; no shape of `audit.shapes` holds text of a person."""
    fields = leaf["fields"]
    score = fields.get("score_ppm")
    envelope = ("origin", "idx", "ts", "kind", "request_id", "seq", "tenant", "subject", "actor")
    return {name: leaf[name] for name in envelope} | {
        "action": fields.get("action"), "category": fields.get("category"),
        "score": None if score is None else score / 1_000_000, "fields": fields,
    }  # fmt: skip
