"""Hostile clients at the door of the whole graph: Ray's proxy, the Gateway behind it, and the next honest question.

Ray's proxy (uvicorn) refuses broken framing by itself. It bounds neither the time nor the size of a head: those of its
sockets stay until the client goes, which takes nothing from others; docs/api.md says what to put in front.
"""

import asyncio
from dataclasses import replace

import pytest

from tests import hostile
from tests.hostile import SHAPES, SMUGGLING, Target
from tests.serve.conftest import Running

SAMPLE = 200  # idle streams, and slow heads; `make prove idle` holds 10,000


@pytest.fixture(scope="module")
def target(running: Running) -> Target:
    host, port = running.url.removeprefix("http://").split(":")
    return Target(host, int(port), running.key, "smollm2-135m-instruct", max_tokens=4, wait_s=150)


def test_every_shape_is_refused_and_the_next_question_answered(target: Target) -> None:
    async def attack() -> dict[str, list[int]]:
        came = {}
        for name, (sent, _) in SHAPES.items():
            came[name] = await hostile.statuses(target, sent(target), count=2 if name in SMUGGLING else 1)
        await hostile.answered_in(target)
        return came

    came = asyncio.run(attack())
    assert {name: each for name, each in came.items() if len(each) != 1 or each[0] not in SHAPES[name][1]} == {}


def test_bodies_without_end_slow_heads_and_idle_streams_keep_nobody_waiting(running: Running, target: Target) -> None:
    honest = replace(target, key=running.mint("honest", "--tenant", "elsewhere"))

    async def attack() -> tuple[int, int]:
        async with hostile.slow_heads(target, SAMPLE), hostile.idle_streams(target, SAMPLE) as seen:
            assert set(seen) <= {200, 429, 503}, seen
            await hostile.answered_in(honest)
        return await hostile.endless(target)

    status, taken = asyncio.run(attack())
    assert status in (413, 0)
    assert taken < 256 * 2**20
