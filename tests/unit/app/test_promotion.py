"""What a promotion changes for those who ask: the next question is answered by, and cites, the new model."""

import asyncio

from tests.unit.app.conftest import World, promotion

OLD, NEW = "a" * 64, "c" * 64


async def cited(world: World) -> str:
    return (await world.ask()).json()["preceptor"]["model"]["digest"]


def recorded(world: World) -> list[str]:
    return [leaf["fields"]["model_digest"] for leaf in world.exchange.log.tail(0) if leaf["kind"] == "request"]


async def test_each_question_asks_for_and_cites_the_model_that_was_active_when_it_was_asked(world: World) -> None:
    world.model.pause_s = 0.02
    early = asyncio.create_task(world.ask(stream=True))
    while not world.model.said:
        await asyncio.sleep(0.01)
    await world.control.append([promotion(NEW)])
    await world.view.refresh()
    assert await cited(world) == NEW
    answer = (await early).text
    assert OLD in answer
    assert NEW not in answer
    assert world.model.digests == recorded(world) == [OLD, NEW]


async def test_another_models_promotion_changes_nothing_here(world: World) -> None:
    await world.control.append([promotion(NEW, "other")])
    await world.view.refresh()
    assert await cited(world) == OLD


async def test_the_listed_model_and_readiness_name_the_active_digest(world: World) -> None:
    await world.control.append([promotion(NEW)])
    await world.view.refresh()
    assert (await world.http.get("/v1/models/tiny")).json()["digest"] == NEW
    ready = (await world.http.get("/readyz")).json()
    assert (ready["status"], ready["model"], ready["digest"]) == ("ready", "tiny", NEW)
    assert "problem" not in ready


async def test_a_model_that_is_refused_is_told_while_the_door_stays_open_for_the_next_promotion(world: World) -> None:
    world.model.trouble = "model c is not served: expected other logits"
    answer = await world.http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["problem"] == world.model.trouble


async def test_without_a_promotion_nothing_is_answered(world: World) -> None:
    world.view.state.promoted.clear()
    for answer in (await world.ask(), await world.http.get("/v1/models"), await world.http.get("/readyz")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
    assert world.kinds() == []
