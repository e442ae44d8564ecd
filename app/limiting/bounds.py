"""Which bounds hold for whom. Rules only: what was used is kept elsewhere."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from limits import RateLimitItemPerMinute

from app.auth import Principal, Role
from app.settings import Limits

WINDOW_S = 60


class Unit(StrEnum):
    """What is counted, in the words of the RateLimit-Policy field; `tokens` is ours."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENT = "concurrent-requests"


@dataclass(frozen=True, slots=True)
class Bound:
    """At most `amount` for one party: a person in a role, or a tenant. `policy` is the bound's name for clients."""

    policy: str
    unit: Unit
    amount: int
    party: str

    @property
    def per_minute(self) -> RateLimitItemPerMinute:
        """The same for the `limits` library."""
        return RateLimitItemPerMinute(self.amount, namespace=self.policy)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a bound per minute, and the seconds until more is."""

    bound: Bound
    remaining: int
    reset_s: int


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names as counts are filed under: keyed, so that who reads the counts cannot try out names (BLAKE2, RFC 7693)."""

    secret: bytes

    def of(self, *names: str) -> str:
        """The same for the same names in the same order."""
        told = b"".join(len(name.encode()).to_bytes(4) + name.encode() for name in names)
        return hashlib.blake2b(told, key=self.secret, digest_size=16).hexdigest()


def bounds_of(who: Principal, limits: Limits, names: Pseudonyms) -> tuple[Bound, ...]:
    """The person's bounds, then the tenant's. Attacks that were ordered have bounds of their own: they take nothing
    from a person's, nor from the tenant's."""
    red = who.role is Role.REDTEAM
    own = {
        Unit.REQUESTS: limits.redteam_requests_per_minute if red else limits.requests_per_minute,
        Unit.TOKENS: limits.redteam_tokens_per_minute if red else limits.tokens_per_minute,
        Unit.CONCURRENT: limits.concurrent,
    }
    person = _bounds("", own, names.of(who.tenant, who.subject, who.role))
    if red:
        return person
    given = limits.tenants.get(who.tenant, limits.each_tenant)
    together = {
        Unit.REQUESTS: given.requests_per_minute,
        Unit.TOKENS: given.tokens_per_minute,
        Unit.CONCURRENT: given.concurrent,
    }
    return person + _bounds("tenant-", together, names.of(who.tenant))


def _bounds(prefix: str, amounts: Mapping[Unit, int | None], party: str) -> tuple[Bound, ...]:
    return tuple(Bound(prefix + unit, unit, amount, party) for unit, amount in amounts.items() if amount is not None)
