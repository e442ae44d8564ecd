"""What the control log says now: acceptances, passes, revoked keys, model, guard and policy. Kept by tailing it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.errors import Fault
from app.revocations import Revocations
from app.rollout import GUARD, Rollout
from app.signoff import Signoffs
from deployments.ports import LogPort, ServiceUnavailable

STALE_AFTER_S = 10.0
POLL_EVERY_S = 1.0


@dataclass(slots=True)
class ControlState:
    """The fold of the control log's records, by subject tag."""

    accepted: dict[str, set[str]] = field(default_factory=dict)
    passes: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    revoked: Revocations = field(default_factory=Revocations)
    promoted: dict[str, str] = field(default_factory=dict)
    policy: dict[str, str] = field(default_factory=dict)
    rollout: Rollout = field(default_factory=Rollout)
    signoffs: Signoffs = field(default_factory=Signoffs)

    def apply(self, leaf: dict[str, Any]) -> None:
        """Take one record in; kinds that say nothing about the present are passed over."""
        tag, fields = leaf["subject"], leaf["fields"]
        self.revoked.apply(leaf)
        self.signoffs.apply(leaf)
        match leaf["kind"]:
            case "terms":
                self.accepted.setdefault(tag, set()).add(fields["terms_digest"])
            case "pass":
                self.passes.setdefault(tag, {})[fields["category"]] = (
                    fields["policy_digest"],
                    fields["expires_us"],
                )
            case "erase":
                self.accepted.pop(fields["subject"], None)
                self.passes.pop(fields["subject"], None)
            case "policy":
                self.policy = fields
            case "promotion" if fields["name"] == GUARD:
                self.rollout = self.rollout.promoted(fields, leaf["idx"])
            case "alert":
                self.rollout = self.rollout.alerted(fields)
            case "promotion":
                self.promoted[fields["name"]] = fields["model_digest"]

    def is_revoked(self, tag: str, jti: str, issued_us: int) -> bool:
        """Whether this key of the subject was revoked, by its id or with all that are as old."""
        return self.revoked.holds(tag, jti, issued_us)


class ControlView:
    """Tails the control log; refuses to answer from a view older than 10 s."""

    def __init__(
        self, log: LogPort, clock: Callable[[], float] = time.monotonic, signoffs: Signoffs | None = None
    ) -> None:
        self.log = log
        self._clock = clock
        self._next = 0
        self._seen_at = float("-inf")
        self._lock = asyncio.Lock()
        self._tags: dict[tuple[str, str], str] = {}
        self.state = ControlState(signoffs=signoffs or Signoffs())

    async def refresh(self) -> None:
        """Read what is new; raises ServiceUnavailable."""
        async with self._lock:
            while True:
                asked_at = self._clock()
                leaves = await self.log.tail(self._next)
                for leaf in leaves:
                    self._apply(leaf)
                self._next += len(leaves)
                if not leaves:
                    self._seen_at = asked_at
                    return

    def _apply(self, leaf: dict[str, Any]) -> None:
        self.state.apply(leaf)
        if leaf["kind"] == "erase":  # whoever was erased begins anew, under another pseudonym
            gone = leaf["fields"]["subject"]
            self._tags = {who: tag for who, tag in self._tags.items() if tag != gone}

    async def follow(self) -> None:
        """Refresh for ever; an outage only lets the view grow stale."""
        while True:
            with contextlib.suppress(ServiceUnavailable):
                await self.refresh()
            await asyncio.sleep(POLL_EVERY_S)

    @property
    def fresh(self) -> bool:
        """Whether decisions may rest on this view."""
        return self.age_s <= STALE_AFTER_S

    @property
    def age_s(self) -> float:
        """Seconds since the log was last read to its end."""
        return self._clock() - self._seen_at

    async def tag(self, tenant: str, subject: str) -> str:
        """The subject's pseudonym in the control log."""
        key = (tenant, subject)
        if key not in self._tags:
            try:
                self._tags[key] = await self.log.tag(tenant, subject)
            except ServiceUnavailable as error:
                raise Fault("the log does not answer", code="log_unavailable") from error
        return self._tags[key]

    async def has_accepted(self, tag: str, terms_digest: str) -> bool:
        """Whether the subject accepted exactly these terms; looks again before it says no."""
        self.require_fresh()
        if terms_digest not in self.state.accepted.get(tag, ()):
            await self._look_again()
        return terms_digest in self.state.accepted.get(tag, ())

    async def passes(self, tag: str, policy_digest: str) -> frozenset[str]:
        """Categories whose lesson the subject passed under this policy and whose pass has not expired."""
        self.require_fresh()
        now = time.time_ns() // 1000
        held = self.state.passes.get(tag, {})
        return frozenset(c for c, (digest, until) in held.items() if digest == policy_digest and until > now)

    def promoted(self, name: str) -> str:
        """Digest of the model that is active under this name; raises Fault when none is or the view is too old."""
        self.require_fresh()
        if name not in self.state.promoted:
            raise Fault("no model is promoted under this name", code="model_unavailable")
        return self.state.promoted[name]

    def require_fresh(self) -> None:
        """Raises Fault when the view is too old to decide on."""
        if not self.fresh:
            raise Fault("the control log has not been read for 10 s", code="control_log_stale")

    async def _look_again(self) -> None:
        try:
            await self.refresh()
        except ServiceUnavailable as error:
            raise Fault("the log does not answer", code="log_unavailable") from error
