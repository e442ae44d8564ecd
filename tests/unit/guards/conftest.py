"""Scorers without a model: small functions that are told what to say."""

from collections.abc import Callable, Sequence
from importlib import resources

import pytest
import yaml

from guards.guard import Guard
from guards.policy import Policy
from guards.scores import Scorer, Scores, make

BENIGN = make(0.0, 0.0, 0.0, 0.0)


# The shipped thresholds move with every fit; rules are tested on fixed ones.
THRESHOLDS = {
    "dual_use": {"threshold": 0.45, "answer_threshold": 0.95},
    "harmful_operational": {"threshold": 0.5, "teach_threshold": 0.35, "answer_threshold": 0.85},
    "other_harm": {"threshold": 0.75, "teach_threshold": 0.5, "answer_threshold": 0.9},
    "override": {"threshold": 0.7, "teach_threshold": 0.5, "answer_threshold": 0.95},
}


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """The shipped policy with fixed thresholds."""
    shipped = yaml.safe_load(resources.files("guards").joinpath("policy.yaml").read_text())
    for name, numbers in THRESHOLDS.items():
        shipped["categories"][name] |= numbers
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(yaml.safe_dump(shipped))
    return Policy.load(path)


def scorer(**by_word: Scores) -> Scorer:
    """Gives a text the scores of the first word of the table that it holds, else benign ones."""

    async def score(texts: Sequence[str]) -> list[Scores]:
        return [next((s for word, s in by_word.items() if word in text.lower()), BENIGN) for text in texts]

    return score


@pytest.fixture(scope="session")
def judge(policy: Policy) -> Callable[..., Guard]:
    """A guard over a scorer that knows these words."""
    return lambda **by_word: Guard(policy, scorer(**by_word), timeout_s=2.0)
