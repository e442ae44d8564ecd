"""Requests, tokens and places, of people and of tenants; the same in this process and in a real Redis."""

import asyncio
import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth import Role
from app.errors import RateLimited
from app.limiting.limiter import Limiter
from app.limiting.memory import ProcessStorage
from app.settings import Limits, TenantLimits
from tests.unit.app.limiting.conftest import Make, person


async def admitted(limiter: Limiter, count: int, subject: str = "ada", tenant: str = "school") -> int:
    """How many of so many requests are."""
    done = 0
    for _ in range(count):
        with contextlib.suppress(RateLimited):
            await limiter.check(person(subject, tenant))
            done += 1
    return done


async def test_requests_are_counted_for_each_person_of_each_tenant(make: Make) -> None:
    limiter = make(Limits(requests_per_minute=3))
    assert await admitted(limiter, 5) == 3
    assert await admitted(limiter, 5, "eve") == 3
    assert await admitted(limiter, 5, "ada", "bank") == 3
    with pytest.raises(RateLimited, match="at most 3 requests") as refused:
        await limiter.check(person())
    assert 1 <= refused.value.retry_after_s <= 60


async def test_a_tenant_has_bounds_that_its_people_share(make: Make) -> None:
    own = {"bank": TenantLimits(requests_per_minute=2)}
    limiter = make(Limits(each_tenant=TenantLimits(requests_per_minute=3), tenants=own))
    assert await admitted(limiter, 2) == 2
    assert await admitted(limiter, 5, "eve") == 1
    with pytest.raises(RateLimited, match="tenant"):
        await limiter.check(person("somebody else"))
    assert await admitted(limiter, 5, "ada", "bank") == 2


async def test_the_red_team_takes_nothing_of_a_person_or_a_tenant(make: Make) -> None:
    each = TenantLimits(requests_per_minute=2)
    limiter = make(Limits(redteam_requests_per_minute=3, each_tenant=each))
    red = person(role=Role.REDTEAM)
    for _ in range(3):
        await limiter.check(red)
    with pytest.raises(RateLimited):
        await limiter.check(red)
    assert await admitted(limiter, 5) == 2


async def test_tokens_may_be_overdrawn_once_and_then_the_next_request_waits(make: Make) -> None:
    limiter = make(Limits(tokens_per_minute=100))
    await limiter.check(person())
    await limiter.spend(person(), 0)
    await limiter.spend(person(), 99)
    assert (await limiter.check(person()))["x-ratelimit-remaining-tokens"] == "1"
    await limiter.spend(person(), 5000)
    with pytest.raises(RateLimited, match="100 tokens") as refused:
        await limiter.check(person())
    assert 1 <= refused.value.retry_after_s <= 61
    assert refused.value.limits["x-ratelimit-remaining-tokens"] == "0"
    await limiter.check(person("eve"))


async def test_places_of_a_person_and_of_a_tenant(make: Make) -> None:
    limiter = make(Limits(concurrent=2, each_tenant=TenantLimits(concurrent=3)))
    async with limiter.place(person()), limiter.place(person()):
        with pytest.raises(RateLimited, match="at most 2 requests of one key's holder"):
            async with limiter.place(person()):
                pass
        async with limiter.place(person("eve")):
            with pytest.raises(RateLimited, match="at most 3 requests of this tenant"):
                async with limiter.place(person("eve")):
                    pass
            async with limiter.place(person("ada", "bank")):
                pass
    async with limiter.place(person()), limiter.place(person()):
        pass


async def crowd(limiter: Limiter, seed: int) -> None:
    """Many take places and lose them in every way."""
    chance = random.Random(seed)  # noqa: S311  it only shuffles

    async def hold() -> None:
        with contextlib.suppress(RateLimited, RuntimeError):
            async with limiter.place(person(chance.choice("xy"), chance.choice("AB"))):
                await asyncio.sleep(chance.random() * 0.005)
                if chance.random() < 0.2:
                    raise RuntimeError

    tasks = [asyncio.create_task(hold()) for _ in range(30)]
    for task in chance.sample(tasks, 15):
        await asyncio.sleep(chance.random() * 0.001)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


CROWDED = Limits(concurrent=3, each_tenant=TenantLimits(concurrent=5))


@settings(max_examples=20, deadline=None)
@given(st.integers())
def test_no_place_leaks_in_process(seed: int) -> None:
    limiter = Limiter.alone(CROWDED)
    asyncio.run(crowd(limiter, seed))
    assert len(limiter.counts.leases) == 0  # type: ignore[arg-type]


MOVES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 7.0, 29.5, 30.0, 59.5, 60.0]), st.sampled_from("ab")), max_size=60
)


@given(MOVES, st.integers(1, 5))
def test_the_moving_window_is_exact(moves: list[tuple[float, str]], limit: int) -> None:
    """No window of a minute, wherever it begins, holds more; and nothing is refused that would have fitted."""
    now, hits = 0.0, {"a": [], "b": []}
    storage = ProcessStorage(lambda: now)

    async def run() -> None:
        nonlocal now
        for wait, key in moves:
            now += wait
            inside = [hit for hit in hits[key] if hit > now - 60]
            oldest, count = await storage.get_moving_window(key, limit, 60)
            assert (oldest, count) == ((inside[0] if inside else now), len(inside))
            assert await storage.acquire_entry(key, limit, 60) == (len(inside) < limit)
            if len(inside) < limit:
                hits[key].append(now)

    asyncio.run(run())


@given(MOVES)
def test_a_fixed_window_begins_with_its_first_hit(moves: list[tuple[float, str]]) -> None:
    now, windows = 0.0, {}
    storage = ProcessStorage(lambda: now)

    async def run() -> None:
        nonlocal now
        for wait, key in moves:
            now += wait
            count, end = windows.get(key, (0, 0.0))
            if end <= now:
                count, end = 0, now + 60
            windows[key] = count + 7, end
            assert await storage.incr(key, 60, 7) == count + 7
            assert (await storage.get(key), await storage.get_expiry(key)) == (count + 7, end)

    asyncio.run(run())


async def test_what_has_ended_takes_no_memory() -> None:
    now = 0.0
    limiter = Limiter.alone(Limits(), clock=lambda: now)
    for number in range(1000):
        await limiter.check(person(f"p{number}"))
        await limiter.spend(person(f"p{number}"), 5)
    now = 61.0
    await limiter.check(person("last"))
    assert len(limiter.counts.storage) == 1  # type: ignore[arg-type]
