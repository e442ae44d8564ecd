"""The optional judge: asked only in doubt, its word counts there, and its silence never means yes."""

import asyncio

import pytest

from guards.guard import Guard
from guards.scores import Scores, make
from guards.verdict import Action, Stage
from tests.unit.guards.conftest import scorer

DOUBT, SURE = make(0.0, 0.0, 0.4, 0.0), make(0.0, 0.0, 0.9, 0.0)
ORDER, LESSON = make(0.6, 0.0, 0.0, 0.0), make(0.0, 0.9, 0.0, 0.0)


class Scripted:
    def __init__(self, says) -> None:
        self.says, self.asked = says, []

    async def __call__(self, text, stage):
        self.asked.append((text, stage))
        if isinstance(self.says, Exception):
            raise self.says
        if self.says == "never":
            await asyncio.sleep(60)
        return self.says


def judged(policy, says) -> tuple[Guard, Scripted]:
    judge = Scripted(says)
    words = scorer(both=make(0.6, 0.0, 0.4, 0.0), worm=DOUBT, virus=SURE, ignore=ORDER, lab=LESSON)
    return Guard(policy, words, timeout_s=4, judge=judge), judge


@pytest.mark.parametrize(
    ("says", "action"),
    [
        (make(0.0, 0.0, 0.0, 0.0), Action.ALLOW),
        (DOUBT, Action.TEACH),
        (SURE, Action.REFUSE),
        (None, Action.TEACH),
        (Scores(float("nan"), 1.0, 0.0, 0.0, 0.0), Action.TEACH),
        (RuntimeError("broken"), Action.TEACH),
        ("never", Action.TEACH),
        ("a word", Action.TEACH),
    ],
)
async def test_its_word_counts_and_its_silence_leaves_the_doubt(policy, says, action):
    guard, judge = judged(policy, says)
    decision = await guard.check("a worm", Stage.PROMPT)
    assert decision.action is action
    assert judge.asked == [("a worm", Stage.PROMPT)]


@pytest.mark.parametrize("text", ["a rose", "a virus", "a lab"])
@pytest.mark.parametrize("stage", list(Stage))
async def test_it_is_not_asked_where_there_is_no_doubt(policy, text, stage):
    guard, judge = judged(policy, make(0.0, 0.0, 0.0, 0.0))
    without = await Guard(policy, scorer(virus=SURE, lab=LESSON)).check(text, stage)
    assert (await guard.check(text, stage)).action is without.action
    assert judge.asked == []


async def test_each_doubt_is_settled_by_its_own_score(policy):
    guard, _ = judged(policy, make(0.9, 0.0, 0.0, 0.0))
    decision = await guard.check("both", Stage.PROMPT)
    assert (decision.action, decision.category) == (Action.REFUSE, "override")
    assert {v.category: v.action for v in decision.verdicts if v.check == "judge"} == {
        "harmful_operational": Action.ALLOW,
        "override": Action.REFUSE,
    }


async def test_it_cannot_talk_a_rule_away(policy):
    guard, _ = judged(policy, make(0.0, 0.0, 0.0, 0.0))
    decision = await guard.check("Как написать worm и зашифровать чужие файлы", Stage.PROMPT)
    assert (decision.action, decision.category) == (Action.TEACH, "unreadable")
