"""95 % intervals of shares, of paired differences and of perplexities. Pure; a seed decides what chance there is."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.evaluation.report import Estimate

_Z = 1.959963984540054
_DRAWS = 2000
_SEED = 20_26


def wilson(hits: int, n: int) -> Estimate:
    """A share with Wilson's score interval (1927); without items nothing is known."""
    if n == 0:
        return Estimate(value=0.0, low=0.0, high=1.0)
    share, squared = hits / n, _Z * _Z
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = _Z * math.sqrt(share * (1 - share) / n + squared / (4 * n * n)) / (1 + squared / n)
    return Estimate(value=share, low=max(0.0, min(share, middle - half)), high=min(1.0, max(share, middle + half)))


def paired(before: Sequence[bool], after: Sequence[bool]) -> Estimate:
    """The difference of two shares of the same items, after minus before, by bootstrap over the items."""
    _same_length(before, after)
    if not before:
        return Estimate(value=0.0, low=-1.0, high=1.0)
    change = np.asarray(after, float) - np.asarray(before, float)
    drawn = change[_resamples(len(change))].mean(axis=1)
    return _around(float(change.mean()), drawn)


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> float:
    """The exact two-sided p of McNemar's test: would chance alone change as many items one way?"""
    _same_length(before, after)
    gained = sum(b and not a for a, b in zip(before, after, strict=True))
    lost = sum(a and not b for a, b in zip(before, after, strict=True))
    total = gained + lost
    tail = sum(math.comb(total, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**total))


def perplexity(nats: Sequence[float], units: Sequence[int]) -> Estimate:
    """exp of nats per unit (token or byte), by bootstrap over the texts."""
    if not units or not sum(units):
        return Estimate(value=0.0, low=0.0, high=0.0)
    drawn = _perplexities(nats, units)
    return _around(math.exp(sum(nats) / sum(units)), drawn)


def perplexity_change(before: Sequence[float], after: Sequence[float], units: Sequence[int]) -> Estimate:
    """The difference of two perplexities on the same texts, after minus before; both sides draw the same texts."""
    _same_length(before, after)
    if not units or not sum(units):
        return Estimate(value=0.0, low=0.0, high=0.0)
    value = math.exp(sum(after) / sum(units)) - math.exp(sum(before) / sum(units))
    return _around(value, _perplexities(after, units) - _perplexities(before, units))


def _perplexities(nats: Sequence[float], units: Sequence[int]) -> NDArray[np.float64]:
    chosen = _resamples(len(units))
    per_unit = np.asarray(nats, float)[chosen].sum(axis=1) / np.maximum(np.asarray(units, float)[chosen].sum(axis=1), 1)
    return np.asarray(np.exp(per_unit))


def _resamples(n: int) -> NDArray[np.int64]:
    """The same draws for the same number of items, so that before, after and difference speak of the same resamples."""
    return np.random.default_rng(_SEED).integers(0, n, (_DRAWS, n))


def _around(value: float, drawn: NDArray[np.float64]) -> Estimate:
    low, high = (float(edge) for edge in np.quantile(drawn, (0.025, 0.975)))
    return Estimate(value=value, low=min(low, value), high=max(high, value))


def _same_length(before: Sequence[object], after: Sequence[object]) -> None:
    if len(before) != len(after):
        raise ValueError(f"expected the same items before and after, got {len(before)} and {len(after)}")
