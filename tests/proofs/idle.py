"""`make prove idle`: 10,000 streams whose clients read the status and then nothing, beside as many connections whose
head never ends; others are served meanwhile.

The application runs in a process of its own at a real socket, under the server and the settings of Ray's proxy; the
model and the guard's scorer are scripted.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections import Counter
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import psutil

from tests import hostile
from tests.hostile import Target
from tests.listening import LIMITS, listening, somebody_else
from tests.unit.app.conftest import World

HONEST = 5  # questions while they idle


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


def serve(home: str, pipe: Connection) -> None:
    """The server's process: tells where it listens, ends when told."""

    async def run() -> None:
        world = World(Path(home), LIMITS)
        await world.accept()
        world.model.pause_s = 0.05
        async with listening(world) as target:
            pipe.send((target, await somebody_else(world)))
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


async def hold(target: Target, other: str, count: int, server: psutil.Process) -> dict[str, Any]:
    """Hold the streams; what became of them, of the server's memory, and of honest questions."""
    before, began = server.memory_info().rss, time.monotonic()
    async with hostile.slow_heads(target, count), hostile.idle_streams(target, count) as seen:
        took = [await hostile.answered_in(replace(target, key=other)) for _ in range(HONEST)]
        held = server.memory_info().rss
    return {
        "heads_that_never_end": count,
        "streams": seen.total(),
        "by_status": {str(status): seen[status] for status in sorted(seen)},
        "seconds": round(time.monotonic() - began, 1),
        "honest_questions_answered_in_s": [round(each, 2) for each in sorted(took)],
        "server_grew_mib": round((held - before) / 2**20, 1),
    }


def idle(journal: Steps, count: int) -> dict[str, Any]:
    """One step: it cannot be resumed in the middle."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    with tempfile.TemporaryDirectory(prefix="idle-") as home:
        process = spawn.Process(target=serve, args=(home, there))
        process.start()
        target, other = here.recv()
        try:
            journal.add(asyncio.run(hold(target, other, count, psutil.Process(process.pid))))
        finally:
            here.send("end")
            process.join(60)
    step = journal.steps[-1]
    unexpected = Counter(step["by_status"]).keys() - {"200", "429", "503"}
    return step | {"other_statuses": sorted(unexpected)}
