"""Attempts as records: one finding each, under the id of the attempt, so that to repeat changes nothing."""

import time
from collections.abc import Sequence
from typing import Any

from audit.client import AuditClient
from audit.errors import RemoteError
from audit.record import Entry, Kind
from train.attack.attempt import Tried
from train.attack.errors import TargetError

BATCH = 256  # what the records door takes at once
TRIES, WAIT_S = 4, 5.0


def entry(campaign: str, tried: Tried) -> Entry:
    """The finding. Its request_id is the attempt's, `about` that of the exchange."""
    attempt, answer = tried.attempt, tried.answer
    fields: dict[str, Any] = {
        "campaign": campaign, "attack": attempt.technique, "outcome": tried.outcome, "about": answer.request_id,
        "category": attempt.category, "expected": attempt.expected, "seed": attempt.seed, "source": "tool",
        "score_ppm": None if answer.score is None else round(answer.score * 1_000_000),
        "severity": {"bypass": "high", "caught": "low", "false_refusal": "low"}.get(tried.outcome),
    }  # fmt: skip
    return Entry(Kind.finding, attempt.id, 0, "", "", fields, actor="redteam").checked()


def record(client: AuditClient, campaign: str, tried: Sequence[Tried]) -> None:
    """Append all; the log has them when this returns. Raises TargetError for one not taken, RemoteError for none."""
    for start in range(0, len(tried), BATCH):
        results = _append(client, [entry(campaign, each) for each in tried[start : start + BATCH]])
        lost = [result["error"] for result in results if "receipt" not in result]
        if lost:
            raise TargetError(f"expected a receipt for every finding, got none for {len(lost)}: {str(lost[0])[:300]}")


def _append(client: AuditClient, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    for _ in range(TRIES - 1):
        try:
            return client.append(entries)
        except RemoteError:
            time.sleep(WAIT_S)  # a writer that was restarted is back by then
    return client.append(entries)
