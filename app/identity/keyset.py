"""The keys of one issuer as this Gateway last saw them: when to ask again, and how long old ones still count."""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from app.errors import Fault
from app.identity.jwks import BadKeys, SigningKey, parse_keys

FRESH_S = 300.0
STALE_S = 3600.0
ASK_EVERY_S = 10.0

logger = logging.getLogger("ray.serve")


@dataclass(slots=True)
class KeySet:
    """Asks the issuer at most once in ASK_EVERY_S, whatever comes, and one time for all who wait.

    A key younger than FRESH_S is taken as it is. While the issuer is silent the last keys go on until they are
    STALE_S old; after that nobody of this issuer is let in.
    """

    name: str
    fetch: Callable[[], Awaitable[bytes]]
    clock: Callable[[], float] = time.monotonic
    _keys: dict[str, SigningKey] = field(default_factory=dict)
    _fetched_at: float = float("-inf")
    _asked_at: float = float("-inf")
    _asking: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> SigningKey | None:
        """The key of this name; None when the issuer has none. Raises Fault when that cannot be told."""
        if kid not in self._keys or self.clock() - self._fetched_at > FRESH_S:
            await self._ask()
        if self.clock() - self._fetched_at > STALE_S:
            raise self._unavailable()
        if kid in self._keys:
            return self._keys[kid]
        if self._fetched_at < self._asked_at:  # the last try failed: perhaps this one is new there
            raise self._unavailable()
        return None

    async def _ask(self) -> None:
        if self._asking is None or self._asking.done():
            now = self.clock()
            if now - self._asked_at < ASK_EVERY_S:
                return
            self._asked_at = now
            # In no request's context: a client that hangs up must not end what others wait for.
            self._asking = asyncio.create_task(self._fetch(now), context=contextvars.Context())
        await asyncio.shield(self._asking)

    async def _fetch(self, now: float) -> None:
        try:
            self._keys = parse_keys(await self.fetch())
            self._fetched_at = now
        except (BadKeys, httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # TimeoutError is an OSError
            about = {"event": "issuer_silent", "issuer": self.name, "error": type(error).__name__}
            logger.warning("the keys of %s could not be had: %s", self.name, about["error"], extra=about)

    def _unavailable(self) -> Fault:
        message = "the issuer of this key does not answer, so nobody of it can be told"
        return Fault(message, code="identity_unavailable", retry_after_s=int(ASK_EVERY_S))
