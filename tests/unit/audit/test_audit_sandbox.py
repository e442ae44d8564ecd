"""What hostile SQL can reach: nothing but the views, for a bounded time, in bounded memory."""

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from audit import confined, sandbox
from audit.errors import BadKeys, QueryRefused, Unproven
from audit.keys import SubjectKeys
from audit.opener import Opener
from audit.reading import read_root
from audit.sandbox import Request, Sandbox, files_of

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def held(world):
    world.open().append(world.exchange("answered", "Cross-", "site"))
    return world


def ask(world, sql, **more):
    with Sandbox() as process:
        return process.ask(Request(sql, files_of(read_root(world.root)), **more)).table()


def refuse_in_process(world, sql, opener=None):
    """The same database without the process around it, which is quicker to make."""
    connection = confined.connect(Request(sql, files_of(read_root(world.root))), opener)
    with pytest.raises((QueryRefused, duckdb.Error, OSError)) as refusal:
        confined.select(connection, sql)
    return str(refusal.value)


FILES = [
    "read_text('{seg}')",
    "read_blob('{kek}')",
    "read_csv('{kek}')",
    "read_csv_auto('{kek}')",
    "read_json('{kek}')",
    "read_ndjson_objects('{kek}')",
    "read_parquet('{seg}')",
    "parquet_scan(['{seg}'])",
    "parquet_metadata('{seg}')",
    "parquet_kv_metadata('{seg}')",
    "parquet_bloom_probe('{seg}', 'request_id', 'x')",
    "read_duckdb('{seg}')",
    "sniff_csv('{kek}')",
    "glob('/*')",
    "'{seg}'",
    "'{kek}'",
    "'https://example.com/x.parquet'",
    "query('from ''{seg}''')",
    "query_table('{seg}')",
    "duckdb_extensions()",
    "duckdb_secrets()",
    "which_secret('s3://a', 's3')",
    "copy_database('memory', 'temp')",
    "import_database('{out}')",
    "json_execute_serialized_sql(json_serialize_sql('from ''{seg}'''))",
]


@pytest.mark.parametrize("table", FILES)
def test_no_function_reads_a_file(held, tmp_path, table):
    paths = {"seg": held.segments()[0], "kek": held.home / "keys" / "kek.key", "out": tmp_path / "out"}
    refuse_in_process(held, "SELECT * FROM " + table.format(**paths))  # noqa: S608


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{out}'",
        "COPY records TO '{seg}' (FORMAT parquet, USE_TMP_FILE false)",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}'",
        "ATTACH ':memory:' AS other",
        "USE temp",
        "DETACH memory",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 8",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA database_list",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "CHECKPOINT",
        "CREATE TABLE t AS SELECT 1",
        "CREATE OR REPLACE VIEW records AS SELECT 1",
        "CREATE OR REPLACE MACRO text_of(a, b) AS 1",
        "CREATE SECRET s (TYPE s3)",
        "DROP VIEW records",
        "ALTER VIEW records RENAME TO other",
        "INSERT INTO log_0 SELECT * FROM log_0",
        "DELETE FROM stored",
        "UPDATE stored SET kind = 'x'",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '{out}'",
        "FROM query('COPY (SELECT 1) TO ''{out}''')",
        "FROM enable_logging()",
        "FROM arrow_scan(1, 2, 3)",
        "FROM python_arrow_scan(1, 2, 3)",
        "FROM pandas_scan(1)",
        "FROM arrow_scan(1::ubigint::pointer, 2::ubigint::pointer, 3::ubigint::pointer)",
        "FROM create_external_resource('a', map {{'a': 'b'}}, 'c', null, true, 1, 1)",
        "FROM connection",
        "FROM sys",
        "SELECT getenv('PATH')",
        "SELECT set_config('a', 'b')",
        "SELECT $1",
        "not sql",
        "",
        ";",
        "-- nothing",
    ],
)
def test_only_one_select_runs_and_it_changes_nothing(held, tmp_path, sql):
    segment = held.segments()[0]
    before = segment.read_bytes()
    refuse_in_process(held, sql.format(out=tmp_path / "out", seg=segment))
    assert not (tmp_path / "out").exists()
    assert segment.read_bytes() == before


def test_the_process_refuses_too_and_answers_what_it_may(held):
    for sql in ("COPY (SELECT 1) TO '/tmp/never'", "SELECT * FROM read_text('/etc/passwd')", "DROP VIEW records"):
        with pytest.raises(QueryRefused):
            ask(held, sql)
    assert ask(held, "with t as (from exchanges) select count(*) n from t").to_pylist() == [{"n": 1}]
    assert ask(held, "select current_setting('TimeZone') as zone").to_pylist() == [{"zone": "UTC"}]


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from range(1000000000) a, range(1000000) b where a.range * b.range % 7 = 3",
        "with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t",
        "select count(*) from stored a, stored b, stored c, range(100000000) r where r.range % 3 = a.idx",
    ],
)
def test_an_endless_query_ends(held, sql):
    started = time.monotonic()
    with pytest.raises(QueryRefused):
        ask(held, sql, seconds=1)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "sql",
    [
        "select count(distinct range) from range(10000000000)",
        "select list(range) from range(10000000000)",
        "select string_agg(repeat('x', 1000000), '') from range(100000)",
        "select range, range as b, range as c from range(100000000000)",
    ],
)
def test_a_query_that_wants_all_memory_is_refused(held, sql):
    with pytest.raises(QueryRefused):
        ask(held, sql, seconds=20)


