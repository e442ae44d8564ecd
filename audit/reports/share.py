"""A share and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n`, from 0 to 1, with Wilson's 95 % score interval (E. B. Wilson, JASA 22, 1927)."""

    hits: int
    n: int
    value: float
    low: float
    high: float


def share_of(hits: int | None, n: int | None) -> Share | None:
    """The share; None where there is nothing of which it could be one. ValueError for what are no counts."""
    if not n or hits is None:
        return None
    if not isinstance(hits, int) or not isinstance(n, int) or not 0 <= hits <= n:
        raise ValueError(f"expected a count out of another, got {str(hits)[:32]} of {str(n)[:32]}")
    from scipy.stats import binomtest  # takes longer to load than most reports to ask

    low, high = binomtest(hits, n).proportion_ci(method="wilson")
    return Share(hits, n, hits / n, float(low), float(high))
