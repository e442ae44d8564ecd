"""Views and the sandbox they are asked in."""

import http.server
import json
import threading
import time

import duckdb
import pyarrow.parquet as pq
import pytest

from audit import query, sandbox, views
from audit.client import AuditClient
from audit.errors import QueryRefused, RemoteError
from audit.keys import SubjectKeys
from audit.record import Entry, Kind

JUDGED = {"action": "REFUSE", "category": "malware", "score_ppm": 900_000}


@pytest.fixture
def asked(world):
    log = world.open()
    log.append(world.exchange("answered", "Cross-", "site"))
    shown = Entry(Kind.refusal, "refused", 1, "school", "ada", JUDGED | {"lesson": None}, "No.")
    log.append([world.request("refused", **JUDGED), shown])
    taught = Entry(Kind.lesson, "taught", 1, "school", "bob", JUDGED | {"action": "TEACH", "lesson": "lab"}, "Learn.")
    log.append([world.request("taught", **JUDGED | {"action": "TEACH"}), taught])
    log.append([world.request("open"), world.request("lost", deadline_us=1), world.window("lost", 0, "half")])
    unchecked = dict.fromkeys(("action", "category", "score_ppm"))
    fault = Entry(Kind.fault, "faulty", 1, "school", "ada", {"cause": "guard", "stage": "prompt"})
    log.append([world.request("faulty", **unchecked), fault])
    return world


def test_exchanges_holds_every_request_with_its_end(asked):
    table = views.exchanges(asked.root, asked.keys)
    names = """request_id subject tenant ts prompt response action category score finish_reason model_digest
        guard_digest policy_digest terms_digest origin idx"""
    assert table.column_names == names.split()
    rows = {row["request_id"]: row for row in table.to_pylist()}
    found = {name: (row["finish_reason"], row["action"], row["response"]) for name, row in rows.items()}
    assert found == {
        "answered": ("stop", "ALLOW", "Cross-site"),
        "refused": ("content_filter", "REFUSE", "No."),
        "taught": ("lesson", "TEACH", "Learn."),
        "open": (None, "ALLOW", ""),
        "lost": ("interrupted", "ALLOW", "half"),
        "faulty": ("fault", None, ""),
    }
    assert rows["refused"]["score"] == 0.9
    assert rows["answered"]["prompt"] == "What is XSS?"


def test_text_needs_keys_and_a_living_subject(asked):
    table = views.exchanges(asked.root)
    assert table["prompt"].null_count == table["response"].null_count == table.num_rows
    keys = SubjectKeys.load(asked.home / "keys")
    (asked.home / "keys" / "tags" / keys.of("school", "ada").tag("school")).unlink()
    rows = views.exchanges(asked.root, SubjectKeys.load(asked.home / "keys")).to_pylist()
    assert {row["request_id"] for row in rows if row["response"]} == {"taught"}
    assert {row["prompt"] for row in rows} == {None}


def test_the_command_answers_in_three_formats(asked, capfdbinary):
    sql = "select finish_reason, count(*) as n from exchanges group by 1 order by 2 desc, 1"
    assert query.main([str(asked.root), sql]) == 0
    assert b"interrupted" in capfdbinary.readouterr().out
    assert query.main([str(asked.root), "select prompt, ts from exchanges", "--format", "json", "--keys",
                       str(asked.home / "keys")]) == 0  # fmt: skip
    assert json.loads(capfdbinary.readouterr().out)[0]["prompt"] == "What is XSS?"
    assert query.main([str(asked.root), "select fields->>'role' as role from records", "--format", "parquet"]) == 0
    (asked.home / "out").write_bytes(capfdbinary.readouterr().out)
    assert pq.read_table(asked.home / "out").num_rows == 16
    assert query.main([str(asked.root), "drop view records"]) == 1
    assert query.main([str(asked.home / "none"), "select 1"]) == 2


def test_a_view_shows_nothing_that_was_not_signed(asked):
    path = asked.segments()[1]
    path.write_bytes(path.read_bytes().replace(b"request", b"reguest"))
    assert query.main([str(asked.root), "select 1"]) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{out}'",
        "ATTACH '{out}'",
        "SET threads = 8",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM '{seg}'",
        "SELECT * FROM parquet_metadata('{seg}')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "EXPORT DATABASE '{out}'",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW records",
        "SELECT * FROM tables",
        "EXPLAIN ANALYZE SELECT 1",
        "not sql",
        "",
    ],
)
def test_the_sandbox_refuses(asked, sql, tmp_path):
    table = views.exchanges(asked.root)
    connection = sandbox._connect({"exchanges": table}, 5)
    with pytest.raises((QueryRefused, duckdb.Error)):
        sandbox._select(connection, sql.format(out=tmp_path / "out", seg=asked.segments()[0]))
    assert not (tmp_path / "out").exists()


def test_the_process_refuses_too_and_answers_what_it_may(asked):
    tables = {"exchanges": views.exchanges(asked.root)}
    for sql in ("COPY (SELECT 1) TO '/tmp/never'", "SELECT * FROM read_text('/etc/passwd')"):
        with pytest.raises(QueryRefused):
            sandbox.run(tables, sql)
    assert sandbox.run(tables, "with t as (from exchanges) select count(*) n from t").to_pylist() == [{"n": 6}]


def test_an_endless_query_ends(asked):
    started = time.monotonic()
    tables = {"exchanges": views.exchanges(asked.root)}
    endless = "select count(*) from range(1000000000) a, range(1000000) b where a.range * b.range % 7 = 3"
    with pytest.raises(QueryRefused, match="maximum execution time"):
        sandbox.run(tables, endless, seconds=1)
    assert time.monotonic() - started < 20


def test_client_posts_entries_and_reads_results(world):
    seen = []

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append((self.path, self.headers["authorization"], body))
            entries = [Entry.from_json(record) for record in body["records"]]
            results = {"results": [{"receipt": {"request_id": entry.request_id}} for entry in entries]}
            data = json.dumps(results if self.path.startswith("/v1") else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    entry = Entry.operational(Kind.revocation, {"jti": "x"})
    assert AuditClient(url, "key").append([entry]) == [{"receipt": {"request_id": entry.request_id}}]
    assert seen[0][:2] == ("/v1/audit/records", "Bearer key")
    with pytest.raises(RemoteError):
        AuditClient(url + "/wrong", "key").append([entry])
    server.shutdown()
    server.server_close()
    for bad in (url, "file:///etc"):
        with pytest.raises(RemoteError):
            AuditClient(bad, "key", timeout_s=2).append([entry])
