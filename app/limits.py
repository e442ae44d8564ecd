"""Rate limits per principal: requests and tokens per minute, and requests at a time. The clock is passed in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.auth import Principal, Role
from app.errors import RateLimited
from app.settings import Limits


@dataclass(slots=True)
class Bucket:
    """Token bucket that holds one minute's worth."""

    per_minute: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        """Add what has accrued since the last look."""
        self.level = min(self.per_minute, self.level + (now - self.at) * self.per_minute / 60)
        self.at = now

    def wait_s(self, amount: float) -> int:
        """Seconds until `amount` is there, at least 1."""
        return max(1, int((amount - self.level) * 60 / self.per_minute) + 1)


@dataclass(slots=True)
class Usage:
    """What one principal has used."""

    requests: Bucket
    tokens: Bucket
    running: int = 0


@dataclass(slots=True)
class Limiter:
    """Admits or raises RateLimited; forgets principals that are idle and full."""

    limits: Limits
    clock: Callable[[], float]
    _usage: dict[tuple[str, str, Role], Usage] = field(default_factory=dict)

    def check(self, principal: Principal) -> None:
        """Count one request; raises RateLimited when the principal has no place, request or token left."""
        usage = self._of(principal)
        self._check(usage)
        usage.requests.level -= 1

    @contextmanager
    def place(self, principal: Principal) -> Iterator[None]:
        """Hold one place while a request runs; raises RateLimited when all are taken."""
        usage = self._of(principal)
        if usage.running >= self.limits.concurrent:
            raise RateLimited(f"expected at most {self.limits.concurrent} requests at a time", retry_after_s=1)
        usage.running += 1
        try:
            yield
        finally:
            usage.running -= 1

    def spend(self, principal: Principal, tokens: int) -> None:
        """Charge the tokens of a finished answer; may overdraw, which the next request waits for."""
        self._of(principal).tokens.level -= tokens

    def headers(self, principal: Principal) -> dict[str, str]:
        """The x-ratelimit-* family that OpenAI clients read."""
        usage = self._of(principal)
        return {
            "x-ratelimit-limit-requests": str(usage.requests.per_minute),
            "x-ratelimit-remaining-requests": str(max(0, int(usage.requests.level))),
            "x-ratelimit-limit-tokens": str(usage.tokens.per_minute),
            "x-ratelimit-remaining-tokens": str(max(0, int(usage.tokens.level))),
        }

    def _check(self, usage: Usage) -> None:
        if usage.running >= self.limits.concurrent:
            raise RateLimited(f"expected at most {self.limits.concurrent} requests at a time", retry_after_s=1)
        if usage.requests.level < 1:
            raise RateLimited("over the limit of requests per minute", retry_after_s=usage.requests.wait_s(1))
        if usage.tokens.level < 1:
            raise RateLimited("over the limit of tokens per minute", retry_after_s=usage.tokens.wait_s(1))

    def _of(self, principal: Principal) -> Usage:
        now, key = self.clock(), (principal.tenant, principal.subject, principal.role)
        if key not in self._usage:
            self._forget_idle(now)
            requests, tokens = self._per_minute(principal.role)
            self._usage[key] = Usage(Bucket(requests, requests, now), Bucket(tokens, tokens, now))
        usage = self._usage[key]
        usage.requests.refill(now)
        usage.tokens.refill(now)
        return usage

    def _per_minute(self, role: Role) -> tuple[int, int]:
        """Requests and tokens. Attacks that were ordered have bounds of their own, and take nothing from a person's."""
        if role is Role.REDTEAM:
            return self.limits.redteam_requests_per_minute, self.limits.redteam_tokens_per_minute
        return self.limits.requests_per_minute, self.limits.tokens_per_minute

    def _forget_idle(self, now: float) -> None:
        if len(self._usage) < 10_000:
            return
        self._usage = {key: use for key, use in self._usage.items() if use.running or now - use.requests.at < 120}
