"""Hostile clients at a real socket: the application under the server and the settings that Ray's proxy uses.

tests/serve/test_hostile.py tries a part of it on the whole graph.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import psutil
import pytest

from tests import hostile
from tests.hostile import SHAPES, SMUGGLING, Target
from tests.listening import LIMITS, listening, somebody_else

SAMPLE = 300
"""Idle streams and slow heads here; `make prove idle` holds 10,000."""


@pytest.fixture
async def target(make_world) -> AsyncIterator[Target]:
    world = await make_world(LIMITS)
    async with listening(world) as found:
        yield found


async def test_every_shape_is_refused_and_the_next_question_answered(target: Target) -> None:
    for name, (sent, allowed) in SHAPES.items():
        came = await hostile.statuses(target, sent(target), count=2 if name in SMUGGLING else 1)
        assert len(came) == 1, f"{name}: something was smuggled: {came}"
        assert came[0] in allowed, f"{name}: {came}"
    await hostile.answered_in(target)


async def test_requests_in_one_go_are_answered_in_their_order(target: Target) -> None:
    paths = ("/healthz", "/nothing", "/v1/models")
    sent = b"".join(target.head("GET", path) for path in paths)
    assert await hostile.statuses(target, sent, count=3) == [200, 404, 200]


async def test_a_body_without_end_is_413_after_little_more_than_the_limit(target: Target) -> None:
    status, taken = await hostile.endless(target)
    assert status in (413, 0)
    assert taken < 64 * 2**20


async def test_a_body_that_does_not_come_is_408(target: Target) -> None:
    assert await hostile.slow_body(target, wait_s=30) == 408


async def test_slow_heads_keep_nobody_waiting(target: Target) -> None:
    async with hostile.slow_heads(target, SAMPLE):
        await hostile.answered_in(target)


async def test_idle_streams_are_bounded_and_others_are_served(make_world) -> None:
    world = await make_world(LIMITS)
    world.model.pause_s = 0.05
    async with listening(world) as target:
        before = psutil.Process().memory_info().rss
        async with hostile.idle_streams(target, SAMPLE) as seen:
            assert set(seen) <= {200, 429, 503}, seen
            assert seen[200] <= LIMITS.concurrent + SAMPLE // 4  # those that ended made room
            assert seen.total() == SAMPLE
            await hostile.answered_in(replace(target, key=await somebody_else(world)))
        assert psutil.Process().memory_info().rss - before < 300 * 2**20
