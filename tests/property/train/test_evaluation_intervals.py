"""Intervals hold what they are about, whatever the counts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation import intervals

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
TEXTS = st.lists(
    st.tuples(st.floats(0, 300), st.floats(0, 300), st.integers(100, 400)), min_size=1, max_size=30
)  # nats before, after, tokens


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_share_lies_in_its_interval(hits, more):
    told = intervals.wilson(hits, hits + more)
    assert 0 <= told.low <= told.value <= told.high <= 1


@given(st.integers(1, 200), st.integers(1, 200))
def test_more_items_tell_more(hits, more):
    few, many = intervals.wilson(hits, hits + more), intervals.wilson(hits * 4, (hits + more) * 4)
    assert many.high - many.low < few.high - few.low


@given(PAIRS)
def test_the_paired_difference_is_that_of_the_shares_and_turns_with_them(pairs):
    before, after = map(list, zip(*pairs, strict=True))
    told, turned = intervals.paired(before, after), intervals.paired(after, before)
    assert math.isclose(told.value, (sum(after) - sum(before)) / len(pairs), abs_tol=1e-12)
    assert told.low <= told.value <= told.high
    assert math.isclose(told.low, -turned.high, abs_tol=1e-9)
    assert told == intervals.paired(before, after)


@given(PAIRS)
def test_mcnemar_counts_only_what_changed(pairs):
    before, after = map(list, zip(*pairs, strict=True))
    p = intervals.mcnemar(before, after)
    assert 0 < p <= 1
    assert p == intervals.mcnemar(after, before)
    assert p == intervals.mcnemar([*before, True, False], [*after, True, False])


def test_mcnemar_is_exact():
    assert intervals.mcnemar([False] * 6, [True] * 6) == pytest.approx(2 / 64)
    assert intervals.mcnemar([True, False], [True, False]) == 1.0


@given(TEXTS)
def test_the_change_of_perplexity_is_that_of_the_perplexities(texts):
    before, after, tokens = map(list, zip(*texts, strict=True))
    was, now = intervals.perplexity(before, tokens), intervals.perplexity(after, tokens)
    told = intervals.perplexity_change(before, after, tokens)
    assert math.isclose(told.value, now.value - was.value, abs_tol=1e-9)
    assert told.low <= told.value <= told.high
    assert was.low <= was.value <= was.high


def test_the_same_items_are_asked_for():
    with pytest.raises(ValueError, match="the same items"):
        intervals.paired([True], [])
