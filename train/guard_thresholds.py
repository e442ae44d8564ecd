"""Thresholds from scores on stated budgets of false refusals, by split conformal prediction.

One number is searched: how many benign texts each category alone may refuse. The largest that keeps every pool within
its budget gives the thresholds. With k of n texts reached, a new text of the same kind is reached with a chance of at
most (k + 1) / (n + 1) (Vovk et al. 2005); the exact 95 % bound of the share is kept beside it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from guards.scores import Scores
from train.guard_measures import share

Score = Callable[[Scores], float]
# As guards.checks judges: whichever kind of harm is likelier answers for all of it.
REFUSALS: dict[str, Score] = {
    "harmful_operational": lambda s: s.harm if s.harmful >= s.other_harm else 0.0,
    "other_harm": lambda s: s.harm if s.harmful < s.other_harm else 0.0,
    "override": lambda s: s.override,
}
LESSONS: dict[str, Score] = REFUSALS | {"dual_use": lambda s: min(1.0, s.dual_use + s.harmful)}


@dataclass(frozen=True, slots=True)
class Pool:
    """Scores of benign texts, and the share of them that may be refused."""

    name: str
    budget: float
    scores: Sequence[Scores]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Thresholds per category; of each pool how many texts meet any of them, of how many, and the exact 95 % bound."""

    thresholds: dict[str, float]
    pools: dict[str, tuple[int, int, float]]


def balanced(rows: Sequence[tuple[str, Scores]], most: int) -> list[Scores]:
    """At most `most` scores of each source, taken in turn, so that no large set decides alone."""
    by_source: dict[str, list[Scores]] = defaultdict(list)
    for source, scores in rows:
        if len(by_source[source]) < most:
            by_source[source].append(scores)
    return [scores for turn in zip_longest(*by_source.values()) for scores in turn if scores is not None]


def choose(pools: Sequence[Pool], categories: Mapping[str, Score], floor: float = 0.3) -> Chosen:
    """The lowest thresholds within all budgets. Raises ValueError when there are none."""
    every = [scores for pool in pools for scores in pool.scores]
    ranked = {name: sorted((score(s) for s in every), reverse=True) for name, score in categories.items()}
    best: Chosen | None = None
    for allowed in range(len(every) // 10):
        limits = {name: _above(ranks[allowed], floor) for name, ranks in ranked.items()}
        found = {pool.name: _reached(pool, limits, categories) for pool in pools}
        if any((found[pool.name][0] + 1) / (found[pool.name][1] + 1) > pool.budget for pool in pools):
            break
        best = Chosen(limits, found)
    if best is None:
        raise ValueError(f"expected thresholds within the budgets, got none from {len(every)} benign texts")
    return best


def _reached(pool: Pool, limits: Mapping[str, float], categories: Mapping[str, Score]) -> tuple[int, int, float]:
    count = sum(any(categories[name](s) >= limit for name, limit in limits.items()) for s in pool.scores)
    return count, len(pool.scores), round(share(count, len(pool.scores)).high, 5)


def _above(score: float, floor: float) -> float:
    """The next step of 0.001 above a score; scores are rounded to it."""
    return round(min(1.0, max(floor, score + 0.001)), 3)
