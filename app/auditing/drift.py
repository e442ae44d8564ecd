"""How far the guard's scores have moved, day by day: the population stability index that `score_drift` takes too.

The last 7 days against the 28 before, by deciles of the latter; half a count is added to each bin. Pure.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate

RECENT, BEFORE = 7, 28
DAYS = RECENT + BEFORE
FEWEST = 400
"""Requests of either window, below which an index is mostly chance (docs/monitoring.md)."""

Histogram = Mapping[int, int]
"""How many requests had each score, in thousandths."""


def series(by_day: Mapping[date, Histogram], days: Sequence[date]) -> list[float | None]:
    """The index of each of some days; None where either window has fewer than FEWEST requests."""
    found = []
    for day in days:
        recent = _sum(by_day, day - timedelta(RECENT - 1), RECENT)
        before = _sum(by_day, day - timedelta(DAYS - 1), BEFORE)
        found.append(stability(recent, before))
    return found


def stability(recent: Histogram, before: Histogram) -> float | None:
    """The index of one histogram against an earlier one; None with too few of either."""
    n, m = sum(recent.values()), sum(before.values())
    if min(n, m) < FEWEST:
        return None
    cuts = _deciles(before, m)
    new, old = _binned(recent, cuts), _binned(before, cuts)
    bins = new.keys() | old.keys()
    n_all, m_all = n + len(bins) / 2, m + len(bins) / 2
    shares = [((new[at] + 0.5) / n_all, (old[at] + 0.5) / m_all) for at in bins]
    return math.fsum((p - q) * math.log(p / q) for p, q in shares)


def _deciles(histogram: Histogram, total: int) -> list[int]:
    """The smallest scores that at least 1, 2, … 9 tenths do not exceed."""
    scores = sorted(histogram)
    reached = list(accumulate(histogram[score] for score in scores))
    return [scores[bisect_left(reached, math.ceil(total * tenth / 10))] for tenth in range(1, 10)]


def _binned(histogram: Histogram, cuts: Sequence[int]) -> Counter[int]:
    """Counts by the number of cuts that a score is above."""
    bins = Counter[int]()
    for score, count in histogram.items():
        bins[bisect_left(cuts, score)] += count
    return bins


def _sum(by_day: Mapping[date, Histogram], start: date, days: int) -> Counter[int]:
    total = Counter[int]()
    for at in range(days):
        total.update(by_day.get(start + timedelta(at), {}))
    return total
