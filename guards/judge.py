"""A second opinion where the first is in doubt: an injected function, off by default, that may know a larger model."""

import asyncio
from collections.abc import Awaitable, Callable

from guards.checks import graded
from guards.policy import Policy
from guards.scores import Scores
from guards.verdict import Action, Stage, Verdict

Judge = Callable[[str, Stage], Awaitable[Scores | None]]
"""Scores a text at a stage; None, odd numbers or an exception mean that it has no opinion."""


def in_doubt(verdict: Verdict, policy: Policy) -> bool:
    """Whether a verdict lies in the band below a refusal."""
    return (
        verdict.action is Action.TEACH
        and verdict.category is not None
        and policy.category(verdict.category).action is Action.REFUSE
    )


async def settle(
    judge: Judge, text: str, stage: Stage, verdicts: tuple[Verdict, ...], policy: Policy, timeout_s: float
) -> tuple[Verdict, ...]:
    """The verdicts with the judge's word in place of each doubt; without an opinion of its they stay as they are."""
    doubts = [verdict for verdict in verdicts if in_doubt(verdict, policy)]
    if not doubts or any(verdict.action is Action.REFUSE for verdict in verdicts):
        return verdicts
    try:
        async with asyncio.timeout(timeout_s):
            scores = await judge(text, stage)
    except Exception:  # noqa: BLE001  its absence leaves the doubt, and doubt is a lesson
        return verdicts
    if not isinstance(scores, Scores) or not scores.sane:
        return verdicts
    names = dict.fromkeys(verdict.category for verdict in doubts if verdict.category is not None)
    settled = (graded("judge", name, scores.override if name == "override" else scores.harm, stage, policy)
               for name in names)  # fmt: skip
    return (*(verdict for verdict in verdicts if verdict not in doubts), *settled)
