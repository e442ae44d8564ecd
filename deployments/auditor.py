"""AuditLog: the one writer of one log. What waits is committed together; nothing is answered before it is durable."""

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from audit import keys
from audit.errors import AuditError, Unavailable
from audit.log import Log
from audit.receipt import Receipt
from audit.record import Entry, Kind
from deployments.ports import ServiceUnavailable

T = TypeVar("T")
Waiting = tuple[list[Entry], "asyncio.Future[list[Receipt | AuditError]]"]
HEADS_EVERY_S = 60.0
TICK_EVERY_S = 1.0

logger = logging.getLogger("ray.serve")


@serve.deployment
class AuditLog:
    """One replica, one log, one writing thread (group commit). A second writer is harmless: creation is exclusive."""

    def __init__(
        self, root: str, keys_dir: str, interval_ms: int, siblings: list[DeploymentHandle] | None = None
    ) -> None:
        self._log = Log.open(Path(root), keys.load(Path(keys_dir)))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log")
        self._interval = interval_ms / 1000
        self._waiting: list[Waiting] = []
        self._wake = asyncio.Event()
        self._siblings = siblings or []
        self._heads_at = 0.0
        self._loops = [asyncio.ensure_future(self._commit_loop()), asyncio.ensure_future(self._tick_loop())]

    async def append(self, entries: list[Entry]) -> list[Receipt | AuditError]:
        """Commit with whatever else waits; one result per entry, in order."""
        done: asyncio.Future[list[Receipt | AuditError]] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, done))
        self._wake.set()
        return await done

    async def tag(self, tenant: str, subject: str) -> str:
        """Pseudonym of a subject in this log."""
        return await self._run(lambda: self._log.tag(tenant, subject))

    async def tail(self, start: int) -> list[dict[str, Any]]:
        """Leaves from `start` on."""
        return await self._run(lambda: self._log.tail(start))

    async def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """Receipts of one request."""
        return await self._run(lambda: self._log.receipts(request_id))

    async def head(self) -> dict[str, Any]:
        """Origin, size and root of this log, for the control log to pin."""
        return await self._run(self._log.head)

    async def check_health(self) -> None:
        """A slow or full disk is no reason to restart the writer; a dead commit loop is."""
        for loop in self._loops:
            if loop.done():
                raise RuntimeError("a loop of the log's writer ended")

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _commit_loop(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            started = time.monotonic()
            await self._commit(batch)
            await asyncio.sleep(max(0.0, self._interval - (time.monotonic() - started)))

    async def _commit(self, batch: list[Waiting]) -> None:
        flat = [entry for entries, _ in batch for entry in entries]
        results: list[Receipt | AuditError]
        try:
            results = list(await self._run(lambda: self._log.append(flat)))
        except AuditError as error:
            logger.warning("append failed: %s", type(error).__name__)
            results = [error] * len(flat)
        except Exception as error:  # noqa: BLE001  an error nobody foresaw must refuse, not hang, and its text may quote a prompt
            logger.error("append failed: %s", type(error).__name__)
            results = [Unavailable(f"append failed: {type(error).__name__}")] * len(flat)
        _settle(batch, results)

    async def _tick_loop(self) -> None:
        while True:
            await asyncio.sleep(TICK_EVERY_S)
            with contextlib.suppress(AuditError):
                await self._run(lambda: self._log.tick(time.time_ns() // 1000))
            if self._siblings and time.monotonic() - self._heads_at > HEADS_EVERY_S:
                self._heads_at = time.monotonic()
                await self._pin_heads()

    async def _pin_heads(self) -> None:
        for sibling in self._siblings:
            try:
                head = await asyncio.wait_for(sibling.head.remote(), TICK_EVERY_S * 5)
            except (TimeoutError, RayError, RayServeException) as error:
                logger.warning("a sibling log gave no head: %s", type(error).__name__)
                continue
            await self.append([Entry.operational(Kind.head, head)])


class LogHandle:
    """LogPort over a Serve handle: entries that wait travel in one call, in order; a dead writer is waited for."""

    def __init__(self, handle: DeploymentHandle, timeout_s: float) -> None:
        self._handle = handle
        self._timeout = timeout_s
        self._waiting: list[Waiting] = []
        self._sender: asyncio.Task[None] | None = None

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """See LogPort. A retry sends the same (request_id, seq), so nothing is logged twice."""
        done: asyncio.Future[list[Receipt | AuditError]] = asyncio.get_running_loop().create_future()
        self._waiting.append((list(entries), done))
        if self._sender is None or self._sender.done():
            # In no request's context: Serve cancels what a request started when its client hangs up, and these
            # entries are everybody's.
            self._sender = asyncio.create_task(self._send(), context=contextvars.Context())
        results = await asyncio.shield(done)
        for result in results:
            if isinstance(result, Unavailable):
                raise ServiceUnavailable("log", str(result))
            if isinstance(result, AuditError):
                raise result
        return [result for result in results if isinstance(result, Receipt)]

    async def tag(self, tenant: str, subject: str) -> str:
        """See LogPort."""
        return str(await self._call("tag", tenant, subject))

    async def tail(self, start: int) -> list[dict[str, Any]]:
        """See LogPort."""
        return list(await self._call("tail", start))

    async def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """See LogPort."""
        return list(await self._call("receipts", request_id))

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            results: list[Receipt | AuditError]
            flat = [entry for entries, _ in batch for entry in entries]
            try:
                results = list(await self._call("append", flat))
            except ServiceUnavailable as error:
                results = [Unavailable(str(error))] * len(flat)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  whoever waits must be answered
                results = [Unavailable(f"append failed: {type(error).__name__}")] * len(flat)
            _settle(batch, results)

    async def _call(self, method: str, *arguments: Any) -> Any:
        """Call until it answers or the time is up; every method here may be repeated safely."""
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    try:
                        return await getattr(self._handle, method).remote(*arguments)
                    except RayTaskError as error:
                        raise ServiceUnavailable("log", f"{method} failed") from error
                    except (RayError, RayServeException) as error:
                        logger.warning("log call %s failed: %s; trying again", method, type(error).__name__)
                        await asyncio.sleep(0.25)
        except TimeoutError as error:
            raise ServiceUnavailable("log", f"no answer within {self._timeout:g} s") from error


def _settle(batch: list[Waiting], results: list[Receipt | AuditError]) -> None:
    """Give every caller the results of its own entries."""
    at = 0
    for entries, done in batch:
        if not done.done():
            done.set_result(results[at : at + len(entries)])
        at += len(entries)
