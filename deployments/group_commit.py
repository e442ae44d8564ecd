"""Group commit: whatever waits while the last commit runs goes into the next one. Free of Ray."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from audit.errors import AuditError, Unavailable
from audit.log import Log
from audit.receipt import Receipt
from audit.record import Entry
from audit.upkeep import Upkeep
from deployments import metrics
from deployments.meter import Meter, Silent

T = TypeVar("T")
Results = list[Receipt | AuditError]
Waiting = tuple[list[Entry], "asyncio.Future[Results]"]

FULL = 64  # waiting records that begin a commit before its interval is over

logger = logging.getLogger("ray.serve")


class GroupCommit:
    """Owns the one thread that touches a log, and a second one that merges its files meanwhile."""

    def __init__(self, log: Log, interval_s: float, meter: Meter | None = None) -> None:
        self._log = log
        self._meter = meter or Meter(Silent())
        self._upkeep = Upkeep(log)
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log")
        self._packer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pack")
        self._interval_s = interval_s
        self._waiting: list[Waiting] = []
        self._wake, self._full = asyncio.Event(), asyncio.Event()
        self._held = 0
        self.commits = 0
        self._loop = asyncio.ensure_future(self._commit_loop())

    @property
    def ended(self) -> bool:
        """True once nothing commits any more, which only an error nobody foresaw can bring about."""
        return self._loop.done()

    async def append(self, entries: Sequence[Entry]) -> Results:
        """Commit with whatever else waits; one result per entry, in order, each durable."""
        done: asyncio.Future[Results] = asyncio.get_running_loop().create_future()
        self._waiting.append((list(entries), done))
        self._wake.set()
        self._held += len(entries)
        self._meter.measure(metrics.LOG_WAITING, self._held)
        if self._held >= FULL:
            self._full.set()
        return await done

    async def run(self, work: Callable[[Log], T]) -> T:
        """Something else that only the writing thread may do."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, self._log)

    async def pack(self) -> bool:
        """Merge one run of files, if one is due; commits go on meanwhile. AuditError: nothing was lost."""
        run = await self.run(lambda log: self._upkeep.plan())
        if not run:
            run = await self._aside(self._upkeep.stale)
        built = await self._aside(lambda: self._upkeep.build(run)) if run else None
        if built is None or not await self.run(lambda log: self._upkeep.adopt(built)):
            return False
        await self._aside(self._upkeep.discard)
        return True

    async def sweep(self) -> None:
        """Delete what a writer that was killed while packing has left."""
        await self._aside(self._upkeep.discard)

    def close(self) -> None:
        """Stop; whoever still waits is told that the log is unavailable."""
        self._loop.cancel()
        self._writer.shutdown(wait=False)
        self._packer.shutdown(wait=False)

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._packer, work)

    async def _commit_loop(self) -> None:
        started = -self._interval_s
        while True:
            await self._wake.wait()
            await self._until_due(started + self._interval_s)
            self._wake.clear()
            self._full.clear()
            batch, self._waiting, self._held = self._waiting, [], 0
            started = time.monotonic()
            self.commits += 1
            self._meter.measure(metrics.LOG_WAITING, 0)
            settle(batch, await self._commit([entry for entries, _ in batch for entry in entries]))

    async def _until_due(self, due: float) -> None:
        """The interval keeps small files few; when many records wait, there is nothing to wait for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._full.wait()

    async def _commit(self, entries: list[Entry]) -> Results:
        self._meter.measure(metrics.COMMIT_RECORDS, len(entries))
        self._meter.count(metrics.LOG_RECORDS, len(entries))
        try:
            with self._meter.timed(metrics.COMMIT_SECONDS):
                return await self.run(lambda log: log.append(entries))
        except AuditError as error:
            return self._failed(error, error, len(entries))
        except Exception as error:  # noqa: BLE001  an error nobody foresaw must refuse, not hang, and its text may quote a prompt
            return self._failed(error, Unavailable(f"append failed: {type(error).__name__}"), len(entries))

    def _failed(self, error: Exception, told: AuditError, entries: int) -> Results:
        about = {"event": "commit_failed", "error": type(error).__name__}
        logger.log(
            logging.WARNING if error is told else logging.ERROR, "append failed: %s", about["error"], extra=about
        )
        self._meter.count(metrics.COMMIT_FAILURES)
        return [told] * entries


def settle(batch: Sequence[Waiting], results: Results) -> None:
    """Give every caller the results of its own entries."""
    at = 0
    for entries, done in batch:
        if not done.done():
            done.set_result(results[at : at + len(entries)])
        at += len(entries)
