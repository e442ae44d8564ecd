"""Slots in front of the model: never more than there are, none lost, nobody waits beyond the bound."""

import asyncio
import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Fault
from app.limiting.queue import FairQueue
from app.settings import Limits
from tests.unit.app.limiting.conftest import person


class Clock:
    """Stands still until it is told to go on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def waiter(queue: FairQueue, subject: str, tenant: str, served: list[str]) -> asyncio.Task[None]:
    async def hold() -> None:
        async with queue.slot(person(subject, tenant)):
            served.append(f"{tenant}/{subject}")

    return asyncio.create_task(hold())


async def crowd(seed: int, slots: int, room: int) -> tuple[FairQueue, int]:
    """Many come, wait, hold, give up or are cut off at random; the most that ever ran at once."""
    chance = random.Random(seed)  # noqa: S311  it only shuffles
    queue = FairQueue(Limits(streams=slots, queue=room, queue_wait_s=0.02))
    running, most = 0, 0

    async def come() -> None:
        nonlocal running, most
        await asyncio.sleep(chance.random() * 0.02)
        with contextlib.suppress(Fault):
            async with queue.slot(person(chance.choice("xyz"), chance.choice("AB"))) as slot:
                running += 1
                most = max(most, running)
                try:
                    await asyncio.sleep(chance.random() * 0.01)
                finally:
                    running -= 1
                if chance.random() < 0.3:
                    slot.free()
                    await asyncio.sleep(0.002)

    tasks = [asyncio.create_task(come()) for _ in range(40)]
    for task in chance.sample(tasks, 12):
        await asyncio.sleep(chance.random() * 0.004)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return queue, most


@settings(max_examples=25, deadline=None)
@given(st.integers(), st.integers(1, 4), st.integers(0, 8))
def test_no_slot_is_lost_or_given_twice_whatever_happens(seed: int, slots: int, room: int) -> None:
    queue, most = asyncio.run(crowd(seed, slots, room))
    assert most <= slots
    assert (queue.running, queue.waiting) == (0, 0)


async def test_tenants_are_served_in_turn() -> None:
    queue, served = FairQueue(Limits(streams=1)), []
    async with queue.slot(person()):
        tasks = [waiter(queue, "x", "flood", served) for _ in range(4)]
        await settle()
        tasks += [waiter(queue, "y", "flood", served), waiter(queue, "z", "quiet", served)]
        await settle()
        assert queue.waiting == 6
    await asyncio.gather(*tasks)
    assert served == ["flood/x", "quiet/z", "flood/y", "flood/x", "flood/x", "flood/x"]


async def test_who_waits_too_long_is_told_overloaded_and_when_to_come_again() -> None:
    queue = FairQueue(Limits(streams=1, queue_wait_s=0.05))
    async with queue.slot(person()):
        with pytest.raises(Fault) as refused:
            async with queue.slot(person("eve")):
                pass
        assert queue.waiting == 0
    assert (refused.value.status, refused.value.code) == (503, "overloaded")
    assert refused.value.headers() == {"retry-after": "1"}


async def test_what_would_wait_too_long_is_refused_at_once() -> None:
    clock = Clock()
    queue = FairQueue(Limits(streams=1, queue_wait_s=30), clock=clock)
    for _ in range(30):  # it learns that a stream takes 20 s
        async with queue.slot(person()):
            clock.now += 20
    async with queue.slot(person()):
        queue.require_room(person("eve"))
        task = waiter(queue, "eve", "school", [])
        await settle()
        with pytest.raises(Fault) as refused:
            queue.require_room(person("eve"))
        assert 30 < refused.value.retry_after_s <= 40
    await task


async def test_a_full_queue_drops_the_newest_of_the_longest_line() -> None:
    queue, served = FairQueue(Limits(streams=1, queue=3)), []
    async with queue.slot(person()):
        flood = [waiter(queue, "x", "flood", served) for _ in range(3)]
        await settle()
        with pytest.raises(Fault):
            queue.require_room(person("x", "flood"))
        queue.require_room(person("z", "quiet"))
        quiet = waiter(queue, "z", "quiet", served)
        await settle()
        assert queue.waiting == 3
        with pytest.raises(Fault) as dropped:
            await flood[-1]
        assert dropped.value.code == "overloaded"
    await asyncio.gather(*flood[:-1], quiet)
    assert served == ["flood/x", "quiet/z", "flood/x"]


async def test_gateways_share_the_slots_of_the_graph() -> None:
    queue = FairQueue(Limits(streams=5, queue=0), gateways=2)
    async with queue.slot(person()), queue.slot(person()):
        with pytest.raises(Fault):
            queue.require_room(person())
    assert FairQueue(Limits(streams=1), gateways=4).running == 0  # at least one slot each


async def test_a_slot_is_given_back_once() -> None:
    queue = FairQueue(Limits(streams=2))
    async with queue.slot(person()) as slot, queue.slot(person()):
        slot.free()
        slot.free()
        assert queue.running == 1
    assert queue.running == 0
