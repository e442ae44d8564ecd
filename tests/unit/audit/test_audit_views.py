"""The views: each one's rows, the document that describes them, and what they cost."""

import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from audit import confined, query, scan
from audit.reading import read_root
from audit.record import Entry, Kind
from audit.sandbox import Request, files_of

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "audit-views.md").read_text()
TEXT = "Never in an export"
JUDGED = {"action": "REFUSE", "category": "malware", "score_ppm": 900_000}
DAY_US = 86_400_000_000


def about(kind, number, fields, subject="", text=None, actor="operator"):
    return Entry(kind, f"{kind}-{number}", 0, "school", subject, fields, text, actor)


@pytest.fixture
def told(world):
    """A root with something to show in every view."""
    exchange, control = world.open(), world.open("control")
    exchange.append(
        [world.request("r1", TEXT, model_digest="m2"), world.window("r1", 0, TEXT), world.answer("r1", 1, TEXT)]
    )
    exchange.append(
        [world.request("r2", **JUDGED), Entry(Kind.refusal, "r2", 1, "school", "ada", JUDGED | {"lesson": None}, "No.")]
    )
    cut = {"finish_reason": "content_filter", "windows": 0, "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
    exchange.append([world.request("r3"), Entry(Kind.answer, "r3", 1, "school", "ada", cut | JUDGED, "")])
    taught = JUDGED | {"action": "TEACH", "lesson": "lab"}
    for name, subject in (("r4", "ada"), ("r5", "bob")):
        lesson = Entry(Kind.lesson, name, 1, "school", subject, taught, "Learn.")
        exchange.append([world.request(name, **JUDGED | {"action": "TEACH"}), lesson])
    exchange.append([world.request("r6", deadline_us=1)])
    exchange.append(
        [world.request("r7"), Entry(Kind.fault, "r7", 1, "school", "ada", {"cause": "guard", "stage": "prompt"})]
    )
    learned = {"category": "malware", "lesson": "lab", "policy_digest": "p", "expires_us": 2_000_000_000_000_000}
    failed = control.append(
        [
            about(Kind.policy, 1, {"policy_digest": "p", "guard_digest": "g", "terms_digest": "old"}),
            about(Kind.terms, 1, {"terms_digest": "old", "version": "1"}, "ada", actor="gateway"),
            about(Kind.policy, 2, {"policy_digest": "p", "guard_digest": "g", "terms_digest": "new"}),
            about(Kind.terms, 2, {"terms_digest": "new", "version": "2"}, "ada"),
            about(Kind.lesson_pass, 1, learned, "ada"),
            about(Kind.lesson_pass, 2, learned | {"lesson": "other"}, "bob"),
            about(Kind.appeal, 1, {"about": "r2"}, "ada", TEXT),
            about(Kind.review, 1, {"about": "r2", "decision": "overturn"}, "ada", TEXT),
            about(Kind.appeal, 2, {"about": "r3"}, "ada", TEXT),
            about(Kind.review, 2, {"about": "r3", "decision": "label", "label": "fine"}),
            about(Kind.alert, 1, {"rule": "flood", "severity": "critical", "about": "r2", "value_ppm": 1_500_000}),
            *made(),
        ]
    )
    assert [result for result in failed if isinstance(result, Exception)] == []
    return world


def made():
    """Two models of one name: a plain base, then one with an adapter that a run made from a dataset."""
    source = {"name": "cve", "digest": "s", "licence": "CC0-1.0"}
    run = {"name": "run-1", "job": "tune", "base": "smol", "dataset_digest": "d", "config_digest": "c", "metrics": {}}
    gate = {"name": "safety", "candidate": "a", "suite_digest": "t", "metrics": {"pass_ppm": 990_000}}
    promoted = {"name": "tutor", "model_digest": "m1", "base": "smol", "adapter_digest": None, "weights": {"w": "1"}}
    return [
        about(Kind.promotion, 1, promoted),
        about(Kind.dataset, 1, {"name": "set", "digest": "d", "rows": 12, "sources": [source]}),
        about(Kind.run, 1, run | {"status": "started", "adapter_digest": None}),
        about(Kind.run, 2, run | {"status": "finished", "adapter_digest": "a", "metrics": {"loss_ppm": 7}}),
        about(Kind.gate, 1, gate | {"passed": False}),
        about(Kind.gate, 2, gate | {"passed": True}),
        about(Kind.gate, 3, gate | {"name": "speed", "candidate": "m2", "passed": False}),
        about(Kind.gate, 4, gate | {"candidate": "another", "passed": False}),
        about(Kind.promotion, 2, promoted | {"model_digest": "m2", "adapter_digest": "a", "gate": "safety"}),
    ]


@pytest.fixture
def database(told):
    return confined.connect(Request("", files_of(read_root(told.root))))


def rows(database, sql):
    with pa.ipc.open_stream(confined.select(database, sql)) as reader:
        return reader.read_all().to_pylist()


def test_the_document_lists_every_view_with_its_columns_and_types(database):
    found: dict[str, list] = {}
    sql = """select c.table_name, c.column_name, c.data_type from duckdb_columns() c
        join duckdb_views() v on v.view_name = c.table_name where v.comment is not null order by 1, column_index"""
    for row in rows(database, sql):
        found.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
    told = {
        name: re.findall(r"^\| `([\w.]+)` \| ([A-Z][A-Z \[\]]*) \| \S", body, re.MULTILINE)
        for name, body in sections.items()
    }
    assert told == found
    assert {"records", "exchanges", "refusals", "lessons", "terms", "reviews", "alerts", "lineage"} < set(told)


def test_records_holds_every_record(told, database):
    stored = [row for log in ("control", "exchange-0") for row in told.open(log).tail(0, 1000)]
    found = rows(database, "from records order by origin, idx")
    assert [row["idx"] for row in found] == [leaf["idx"] for leaf in stored]
    for row, leaf in zip(found, stored, strict=True):
        assert json.loads(row["fields"]) == leaf["fields"]
        for name in ("origin", "kind", "request_id", "seq", "tenant", "subject", "actor"):
            assert row[name] == leaf[name], name
        assert int(row["ts"].timestamp() * 1_000_000) == leaf["ts"]
        assert row["category"] == leaf["fields"].get("category")


def test_refusals(database):
    found = rows(
        database, "select request_id, stage, category, score, appealed is not null as appealed, decision from refusals"
    )
    assert sorted(tuple(row.values()) for row in found) == [
        ("r2", "prompt", "malware", 0.9, True, "overturn"),
        ("r3", "answer", "malware", 0.9, True, "label"),
    ]


def test_lessons_know_whether_a_pass_followed(database):
    found = rows(
        database, "select request_id, lesson, passed, passed_ts > ts as after, expires from lessons order by 1"
    )
    assert [(row["request_id"], row["lesson"], row["passed"], row["after"]) for row in found] == [
        ("r4", "lab", True, True),
        ("r5", "lab", False, None),
    ]
    assert found[0]["expires"].year == 2033


def test_terms_know_which_are_in_force(database):
    found = rows(database, "select version, actor, in_force from terms order by idx")
    assert [tuple(row.values()) for row in found] == [("1", "gateway", False), ("2", "operator", True)]


def test_reviews_know_which_appeals_are_open(database):
    found = rows(database, "select kind, about, decision, label, open from reviews order by idx")
    assert [tuple(row.values()) for row in found] == [
        ("appeal", "r2", None, None, False),
        ("review", "r2", "overturn", None, False),
        ("appeal", "r3", None, None, True),
        ("review", "r3", "label", "fine", False),
    ]


def test_alerts(database):
    (row,) = rows(database, "select rule, severity, about, value, actor, open from alerts")
    assert tuple(row.values()) == ("flood", "critical", "r2", 1.5, "operator", False)


def test_lineage_leads_from_a_model_to_its_sources(database):
    plain, tuned = rows(database, "from lineage order by idx")
    assert (plain["model_digest"], plain["active"], plain["run"], plain["gate_passed"]) == ("m1", False, None, None)
    expected = {
        "model_digest": "m2", "active": True, "run": "run-1", "job": "tune", "config_digest": "c", "dataset": "set",
        "dataset_digest": "d", "dataset_rows": 12, "gate": "safety", "gate_passed": True,
    }  # fmt: skip
    assert {name: tuned[name] for name in expected} == expected
    assert json.loads(tuned["sources"]) == [{"name": "cve", "digest": "s", "licence": "CC0-1.0"}]
    assert json.loads(tuned["metrics"]) == {"loss_ppm": 7}
    assert sorted((gate["name"], gate["passed"]) for gate in json.loads(tuned["gates"])) == [
        ("safety", False), ("safety", True), ("speed", False),
    ]  # fmt: skip


def test_otel_genai_gives_spans(database):
    found = {row["gen_ai.response.id"]: row for row in rows(database, "from otel_genai")}
    answered = found["r1"]
    assert (answered["name"], answered["status_code"], answered["error.type"]) == ("chat tutor", "UNSET", None)
    assert answered["gen_ai.request.max_tokens"] == 16
    assert (answered["gen_ai.usage.input_tokens"], answered["gen_ai.usage.output_tokens"]) == (5, 7)
    assert answered["gen_ai.response.finish_reasons"] == ["stop"]
    assert answered["end_time"] >= answered["start_time"]
    assert (found["r7"]["status_code"], found["r7"]["error.type"]) == ("ERROR", "guard")
    assert (found["r6"]["status_code"], found["r6"]["error.type"], found["r6"]["end_time"]) == (
        "ERROR",
        "deadline",
        None,
    )
    assert found["r2"]["name"] == "chat"


def test_ocsf_events_carry_the_leaf_hash(told, database):
    leaves = {(row["origin"], row["idx"]): row["leaf"] for row in rows(database, "from stored")}
    found = rows(database, "from ocsf")
    assert len(found) == len(leaves)
    for row in found:
        event = json.loads(row["event"])
        expected = hashlib.sha256(b"\0" + leaves[row["chain_uid"], row["uid"]]).hexdigest()
        (attested,) = event["attestation_list"]
        assert row["fingerprint"] == attested["fingerprint"]["value"] == expected
        assert (attested["uid"], attested["chain_uid"]) == (str(row["uid"]), row["chain_uid"])
        assert event["type_uid"] == row["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        for name in ("category_uid", "severity_id", "time", "metadata", "actor", "api", "src_endpoint"):
            assert name in event, name
        assert "null" not in str([value for name, value in event.items() if name != "unmapped"])
    (alert,) = [row for row in found if row["kind"] == "alert"]
    (asked,) = [json.loads(row["event"]) for row in found if row["request_id"] == "r1" and row["kind"] == "request"]
    assert alert["severity_id"] == 5
    assert asked["ai_model"] == {"ai_provider": "preceptor", "name": "tutor", "uid": "m2"}


def test_export_views_never_hold_text(told):
    for view in ("otel_genai", "ocsf"):
        shown = str(query.query(told.root, f"from {view}", told.home / "keys").to_pylist())
        assert TEXT not in shown
    assert query.query(told.root, "from records where kind = 'access'").num_rows == 0


FILTERS = [
    ("records", "request_id = 'r1'", 1),
    ("records", "subject = 'x'", 1),
    ("records", "kind = 'alert'", 1),
    ("records", "ts >= '2020-01-01'", 1),
    ("records", "ts >= now() - interval 1 day", 1),
    ("records", "idx between 2 and 3", 1),
    ("exchanges", "request_id = 'r1'", 2),
    ("exchanges", "subject = 'x'", 1),
    ("exchanges", "ts >= '2020-01-01'", 1),
    ("refusals", "request_id = 'r1'", 1),
    ("lessons", "request_id = 'r1'", 1),
    ("ocsf", "uid = 7", 1),
    ("otel_genai", "\"gen_ai.response.id\" = 'r1'", 2),
]


@pytest.mark.parametrize(("view", "condition", "scans"), FILTERS)
def test_filters_reach_the_files(told, monkeypatch, view, condition, scans):
    """The scanner that DuckDB asks for gets the filter; `scans` of a log's scans must have it."""
    seen = []
    plain = scan.LogDataset.scanner

    def scanner(self, columns=None, filter=None, **options):  # noqa: A002
        seen.append(str(filter))
        return plain(self, columns, filter, **options)

    monkeypatch.setattr(scan.LogDataset, "scanner", scanner)
    database = confined.connect(Request("", files_of(read_root(told.root))))
    rows(database, f"select * from {view} where {condition}")  # noqa: S608
    column = re.split(r"\W+", condition.replace('"gen_ai.response.id"', "request_id").replace("uid", "idx"))[0]
    logs = 2
    assert sum(f"({column} " in text for text in seen) >= scans * logs, seen


def test_a_view_reads_only_the_columns_that_are_asked_for(told, monkeypatch):
    seen = []
    plain = scan.LogDataset.scanner

    def scanner(self, columns=None, filter=None, **options):  # noqa: A002
        seen.append(set(columns))
        return plain(self, columns, filter, **options)

    monkeypatch.setattr(scan.LogDataset, "scanner", scanner)
    database = confined.connect(Request("", files_of(read_root(told.root))))
    assert seen == []
    rows(database, "select kind, count(*) from records group by kind")
    assert seen == [{"kind"}, {"kind"}]
    seen.clear()
    rows(database, "select count(*) from exchanges")
    assert not any(columns & {"leaf", "content"} for columns in seen)
