"""Which records of an answer are committed together, and that none is waited for that nobody reads."""

import asyncio

from app.settings import Limits


def appends(world) -> list[list[str]]:
    """The kinds of each append to the exchange log, from now on."""
    found, append = [], world.exchange.append

    async def noted(entries):
        found.append([entry.kind.value for entry in entries])
        return await append(entries)

    world.exchange.append = noted
    return found


async def test_an_answer_that_nobody_reads_before_its_end_is_logged_at_once(world) -> None:
    found = appends(world)
    assert (await world.ask()).json()["choices"][0]["message"]["content"] == world.model.text
    assert [found[0][0], found[0][1], found[-1][-1]] == ["request", "window", "answer"]
    assert len(found) <= 2  # two where the machine is slow


async def test_a_request_is_logged_with_an_early_window_and_alone_before_a_late_one(world) -> None:
    world.model.text *= 3
    found = appends(world)
    await world.ask(stream=True)
    assert [kind for kinds in found for kind in kinds][:2] == ["request", "window"]
    found.clear()
    world.model.pause_s = 0.05
    await world.ask(stream=True)
    assert found[:2] == [["request"], ["window"]]


async def test_a_log_that_is_down_ends_a_request_before_the_model_has_spoken(make_world) -> None:
    world = await make_world(Limits(deadline_s=300))
    world.exchange.down, world.model.pause_s = True, 120
    for stream in (False, True):
        assert (await asyncio.wait_for(world.ask(stream=stream), 60)).json()["error"]["code"] == "log_unavailable"
    assert world.model.said == 0
