"""The guard: turns a text and its context into one decision. Doubt refuses."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from guards.checks import Case
from guards.errors import GuardFault
from guards.judge import Judge, settle
from guards.material import Material, gather
from guards.policy import Policy
from guards.scores import Scorer, Scores, worst
from guards.validators import Validators
from guards.verdict import Action, Context, Decision, Stage, Verdict, redact


class Guard:
    """Judges prompts and answers by one policy. Holds no state between calls."""

    def __init__(self, policy: Policy, scorer: Scorer, timeout_s: float = 10.0, judge: Judge | None = None) -> None:
        self._policy = policy
        self._scorer = scorer
        self._timeout_s = timeout_s
        self._judge_by = judge
        self._validators = Validators()

    @property
    def digest(self) -> str:
        """SHA-256 that names the policy this guard judges by; the weights are named by `Encoder.digest`."""
        return hashlib.sha256(f"guard/1 {self._policy.digest}".encode()).hexdigest()

    async def check(self, text: str, stage: Stage, context: Context = Context()) -> Decision:  # noqa: B008 frozen
        """Decide about a text. Raises GuardFault when any check raised, was late, or said what nobody understands."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._judge(text, stage, context)
        except GuardFault:
            raise
        except TimeoutError as error:
            raise GuardFault(f"expected a verdict within {self._timeout_s} s, got none") from error
        except Exception as error:
            raise GuardFault(f"expected verdicts, got {type(error).__name__}: {error}") from error

    async def _judge(self, text: str, stage: Stage, context: Context) -> Decision:
        material = gather(text, stage, context)
        case = _case(Case(text, stage, self._policy, context), material, await self._scores(material.texts))
        verdicts = await self._validators.run(case)
        if self._judge_by:
            verdicts = await settle(self._judge_by, text, stage, verdicts, self._policy, self._timeout_s / 2)
        return self._decide(text, stage, context, verdicts, case)

    async def _scores(self, texts: Sequence[str]) -> dict[str, Scores]:
        scores = await self._scorer(texts)
        if len(scores) != len(texts):
            raise GuardFault(f"expected {len(texts)} scores, got {len(scores)}")
        if not all(s.sane for s in scores):
            raise GuardFault("expected probabilities, got scores that are none")
        return dict(zip(texts, scores, strict=True))

    def _decide(self, text: str, stage: Stage, context: Context, verdicts: tuple[Verdict, ...], case: Case) -> Decision:
        if not verdicts:
            raise GuardFault("expected at least one verdict, got none")
        for verdict in verdicts:
            if verdict.category is not None:
                self._policy.category(verdict.category)
        action, deciding = max(
            ((self._effective(v, stage, context.passes), v) for v in verdicts),
            key=lambda pair: (pair[0].severity, pair[1].action.severity, pair[1].score),
        )
        category = deciding.category if deciding.action is not Action.ALLOW else None
        clean = _redacted(text, verdicts) if action is Action.REDACT else text
        return Decision(action, category, deciding.score, verdicts, clean, _shown(case))

    def _effective(self, verdict: Verdict, stage: Stage, passes: frozenset[str]) -> Action:
        if verdict.action is not Action.TEACH or verdict.category is None:
            return verdict.action
        if self._policy.unlocked(verdict.category, passes):
            return Action.ALLOW
        return Action.TEACH if stage is Stage.PROMPT else Action.REFUSE


def _case(case: Case, material: Material, scores: dict[str, Scores]) -> Case:
    def of(texts: Sequence[str]) -> Scores | None:
        return worst(scores[each] for each in texts) if texts else None

    last_said = dict.fromkeys(reversed(material.turns))  # who asks the same again is not further on
    return replace(
        case,
        asked=of(material.asked),
        others=of(material.others),
        carried=of(material.carried),
        turns=tuple(worst(scores[view] for view in turn).harm for turn in reversed(last_said)),
        views=material.texts,
        hidden=material.hidden,
    )


def _shown(case: Case) -> Scores | None:
    """What was asked, and an order that others are said to have given."""
    if case.asked is None or case.others is None:
        return case.asked or case.carried
    return replace(case.asked, override=max(case.asked.override, case.others.override))


def _redacted(text: str, verdicts: tuple[Verdict, ...]) -> str:
    return redact(text, tuple(span for v in verdicts if v.action is Action.REDACT for span in v.spans))
