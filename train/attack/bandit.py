"""Which technique to try next: Thompson sampling (1933) over the share of attempts that got an answer."""

import random
from collections.abc import Mapping, Sequence

Tally = Mapping[str, tuple[int, int]]
"""Attempts that succeeded and that did not, by arm."""


def choose(arms: Sequence[str], tally: Tally, rng: random.Random) -> str:
    """An arm that was never tried, else the one whose drawn chance is highest. The same `rng` gives the same arm."""
    untried = [arm for arm in arms if arm not in tally]
    if untried:
        return rng.choice(untried)
    return max(arms, key=lambda arm: rng.betavariate(1 + tally[arm][0], 1 + tally[arm][1]))
