"""Agreement against figures worked out elsewhere."""

import pytest

from app.reviewing.agreement import agreement


def rows(*said: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"about": about, "reviewer": reviewer, "label": label} for about, reviewer, label in said]


def test_alpha_of_krippendorffs_own_example() -> None:
    """Nominal data of two observers, Krippendorff 2011, 'Computing Krippendorff's Alpha-Reliability', part B: 0.692."""
    meg, owen = list("aabbdcccedda"), list("babbbccceddd")
    pairs = list(enumerate(zip(meg, owen, strict=True)))
    said = [(str(n), who, label) for n, both in pairs for who, label in zip(("meg", "owen"), both, strict=True)]
    assert agreement(rows(*said), {})["alpha"] == pytest.approx(0.692, abs=0.001)


def test_kappa_of_cohens_two_by_two() -> None:
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed 0.7, by chance 0.5, kappa 0.4."""
    cells = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    said = [(str(n), who, label) for n, both in enumerate(cells) for who, label in zip("ab", both, strict=True)]
    (pair,) = agreement(rows(*said), {})["pairs"]
    assert (pair["items"], pair["alike"], pair["kappa"]) == (50, 0.7, 0.4)


def test_the_last_label_counts_and_what_was_labelled_once_does_not() -> None:
    found = agreement(rows(("1", "a", "x"), ("1", "a", "y"), ("1", "b", "y"), ("2", "a", "x")), {"1": "y", "2": "y"})
    assert (found["items"], found["labelled_twice"], found["alike"]) == (2, 1, 1.0)
    assert found["alpha"] is None  # all said the same: nothing to compare
    assert found["pairs"] == []  # too few in common
    assert found["gold"]["a"] == {"items": 2, "right": 0.5, "said": {"y as x": 1, "y as y": 1}}


def test_nothing_labelled() -> None:
    assert agreement([], {}) == {
        "items": 0, "labelled_twice": 0, "alpha": None, "alike": None, "by_label": {}, "pairs": [], "gold": {},
    }  # fmt: skip
