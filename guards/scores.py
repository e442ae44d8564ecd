"""The four numbers of intent and the one of override that the trained encoder gives to a text."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

_LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Scores:
    """Calibrated probabilities. Intent is one of four, so those sum to 1; `override` stands on its own."""

    override: float
    educational: float
    dual_use: float
    harmful: float
    other_harm: float

    @property
    def harm(self) -> float:
        """Probability that the text asks for harm of any kind."""
        return min(1.0, round(self.harmful + self.other_harm, 3))

    @property
    def sane(self) -> bool:
        """True when these are probabilities: NaN and sums far from 1 are not."""
        intent = (self.educational, self.dual_use, self.harmful, self.other_harm)
        return all(0.0 <= p <= 1.0 for p in (*intent, self.override)) and abs(sum(intent) - 1.0) < 0.01


Scorer = Callable[[Sequence[str]], Awaitable[list[Scores]]]
"""Scores texts, one result per text in the same order. In the product a remote handle; `guards` never knows."""


def make(override: float, dual_use: float, harmful: float, other_harm: float) -> Scores:
    """Round to 0.001 and give the rest to `educational`; graver classes keep their share when there is too much."""
    harmful = round(harmful, 3)
    other_harm = round(min(other_harm, 1.0 - harmful), 3)
    dual_use = round(min(dual_use, 1.0 - harmful - other_harm), 3)
    rest = round(max(0.0, 1.0 - harmful - other_harm - dual_use), 3)
    return Scores(round(override, 3), rest, dual_use, harmful, other_harm)


def worst(scores: Iterable[Scores]) -> Scores:
    """The gravest reading of several windows or views of one text, or of several texts. At least one.

    Harm is that of the one with the most, so that a little of one kind here and of the other there is not much. Its
    kind is cyber harm, which has the lower threshold, where any text is likely that: more of other harm never helps.
    """
    every = list(scores)
    gravest = max(every, key=lambda s: s.harm)
    harmful, other_harm = gravest.harmful, gravest.other_harm
    if harmful < other_harm and any(s.harm >= _LIKELY and s.harmful >= s.other_harm for s in every):
        harmful, other_harm = other_harm, harmful
    hands_on = max(s.dual_use + s.harmful for s in every)
    return make(max(s.override for s in every), max(0.0, hands_on - harmful), harmful, other_harm)
