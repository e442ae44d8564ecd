"""The index of drift against the monitor's own rule, computed by DuckDB; and the days to which it belongs."""

from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.auditing.drift import FEWEST, series, stability
from audit.monitoring.rules import SHIPPED, read_rules

TODAY = date(2026, 11, 29)
_, _, AFTER = next(rule.sql for rule in read_rules(SHIPPED) if rule.name == "score_drift").partition("), edges")
histograms = st.dictionaries(st.integers(0, 1000), st.integers(1, 400), min_size=1, max_size=12)


def ruled(recent: dict[int, int], before: dict[int, int]) -> float | None:
    """What `score_drift` says of these scores, its reading of the log left out."""
    rows = [f"select {score / 1000}::double as score, {side} as recent, range as n from range({count})"  # noqa: S608
            for side, one in (("true", recent), ("false", before)) for score, count in one.items()]  # fmt: skip
    sql = f"with scored as ({' union all '.join(rows)}), edges{AFTER}"
    return next(iter(duckdb.sql(sql).fetchall()), (None,))[0]


@settings(max_examples=60, deadline=None)
@given(histograms, histograms)
@example({0: FEWEST - 1}, {0: FEWEST})
@example({0: FEWEST}, {0: FEWEST - 1})
@example({0: FEWEST}, {0: FEWEST})
@example({0: 1, 500: 399}, {1000: 400})
def test_it_is_the_number_that_the_rule_alerts_on(recent, before) -> None:
    told, known = stability(recent, before), ruled(recent, before)
    assert (told is None) == (known is None)
    assert told == pytest.approx(known, abs=1e-9)


def test_a_day_is_held_against_the_four_weeks_before_its_week() -> None:
    by_day = {TODAY - timedelta(back): {100: 100} for back in range(40)}
    assert series(by_day, [TODAY]) == [0.0]
    by_day[TODAY] = {900: 400}
    shifted, before = series(by_day, [TODAY, TODAY - timedelta(1)])
    assert shifted > 0.25
    assert before == 0.0
    outside = by_day | {TODAY - timedelta(35): {900: 10**6}, TODAY + timedelta(1): {900: 10**6}}
    assert series(outside, [TODAY]) == [shifted]
    assert series({}, [TODAY]) == [None]
    ages = [index is not None for index in series(by_day, [TODAY - timedelta(back) for back in range(40)])]
    assert ages == [True] * 30 + [False] * 10  # then fewer than four of the days before are there
