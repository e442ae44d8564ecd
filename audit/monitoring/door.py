"""The audit log as a receiver of alerts, through the server's records door."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.client import AuditClient
from audit.errors import RemoteError
from audit.monitoring.alert import Alert
from audit.monitoring.errors import NotDelivered

BATCH = 100  # of the 256 records that a body may hold: a burst of alerts must not meet the door's rate limit
TAKEN = "IdempotencyConflict"  # another monitor was first, and measured another value
UNFIT = "BadEntry"


@dataclass(frozen=True, slots=True)
class Door:
    """Appends alerts as records."""

    client: AuditClient

    def __call__(self, alerts: Sequence[Alert]) -> dict[str, str]:
        """Append them; why which were not taken, by id. NotDelivered if none was looked at."""
        left = self._append(alerts)
        named = [alert for alert in alerts if alert.subject is not None and left.get(alert.id, "").startswith(UNFIT)]
        if named:  # the log names nobody who was erased since
            left = {name: why for name, why in left.items() if name not in {alert.id for alert in named}}
            left |= self._append([alert.unnamed() for alert in named])
        return left

    def _append(self, alerts: Sequence[Alert]) -> dict[str, str]:
        try:
            results = self.client.append([alert.entry() for alert in alerts])
        except (RemoteError, http.client.HTTPException) as error:
            raise NotDelivered(str(error)[:300]) from error
        objections = {alert.id: _objection(result) for alert, result in zip(alerts, results, strict=True)}
        return {name: why for name, why in objections.items() if why is not None}


def _objection(result: Any) -> str | None:
    """Why a record was not taken; None if the log has it."""
    if isinstance(result, dict) and "receipt" in result:
        return None
    error = result.get("error") if isinstance(result, dict) else None
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else ("no receipt", result)
    return None if code == TAKEN else f"{code}: {str(message)[:300]}"
