"""The query command: what exchanges tell, text and its record, formats, prompt."""

import http.server
import io
import json
import threading

import boto3
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from audit import prompt, query
from audit.client import AuditClient
from audit.errors import BadSegment, QueryRefused, RemoteError, Unavailable, Unproven
from audit.init import begin
from audit.keys import SubjectKeys, load
from audit.log import Log
from audit.reading import read_root
from audit.record import Entry, Kind

JUDGED = {"action": "REFUSE", "category": "malware", "score_ppm": 900_000}
ACCESSES = "select actor, fields->>'about' as about, (fields->>'records')::int as n from records where kind = 'access'"


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
    ending = JUDGED | {"finish_reason": "content_filter", "windows": 1}
    ending |= {"usage": {"prompt_tokens": 5, "completion_tokens": 7}}
    cut = Entry(Kind.answer, "cut", 2, "school", "ada", ending, "so far")
    log.append([world.request("cut"), world.window("cut", 0, "so far"), cut])
    return world


def test_exchanges_holds_every_request_with_its_end(asked):
    table = query.query(asked.root, "from exchanges", asked.home / "keys")
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
        "cut": ("content_filter", "REFUSE", "so far"),
    }
    assert (rows["refused"]["score"], rows["cut"]["score"]) == (0.9, 0.9)
    assert rows["answered"]["prompt"] == "What is XSS?"


def test_text_needs_keys_and_a_living_subject(asked):
    table = query.query(asked.root, "select * from exchanges")
    assert table["prompt"].null_count == table["response"].null_count == table.num_rows
    keys = SubjectKeys.load(asked.home / "keys")
    (asked.home / "keys" / "tags" / keys.of("school", "ada").tag("school")).unlink()
    rows = query.query(asked.root, "from exchanges", asked.home / "keys").to_pylist()
    assert {row["request_id"] for row in rows if row["response"]} == {"taught"}
    assert {row["prompt"] for row in rows} == {None}


def test_opening_text_is_a_record_and_looking_at_the_rest_is_none(asked):
    keys = asked.home / "keys"
    query.query(asked.root, "select count(*), min(finish_reason) from exchanges", keys)
    assert query.query(asked.root, ACCESSES).num_rows == 0
    query.query(asked.root, "from exchanges where request_id = 'answered'", keys)
    asker = query.Asker(asked.root, keys, reader="auditor-7", reason="appeal 12")
    with pytest.raises(QueryRefused, match="XSS"):  # an error message carries text as well as a row does
        asker.ask("select error(prompt) from exchanges where request_id = 'refused'")
    asker.ask("select count(prompt) from exchanges where prompt like '%XSS%'")
    found = [(row["about"], row["n"]) for row in query.query(asked.root, ACCESSES + " order by ts, idx").to_pylist()]
    assert found == [("answered", 3), ("refused", 1), (None, 7)]
    reasons = query.query(asked.root, "select text from records where kind = 'access' order by ts, idx", keys)
    assert reasons["text"].to_pylist() == ["audit.query", "appeal 12", "appeal 12"]


def test_text_whose_opening_cannot_be_recorded_is_not_shown(asked, monkeypatch, capsys):
    def fail(*_, **__):
        raise Unavailable("disk full")

    monkeypatch.setattr("audit.content.record_access", fail)
    arguments = [str(asked.root), "select prompt from exchanges", "--keys", str(asked.home / "keys")]
    assert query.main(arguments) == 1
    shown = capsys.readouterr()
    assert "XSS" not in shown.out + shown.err
    assert "disk full" in shown.err


def test_text_that_is_not_what_its_leaf_commits_to_fails_the_query(asked):
    keys = asked.home / "keys"
    query.query(asked.root, "select open_text(leaf, content) from stored where kind = 'request'", keys)
    other = "select try(open_text(a.leaf, b.content)) from stored a, stored b where a.kind = 'request' and b.idx = 2"
    for sql in (other, other.replace("try", "")):
        with pytest.raises((Unproven, QueryRefused)):
            query.query(asked.root, sql, keys)
    with pytest.raises(Unproven):
        query.query(asked.root, other.replace("try", ""), keys)


def test_the_command_answers_in_three_formats(asked, capfdbinary):
    sql = "select finish_reason, count(*) as n from exchanges group by 1 order by 2 desc, 1"
    assert query.main([str(asked.root), sql]) == 0
    assert b"interrupted" in capfdbinary.readouterr().out
    keys = ["--keys", str(asked.home / "keys")]
    assert query.main([str(asked.root), "select prompt, ts from exchanges", "--format", "json", *keys]) == 0
    assert json.loads(capfdbinary.readouterr().out)[0]["prompt"] == "What is XSS?"
    assert query.main([str(asked.root), "select sum(idx) n, 1.5 d from records", "--format", "json"]) == 0
    (row,) = json.loads(capfdbinary.readouterr().out)
    assert (type(row["n"]), row["d"]) == (int, 1.5)
    assert query.main([str(asked.root), "select fields->>'role' as role from records", "--format", "parquet"]) == 0
    (asked.home / "out").write_bytes(capfdbinary.readouterr().out)
    assert pq.read_table(asked.home / "out").num_rows > 16
    assert query.main([str(asked.root), "drop view records"]) == 1
    assert query.main([str(asked.home / "none"), "select 1"]) == 2
    assert query.main([str(asked.root), "select 1", "--keys", str(asked.home / "none")]) == 2


