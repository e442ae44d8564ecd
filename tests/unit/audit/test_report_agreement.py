"""Krippendorff's alpha as the oversight report asks for it is that of the reviewers' own page."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.reviewing.agreement import agreement
from audit.reports import definition
from audit.reports.period import Period

LABELS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.sampled_from("123"), st.sampled_from(["harmful", "educational", "override"])
    ),
    max_size=30,
)
SQL = Period.parse("2026-01-01", "2027-01-01").fill(
    next(one.sql or "" for one in definition.read("human_oversight")[0].sections if one.heading == "Agreement")
)


@settings(max_examples=60, deadline=None)
@given(LABELS)
def test_alpha(labels):
    with duckdb.connect() as database:
        database.execute(
            "create table reviews (idx int, ts timestamptz, about text, reviewer text, label text, decision text)"
        )
        for at, (about, reviewer, label) in enumerate(labels):
            row = [at, about, reviewer, label]
            database.execute("insert into reviews values ($1, '2026-05-01', $2, $3, $4, 'label')", row)
        (found,) = database.sql(SQL).fetchall()
    expected = agreement([dict(zip(("about", "reviewer", "label"), one, strict=True)) for one in labels], {})
    assert found[:2] == (expected["items"], expected["labelled_twice"])
    assert found[3] == (None if expected["alpha"] is None else pytest.approx(expected["alpha"], abs=1e-4))
