"""What each kind of process of a running tutor uses: CPU time, memory, open files, threads. Clients are not of it."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from app import cleanup

SAMPLE_S = 5.0
REPLICA = "ray::ServeReplica:"
# Words of a command line, and what to call the process; the first that fits counts.
KINDS = (
    ("ray::ProxyActor", "proxy"),
    ("haproxy", "proxy"),
    ("ray::ServeController", "controller"),
    ("gcs_server", "gcs"),
    ("raylet/raylet", "raylet"),
    ("ray::IDLE", "idle workers"),
    ("ray::DashboardAgent", "agents"),
    ("ray::RuntimeEnvAgent", "agents"),
    ("ray-dashboard-", "dashboard"),
    ("dashboard/dashboard.py", "dashboard"),
    ("'ray.dashboard", "dashboard"),
    ("audit.monitor", "monitor"),
    ("app.cleanup", "launcher"),
    ("app.run", "launcher"),
    ("tests.serve.", "launcher"),
    ("audit.", "log readers"),
    ("ray", "ray's other"),
)


def kind_of(command: Sequence[str]) -> str:
    """What a process is, by its command line: a deployment without its number, or a part of Ray's."""
    said = " ".join(command)
    if REPLICA in said:
        return re.split(r"[-.#\s]", said.partition(REPLICA)[2].partition(":")[2])[0]
    return next((kind for words, kind in KINDS if words in said), "other")


@dataclass(frozen=True, slots=True)
class Used:
    """What the processes of one kind hold: bytes of memory (`pss` shares what several map), files, threads."""

    processes: int
    rss: int
    pss: int
    files: int
    threads: int


def of_tutor(home: Path) -> Callable[[], list[psutil.Process]]:
    """What lists the live processes of the tutor that runs on a home, the launcher included."""

    def listed() -> list[psutil.Process]:
        run = cleanup.load(home)
        if run is None:
            return []
        found = {process.pid: process for process in cleanup.ours(run)}
        with contextlib.suppress(psutil.Error):
            found.setdefault(run.launcher, psutil.Process(run.launcher))
        return list(found.values())

    return listed


def used(processes: Iterable[psutil.Process]) -> dict[str, Used]:
    """By kind; a process that ends meanwhile is left out."""
    rows: dict[str, list[tuple[int, int, int, int]]] = {}
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            memory = process.memory_full_info()
            row = (memory.rss, memory.pss, process.num_fds(), process.num_threads())
            rows.setdefault(kind_of(process.cmdline()), []).append(row)
    return {kind: Used(len(found), *map(sum, zip(*found, strict=True))) for kind, found in sorted(rows.items())}


@dataclass(slots=True)
class CpuClock:
    """CPU seconds by kind of process between the first look and the last.

    What a process spends after the last look before its end is lost, `SAMPLE_S` of it at most.
    """

    listed: Callable[[], Iterable[psutil.Process]]
    _first: dict[tuple[int, float], float] = field(default_factory=dict)
    _last: dict[tuple[int, float], tuple[str, float]] = field(default_factory=dict)
    _looked: bool = False

    def look(self) -> None:
        """Read all clocks. A process that was not there at the first look has begun at zero."""
        for process in self.listed():
            with contextlib.suppress(psutil.Error, OSError):
                times, known = process.cpu_times(), (process.pid, process.create_time())
                spent = times.user + times.system
                self._first.setdefault(known, 0.0 if self._looked else spent)
                self._last[known] = (kind_of(process.cmdline()), spent)
        self._looked = True

    def spent(self) -> dict[str, float]:
        """Seconds by kind."""
        found = Counter[str]()
        for known, (kind, spent) in self._last.items():
            found[kind] += spent - self._first[known]  # type: ignore[assignment]  # a Counter of seconds
        return dict(found)


@contextlib.asynccontextmanager
async def clocked(listed: Callable[[], Iterable[psutil.Process]]) -> AsyncIterator[dict[str, float]]:
    """CPU seconds by kind of what runs inside, there when it ends; the key `clients` is this process."""
    clock, own, found = CpuClock(listed), time.process_time(), dict[str, float]()
    await asyncio.to_thread(clock.look)

    async def now_and_then() -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            await asyncio.to_thread(clock.look)

    looking = asyncio.ensure_future(now_and_then())
    try:
        yield found
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await asyncio.to_thread(clock.look)
        found.update(clock.spent())
        found["clients"] = time.process_time() - own


def total(by_kind: dict[str, Used]) -> dict[str, Any]:
    """All kinds together."""
    return {name: sum(getattr(one, name) for one in by_kind.values()) for name in Used.__dataclass_fields__}
