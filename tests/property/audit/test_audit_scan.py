"""Whatever is asked of a log's files in two steps is what one step over all rows gives."""

import datetime
import itertools

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow.fs import LocalFileSystem

from audit.scan import COLUMNS, GROUP, LARGE, LogDataset
from audit.segment import SCHEMA, STATISTICS

START = 3000  # what was before is pruned
EDGES = [START, 3 * GROUP + 100, 3 * GROUP + 101, 3 * GROUP + 350, 3 * GROUP + 360]
FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def record(idx):
    request = f"r{idx // 4:06}"
    return {
        "idx": idx,
        "ts": int(FIRST.timestamp()) * 1_000_000 + idx // 10 * 1000,
        "kind": ("request", "window", "window", "answer")[idx % 4],
        "request_id": request,
        "subject": None if idx % 97 == 0 else f"s{idx % 13}",
        "action": "REFUSE" if idx % 50 == 3 else None,
        "leaf": f'{{"idx":{idx}}}'.encode(),
        "content": b"cell" if idx % 3 else None,
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One database over the files of a log, and over the same rows in memory."""
    folder = tmp_path_factory.mktemp("log")
    whole = pa.Table.from_pylist([record(idx) for idx in range(EDGES[0], EDGES[-1])], schema=SCHEMA)
    files = []
    for start, end in itertools.pairwise(EDGES):
        path = folder / f"{start}.parquet"
        with pq.ParquetWriter(path, SCHEMA, write_statistics=STATISTICS, use_dictionary=False) as writer:
            cuts = [start, *(at for at in range(start + 1, end) if at % GROUP == 0), end]
            for low, high in itertools.pairwise(cuts):
                writer.write_table(whole.slice(low - START, high - low))
        files.append((start, str(path)))
    database = duckdb.connect(config={"python_enable_replacements": "false"})
    database.register("files", LogDataset(files, LocalFileSystem()))
    database.register("rows", whole.cast(COLUMNS))
    yield database
    database.close()


indexes = st.integers(START - 10, EDGES[-1] + 10)
times = indexes.map(lambda idx: f"'{(FIRST + datetime.timedelta(milliseconds=idx // 10)).isoformat()}'::timestamptz")
condition = st.one_of(
    st.tuples(st.just("idx"), st.sampled_from(["=", "<", ">=", "<>"]), indexes.map(str)),
    st.tuples(st.just("ts"), st.sampled_from(["=", "<", ">="]), times),
    st.tuples(st.just("request_id"), st.sampled_from(["=", ">="]), indexes.map(lambda idx: f"'r{idx // 4:06}'")),
    st.tuples(st.just("subject"), st.sampled_from(["=", "<>"]), st.integers(0, 14).map("'s{}'".format)),
    st.sampled_from(
        [
            ("kind", "in", "('request', 'answer')"),
            ("kind", "=", "'ts'"),
            ("action", "=", "'REFUSE'"),
            ("action", "is", "null"),
            ("subject", "is", "null"),
            ("content", "is", "not null"),
            ("decode(leaf)", "like", "'%77_'"),
        ]
    ),
).map(" ".join)
columns = st.lists(st.sampled_from(COLUMNS.names), min_size=1, max_size=5, unique=True)


@settings(max_examples=60, deadline=None)
@given(columns, st.lists(condition, max_size=3), st.sampled_from([" and ", " or "]))
def test_a_scan_in_two_steps_finds_what_one_would(both, columns, conditions, joint):
    where = f" where {joint.join(f'({one})' for one in conditions)}" if conditions else ""
    sql = f"select {', '.join(columns)} from {{}}{where} order by all"  # noqa: S608
    files, rows = (both.sql(sql.format(name)).to_arrow_table() for name in ("files", "rows"))
    assert files.to_pylist() == rows.to_pylist()


def test_large_columns_are_read_only_from_row_groups_with_a_match(both):
    seen = []
    plain = LogDataset._scan

    def spy(self, fragments, columns, *more):
        if not LARGE.isdisjoint(columns):
            seen.append(sum(len(fragment.row_groups) for fragment in fragments))
        return plain(self, fragments, columns, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogDataset, "_scan", spy)
        for sql, groups in (
            (f"idx = {2 * GROUP}", 1),
            (f"request_id = 'r{GROUP // 2:06}'", 1),
            (f"idx between {2 * GROUP - 1} and {2 * GROUP}", 2),
            ("action = 'none'", 0),
            ("kind = 'request'", 7),
        ):
            seen.clear()
            both.sql(f"select leaf from files where {sql}").to_arrow_table()  # noqa: S608
            assert seen == [groups], sql


def test_the_columns_are_those_that_are_stored():
    assert COLUMNS.set(1, SCHEMA.field("ts")) == SCHEMA
