"""The end of an answer: the last window and the whole are judged together, and either may stop it."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from audit.receipt import Receipt
from audit.record import Entry, Kind
from guards.scores import Scores
from tests.unit.app.conftest import SAFE, SHIPPED, ScriptedScorer, World

TEXT = "A buffer overflow writes past the end of an array. Bounds checks prevent it. Compilers help too."


class SlowScorer(ScriptedScorer):
    """Notes how many calls are open at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.open = self.most = 0

    async def __call__(self, texts: Sequence[str]) -> list[Scores]:
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0.02)
        self.open -= 1
        return await super().__call__(texts)


@pytest.fixture
def slow(world: World) -> SlowScorer:
    world.scorer = world.scorers[SHIPPED] = SlowScorer()
    world.tutor.rulebook.rules = world.tutor.rulebook._rules(
        world.tutor.rulebook.rules.policy, SHIPPED, world.scorers.__getitem__
    )
    return world.scorer


async def test_the_last_window_and_the_whole_are_judged_at_the_same_time(world: World, slow: SlowScorer) -> None:
    answer = await world.ask()
    assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert slow.most == 2


async def test_a_last_window_that_may_not_leave_is_not_sent_though_the_whole_may(
    world: World, slow: SlowScorer
) -> None:
    slow.marked = {"HARMWORD": Scores(0.0, 0.0, 0.0, 1.0, 0.0), "array": SAFE}
    world.model.text = f"{TEXT} HARMWORD at the end."
    answer = await world.ask()
    assert answer.json()["choices"][0]["finish_reason"] == "content_filter"
    assert "HARMWORD" not in answer.text


async def test_windows_are_judged_while_those_before_them_are_being_logged(world: World, slow: SlowScorer) -> None:
    """The first window is not logged before all of the answer was judged."""
    all_judged, score, append = asyncio.Event(), slow.__call__, world.exchange.append

    async def logged(entries: Sequence[Entry]) -> list[Receipt]:
        if any(entry.kind is Kind.window and entry.fields["n"] == 0 for entry in entries):
            await asyncio.wait_for(all_judged.wait(), 20)
        return await append(entries)

    async def noting(texts: Sequence[str]) -> list[Scores]:
        if any(TEXT in text for text in texts):
            all_judged.set()
        return await score(texts)

    world.exchange.append = logged  # type: ignore[method-assign]
    world.scorers[SHIPPED] = noting  # type: ignore[assignment]
    world.tutor.rulebook.rules = world.tutor.rulebook._rules(
        world.tutor.rulebook.rules.policy, SHIPPED, world.scorers.__getitem__
    )
    answer = await world.ask(stream=True)
    sent = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in sent) == TEXT
