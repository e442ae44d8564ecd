"""The shipped rules over real logs: who probes is found, who learns is not, and each rule fires on what it is for."""

import random
import re
from pathlib import Path

import pytest

from audit.monitoring.categories import Categories
from audit.monitoring.drift import shift_rule
from audit.monitoring.errors import BadSetup
from audit.monitoring.rules import SHIPPED, Rule, read_rules
from audit.record import Entry, Kind
from tests.unit.audit.monitor_fixture import (
    ALLOW,
    DAY_US,
    DOUBT,
    HOUR_US,
    REFUSE,
    TEACH,
    Records,
    Scene,
    begun_long_ago,
    listening,
)  # fmt: skip

OTHER = REFUSE | {"category": "other_harm"}
OVERRIDE = REFUSE | {"category": "override"}
MINUTE_US = 60_000_000
PROMOTED = {"name": "tutor", "model_digest": "m" * 64, "base": "smol", "adapter_digest": None, "weights": {"w": "1"}}
IN_FORCE = {"policy_digest": "p" * 64, "guard_digest": "g" * 64, "terms_digest": "t" * 64}


@pytest.fixture
def scene(begin, monkeypatch):
    world = begun_long_ago(begin, monkeypatch)
    records = Records(world.open("control"))
    with listening(records) as url:
        made = Scene(world, records, url, monkeypatch)
        made.say(Kind.policy, "in-force", IN_FORCE)
        made.say(Kind.promotion, "promoted", PROMOTED)
        yield made


def found(scene):
    """What all rules find, by rule."""
    monitor = scene.monitor()
    monitor.outbox.close()
    seen = monitor.round.run(monitor.round.rules)
    assert seen.failed == {}
    alerts = {}
    for alert in seen.alerts:
        alerts.setdefault(alert.rule, []).append(alert)
    return alerts


def hours(count, days, seed):
    """So many moments of the last days, oldest first, as microseconds ago."""
    drawn = random.Random(seed)  # noqa: S311
    return sorted((drawn.uniform(0.1, days) * DAY_US for _ in range(count)), reverse=True)


def probes_slowly(scene, person="eve"):
    """A script: two asks on most days of four weeks, each in a conversation of its own, padded with harmless ones."""
    drawn = random.Random(7)  # noqa: S311
    for ago in hours(44, 28, 7):
        scene.at(int(ago)).ask(person, drawn.choice([OTHER, OVERRIDE, DOUBT, ALLOW, ALLOW]))


def does_homework(scene, person="ada"):
    """A course on malware: three evenings a week, hands-on asks that bring lessons, now and then a false refusal."""
    drawn = random.Random(11)  # noqa: S311
    decisions = [ALLOW] * 62 + [TEACH] * 30 + [DOUBT] * 5 + [OTHER] * 2 + [OVERRIDE]
    for day in range(28, 0, -1):
        if day % 7 in (1, 3, 5):
            for minute in range(10):
                scene.at(day * DAY_US - minute * 6 * MINUTE_US).ask(person, drawn.choice(decisions))


def test_who_probes_slowly_over_many_conversations_is_found(scene):
    probes_slowly(scene)
    tag = scene.rows("select distinct subject from exchanges")[0]["subject"]
    (alert,) = found(scene)["probing_slow"]
    assert (alert.subject, alert.tenant, alert.about) == (tag, "school", None)
    assert alert.severity in ("warning", "critical")
    assert "probing_fast" not in found(scene)


def test_a_learner_with_scary_homework_is_not(scene):
    does_homework(scene)
    monitor = scene.monitor()
    monitor.watch.look()
    monitor.outbox.close()
    counted = scene.rows("select action, count(*) as n from exchanges group by action")
    assert {row["action"]: row["n"] for row in counted}.keys() == {"ALLOW", "TEACH", "REFUSE"}
    assert len(monitor.outbox.log) == 0
    scene.at(0)._append(Entry.operational(Kind.tick, {"counts": {}}))
    assert found(scene) == {}


