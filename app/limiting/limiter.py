"""Admits, or says no: requests and tokens per minute, requests at a time, of a person and of a tenant."""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter
from limits.errors import StorageError

from app.auth import Principal
from app.errors import Fault, RateLimited
from app.limiting.bounds import Bound, Pseudonyms, Standing, Unit, bounds_of
from app.limiting.counts import Counts
from app.limiting.fields import rate_fields
from app.limiting.memory import in_process
from app.limiting.shared import in_redis, read_url, shared_names
from app.settings import Limits, Settings

RETRY_S = 2  # what a client is told while the counts cannot be had

logger = logging.getLogger("ray.serve")


@dataclass(slots=True)
class Limiter:
    """Counts requests in a moving window, exactly. Tokens are known only after the answer, so they go into a fixed
    window that may be overdrawn; then the next request waits for its end. Without the counts nobody is admitted."""

    limits: Limits
    counts: Counts
    names: Pseudonyms
    is_alone: bool = False  # counts in this process are never late, only the process is
    _ends: set[asyncio.Task[None]] = field(default_factory=set)  # the loop itself holds tasks weakly

    @classmethod
    def load(cls, settings: Settings) -> "Limiter":
        """As configured; raises OSError or ValueError that say what to mend, and then nothing is served."""
        if settings.redis is None:
            return cls.alone(settings.limits)
        counts = in_redis(read_url(settings.redis), settings.limits.limits_timeout_s)
        return cls(settings.limits, counts, shared_names(settings.keys))

    @classmethod
    def alone(cls, limits: Limits, clock: Callable[[], float] = time.monotonic) -> "Limiter":
        """The limiter of a single Gateway."""
        return cls(limits, in_process(clock), Pseudonyms(secrets.token_bytes(32)), is_alone=True)

    @property
    def _patience_s(self) -> float | None:
        return None if self.is_alone else self.limits.limits_timeout_s

    async def check(self, who: Principal) -> dict[str, str]:
        """Count one request; the header fields that tell what is left.

        Raises RateLimited, with these, when no request or no token is left, Fault when that cannot be told.
        """
        bounds = bounds_of(who, self.limits, self.names)
        counted = [bound for bound in bounds if bound.unit is not Unit.CONCURRENT]
        async with self._in_time():
            standings = list(await asyncio.gather(*map(self._standing, counted)))
            spent = next((each for each in standings if each.remaining < 1), None)
            if spent is None:
                spent = await self._count(standings)
        fields = rate_fields(bounds, standings)
        if spent:
            raise RateLimited(
                f"expected at most {spent.bound.amount} {spent.bound.unit} of {_whose(spent.bound)} a minute",
                retry_after_s=spent.reset_s,
                limits=fields,
            )
        return fields

    @asynccontextmanager
    async def place(self, who: Principal) -> AsyncIterator[None]:
        """Hold a place while a request runs; raises RateLimited when all are taken, Fault when that cannot be told."""
        bounds = [each for each in bounds_of(who, self.limits, self.names) if each.unit is Unit.CONCURRENT]
        lease = secrets.token_hex(16)
        try:  # around the taking too: it may have been counted and its answer lost
            async with self._in_time():
                full = await self.counts.leases.take(lease, bounds, self.limits.lease_s)
            if full:
                said = f"expected at most {full.amount} requests of {_whose(full)} at a time"
                raise RateLimited(said, retry_after_s=1)
            yield
        finally:
            await self._even_if_cancelled(self.counts.leases.give_back(lease, bounds))

    async def spend(self, who: Principal, tokens: int) -> None:
        """Charge the tokens of an answer that ended; may overdraw. Never raises: the answer is out."""
        if tokens > 0:
            bounds = [each for each in bounds_of(who, self.limits, self.names) if each.unit is Unit.TOKENS]
            hits = [self._rates(each).hit(each.per_minute, each.party, cost=tokens) for each in bounds]
            await self._even_if_cancelled(*hits)

    async def _count(self, standings: list[Standing]) -> Standing | None:
        """Take a request off each bound of requests; the one that others were quicker to use up, if any."""
        for at, each in enumerate(standings):
            if each.bound.unit is Unit.REQUESTS:
                hit = await self._rates(each.bound).hit(each.bound.per_minute, each.bound.party)
                standings[at] = replace(each, remaining=each.remaining - 1 if hit else 0)
                if not hit:
                    return standings[at]
        return None

    def _rates(self, bound: Bound) -> RateLimiter:
        kind = MovingWindowRateLimiter if bound.unit is Unit.REQUESTS else FixedWindowRateLimiter
        return kind(self.counts.storage)

    async def _standing(self, bound: Bound) -> Standing:
        stats = await self._rates(bound).get_window_stats(bound.per_minute, bound.party)
        return Standing(bound, max(0, stats.remaining), max(1, math.ceil(stats.reset_time - self.counts.clock())))

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience_s):
                yield
        except (StorageError, TimeoutError) as error:
            about = {"event": "counts_unavailable", "error": _named(error)}
            logger.warning("the counts of the limits cannot be had: %s", about["error"], extra=about)
            fault = Fault("the limits cannot be checked", code="limits_unavailable", retry_after_s=RETRY_S)
            raise fault from error

    async def _even_if_cancelled(self, *calls: Awaitable[object]) -> None:
        """Without their end a place lapses with its lease, and tokens stay uncharged."""

        async def end() -> None:
            try:
                async with asyncio.timeout(self._patience_s):
                    await asyncio.gather(*calls)
            except (StorageError, TimeoutError) as error:
                about = {"event": "end_uncounted", "error": _named(error)}
                logger.warning("the end of a request was not counted: %s", about["error"], extra=about)

        task = asyncio.create_task(end())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
        await asyncio.shield(task)


def _whose(bound: Bound) -> str:
    return "this tenant" if bound.policy.startswith("tenant-") else "one key's holder"


def _named(error: BaseException) -> str:
    return type(error.storage_error if isinstance(error, StorageError) else error).__name__
