"""The whole graph under the serving bench: its Model on one core, all the rest and the clients on the other."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.bench.load_place import Place, own
from tests.bench.load_processes import clocked, kind_of
from tests.bench.serving_asked import MODEL_CORE, OTHER_CORE, SEED, Answer, Stretch, asked, pin
from tests.load_client import Asked, Heard, ask

MODEL = "Model"
REST_S = 3.0  # after the start, until what begins with it has settled


@contextlib.contextmanager
def started(pack: Path | None, **env: str) -> Iterator[Place]:
    """A tutor of its own, each process on its core; so is this process, until the end."""
    before = os.sched_getaffinity(0)
    with own("embedded", pack, **env) as place:
        try:
            pin(os.getpid(), OTHER_CORE)
            asyncio.run(_warm_up(place))
            keep_apart(place)
            time.sleep(REST_S)
            yield place
        finally:
            os.sched_setaffinity(0, before)


def keep_apart(place: Place) -> None:
    """Every process that runs now on its core; what these begin later stays there."""
    for process in place.processes():
        with contextlib.suppress(psutil.Error, OSError):
            pin(process.pid, MODEL_CORE if kind_of(process.cmdline()) == MODEL else OTHER_CORE)


async def _warm_up(place: Place) -> None:
    heard = [await ask(place.tutor, place.keys[0], Asked("warm up", text, 8)) for _, text in asked(2)]
    assert all(one.outcome == "answered" for one in heard), [one.to_json() for one in heard]


def measure(place: Place, count: int, tokens: int, streams: Sequence[int]) -> list[dict[str, Any]]:
    """Each number of streams in turn: the stretch, and CPU milliseconds per question by kind of process."""
    return [asyncio.run(_measured(place, count, tokens, each)) for each in streams]


async def _measured(place: Place, count: int, tokens: int, streams: int) -> dict[str, Any]:
    async with clocked(place.processes) as spent:
        stretch = await _stretch(place, count, tokens, streams)
    used = {kind: seconds * 1000 / count for kind, seconds in spent.items() if seconds > 0}
    return stretch.to_json() | {"cpu_ms_per_request": used}


async def _stretch(place: Place, count: int, tokens: int, streams: int) -> Stretch:
    left, heard = iter(asked(count)), list[Heard]()

    async def work() -> None:
        for number, question in left:
            key = place.keys[number % len(place.keys)]
            heard.append(await ask(place.tutor, key, Asked("bench", question, tokens, SEED), number=number))

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(streams)))
    seconds = time.perf_counter() - began
    answers = [
        Answer(one.number, one.first_s, one.end_s, one.tokens)
        for one in heard
        if one.outcome == "answered" and one.first_s is not None and one.end_s is not None
    ]
    return Stretch(streams, seconds, tuple(answers), len(heard) - len(answers))
