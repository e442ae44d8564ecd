"""What each report says of three days that can be counted by hand (report_fixture)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.reviewing.agreement import agreement
from audit import query
from audit.reports import definition
from audit.reports.building import Order, build
from audit.reports.evidence import Given
from audit.reports.period import Period
from audit.reports.report import Report, Section
from audit.reports.share import Share
from tests.unit.audit.report_fixture import ADAPTER, CHALLENGER, END, PLAIN, SEED, START, TUNED, tell

Make = Callable[..., Report]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return tell(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def make(world) -> Make:
    def made(name: str, start: str = START, end: str = END, **more: Any) -> Report:
        return build(Order(name, world.root, Period.parse(start, end), **more), lambda _: None)

    return made


def section(report: Report, heading: str) -> Section:
    (found,) = [one for one in report.sections if one.heading == heading]
    return found


def rows(report: Report, heading: str) -> list[dict[str, Any]]:
    """A section's rows, shares as (hits, n)."""
    table = section(report, heading).table
    assert table is not None
    names = [column.name for column in table.columns]
    return [
        {name: (cell.hits, cell.n) if isinstance(cell, Share) else cell for name, cell in zip(names, row, strict=True)}
        for row in table.rows
    ]


def at(hours: float) -> datetime:
    return datetime(2040, 1, 1, tzinfo=UTC) + timedelta(hours=hours)


def test_every_report_is_made_and_rests_on_signed_checkpoints(make, world):
    names = definition.names()
    assert len(names) == 13
    assert [definition.read(name)[0].number for name in names] == list(range(1, 14))
    for name in names:
        report = make(name)
        assert report.integrity.valid, name
        assert report.integrity.key_source == "root"
        assert [head.size for head in report.integrity.heads] == [world.open("control").size, world.open().size]
        assert [head.signed for head in report.integrity.heads] == [
            world.open("control").checkpoint(),
            world.open().checkpoint(),
        ]
        assert report.policies.table is not None
        assert [row[1] for row in report.policies.table.rows] == ["p" * 64]
        asked = [one for one in report.sections if one.absent is None]
        assert asked or name == "model_dossier", name


def test_integrity_certificate(make):
    report = make("integrity_certificate")
    assert [(row["gaps"], row["in_period"]) for row in rows(report, "Logs")] == [(0, 31), (0, 31)]
    (found,) = rows(report, "Answers and their records")
    assert found == {"exchanges": 13, "windows": 3, "unasked": 0, "unlogged": 0, "twice": 0, "left_open": 0}
    kinds = {row["kind"]: row["records"] for row in rows(report, "Records by kind")}
    assert (kinds["request"], kinds["answer"], kinds["refusal"], kinds["erase"]) == (
        13,
        5,
        5,
        1,
    )  # one answered a question of before
    assert [row["last_size"] for row in rows(report, "Heads pinned in the control log")] == [36]
    assert "not recorded" in (section(report, "What no log can show").absent or "")


def test_decision_register(make):
    found = rows(make("decision_register"), "Decisions")
    assert [row["request_id"] for row in found] == [f"q{n}" for n in range(1, 14)]
    by_id = {row["request_id"]: row for row in found}
    assert by_id["q1"]["ts"] == at(0)
    assert [by_id[name]["action"] for name in ("q1", "q2", "q4", "q7")] == ["ALLOW", "REFUSE", "TEACH", None]
    assert [by_id[name]["finish_reason"] for name in ("q2", "q4", "q7", "q8")] == [
        "content_filter", "lesson", "fault", "interrupted",
    ]  # fmt: skip
    assert [by_id[name]["passed"] for name in ("q3", "q4", "q5")] == [None, True, False]
    assert (by_id["q3"]["terms_version"], by_id["q5"]["terms_version"]) == (None, "1")
    assert by_id["q5"]["terms_ts"] == at(24)
    assert (by_id["q6"]["appealed"], by_id["q6"]["decision"]) == (at(33), "overturn")
    assert by_id["q1"]["latency"] == 3600
    assert by_id["q13"]["checks"] == ["sanitizer REDACT personal_data"]
    assert (by_id["q1"]["adapter"], by_id["q13"]["adapter"]) == (None, ADAPTER)
    assert len({by_id[name]["subject"] for name in ("q1", "q2", "q4")}) == 1


