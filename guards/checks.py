"""The checks: small functions from a case to verdicts, listed in one table. No check opens a file or a socket."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from guards import leaks, rules
from guards.policy import Policy
from guards.scores import Scores
from guards.scripts import unread
from guards.verdict import Action, Context, Span, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at.

    asked: worst scores of what the user wrote (absent for answers), judged by `threshold`;
    others: worst scores of what the client says that others said: an order in it is an order, the rest is carried;
    carried: worst scores of text that nobody asked with, judged by `answer_threshold`;
    turns: harm of each different user turn, oldest first. views: every text that was scored; hidden: of an answer,
    the readings that a plain reader does not see.
    """

    text: str
    stage: Stage
    policy: Policy
    context: Context
    asked: Scores | None = None
    others: Scores | None = None
    carried: Scores | None = None
    turns: tuple[float, ...] = ()
    views: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    found: list[Verdict] = field(default_factory=list)


Check = Callable[[Case], list[Verdict]]


def graded(check: str, name: str, score: float, stage: Stage, policy: Policy) -> Verdict:
    """A score as a verdict in a category."""
    return Verdict(check, policy.category(name).decide(score, stage), name, round(score, 3))


def _judged(case: Case, others: Stage) -> list[tuple[Scores, Stage]]:
    pairs = ((case.asked, Stage.PROMPT), (case.others, others), (case.carried, Stage.ANSWER))
    return [(scores, stage) for scores, stage in pairs if scores is not None]


def intent(case: Case) -> list[Verdict]:
    """What does the asker want to do? Harm of either kind adds up; doubt between harm and lesson is a lesson."""
    verdicts = []
    for scores, stage in _judged(case, Stage.ANSWER):
        harm = "other_harm" if scores.other_harm > scores.harmful else "harmful_operational"
        verdicts.append(graded("intent", harm, scores.harm, stage, case.policy))
        hands_on = min(1.0, scores.dual_use + scores.harmful)
        verdicts.append(graded("intent", "dual_use", hands_on, stage, case.policy))
    return verdicts


def override(case: Case) -> list[Verdict]:
    """Is this an attempt to override the system? Not asked of answers: they reach a reader, not the system."""
    if case.stage is not Stage.PROMPT:
        return []
    judged = _judged(case, Stage.PROMPT)
    return [graded("override", "override", s.override, stage, case.policy) for s, stage in judged]


def crescendo(case: Case) -> list[Verdict]:
    """Does a conversation work its way up to harm? Only what exceeds the floor counts, so small talk never adds up."""
    if len(case.turns) < 2:
        return []
    rule, risk = case.policy.conversation, 0.0
    for harm in case.turns:
        risk = risk * rule.decay + max(0.0, harm - rule.floor)
    return [graded("crescendo", "crescendo", min(1.0, risk), Stage.PROMPT, case.policy)]


def unreadable(case: Case) -> list[Verdict]:
    """Text in a script that the encoder does not read: what it scores there means nothing."""
    share = max((unread(view, case.policy.reads) for view in case.views), default=0.0)
    return [graded("unreadable", "unreadable", share, case.stage, case.policy)]


def _ruled(check: str, category: str, case: Case, found: tuple[Span, ...]) -> list[Verdict]:
    action = case.policy.category(category).action if found else Action.ALLOW
    return [Verdict(check, action, category if found else None, 1.0 if found else 0.0, found)]


def _taken_out(check: str, category: str, case: Case, find: Callable[[str], tuple[Span, ...]]) -> list[Verdict]:
    """Spans to redact in an answer; what stands only in a hidden reading cannot be taken out, so that is refused.

    A user's own words are not held against them.
    """
    found = () if case.stage is Stage.PROMPT else find(case.text)
    verdicts = _ruled(check, category, case, found)
    seen = {case.text[start:end] for start, end, _ in found}
    if any(view[start:end] not in seen for view in case.hidden for start, end, _ in find(view)):
        verdicts.append(Verdict(check, Action.REFUSE, category, 1.0))
    return verdicts


def secrets(case: Case) -> list[Verdict]:
    """Credentials in an answer."""
    return _taken_out("secrets", "secret", case, rules.secrets)


def personal_data(case: Case) -> list[Verdict]:
    """Personal data in an answer."""
    return _taken_out("personal_data", "personal_data", case, rules.personal_data)


def payloads(case: Case) -> list[Verdict]:
    """Ready-made attack payloads in an answer, plain or hidden."""
    found: tuple[Span, ...] = ()
    if case.stage is not Stage.PROMPT:
        hidden = tuple((0, 0, label) for view in case.hidden for _, _, label in rules.payloads(view))
        found = rules.payloads(case.text) or hidden
    return _ruled("payloads", "exploit_payload", case, found)


def canaries(case: Case) -> list[Verdict]:
    """Marks that were planted in system prompts or training data, in the text or in any decoded view of it."""
    texts = (case.text, *case.views, *case.hidden)
    found = any(re.search(mark, text, re.IGNORECASE) for mark in case.policy.canaries for text in texts)
    return _ruled("canaries", "canary", case, ((0, 0, "CANARY"),) if found else ())


def system_prompt(case: Case) -> list[Verdict]:
    """A run of the deployment's system prompt in an answer, also across the border to what went before."""
    secret, words = case.context.system, case.policy.leak_words
    found = False
    if secret and case.stage is not Stage.PROMPT:
        plain = leaks.tail(case.context.preceding, words - 1) + case.text
        found = any(leaks.repeats(text, secret, words) for text in (plain, *case.hidden))
    return _ruled("system_prompt", "system_prompt", case, ((0, 0, "SYSTEM_PROMPT"),) if found else ())


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "intent": intent,
        "override": override,
        "crescendo": crescendo,
        "unreadable": unreadable,
        "secrets": secrets,
        "personal_data": personal_data,
        "payloads": payloads,
        "canaries": canaries,
        "system_prompt": system_prompt,
    }
)
