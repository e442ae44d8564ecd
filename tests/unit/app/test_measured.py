"""What metrics are told about a question: how it ended, once, whatever happens to it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.auth import Principal, Role
from app.errors import Fault, PreceptorError, RateLimited, Refused
from app.generation import Closing, Event, Window
from app.limiting.queue import FairQueue
from app.measured import measured
from app.settings import Limits
from deployments import metrics
from deployments.meter import Meter
from deployments.metrics import Series


class Kept:
    def __init__(self) -> None:
        self.given: list[tuple[str, float, dict[str, str]]] = []

    def record(self, series: Series, value: float, labels: Mapping[str, str]) -> None:
        self.given.append((series.name, value, dict(labels)))

    def of(self, series: Series) -> list[Any]:
        return [labels or value for name, value, labels in self.given if name == series.name]


def closing(finish: str = "stop", action: str = "ALLOW", category: str | None = None) -> Closing:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return Closing(finish, usage, {"action": action, "verdict": {"category": category}})


async def ask(*events: Event | Exception) -> tuple[list[Event], Kept]:
    kept, seen = Kept(), list[Event]()

    async def answer() -> AsyncGenerator[Event]:
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    with suppress(PreceptorError):
        async for event in measured("id", answer(), Meter(kept)):
            seen += [event]
    return seen, kept


async def test_an_answer_passes_unchanged_and_is_counted() -> None:
    given = (Window("one"), Window("two"), closing())
    seen, kept = await ask(*given)
    assert tuple(seen) == given
    assert kept.of(metrics.QUESTIONS) == [{"outcome": "answered"}]
    assert kept.of(metrics.WINDOWS) == [1, 1]
    assert len(kept.of(metrics.FIRST_WINDOW_SECONDS)) == 1
    assert [value for name, value, _ in kept.given if name == metrics.TOKENS.name] == [7, 3]
    assert kept.of(metrics.VERDICTS) == [{"action": "ALLOW", "category": "none"}]
    assert kept.of(metrics.QUESTIONS_OPEN) == [1, 0]


@pytest.mark.parametrize(
    ("end", "outcome", "verdict"),
    [
        (closing("stop", "TEACH", "dual_use"), "taught", {"action": "TEACH", "category": "dual_use"}),
        (closing("content_filter", "REFUSE", "secret"), "stopped", {"action": "REFUSE", "category": "secret"}),
        (
            Refused("no", {"action": "REFUSE", "verdict": {"category": "a new one"}}),
            "refused",
            {"action": "REFUSE", "category": "other"},
        ),
        (Fault("down", code="log_unavailable"), "fault", None),
        (RateLimited("slower", retry_after_s=1), "declined", None),
    ],
)
async def test_each_end_has_its_outcome(end: Event | Exception, outcome: str, verdict: dict[str, str] | None) -> None:
    _, kept = await ask(end)
    assert kept.of(metrics.QUESTIONS) == [{"outcome": outcome}]
    assert kept.of(metrics.QUESTION_SECONDS) == [{"outcome": outcome}]
    assert kept.of(metrics.VERDICTS) == ([verdict] if verdict else [])
    assert kept.of(metrics.FAULTS) == ([{"cause": "log_unavailable"}] if outcome == "fault" else [])
    assert kept.of(metrics.QUESTIONS_OPEN)[-1] == 0


async def test_a_client_that_goes_away_is_an_interruption_and_the_answer_is_closed() -> None:
    kept, closed = Kept(), []

    async def answer() -> AsyncGenerator[Event]:
        try:
            yield Window("one")
            yield closing()
        finally:
            closed.append(True)

    events = measured("id", answer(), Meter(kept))
    await anext(events)
    await events.aclose()
    assert closed == [True]
    assert kept.of(metrics.QUESTIONS) == [{"outcome": "interrupted"}]
    assert kept.of(metrics.QUESTIONS_OPEN) == [1, 0]


async def test_an_error_that_nobody_foresaw_is_counted_as_a_question_too() -> None:
    kept = Kept()

    async def answer() -> AsyncGenerator[Event]:
        yield Window("one")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        [event async for event in measured("id", answer(), Meter(kept))]
    assert kept.of(metrics.QUESTIONS) == [{"outcome": "fault"}]
    assert kept.of(metrics.FAULTS) == [{"cause": "internal_error"}]


def metered(world: Any, **parts: Any) -> Kept:
    """Have the whole application count, with other parts where some are given."""
    kept = Kept()
    world.tutor = replace(world.tutor, meter=Meter(kept), **parts)
    transport = httpx.ASGITransport(world.app(), raise_app_exceptions=False)
    world.http = httpx.AsyncClient(transport=transport, base_url="http://test", headers=world.http.headers)
    return kept


async def test_the_whole_application_counts_questions_and_refusals(world) -> None:
    kept = metered(world)
    assert (await world.ask()).status_code == 200
    assert (await world.ask("Tell me HARMWORD")).status_code == 400
    assert [each["outcome"] for each in kept.of(metrics.QUESTIONS)] == ["answered", "refused"]
    assert kept.of(metrics.ERRORS) == [{"code": "content_filter"}]
    waited = kept.of(metrics.QUEUE_SECONDS)
    assert len(waited) == 2
    assert all(0 <= seconds < 1 for seconds in waited)


async def test_what_waits_for_a_stream_is_timed_from_its_coming() -> None:
    now = [0.0]
    queue = FairQueue(Limits(streams=1), clock=lambda: now[0])
    ada, ben = (Principal(name, "school", Role.LEARNER, name, 0) for name in ("ada", "ben"))

    async def waited() -> float:
        async with queue.slot(ben) as slot:
            return slot.waited_s

    async with queue.slot(ada) as first:
        waiting = asyncio.create_task(waited())
        await asyncio.sleep(0)
        now[0] = 3.0
        assert first.waited_s == 0
        assert queue.waiting == 1
    assert await waiting == 3.0


async def test_a_lesson_that_is_passed_is_counted_once_and_a_refused_pass_is_not(world) -> None:
    kept = metered(world)
    lesson = next(each.id for each in world.tutor.lessons.values() if each.questions)
    assert (await world.http.post(f"/v1/lessons/{lesson}/pass", json={"answers": ["mine"]})).status_code == 200
    assert (await world.http.post("/v1/lessons/plain-english/pass", json={"answers": []})).status_code == 400
    assert kept.of(metrics.LESSONS_PASSED) == [1]


class Broken:
    async def problem(self) -> str | None:
        raise ZeroDivisionError


async def test_errors_that_no_route_of_ours_raises_are_counted_too(world) -> None:
    kept = metered(world, model=Broken())
    assert (await world.http.get("/v1/nothing")).status_code == 404
    assert (await world.http.put("/v1/terms")).status_code == 405
    assert (await world.http.get("/readyz")).status_code == 503
    assert [each["code"] for each in kept.of(metrics.ERRORS)] == ["not_found", "method_not_allowed", "internal_error"]
