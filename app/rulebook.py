"""The rules in force: policy and guard. Both may change while the graph runs, never before the control log says so."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from uuid_utils import uuid7

from app.control import ControlView
from app.rollout import GUARD, Rollout
from audit.errors import AuditError
from audit.record import Entry, Kind
from deployments.ports import ServiceUnavailable
from guards.errors import PolicyError
from guards.guard import Guard
from guards.judge import Judge
from guards.policy import Policy
from guards.records import Reader
from guards.scores import Scorer

AGAIN_AFTER_S = 5.0
KEEP_UP_EVERY_S = 1.0

logger = logging.getLogger("ray.serve")


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy and the guard that judges by it. A question is judged to its end by the rules that it began under.

    `guard_digest` is what records cite: the weights that judge, those of the second opinion among them.
    """

    policy: Policy
    guard: Guard
    guard_digest: str
    records: Reader  # what this guard lets a model read of the knowledge base


@dataclass(frozen=True, slots=True)
class Weights:
    """Guard weights by digest, as scorers: the shipped ones, those in force, and a challenger's; the judge beside."""

    shipped: str
    live: Callable[[str], Scorer]
    challenger: Callable[[str], Scorer]
    judge: Judge | None = None
    judge_digest: str | None = None

    def cited(self, digest: str) -> str:
        """What records cite of these weights."""
        if self.judge_digest is None:
            return digest
        return hashlib.sha256(f"guard {digest} judge {self.judge_digest}".encode()).hexdigest()


class Rulebook:
    """Holds the rules in force, those of a challenger beside them, and tells which of the two judge whom."""

    def __init__(
        self, shipped: Policy, weights: Weights, timeout_s: float, control: ControlView, terms_digest: str
    ) -> None:
        self._shipped = shipped
        self._weights = weights
        self._timeout_s = timeout_s
        self._control = control
        self._terms_digest = terms_digest
        self._turn = asyncio.Lock()
        self._again: asyncio.Task[None] | None = None
        self._changes: Mapping[str, Any] | None = None
        self._challenger: Rules | None = None
        self.rules = self._rules(shipped, self._live, weights.live)

    def rules_for(self, tenant: str, subject: str) -> Rules:
        """By which rules this person's next question is judged."""
        taken = self._control.state.rollout.takes(tenant, subject)
        return (self.challenger if taken else None) or self.rules

    @property
    def challenger(self) -> Rules | None:
        """The challenger, under the policy in force; None without one."""
        digest = self._control.state.rollout.challenger
        if digest is None:
            return None
        policy, made = self.rules.policy, self._challenger
        if made is None or made.policy is not policy or made.guard_digest != self._weights.cited(digest):
            self._challenger = made = self._rules(policy, digest, self._weights.challenger)
        return made

    @property
    def shadow(self) -> Rules | None:
        """The challenger while it is only watched."""
        return self.challenger if self._control.state.rollout.stage == "shadow" else None

    async def change(self, changes: Mapping[str, Any] | None) -> None:
        """Put the shipped policy with these changes, and the guard promoted last, in force once that is on record.

        See `Policy.overridden`. Raises PolicyError for wrong changes, ServiceUnavailable or an AuditError when the log
        does not take the record; what was in force stays then.
        """
        policy = self._shipped.overridden(changes)
        async with self._turn:
            await self._control.refresh()
            rules = self._rules(policy, self._live, self._weights.live)
            fields = {
                "policy_digest": policy.digest,
                "guard_digest": rules.guard_digest,
                "terms_digest": self._terms_digest,
            }
            if self._control.state.policy != fields:
                await self._control.log.append([Entry.operational(Kind.policy, fields, actor="gateway")])
            self.rules, self._changes = rules, changes

    async def follow(self) -> None:
        """Keep up with the control log for ever; what the log does not take is tried again."""
        while True:
            await asyncio.sleep(KEEP_UP_EVERY_S)
            with contextlib.suppress(ServiceUnavailable, AuditError):
                await self.keep_up()

    async def keep_up(self) -> None:
        """Take a halted challenger back on record, and put a guard that was promoted since in force."""
        rollout = self._control.state.rollout
        if rollout.halted is not None:
            about = {"event": "challenger_taken_back", "digest": rollout.halted}
            logger.error("the challenger %s is taken back after an alert", rollout.halted[:12], extra=about)
            await self._control.log.append([_taken_back(self._live, rollout)])
            await self._control.refresh()
        if self.rules.guard_digest != self._weights.cited(self._live):
            await self.change(self._changes)

    @property
    def _live(self) -> str:
        return self._control.state.rollout.live or self._weights.shipped

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
            about = {"event": "thresholds_refused"}
            logger.error("thresholds refused, those in force stay: %s", error, extra=about)
            alert = {"rule": "thresholds_refused", "severity": "warning"}
            with contextlib.suppress(ServiceUnavailable, AuditError):
                await self._control.log.append([Entry.operational(Kind.alert, alert, actor="gateway")])
        except (ServiceUnavailable, AuditError) as error:
            about = {"event": "thresholds_wait"}
            logger.warning("thresholds stay until the log takes their record: %s", error, extra=about)
            return False
        return True

    async def _until_settled(self, changes: Mapping[str, Any] | None) -> None:
        while True:
            await asyncio.sleep(AGAIN_AFTER_S)
            if await self._settled(changes):
                return

    def _rules(self, policy: Policy, digest: str, scorers: Callable[[str], Scorer]) -> Rules:
        guard = Guard(policy, scorers(digest), self._timeout_s, self._weights.judge)
        return Rules(policy, guard, self._weights.cited(digest), Reader(guard))


def _taken_back(live: str, rollout: Rollout) -> Entry:
    """The promotion that ends a challenger's part. Of several Gateways that say so the log takes one."""
    fields: dict[str, Any] = {
        "name": GUARD, "model_digest": live, "base": GUARD, "adapter_digest": None, "weights": {}, "gate": "alert",
    }  # fmt: skip
    condition = (f"promotion/{GUARD}", rollout.last)
    return Entry(Kind.promotion, str(uuid7()), 0, "", "", fields, actor="gateway", if_last=condition)
