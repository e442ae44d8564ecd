"""Where lessons are missing: of every category, what came of it, and how often reviewers would have taught instead."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from guards.policy import Policy
from guards.verdict import Action
from train.learning.asking import Ask
from train.learning.cases import Case
from train.learning.preferences import CATEGORIES

NAME = "lesson_gaps.json"
OFTEN = 3  # verdicts, from which on a category is a gap
_COUNTED = {"TEACH": "to_teach", "ALLOW": "to_allow"}
_DECIDED = """
select category, count(*) filter (action = 'REFUSE') as refused, count(*) filter (action = 'TEACH') as taught
from records where kind = 'request' and category is not null group by category"""
_SHOWN = """
select category, count(*) filter (lesson is null) as nameless, count(*) filter (passed) as passed
from lessons where category is not null group by category"""


@dataclass(frozen=True, slots=True)
class Gap:
    """One category. lesson: the policy's; refused, taught: requests; nameless: lessons shown that have no name.

    passed: lessons that a pass followed; to_teach, to_allow: verdicts that a lesson, or an answer, was right instead.
    """

    lesson: str | None = None
    refused: int = 0
    taught: int = 0
    nameless: int = 0
    passed: int = 0
    to_teach: int = 0
    to_allow: int = 0

    @property
    def lacking(self) -> bool:
        """Whether something should be written: a lesson where there is none, or one that fits more of it."""
        stopped = self.refused + self.taught > 0
        return (stopped and self.lesson is None) or self.nameless > 0 or self.to_teach >= OFTEN


def gaps(ask: Ask, cases: Iterable[Case], policy: Policy) -> dict[str, Any]:
    """The document: categories by name, and the names of those that lack something. Opens no text."""
    found = {name: Gap(each.lesson) for name, each in policy.categories.items() if _stops(each.action)}
    for row in (*ask(_DECIDED), *ask(_SHOWN), *_overturned(cases)):
        counts = {name: count for name, count in row.items() if name != "category"}
        found[row["category"]] = replace(found.get(row["category"], Gap()), **counts)
    told = {name: asdict(gap) for name, gap in sorted(found.items())}
    return {"format": 1, "often": OFTEN, "categories": told, "lacking": [n for n in told if found[n].lacking]}


def _stops(action: Action) -> bool:
    return action in (Action.TEACH, Action.REFUSE)


def _overturned(cases: Iterable[Case]) -> list[dict[str, Any]]:
    """How often reviewers would have taught or allowed in a category; of what was allowed, the label's category."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        category = case.exchange.category or CATEGORIES.get(case.verdict.label)
        counted = _COUNTED.get(case.verdict.expected)
        changed = case.exchange.action not in (None, case.verdict.expected)
        if category and counted and changed and not case.verdict.by_tool:
            found[category][counted] += 1
    return [{"category": category, **counts} for category, counts in found.items()]
