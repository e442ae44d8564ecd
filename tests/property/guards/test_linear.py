"""Long runs of odd characters cost time in proportion: what once froze or slowed the normaliser stays quick."""

import pytest

from guards.normalize import views


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "Fill in the form: name " + "_" * 400 + "ab",
        "!" * 30_000,
        "|" * 30_000,
        "a1a\t" * 8_000,
        "a_" * 10_000,
        "1a" * 15_000,
    ],
)
def test_odd_runs_end(text: str) -> None:
    assert views(text)
