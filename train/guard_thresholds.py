"""Thresholds from scores on stated budgets of false refusals, by split conformal prediction.

With k of n texts reached, a new text of the same kind is reached with a chance of at most (k + 1) / (n + 1) (Vovk et
al. 2005); that stays within every pool's budget, and the exact 95 % bound of the share is kept beside it. Refusals:
of all thresholds within the budgets those that catch most. Lessons: one number is searched, how many benign texts each
category alone may meet with one, the largest that the budgets allow.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from guards.scores import Scores
from train.guard_measures import share

Score = Callable[[Scores], float]
Table = NDArray[np.float64]
"""Texts down, categories of REFUSALS across."""
# As guards.checks judges: whichever kind of harm is likelier answers for all of it.
REFUSALS: dict[str, Score] = {
    "harmful_operational": lambda s: s.harm if s.harmful >= s.other_harm else 0.0,
    "other_harm": lambda s: s.harm if s.harmful < s.other_harm else 0.0,
    "override": lambda s: s.override,
}
# Cyber harm counts twice: it is what the tutor is about.
WEIGHTS = {"harmful": 2.0, "override": 1.0, "other_harm": 1.0}
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


def strongest(pools: Sequence[Pool], attacks: Mapping[str, Sequence[Scores]], floor: float = 0.3) -> Chosen:
    """Thresholds of REFUSALS within all budgets that catch most, by WEIGHTS. Raises ValueError when there are none.

    Two categories are searched on a grid; the third takes the lowest threshold that the budgets leave to it.
    """
    steps = [round(i / 1000, 3) for i in (*range(int(1000 * floor), 900, 10), *range(900, 1001, 2))]
    benign = [_table(pool.scores) for pool in pools]
    caught = {kind: _table(scores) for kind, scores in attacks.items() if scores}
    best, most = None, -1.0
    for first in steps:
        for second in steps:
            third = max((_least(table, first, second, pool.budget) for pool, table in zip(pools, benign, strict=True)))
            limits = (first, second, max(floor, third))
            if third > 1.0:
                continue
            found = sum(WEIGHTS[kind] * (table >= limits).any(1).mean() for kind, table in caught.items())
            if found > most:
                best, most = limits, found
    if best is None:
        raise ValueError("expected thresholds within the budgets, got none")
    thresholds = dict(zip(REFUSALS, best, strict=True))
    return Chosen(thresholds, {pool.name: _reached(pool, thresholds, REFUSALS) for pool in pools})


def _table(scores: Sequence[Scores]) -> Table:
    return np.array([[score(s) for score in REFUSALS.values()] for s in scores]).reshape(-1, len(REFUSALS))


def _least(table: Table, first: float, second: float, budget: float) -> float:
    """The lowest third threshold that keeps this pool within its budget; above 1 when none does."""
    open_ = table[(table[:, 0] < first) & (table[:, 1] < second), 2]
    left = int(budget * (len(table) + 1) - 1) - (len(table) - len(open_))
    if left < 0:
        return 2.0
    return 0.0 if left >= len(open_) else round(float(np.sort(open_)[-1 - left]) + 0.001, 3)


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
