"""AuditLog: the one writer of one log. What waits is committed together; nothing is answered before it is durable."""

import asyncio
import contextvars
import logging
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from ray import serve
from ray.serve.handle import DeploymentHandle

from audit import content, keys
from audit.erasure import open_log
from audit.erasure import settle as settle_erasures
from audit.errors import AuditError, Unavailable
from audit.keyring import read_ring
from audit.receipt import Receipt
from audit.record import Entry, Kind
from audit.search import Late, Search
from audit.store import join_address, open_store, to_address
from deployments import metrics, tracing
from deployments.calls import NoAnswer, answered
from deployments.confined_worker import CONFINED
from deployments.group_commit import GroupCommit, Results, Waiting, settle
from deployments.ports import ServiceUnavailable
from deployments.serve_recorder import meter

HEADS_EVERY_S = 60.0
TICK_EVERY_S = 1.0
SEARCH_S = 10.0
MATCHES = 10

logger = logging.getLogger("ray.serve")


@serve.deployment
class AuditLog:
    """One replica, one log, one writing thread (group commit). A second writer is harmless: creation is exclusive."""

    def __init__(
        self,
        root: str,
        name: str,
        keys_dir: str,
        interval_ms: int,
        siblings: list[DeploymentHandle] | None = None,
        otlp: str | None = None,
    ) -> None:
        pa.array([1])  # pyarrow imports pandas at its first conversion: better now than in the first answer
        tracing.start(otlp, f"log {name}")
        self._meter = meter(metrics.LOG)
        log = open_log(root, name, keys.load(Path(keys_dir)))
        self._commits = GroupCommit(log, interval_ms / 1000, self._meter)
        self._search = Search(join_address(root, name), log.keys.subjects)
        self._searcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")
        self._siblings = siblings or []
        self._place = (root, Path(keys_dir))
        self._loops = [asyncio.ensure_future(each()) for each in (self._ticking, self._packing, self._pinning)]

    async def append(self, entries: list[Entry], traces: Sequence[tracing.Carrier] = ()) -> Results:
        """Commit with whatever else waits; one result per entry, in order. `traces` are those of who waits for it."""
        with tracing.shared("commit", traces, records=len(entries)):
            return await self._commits.append(entries)

    async def tag(self, tenant: str, subject: str) -> str:
        """Pseudonym of a subject in this log."""
        return await self._commits.run(lambda log: log.tag(tenant, subject))

    async def tail(self, start: int) -> list[dict[str, Any]]:
        """Leaves from `start` on."""
        return await self._commits.run(lambda log: log.tail(start))

    async def receipts(self, request_id: str) -> list[dict[str, Any]]:
        """Receipts of one request."""
        return await self._commits.run(lambda log: log.receipts(request_id))

    async def texts(self, request_id: str, reader: str, reason: str, tenant: str | None = None) -> list[dict[str, Any]]:
        """Texts of one request of any log, opened off the event loop; the access record comes first."""
        opening = partial(content.open, *self._place, request_id, reader=reader, reason=reason, tenant=tenant)
        found = await asyncio.to_thread(opening)
        return [asdict(text) for text in found]

    async def search(self, text: str, tenant: str | None) -> list[dict[str, Any]] | None:
        """Answers with the words of a text, or None when time is up; one search at a time, beside the writer."""
        find = partial(self._search.find, text, tenant, MATCHES, time.monotonic() + SEARCH_S)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._searcher, find)
        except Late:
            return None
        return [asdict(receipt) for receipt in found]

    async def head(self) -> dict[str, Any]:
        """Origin, size and root of this log, for the control log to pin."""
        return await self._commits.run(lambda log: log.head())

    async def ring(self) -> str:
        """The public keys of the root, as its newest file has them."""
        return str(await asyncio.to_thread(lambda: read_ring(open_store(to_address(str(self._place[0]))))))

    async def checkpoint(self) -> str:
        """The signed head (tlog-checkpoint)."""
        return await self._commits.run(lambda log: log.checkpoint())

    async def check_health(self) -> None:
        """A slow or full disk is no reason to restart the writer; a dead loop is."""
        self._meter.refresh()
        if self._commits.ended or any(loop.done() for loop in self._loops):
            raise RuntimeError("a loop of the log's writer ended")

    async def _ticking(self) -> None:
        await self._for_ever(TICK_EVERY_S, self._tick)

    async def _packing(self) -> None:
        await self._once("sweep", self._commits.sweep)
        await self._for_ever(TICK_EVERY_S, self._pack)

    async def _pinning(self) -> None:
        await asyncio.sleep(TICK_EVERY_S)
        await self._once("pin", self._pin_heads)
        await self._for_ever(HEADS_EVERY_S, self._pin_heads)

    async def _tick(self) -> None:
        await self._commits.run(lambda log: (log.tick(time.time_ns() // 1000), settle_erasures(log)))
        signed_us, files = await self._commits.run(
            lambda log: (log.memory.end.ts, sum(not file.is_pack for file in log.memory.reader.files))
        )
        self._meter.measure(metrics.CHECKPOINT, signed_us / 1_000_000)
        self._meter.measure(metrics.LOG_FILES, files)

    async def _pack(self) -> None:
        while await self._commits.pack():
            pass

    async def _for_ever(self, every_s: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._once(work.__name__, work)

    async def _once(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Upkeep that fails is tried again; appends go on, or refuse for their own reasons."""
        try:
            await work()
        except AuditError as error:
            about = {"event": "upkeep_failed", "work": name, "error": type(error).__name__}
            logger.warning("%s failed: %s", name, about["error"], extra=about)

    async def _pin_heads(self) -> None:
        for sibling in self._siblings:
            try:
                head = await asyncio.wait_for(answered(sibling.head.remote()), TICK_EVERY_S * 5)
            except Exception as error:  # noqa: BLE001  whatever ails a sibling, this log goes on
                about = {"event": "head_missing", "error": type(error).__name__}
                logger.warning("a sibling log gave no head: %s", about["error"], extra=about)
                continue
            await self.append([Entry.operational(Kind.head, head)])


class LogHandle:
    """LogPort over a Serve handle: entries that wait travel in one call, in order; a dead writer is waited for."""

    def __init__(self, handle: DeploymentHandle, timeout_s: float) -> None:
        # A confined replica may open no connection to the port where another takes gRPC: docs/sandbox.md.
        self._handle = handle.options(_by_reference=True) if CONFINED in os.environ else handle
        self._timeout = timeout_s
        self._waiting: list[Waiting] = []
        self._traces: list[tracing.Carrier] = []
        self._sender: asyncio.Task[None] | None = None

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """See LogPort. A retry sends the same (request_id, seq), so nothing is logged twice."""
        with tracing.span("log", records=len(entries)):
            return await self._append(entries)

    async def _append(self, entries: Sequence[Entry]) -> list[Receipt]:
        done: asyncio.Future[Results] = asyncio.get_running_loop().create_future()
        self._waiting.append((list(entries), done))
        if traced := tracing.carrier():
            self._traces.append(traced)
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

    async def texts(self, request_id: str, reader: str, reason: str, tenant: str | None = None) -> list[dict[str, Any]]:
        """See LogPort."""
        return list(await self._call("texts", request_id, reader, reason, tenant))

    async def search(self, text: str, tenant: str | None) -> list[dict[str, Any]] | None:
        """See LogPort."""
        found = await self._call("search", text, tenant)
        return None if found is None else list(found)

    async def ring(self) -> str:
        """See LogPort."""
        return str(await self._call("ring"))

    async def checkpoint(self) -> str:
        """See LogPort."""
        return str(await self._call("checkpoint"))

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            traces, self._traces = self._traces, []
            results: Results
            flat = [entry for entries, _ in batch for entry in entries]
            try:
                results = list(await self._call("append", flat, *([traces] if traces else [])))
            except ServiceUnavailable as error:
                results = [Unavailable(str(error))] * len(flat)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  whoever waits must be answered
                results = [Unavailable(f"append failed: {type(error).__name__}")] * len(flat)
            settle(batch, results)

    async def _call(self, method: str, *arguments: Any) -> Any:
        """Call until it answers or the time is up; every method here may be repeated safely."""
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    try:
                        return await answered(getattr(self._handle, method).remote(*arguments))
                    except NoAnswer as error:
                        about = {"event": "log_call_failed", "method": method, "error": str(error)}
                        logger.warning("log call %s failed: %s; trying again", method, about["error"], extra=about)
                        await asyncio.sleep(0.25)
                    except Exception as error:
                        raise ServiceUnavailable("log", f"{method} failed") from error
        except TimeoutError as error:
            raise ServiceUnavailable("log", f"no answer within {self._timeout:g} s") from error
