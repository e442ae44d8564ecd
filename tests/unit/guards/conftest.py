"""Scorers without a model: small functions that are told what to say."""

from collections.abc import Callable, Sequence

import pytest

from guards.guard import Guard
from guards.policy import Policy
from guards.scores import Scorer, Scores, make

BENIGN = make(0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="session")
def policy() -> Policy:
    return Policy.load()


def scorer(**by_word: Scores) -> Scorer:
    """Gives a text the scores of the first word of the table that it holds, else benign ones."""

    async def score(texts: Sequence[str]) -> list[Scores]:
        return [next((s for word, s in by_word.items() if word in text.lower()), BENIGN) for text in texts]

    return score


@pytest.fixture(scope="session")
def judge(policy: Policy) -> Callable[..., Guard]:
    """A guard over a scorer that knows these words."""
    return lambda **by_word: Guard(policy, scorer(**by_word), timeout_s=2.0)
