"""A campaign as the log tells it: its findings, joined with the exchanges that they are about. No text is opened."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.query import query
from train.attack.attempt import Answer, Ending, Outcome
from train.attack.errors import AttackError
from train.attack.figures import Observed

LOOK_S = 1.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_EXCHANGE = """
    e.request_id, e.action, e.category as judged, e.score, e.finish_reason, r.stage, e.model_digest, e.guard_digest,
    e.policy_digest
"""
_FINDINGS = """
select f.request_id as attempt, f.attack, f.seed, f.category, f.expected, f.outcome, {exchange}
from findings f
left join exchanges e on e.request_id = f.about
left join refusals r on r.request_id = f.about
where f.campaign = '{campaign}' order by attempt
"""
_ASKED = """
select split_part(q.fields ->> '$.client_request_id', '/', 2) as attempt, {exchange}
from records q
join exchanges e on e.request_id = q.request_id
left join refusals r on r.request_id = q.request_id
where q.kind = 'request' and starts_with(q.fields ->> '$.client_request_id', '{campaign}/') order by q.ts
"""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: what its exchange shows, and the outcome that the finding claims."""

    observed: Observed
    claimed: Outcome
    guard_digest: str | None


def findings(root: str | Path, campaign: str) -> list[Found]:
    """All findings of a campaign, by attempt. Raises AttackError when there are none, AuditError, OSError."""
    rows = _ask(root, _FINDINGS, campaign)
    if not rows:
        raise AttackError(f"expected findings of campaign {campaign!r} in {root}, found none")
    return [
        Found(
            Observed(row["attempt"], row["attack"], row["seed"], row["category"], row["expected"], _ending(row)),
            row["outcome"],
            row["guard_digest"],
        )
        for row in rows
    ]


def answers(root: str | Path, campaign: str) -> dict[str, Answer]:
    """By attempt, the last answer that it got: what became of attempts of a run that was cut off.

    Waits for answers that are still being made; past the tutor's deadline the log calls them interrupted.
    """
    rows = _ask(root, _ASKED, campaign)
    while any(row["finish_reason"] is None for row in rows):
        time.sleep(LOOK_S)
        rows = _ask(root, _ASKED, campaign)
    return {row["attempt"]: _answer(row) for row in rows if _ending(row) != "failed"}


def _ask(root: str | Path, sql: str, campaign: str) -> list[dict[str, Any]]:
    if _NAME.fullmatch(campaign) is None:
        raise AttackError(f"expected the name of a campaign, got {campaign[:100]!r}")
    found: list[dict[str, Any]] = query(root, sql.format(exchange=_EXCHANGE, campaign=campaign)).to_pylist()
    return found


def _ending(row: dict[str, Any]) -> Ending:
    if row["finish_reason"] == "content_filter":
        return "refused" if row["stage"] == "prompt" else "cut"
    return {"lesson": "lesson", "stop": "answered", "length": "answered"}.get(row["finish_reason"], "failed")  # type: ignore[return-value]


def _answer(row: dict[str, Any]) -> Answer:
    ending = _ending(row)
    return Answer(
        ending, action=row["action"], category=row["judged"], score=row["score"], finish_reason=row["finish_reason"],
        request_id=row["request_id"], model_digest=row["model_digest"], guard_digest=row["guard_digest"],
        policy_digest=row["policy_digest"], status=400 if ending == "refused" else 200,
    )  # fmt: skip
