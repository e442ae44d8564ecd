"""The checks: small functions from a case to verdicts, listed in one table. No check opens a file or a socket."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from guards import rules
from guards.policy import Policy
from guards.scores import Scores
from guards.verdict import Action, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at.

    asked: worst scores of what the user wrote (absent for answers), judged by `threshold`;
    carried: worst scores of text that nobody asked with, judged by `answer_threshold`.
    """

    text: str
    stage: Stage
    policy: Policy
    asked: Scores | None
    carried: Scores | None
    views: tuple[str, ...] = ()
    found: list[Verdict] = field(default_factory=list)


Check = Callable[[Case], list[Verdict]]


def _graded(check: str, name: str, score: float, stage: Stage, policy: Policy) -> Verdict:
    category = policy.category(name)
    action = category.action if category.reached(score, stage) else Action.ALLOW
    return Verdict(check, action, name, round(score, 3))


def _judged(case: Case) -> list[tuple[Scores, Stage]]:
    pairs = ((case.asked, Stage.PROMPT), (case.carried, Stage.ANSWER))
    return [(scores, stage) for scores, stage in pairs if scores is not None]


def intent(case: Case) -> list[Verdict]:
    """What does the asker want to do? Harm of either kind adds up; doubt between harm and lesson is a lesson."""
    verdicts = []
    for scores, stage in _judged(case):
        harm = "other_harm" if scores.other_harm > scores.harmful else "harmful_operational"
        verdicts.append(_graded("intent", harm, scores.harm, stage, case.policy))
        hands_on = min(1.0, scores.dual_use + scores.harmful)
        verdicts.append(_graded("intent", "dual_use", hands_on, stage, case.policy))
    return verdicts


def override(case: Case) -> list[Verdict]:
    """Is this an attempt to override the system? Not asked of answers: they reach a reader, not the system."""
    if case.stage is not Stage.PROMPT:
        return []
    return [_graded("override", "override", s.override, stage, case.policy) for s, stage in _judged(case)]


def _ruled(check: str, category: str, case: Case, found: tuple[tuple[int, int, str], ...]) -> list[Verdict]:
    action = case.policy.category(category).action if found else Action.ALLOW
    return [Verdict(check, action, category if found else None, 1.0 if found else 0.0, found)]


def secrets(case: Case) -> list[Verdict]:
    """Credentials in an answer. A user's own words are not held against them."""
    return _ruled("secrets", "secret", case, () if case.stage is Stage.PROMPT else rules.secrets(case.text))


def personal_data(case: Case) -> list[Verdict]:
    """Personal data in an answer."""
    found = () if case.stage is Stage.PROMPT else rules.personal_data(case.text)
    return _ruled("personal_data", "personal_data", case, found)


def payloads(case: Case) -> list[Verdict]:
    """Ready-made attack payloads in an answer."""
    return _ruled("payloads", "exploit_payload", case, () if case.stage is Stage.PROMPT else rules.payloads(case.text))


def canaries(case: Case) -> list[Verdict]:
    """Marks that were planted in system prompts or training data, in the text or in any decoded view of it."""
    found = tuple(
        (0, 0, "CANARY")
        for pattern in case.policy.canaries
        for view in (case.text, *case.views)
        if re.search(pattern, view, re.IGNORECASE)
    )
    return _ruled("canaries", "canary", case, found[:1])


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "intent": intent,
        "override": override,
        "secrets": secrets,
        "personal_data": personal_data,
        "payloads": payloads,
        "canaries": canaries,
    }
)