def test_refusal_statistics(make):
    report = make("refusal_statistics")
    (found,) = rows(report, "Decisions")
    assert found == {
        "asked": 13, "allowed_share": (5, 13), "taught_share": (2, 13), "refused_share": (5, 13),
        "redacted_share": (0, 13), "undecided_share": (1, 13), "cut_share": (1, 13),
    }  # fmt: skip
    days = [tuple(row.values()) for row in rows(report, "By day")]
    assert days == [
        ("2040-01-01", 4, 1, 1, (1, 4), 1), ("2040-01-02", 7, 1, 3, (3, 7), 0), ("2040-01-03", 2, 0, 1, (1, 2), 0),
    ]  # fmt: skip
    assert section(report, "By day").chart.bars == (("2040-01-01", 1.0), ("2040-01-02", 3.0), ("2040-01-03", 1.0))
    assert [tuple(row.values()) for row in rows(report, "By category")] == [
        ("malware", 5, 0, 3), ("override", 1, 0, 1), ("dual_use", 0, 2, 2),
    ]  # fmt: skip
    assert [tuple(row.values()) for row in rows(report, "Lessons")] == [("authorised-testing", 2, 1, (1, 2), 2)]
    assert [tuple(row.values()) for row in rows(report, "Appeals")] == [(2, 1, 0, 1, (1, 1), 1)]
    assert [tuple(row.values()) for row in rows(report, "Judged by reviewers")] == [
        ("REFUSE", 2, (1, 2), (0, 2), (1, 2))
    ]
    away = [tuple(row.values()) for row in rows(report, "Turned away before admission")]
    assert away == [("rate_limited", 4), ("terms_not_accepted", 2)]


def test_guard_performance(make):
    sheet = {"targets": [{"measure": "m", "aim": "1", "value": 0.5, "interval": [0.4, 0.6], "of": 10, "met": False}],
             "evasion": {"leet": {"harmful": {"share": 0.9, "low": 0.8, "high": 0.95}}}}  # fmt: skip
    given = Given("sheet.json", json.dumps(sheet).encode())
    report = make("guard_performance", evidence=[given])
    assert rows(report, "Against the aims")[0]["interval"] == [0.4, 0.6]
    assert section(report, "Disguises").chart.bars == (("leet", 0.9),)
    assert (
        section(report, "By set, known sources").absent
        == "sheet.json does not hold this: expected known, found no known"
    )
    assert section(report, "Thresholds as calibrated").absent == "absent: card.json was not given as evidence"
    assert [one.name for one in report.absent] == ["card.json"]
    assert [row["guard_digest"] for row in rows(report, "Challengers")] == [CHALLENGER]
    assert rows(report, "Challengers")[0]["otherwise_share"] == (1, 1)
    assert rows(report, "In the period")[0]["undecided_share"] == (1, 13)


def test_red_team(make):
    report = make("red_team")
    (campaign,) = rows(report, "Campaigns")
    assert (campaign["attempts"], campaign["unjudged"]) == (4, 0)
    assert (campaign["past_share"], campaign["delivered_share"], campaign["refused_share"]) == ((1, 3), (1, 3), (1, 1))
    techniques = {row["attack"]: row for row in rows(report, "By technique")}
    assert list(techniques) == ["pyrit:rot13", "pyrit:base64"]
    assert (techniques["pyrit:rot13"]["delivered_share"], techniques["pyrit:rot13"]["refused_share"]) == ((1, 2), None)
    assert section(report, "By technique").chart.bars == (("pyrit:rot13", 0.5), ("pyrit:base64", 0.0))
    assert [row["about"] for row in rows(report, "Open bypasses")] == ["q9"]
    (fixed,) = rows(report, "Fixes")
    assert (fixed["seed"], fixed["held"], round(fixed["days"] * 24)) == (SEED, True, 14)


def test_model_dossier(make):
    report = make("model_dossier")
    used = {row["model_digest"]: row for row in rows(report, "Models of the period")}
    assert {name: row["questions"] for name, row in used.items()} == {PLAIN: 12, TUNED: 1}
    assert (used[TUNED]["gate"], used[TUNED]["gate_passed"], used[TUNED]["adapter_digest"]) == ("safety", True, ADAPTER)
    assert [row["sha256"] for row in rows(report, "Files")] == ["1" * 64, "1" * 64]
    assert [(row["run"], row["dataset_rows"]) for row in rows(report, "Runs")] == [("run-1", 12)]
    assert [(row["name"], row["licence"]) for row in rows(report, "Sources of the data")] == [("cve", "CC0-1.0")]
    assert [(row["metric"], row["value"]) for row in rows(report, "Gates as recorded")] == [("refusals", 7)]
    assert len(report.absent) == 7


def test_change_log(make):
    report = make("change_log")
    changes = [
        (row["name"], row["stage"], row["model_digest"], row["rollback"], row["gate_passed"])
        for row in rows(report, "Promotions and rollbacks")
    ]
    assert changes == [
        ("tutor", "live", TUNED, False, True), ("tutor", "live", PLAIN, True, None),
        ("guard", "shadow", CHALLENGER, False, None),
    ]  # fmt: skip
    assert [row["passed"] for row in rows(report, "Evidence of gates")] == [True]
    assert rows(report, "Access given and taken") == []
    earlier = make("change_log", start="2039-12-31", end="2040-01-01")
    assert [row["role"] for row in rows(earlier, "Access given and taken")] == ["learner"]
    assert len(rows(earlier, "Policies, guards and terms")) == 2
    assert [row["signer"] for row in rows(earlier, "Sign-offs of policy and terms")] == ["5" * 16]