def test_among_others_only_the_one_who_probes_is_named_and_once(scene):
    events = []
    for act, person in ((probes_slowly, "eve"), (does_homework, "ada")):
        act(Recorder(events), person)
    for ago, person, judged in sorted(events, key=lambda event: -event[0]):
        scene.at(ago).ask(person, judged)
    first = found(scene)["probing_slow"]
    assert len(first) == 1
    monitor = scene.monitor()
    for _ in range(2):
        for alert in first:
            monitor.send(alert)
        monitor.couriers[0].deliver()
    monitor.outbox.close()
    (row,) = [row for row in scene.alerts() if row["rule"] == "probing_slow"]
    (item,) = [item for item in scene.rows("from review_queue") if item["about"] == row["request_id"]]
    assert (item["subject"], item["reasons"]) == (first[0].subject, ["alert"])


class Recorder:
    """Takes a persona's acts down, so that two of them can be told in the order of time."""

    def __init__(self, events):
        self.events, self.ago = events, 0

    def at(self, ago):
        self.ago = ago
        return self

    def ask(self, person, judged):
        self.events.append((self.ago, person, judged))


def test_a_quick_series_and_a_tenant_of_many_are_found_and_ordered_attacks_are_not(scene):
    for number in range(24):
        scene.at((30 - number) * MINUTE_US).ask(f"pupil-{number % 6}", OTHER)
    for number in range(12):
        scene.at((6 - number // 2) * MINUTE_US).ask("eve", OVERRIDE)
    for _ in range(30):
        scene.at(0).ask("tester", OVERRIDE, role="redteam")
    alerts = found(scene)
    assert [(alert.tenant, alert.value_ppm) for alert in alerts["probing_fast"]] == [("school", 12_000_000)]
    assert [(alert.tenant, alert.subject) for alert in alerts["probing_tenant"]] == [("school", None)]
    assert "probing_slow" not in alerts


def test_appeals_and_guard_errors_in_a_burst(scene):
    for number in range(5):
        scene.say(Kind.appeal, f"appeal-{number}", {"about": f"r{number}"}, f"pupil-{number}")
        name = scene.at(0).ask("ada", {"action": None, "category": None, "score_ppm": None})
        scene._append(Entry(Kind.fault, name, 1, "school", "ada", {"cause": "guard", "stage": "prompt"}))
    alerts = found(scene)
    assert [alert.value_ppm for alert in alerts["appeals_burst"]] == [5_000_000]
    assert [(alert.about, alert.severity) for alert in alerts["guard_errors"]] == [("g" * 64, "critical")]


def test_an_answer_without_its_question_or_a_window_is_never_left_unseen(scene):
    scene.exchange.append(scene.world.exchange("complete", "one", "two"))
    usage = {"prompt_tokens": 5, "completion_tokens": 7}
    lone = {"finish_reason": "stop", "windows": 0, "usage": usage} | ALLOW
    scene._append(Entry(Kind.answer, "alone", 1, "school", "ada", lone, ""))
    scene.ask("ada", name="short")
    scene._append(Entry(Kind.answer, "short", 1, "school", "ada", lone | {"windows": 2}, ""))
    alerts = found(scene)
    assert {(alert.about, alert.severity) for alert in alerts["unlogged_answer"]} == {
        ("alone", "critical"), ("short", "critical"),
    }  # fmt: skip


def test_rules_nobody_put_in_force_a_model_nobody_promoted_and_a_silent_writer(scene):
    scene.at(HOUR_US).ask("ada", policy_digest="x" * 64)
    scene.at(0).ask("ada", model_digest="y" * 64)
    scene.ask("ada")
    alerts = found(scene)
    assert [alert.about for alert in alerts["unsigned_policy"]] == ["x" * 64]
    assert [alert.about for alert in alerts["unpromoted_model"]] == ["y" * 64]
    assert "stale_checkpoint" not in alerts


def test_where_policies_are_signed_off_one_that_no_signoff_names_is_found(scene):
    rules = {"policy_digest": "p" * 64, "terms_digest": "t" * 64}
    scene.say(Kind.policy, "rules", rules | {"guard_digest": "g" * 64})
    scene.ask("ada", **rules)
    assert "unsigned_policy" not in found(scene)  # nobody signs here
    signed = rules | {"ethics_digest": "e" * 64, "signer": "0" * 16, "signature": "c2lnbmVk"}
    scene.say(Kind.signoff, "other-terms", signed | {"terms_digest": "u" * 64})
    assert [alert.about for alert in found(scene)["unsigned_policy"]] == ["p" * 64]
    scene.say(Kind.signoff, "signed", signed)
    assert "unsigned_policy" not in found(scene)


def test_a_silent_writer_is_found_though_nothing_can_be_recorded(scene, monkeypatch):
    rule = next(rule for rule in read_rules(SHIPPED) if rule.name == "stale_checkpoint")
    late = rule.model_copy(update={"sql": rule.sql.replace("now()", "(now() + interval 4 minute)")})
    monitor = scene.monitor()
    monitor.round.rules = [late]
    scene.records.down = True
    assert monitor.examine()
    assert {alert.rule for alert in monitor.outbox.log.waiting()} == {"stale_checkpoint"}
    assert len(monitor.outbox.log) == 2  # one for each log
    monitor.outbox.close()


def test_a_rule_that_fails_is_told_of_and_fails_no_other(scene, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "rules:\n"
        "- {name: good, means: m, again: P1D, levels: {info: 1}, sql: select 2 as value}\n"
        "- {name: broken, means: m, again: P1D, levels: {info: 1}, sql: select value from nowhere}\n"
        "- {name: odd, means: m, again: P1D, levels: {info: 1}, sql: 'select 3 as value, 4 as more -- more'}\n"
        "- {name: text, means: m, again: P1D, levels: {info: 1}, sql: select 'much' as value}\n"
        "- {name: none, means: m, again: P1D, levels: {info: 1}, sql: select null as value}\n"
    )
    monitor = scene.monitor("--rules", str(rules))
    assert not monitor.examine()
    monitor.outbox.close()
    assert {alert.rule for alert in monitor.outbox.log.waiting()} == {"good", "odd"}
    assert [line.partition(":")[0] for line in scene.lines] == ["broken", "text"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: []", "at least 1"),
        ("rules: [{name: a, means: m, again: P1D, levels: {info: 1}, sql: select 1, extra: 1}]", "extra"),
        ("rules: [{name: a, means: m, again: PT0S, levels: {info: 1}, sql: select 1}]", "at least one second"),
        ("rules: [{name: a, means: m, again: P1D, levels: {loud: 1}, sql: select 1}]", "critical"),
        ("rules: [{name: high_risk, means: m, again: P1D, levels: {info: 1}, sql: select 1}]", "high_risk"),
        ('rules: [{name: "a\' b", means: m, again: P1D, levels: {info: 1}, sql: select 1}]', "name"),
        ("nothing", "expected rules"),
    ],
)
def test_rules_that_are_none_are_refused(tmp_path, text, says):
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(BadSetup, match=says):
        read_rules(path)


def test_the_shipped_policy_marks_what_is_of_high_risk_and_the_document_knows_every_rule(tmp_path):
    from audit.monitor import POLICY

    categories = Categories.read(POLICY)
    assert categories.is_high_risk("harmful_operational")
    assert not categories.is_high_risk("dual_use")
    assert not categories.is_high_risk(None)
    assert categories.is_redacted("secret")
    document = (Path(__file__).resolve().parents[3] / "docs" / "monitoring.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d., a-z]+) \| \d+ \w+ \|$", document, re.MULTILINE))
    expected = {rule.name: sorted(rule.levels.values()) for rule in (*read_rules(SHIPPED), shift_rule())}
    assert {name: [float(n) for n in re.findall(r"[\d.]+", levels)] for name, levels in told.items()} == expected
    with pytest.raises(BadSetup, match="expected a policy"):
        Categories.read(tmp_path / "absent.yaml")


def test_the_highest_level_counts_and_a_window_that_is_over_lets_it_come_again():
    rule = Rule(name="r", means="m", again="P1D", levels={"critical": 2, "warning": 1}, sql="select 1")
    row = {"about": None, "tenant": None, "subject": None}
    low, high, later = (rule.alert(row | {"value": value}, day * 86_400) for value, day in ((1, 5), (3, 5), (3, 6)))
    assert (low.severity, high.severity) == ("warning", "critical")
    assert len({low.id, high.id, later.id}) == 3
    assert rule.alert(row | {"value": 9}, 5 * 86_400 + 1).id == high.id
    assert rule.alert(row | {"value": 0.5}, 0) is None
    assert rule.alert(row | {"value": float("inf")}, 0).value_ppm == 2**53 - 1
