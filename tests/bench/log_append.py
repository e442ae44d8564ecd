"""Appends at the writer's library boundary: many clients, one writing thread, real fsync."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from audit.errors import AuditError
from audit.log import Log
from audit.receipt import Receipt
from audit.record import Entry
from deployments.group_commit import GroupCommit
from tests.bench.log_records import Home, Rate, receipts, windows

INTERVALS_MS = (0, 20)
ARRIVALS_PER_S = 1000
PACK_EVERY_S = 1.0

Results = Sequence[Receipt | AuditError]
Append = Callable[[list[Entry]], Awaitable[Results]]


@contextlib.asynccontextmanager
async def writing(log: Log, interval_s: float) -> AsyncIterator[GroupCommit]:
    """The deployed writer's two threads: one commits, the other packs meanwhile."""
    writer = GroupCommit(log, interval_s)
    packing = asyncio.create_task(_pack(writer))
    try:
        yield writer
    finally:
        packing.cancel()
        await asyncio.gather(packing, return_exceptions=True)
        writer.close()


async def _pack(writer: GroupCommit) -> None:
    while True:
        await asyncio.sleep(PACK_EVERY_S)
        while await writer.pack():
            pass


def closed_loops(folder: Path, seconds: float, clients: Sequence[int]) -> list[Rate]:
    """Each number of clients, every one with one record under way, once per commit interval; packing goes on."""
    home = Home.begin(folder)
    log, entries, rates = home.open(), windows(), []
    receipts(log.append([next(entries)]))  # the subject's key is made once, not per record
    for interval in INTERVALS_MS:
        rates += [asyncio.run(_closed(home, log, entries, interval, number, seconds)) for number in clients]
    return rates


async def _closed(home: Home, log: Log, entries: Iterator[Entry], interval: int, clients: int, seconds: float) -> Rate:
    async with writing(log, interval / 1000) as writer:
        latencies, took = await closed_loop(writer.append, entries, clients, seconds)
    return Rate.of(
        f"log, {interval} ms", clients, latencies, len(latencies) / took,
        objects_per_s=writer.commits / took, bytes_per_record=_bytes(home) / log.size,
    )  # fmt: skip


async def closed_loop(
    append: Append, entries: Iterator[Entry], clients: int, seconds: float
) -> tuple[list[float], float]:
    """Seconds that each acknowledged record took, and seconds in all; a client sends again once it is answered."""
    latencies, began = list[float](), time.perf_counter()

    async def client() -> None:
        sent = began
        while sent - began < seconds:
            receipts(await append([next(entries)]))
            now = time.perf_counter()
            latencies.append(now - sent)
            sent = now

    await asyncio.gather(*(client() for _ in range(clients)))
    return latencies, time.perf_counter() - began


def open_loops(folder: Path, seconds: float, arrivals_per_s: int = ARRIVALS_PER_S) -> list[Rate]:
    """Records that arrive at a steady rate whatever the log does, once per commit interval."""
    home = Home.begin(folder)
    log, entries = home.open(), windows()
    receipts(log.append([next(entries)]))
    return [asyncio.run(_open(log, entries, interval, arrivals_per_s, seconds)) for interval in INTERVALS_MS]


async def _open(log: Log, entries: Iterator[Entry], interval: int, per_s: int, seconds: float) -> Rate:
    """Time counts from when a record was due, so a late sender does not hide a slow log (coordinated omission)."""
    latencies, tasks, total = list[float](), list[asyncio.Task[None]](), max(1, round(per_s * seconds))

    async def one(due: float) -> None:
        receipts(await writer.append([next(entries)]))
        latencies.append(time.perf_counter() - due)

    async with writing(log, interval / 1000) as writer:
        began = time.perf_counter()
        while len(tasks) < total:
            due = began + len(tasks) / per_s
            if due > time.perf_counter():
                await asyncio.sleep(due - time.perf_counter())
            tasks.append(asyncio.create_task(one(due)))
        await asyncio.gather(*tasks)
        took = time.perf_counter() - began
    return Rate.of(f"log, {interval} ms", None, latencies, total / took, objects_per_s=writer.commits / took)


def _bytes(home: Home) -> int:
    return sum(path.stat().st_size for path in home.log_folder.rglob("*.parquet"))
