"""The guard: turns a text and its context into one decision. Doubt refuses."""

import asyncio
import hashlib
from collections.abc import Sequence

from guards.checks import Case
from guards.errors import GuardFault
from guards.normalize import views
from guards.policy import Policy
from guards.scores import Scorer, Scores, worst
from guards.validators import Validators
from guards.verdict import Action, Context, Decision, Stage, Verdict, redact

_REQUEST_CHARS = 600
_PRECEDING_CHARS = 1500  # at least 256 tokens of English


class Guard:
    """Judges prompts and answers by one policy. Holds no state between calls."""

    def __init__(self, policy: Policy, scorer: Scorer, timeout_s: float = 10.0) -> None:
        self._policy = policy
        self._scorer = scorer
        self._timeout_s = timeout_s
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
        asked, carried = _asked(text, stage, context), _carried(text, stage, context)
        scores = await self._scores((*asked, *carried))
        case = Case(
            text=text,
            stage=stage,
            policy=self._policy,
            asked=worst(scores[: len(asked)]) if asked else None,
            carried=worst(scores[len(asked) :]) if carried else None,
            views=(*asked, *carried),
        )
        verdicts = await self._validators.run(case)
        return self._decide(text, stage, context, verdicts, case)

    async def _scores(self, texts: Sequence[str]) -> list[Scores]:
        unique = list(dict.fromkeys(texts))
        scores = await self._scorer(unique)
        if len(scores) != len(unique):
            raise GuardFault(f"expected {len(unique)} scores, got {len(scores)}")
        if not all(s.sane for s in scores):
            raise GuardFault("expected probabilities, got scores that are none")
        by_text = dict(zip(unique, scores, strict=True))
        return [by_text[text] for text in texts]

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
        return Decision(action, category, deciding.score, verdicts, clean, case.asked or case.carried)

    def _effective(self, verdict: Verdict, stage: Stage, passes: frozenset[str]) -> Action:
        if verdict.action is not Action.TEACH or verdict.category is None:
            return verdict.action
        if self._policy.unlocked(verdict.category, passes):
            return Action.ALLOW
        return Action.TEACH if stage is Stage.PROMPT else Action.REFUSE


def _asked(text: str, stage: Stage, context: Context) -> tuple[str, ...]:
    """What the user wrote, in every view: the turn to be answered, and all turns together (crescendo)."""
    if stage is not Stage.PROMPT:
        return ()
    turns = context.history or (text,)
    return tuple(dict.fromkeys((*views(turns[-1]), *views("\n".join(turns)))))


def _carried(text: str, stage: Stage, context: Context) -> tuple[str, ...]:
    """Text that is judged, but that nobody asked with: other roles' messages, or an answer with its request."""
    if stage is Stage.PROMPT:
        alone = text.split() == " ".join(context.history or (text,)).split()
        return () if alone else views(text)
    exchange = f"{context.request[-_REQUEST_CHARS:]}\n\n{context.preceding[-_PRECEDING_CHARS:]}{text}"
    return (exchange.strip(),)


def _redacted(text: str, verdicts: tuple[Verdict, ...]) -> str:
    return redact(text, tuple(span for v in verdicts if v.action is Action.REDACT for span in v.spans))