def test_human_oversight(make, world):
    report = make("human_oversight")
    queue = {row["reason"]: row for row in rows(report, "The queue")}
    assert {reason: row["items"] for reason, row in queue.items() if reason != "random"} == {
        "alert": 2, "appeal": 1, "finding": 2, "disagreement": 1, "flagged": 3,
    }  # fmt: skip
    assert (queue["alert"]["settled"], queue["flagged"]["disputed"]) == (2, 1)
    times = {row["reason"]: row for row in rows(report, "In time")}
    assert (times["alert"]["in_time_share"], times["alert"]["longest_hours"]) == ((1, 2), 45.0)
    assert times["appeal"]["median_hours"] == 25.0
    (said,) = rows(report, "Agreement")
    labels = query.query(world.root, "select about, reviewer, label from reviews where decision = 'label' order by idx")
    assert said["alpha"] == agreement(labels.to_pylist(), {})["alpha"] == 0.0
    assert (said["items"], said["twice"], said["alike_share"]) == (2, 2, (1, 2))
    assert [row["about"] for row in rows(report, "Decisions")] == ["q3", "q6", "q6", "a2"]
    assert {row["text"] for row in rows(report, "Decisions")} == {None}


def test_incidents(make):
    report = make("incidents")
    rules = {row["rule"]: row for row in rows(report, "Alerts by rule")}
    assert (rules["high_risk"]["closed_share"], rules["stale"]["closed_share"]) == ((0, 1), (1, 1))
    alerts = {row["rule"]: row for row in rows(report, "Alerts")}
    assert (alerts["high_risk"]["open"], alerts["stale"]["hours"], alerts["stale"]["value"]) == (True, 18.0, 2.5)
    assert [tuple(row.values())[:3] for row in rows(report, "Faults")] == [("guard", "prompt", 1)]
    assert [tuple(row.values())[:2] for row in rows(report, "Interruptions")] == [("disconnect", 1)]
    assert rows(report, "Harm delivered") == []


def test_transparency(make):
    report = make("transparency")
    (notice,) = rows(report, "Notice")
    assert (notice["version"], notice["acceptances"], notice["questions"]) == ("1", 1, 13)
    assert rows(report, "Informed before the first answer")[0]["informed_share"] == (12, 13)
    assert rows(report, "Signed record of each answer")[0]["committed_share"] == (5, 5)
    assert "not recorded" in (section(report, "Marks in the text").absent or "")


def test_data_protection(make):
    report = make("data_protection")
    assert [tuple(row.values()) for row in rows(report, "Masked")] == [("question", "personal_data", 1, 1, 1)]
    assert [row["dropped"] for row in rows(report, "Kept")] == [0, 2]
    (erased,) = rows(report, "Erasures")
    assert (erased["epoch"], erased["acked"], erased["logs"], erased["complete"]) == (0, 2, 2, True)
    assert [(row["about"], row["records"]) for row in rows(report, "Text opened")] == [("q6", 2)]


def test_user_attestations(make):
    report = make("user_attestations")
    assert [row["ts"] for row in rows(report, "Acceptances of the terms")] == [at(24)]
    assert [row["lesson"] for row in rows(report, "Lessons passed")] == ["authorised-testing"]
    assert [row["request_id"] for row in rows(report, "Answered without acceptance")] == ["q3"]
    assert [row["questions"] for row in rows(report, "People")] == [6, 4, 2, 1]


def test_control_crosswalk_names_only_reports_and_says_what_is_unverified(make):
    report = make("control_crosswalk")
    for part in report.sections:
        found = rows(report, part.heading)
        assert {row["report"] for row in found} == set(definition.names()) - {"control_crosswalk"}, part.heading
        assert all(row["verified"] for row in found)
    iso = rows(report, "ISO/IEC 42001")
    assert all("unverified" in row["verified"] for row in iso)
    assert {row["reference"] for row in iso if row["reference"].startswith("A.")} == {"A.6.2.8"}


def test_a_period_holds_its_first_moment_and_not_its_end(make):
    def asked(start: str, end: str) -> int:
        return rows(make("refusal_statistics", start=start, end=end), "Decisions")[0]["asked"]

    assert asked("2040-01-01", "2040-01-04T00:00:00.000001") == 14
    assert asked("2039-12-31T23:00:00+00:00", "2040-01-01") == 1
    assert asked("2040-01-01T01:00:00+01:00", "2040-01-01T01:00:00") == 1
    assert asked("2041-01-01", "2042-01-01") == 0