def test_a_result_has_a_limit(held):
    with pytest.raises(QueryRefused, match="got more"):
        ask(held, "select range from range(1000000)", max_bytes=1_000_000)


@pytest.mark.parametrize("rows", [0, 1, 5, 70_000])
def test_rows_beyond_what_is_asked_for_are_left_out(held, rows):
    assert ask(held, "select range as n from range(100000)", rows=rows)["n"].to_pylist() == list(range(rows))
    assert ask(held, "select 1 where false", rows=rows).num_rows == 0


def test_a_confined_process_writes_no_file(tmp_path):
    attempt = f"from audit import confined; confined.confine(5); open({str(tmp_path / 'out')!r}, 'wb', 0).write(b'x')"
    done = subprocess.run([sys.executable, "-c", attempt], cwd=REPOSITORY, capture_output=True, check=False)
    assert done.returncode != 0
    assert (tmp_path / "out").stat().st_size == 0


def test_the_process_knows_no_secret_of_its_parent(held, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    with Sandbox() as process:
        environment = Path(f"/proc/{process._process.pid}/environ").read_bytes()
    assert b"hidden" not in environment
    with Sandbox(far=True) as process:
        for _ in range(100):
            environment = Path(f"/proc/{process._process.pid}/environ").read_bytes()
            if b"hidden" in environment:
                break
            time.sleep(0.05)
    assert b"hidden" in environment


def test_a_process_that_breaks_off_is_a_refusal(held, monkeypatch):
    with Sandbox() as process:
        process._process.kill()
        with pytest.raises(QueryRefused, match="ended"):
            process.ask(Request("select 1", {}))
    monkeypatch.setattr(sandbox, "GRACE_S", 0)
    with Sandbox() as process, pytest.raises(QueryRefused, match="no result within 0 s"):
        process.ask(Request("select 1", files_of(read_root(held.root)), seconds=0))


def test_text_opens_only_as_its_leaf_says(held):
    opener = Opener(SubjectKeys.load(held.home / "keys"))
    asked = "select open_text({leaf}, content) from stored where kind = 'request'"
    for leaf in (
        'replace(decode(leaf), \'"tenant":"school"\', \'"tenant":"other"\')::blob',  # a stranger's tenant
        'replace(decode(leaf), \'"kind":"request"\', \'"kind":"window"\')::blob',
        'replace(decode(leaf), \'"commit":"\', \'"commit":"0\')::blob',
        "(select any_value(leaf) from stored where kind = 'window')",
        "'{}'::blob",
        "'x'::blob",
    ):
        refuse_in_process(held, asked.format(leaf=leaf), opener)
    assert opener.records == set()


def test_what_cannot_be_opened_is_told_apart(held):
    swapped = (
        "select open_text(a.leaf, b.content) from stored a, stored b where a.kind = 'request' and b.kind = 'window'"
    )
    with pytest.raises(Unproven):
        ask(held, swapped, keys=str(held.home / "keys"))
    tags = held.home / "keys" / "tags"
    for path in tags.iterdir():
        path.unlink()
        path.write_bytes(b"{}")
    with pytest.raises(BadKeys):
        ask(held, "select text from records", keys=str(held.home / "keys"))
    with pytest.raises(BadKeys):
        ask(held, "select 1", keys=str(held.home / "none"))


def test_a_missing_file_is_told_apart_from_bad_sql(held, tmp_path):
    logs = {"test/1/exchange-0": [(0, str(tmp_path / "gone.parquet"))]}
    with Sandbox() as process, pytest.raises(FileNotFoundError):
        process.ask(Request("select count(*) from records", logs)).table()
    with Sandbox() as process, pytest.raises(QueryRefused):
        process.ask(Request("selec", logs)).table()
    (tmp_path / "gone.parquet").write_bytes(b"PAR1 and no more")
    with Sandbox() as process, pytest.raises(QueryRefused):
        process.ask(Request("select count(*) from records", logs)).table()


def test_a_root_is_reached_by_url(held):
    url = held.root.as_uri()
    logs = {
        origin: [(start, Path(place).as_uri()) for start, place in files]
        for origin, files in files_of(read_root(held.root)).items()
    }
    with Sandbox(far=True) as process:
        answer = process.ask(Request("select count(*) n from exchanges", logs, url=url))
    assert answer.table().to_pylist() == [{"n": 1}]