def test_what_a_user_wrote_does_not_drive_a_terminal(asked, capsys):
    assert query.main([str(asked.root), "select chr(27) || '[2J' as \"a" + chr(27) + '"']) == 0
    assert query.main([str(asked.root), "select error(chr(27) || '[2J')"]) == 1
    shown = capsys.readouterr()
    assert chr(27) not in shown.out + shown.err


def test_a_view_shows_nothing_that_was_not_signed(asked, capsys):
    path = asked.segments()[1]
    path.write_bytes(path.read_bytes().replace(b"request", b"reguest"))
    assert query.main([str(asked.root), "select 1"]) == 2
    assert path.name in capsys.readouterr().err
    assert query.main([str(asked.root), "select 1", "--trust-files"]) == 0


def test_a_file_that_goes_away_between_listing_and_reading_is_listed_again(asked, monkeypatch):
    gone = asked.segments()[1]
    kept = gone.read_bytes()
    listings = []

    def listing(root):
        gone.write_bytes(kept)
        listings.append(read_root(root))
        if len(listings) == 1:
            gone.unlink()
        return listings[-1]

    monkeypatch.setattr("audit.reading.read_root", listing)
    asker = query.Asker(asked.root, trust_files=True)
    assert asker.ask("select count(*) n from exchanges").to_pylist() == [{"n": 7}]
    assert len(listings) == 2


def test_each_file_is_checked_once(asked, monkeypatch):
    checked = []
    count = lambda _, logs: checked.append(sum(len(log.files) for log in logs))  # noqa: E731
    monkeypatch.setattr("audit.reading.check_files", count)
    asker = query.Asker(asked.root)
    asker.ask("select 1")
    asked.open().append([asked.request("later")])
    assert asker.ask("select count(*) n from exchanges").to_pylist() == [{"n": 8}]
    assert (checked[0] > 1, checked[1]) == (True, 1)


def test_a_file_that_does_not_verify_stays_unchecked(asked):
    path = asked.segments()[1]
    kept = path.read_bytes()
    path.write_bytes(kept[:-1])
    asker = query.Asker(asked.root)
    for _ in range(2):
        with pytest.raises(BadSegment):
            asker.ask("select 1")
    path.write_bytes(kept)
    assert asker.ask("select 1 as a").num_rows == 1


STATEMENTS = """\
.views
select 1 as first; select ';' as "semi;colon" -- not ; here
  , 2 /* nor ; here */ as second;
.columns exchanges
.columns nothing at all
copy x to 'y';
select $$;$$ as last"""


def test_statements_from_a_pipe(asked, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(STATEMENTS))
    assert query.main([str(asked.root), "--format", "json", "--trust-files"]) == 1
    shown = capsys.readouterr()
    views, one, two, columns, last = map(json.loads, shown.out.splitlines())
    assert "exchanges" in {row["view"] for row in views}
    assert (one, two, last) == ([{"first": 1}], [{"semi;colon": ";", "second": 2}], [{"last": ";"}])
    assert {"column": "prompt", "type": "VARCHAR"} in columns
    assert shown.err.count("refused:") == 2


def test_the_prompt_ends_at_quit_and_takes_lines_until_a_semicolon(asked, monkeypatch, capsys):
    lines = iter(["", "select", "1 as a", ";", ".help", ".quit", "select 2;"])
    seen = []

    def typed(mark):
        seen.append(mark)
        return next(lines)

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", typed)
    assert query.main([str(asked.root), "--trust-files"]) == 0
    shown = capsys.readouterr().out
    assert "a\n-\n1" in shown
    assert prompt.HELP in shown
    assert [mark.strip() for mark in seen] == ["audit>", "audit>", "...>", "...>", "audit>", "audit>"]
    with pytest.raises(SystemExit, match="2"):
        query.main([str(asked.root), "--format", "parquet"])


def test_a_log_in_an_object_store_is_asked_the_same(tmp_path, world, monkeypatch, capsys):
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="logs")
    keys = tmp_path / "far-keys"
    begin("s3://logs/preceptor", keys, "test", 1)
    Log.open("s3://logs/preceptor/exchange-0", load(keys)).append(world.exchange("answered", "Cross-", "site"))
    sql = "select response from exchanges where ts > '2020-01-01' and request_id = 'answered'"
    assert query.main(["s3://logs/preceptor", sql, "--keys", str(keys), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == [{"response": "Cross-site"}]
    assert query.query("s3://logs/preceptor", ACCESSES).to_pylist() == [
        {"actor": "operator", "about": "answered", "n": 3}
    ]
    assert query.main(["s3://absent/preceptor", "select 1"]) == 2
    server.stop()


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
