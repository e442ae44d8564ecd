"""The policy in force. Thresholds may change while the graph runs, but never before the control log says so."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.control import ControlView
from audit.errors import AuditError
from audit.record import Entry, Kind
from deployments.ports import ServiceUnavailable
from guards.errors import PolicyError
from guards.guard import Guard
from guards.judge import Judge
from guards.policy import Policy
from guards.scores import Scorer

AGAIN_AFTER_S = 5.0

logger = logging.getLogger("ray.serve")


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy and the guard that judges by it. A question is judged to its end by the rules that it began under."""

    policy: Policy
    guard: Guard


class Rulebook:
    """Holds the rules in force; starts with the shipped ones. `digests` are the guard's and the terms'."""

    def __init__(
        self,
        shipped: Policy,
        scorer: Scorer,
        timeout_s: float,
        control: ControlView,
        digests: tuple[str, str],
        judge: Judge | None = None,
    ) -> None:
        self._shipped = shipped
        self._scorer = scorer
        self._timeout_s = timeout_s
        self._control = control
        self._digests = digests
        self._judge = judge
        self._turn = asyncio.Lock()
        self._again: asyncio.Task[None] | None = None
        self.rules = self._rules(shipped)

    async def change(self, changes: Mapping[str, Any] | None) -> None:
        """Put the shipped policy with these changes in force once that is on record; see `Policy.overridden`.

        Raises PolicyError for wrong changes, ServiceUnavailable or an AuditError when the log does not take the
        record; what was in force stays then.
        """
        policy = self._shipped.overridden(changes)
        guard_digest, terms_digest = self._digests
        fields = {"policy_digest": policy.digest, "guard_digest": guard_digest, "terms_digest": terms_digest}
        async with self._turn:
            await self._control.refresh()
            if self._control.state.policy != fields:
                await self._control.log.append([Entry.operational(Kind.policy, fields, actor="gateway")])
            self.rules = self._rules(policy)

    async def adopt(self, changes: Mapping[str, Any] | None) -> None:
        """What an operator wishes, for Serve's `reconfigure`: never raises, since Serve would kill a replica that did.

        Wrong changes are refused with an error in the service's log and an alert in the control log. While the control
        log takes no record, the newest wish is tried again and again.
        """
        if self._again:
            self._again.cancel()
            self._again = None
        if not await self._settled(changes):
            self._again = asyncio.create_task(self._until_settled(changes))

    async def _settled(self, changes: Mapping[str, Any] | None) -> bool:
        try:
            await self.change(changes)
        except PolicyError as error:
            logger.error("thresholds refused, those in force stay: %s", error)
            alert = {"rule": "thresholds_refused", "severity": "warning"}
            with contextlib.suppress(ServiceUnavailable, AuditError):
                await self._control.log.append([Entry.operational(Kind.alert, alert, actor="gateway")])
        except (ServiceUnavailable, AuditError) as error:
            logger.warning("thresholds stay until the log takes their record: %s", error)
            return False
        return True

    async def _until_settled(self, changes: Mapping[str, Any] | None) -> None:
        while True:
            await asyncio.sleep(AGAIN_AFTER_S)
            if await self._settled(changes):
                return

    def _rules(self, policy: Policy) -> Rules:
        return Rules(policy, Guard(policy, self._scorer, self._timeout_s, self._judge))
