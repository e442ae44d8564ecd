"""Counts in Redis, for Gateways that share them. Redis sees keyed pseudonyms, numbers and times; no name, no text."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.auth import KEY_FILE
from app.limiting.bounds import Bound, Pseudonyms
from app.limiting.counts import Counts

PREFIX = "preceptor"
CONNECTIONS = 16

# KEYS: a sorted set of leases for each bound, by when they lapse. ARGV: the lease, its seconds, each bound's amount.
# The number of the first bound that is full, else 0. The clock is Redis' own: Gateways' clocks may differ.
TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, math.ceil(ARGV[2] * 1000))
end
return 0
"""


@dataclass(frozen=True, slots=True)
class RedisLeases:
    """Places that come back by themselves when the Gateway that took them dies."""

    client: Redis

    async def take(self, lease: str, bounds: Sequence[Bound], seconds: float) -> Bound | None:
        """See Leases; all or none, in one step."""
        keys = [_key(bound) for bound in bounds]
        try:
            full = await self.client.eval(TAKE, len(keys), *keys, lease, seconds, *(each.amount for each in bounds))
        except RedisError as error:
            raise StorageError(error) from error
        return bounds[full - 1] if full else None

    async def give_back(self, lease: str, bounds: Sequence[Bound]) -> None:
        """See Leases."""
        try:
            async with self.client.pipeline(transaction=False) as calls:
                for bound in bounds:
                    calls.zrem(_key(bound), lease)
                await calls.execute()
        except RedisError as error:
            raise StorageError(error) from error


def in_redis(url: str, timeout_s: float) -> Counts:
    """Counts behind `redis://`, `rediss://` or `unix://`; no call takes much longer than `timeout_s`, none is tried
    twice. Nothing is connected yet. Raises ValueError for another URL."""
    pool = BlockingConnectionPool.from_url(
        url, max_connections=CONNECTIONS, timeout=timeout_s, socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    storage = RedisStorage(
        "redis://", wrap_exceptions=True, implementation="redispy", key_prefix=PREFIX,
        connection_pool=pool,  # type: ignore[arg-type]  # documented; the annotation forgets it
    )  # fmt: skip
    return Counts(storage, RedisLeases(Redis(connection_pool=pool)), time.time)


def read_url(file: Path) -> str:
    """The URL out of its file; raises FileNotFoundError, PermissionError or ValueError that say what to mend."""
    if file.stat().st_mode & 0o007:
        raise PermissionError(f"{file}: expected a file that others may not read; run chmod o= on it")
    url = file.read_text().strip()
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError(f"{file}: expected one URL that begins with redis://, rediss:// or unix://")
    return url


def shared_names(keys: Path) -> Pseudonyms:
    """Pseudonyms that all Gateways of one installation agree on, since they hold the same token key."""
    secret = hashlib.blake2b((keys / KEY_FILE).read_bytes(), digest_size=32, person=b"preceptor-limits").digest()
    return Pseudonyms(secret)


def _key(bound: Bound) -> str:
    return f"{PREFIX}:leases/{bound.policy}/{bound.party}"
