"""Whether something grows: the median of the slopes between all pairs (Theil 1950), and what noise allows (Sen 1968).

Points come in runs, and only points of one run are compared: a fresh start is no growth. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

Z = 1.96  # 95 %

Run = Sequence[tuple[float, float]]
"""Hours and values."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth an hour, its 95 % interval, and the median value that it is a share of."""

    per_hour: float
    low: float
    high: float
    level: float

    @property
    def percent(self) -> float:
        """Growth an hour as per cent of the median value; 0 where that is 0."""
        return 100 * self.per_hour / self.level if self.level else 0.0

    def is_within(self, percent: float) -> bool:
        """Whether it grows at most so much an hour, or no more than noise does."""
        return self.percent <= percent or self.low <= 0


def trend(runs: Sequence[Run]) -> Trend | None:
    """Of all runs together; None where there are too few points for an interval: four of one run are enough."""
    slopes = sorted(
        (later - value) / (end - begin)
        for run in runs
        for (begin, value), (end, later) in combinations(sorted(run), 2)
        if end > begin
    )
    variance = sum(len(run) * (len(run) - 1) * (2 * len(run) + 5) / 18 for run in runs)
    reach = Z * math.sqrt(variance)  # how far Kendall's S strays without any trend
    low = math.floor((len(slopes) - reach) / 2)
    high = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    if low < 0 or not slopes:
        return None
    return Trend(median(slopes), slopes[low], slopes[high], median(value for run in runs for _, value in run))
