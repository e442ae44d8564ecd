"""Drift: the index over the log is the textbook's, small noise is none, and prompts are opened only on the record."""

import json
import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import BadEntry
from audit.monitoring.drift import FEWEST, Shift, last_asked, mean_shift, shift_rule
from audit.query import Asker
from audit.record import Entry, Kind
from tests.unit.audit.monitor_fixture import ALLOW, DAY_US, REFUSE, Records, Scene, begun_long_ago, listening

EDGE_DAYS, REFERENCE_DAYS = 7, 35


@pytest.fixture
def scene(begin, monkeypatch):
    world = begun_long_ago(begin, monkeypatch)
    records = Records(world.open("control"))
    with listening(records) as url:
        yield Scene(world, records, url, monkeypatch)


def fill(scene, before, after):
    """Requests of these decisions four weeks ago, and then this week; a commit each hundred."""
    for days, decisions in ((20, before), (3, after)):
        scene.at(days * DAY_US)
        for at in range(0, len(decisions), 100):
            entries = []
            for number, judged in enumerate(decisions[at : at + 100], at):
                entry = scene.world.request(f"{days}-{number}", **judged)
                entries.append(Entry(entry.kind, entry.request_id, 0, "school", "ada", entry.fields, entry.text))
            assert not any(isinstance(result, Exception) for result in scene.exchange.append(entries))


def scored(scores):
    return [ALLOW | {"score_ppm": round(score * 1000) * 1000} for score in scores]


def measured(scene, rule):
    monitor = scene.monitor()
    monitor.outbox.close()
    found = monitor.round.run([one for one in monitor.round.rules if one.name == rule])
    assert found.failed == {}
    return found.values[rule], {alert.severity for alert in found.alerts}


def psi(before, after):
    """As textbooks have it, over the deciles of `before`, half a count more in each bin that anybody is in."""
    cuts = [sorted(before)[math.ceil(len(before) * tenth / 10) - 1] for tenth in range(1, 10)]
    bins = {}
    for side, scores in enumerate((before, after)):
        for score in scores:
            bins.setdefault(sum(score > cut for cut in cuts), [0, 0])[side] += 1
    totals = [sum(counts[side] + 0.5 for counts in bins.values()) for side in (0, 1)]
    shares = [[(counts[side] + 0.5) / totals[side] for side in (0, 1)] for counts in bins.values()]
    return sum((new - old) * math.log(new / old) for old, new in shares)


def draw(seed, count, mean):
    drawn = random.Random(seed)  # noqa: S311
    return [round(min(1.0, max(0.0, drawn.gauss(mean, 0.15))), 3) for _ in range(count)]


def test_the_same_scores_are_no_drift_and_others_are(scene):
    before, after = draw(1, 900, 0.3), draw(2, 450, 0.3)
    fill(scene, scored(before), scored(after))
    value, severities = measured(scene, "score_drift")
    assert value == pytest.approx(psi(before, after))
    assert value < 0.1
    assert severities == set()


def test_scores_that_moved_are_worth_a_look_and_then_an_act(scene):
    before, after = draw(1, 600, 0.3), draw(2, 450, 0.42)
    fill(scene, scored(before), scored(after))
    value, severities = measured(scene, "score_drift")
    assert value == pytest.approx(psi(before, after))
    assert value > 0.25
    assert severities == {"critical"}


def test_more_refusals_are_drift_of_actions_and_a_few_requests_say_nothing(scene):
    fill(scene, [ALLOW] * 570 + [REFUSE] * 30, [ALLOW] * 380 + [REFUSE] * 70)
    value, severities = measured(scene, "action_drift")
    olds, news = (570.5 / 601, 30.5 / 601), (380.5 / 451, 70.5 / 451)
    assert value == pytest.approx(sum((new - old) * math.log(new / old) for old, new in zip(olds, news, strict=True)))
    assert severities == {"warning"}


def test_below_four_hundred_requests_nothing_is_told(scene):
    fill(scene, [ALLOW] * 500, [REFUSE] * 399)
    assert measured(scene, "action_drift") == (0.0, set())


def embed(texts):
    """Two directions: what is about networks, and everything else."""
    return np.array([[1.0, 0.0] if "network" in text else [0.0, 1.0] for text in texts], dtype=np.float32)


def ask_about(scene, text, count, days):
    scene.at(days * DAY_US)
    entries = []
    for number in range(count):
        entry = scene.world.request(f"{text.split()[-1]}-{days}-{number}")
        body = json.dumps({"messages": [{"role": "user", "content": text}]})
        entries.append(Entry(Kind.request, entry.request_id, 0, "school", "ada", entry.fields, body))
    assert not any(isinstance(result, Exception) for result in scene.exchange.append(entries))


def shift_of(scene, keys):
    root = scene.world.root
    opener = Asker(root, keys, reader="monitor", reason="drift")
    return Shift(lambda sql: Asker(root).ask(sql).to_pylist(), lambda sql: opener.ask(sql).to_pylist(), embed)


def test_prompts_about_something_else_are_a_shift_and_to_see_it_is_on_record(scene):
    ask_about(scene, "how networks are watched", FEWEST, 20)
    ask_about(scene, "how networks are watched", FEWEST // 2, 3)
    ask_about(scene, "what poisons do", FEWEST // 2, 3)
    value = shift_of(scene, scene.world.home / "keys").measure()
    assert value == pytest.approx(1 - 1 / math.sqrt(2), abs=1e-6)
    row = {"about": None, "tenant": None, "subject": None, "value": value}
    assert shift_rule().alert(row, 0.0).severity == "critical"
    (access,) = scene.rows("select fields->>'records' as n from records where kind = 'access'")
    assert access["n"] == str(2 * FEWEST)


def test_few_prompts_are_not_opened_at_all(scene):
    ask_about(scene, "how networks are watched", FEWEST, 20)
    ask_about(scene, "how networks are watched", FEWEST - 1, 3)
    assert shift_of(scene, scene.world.home / "keys").measure() is None
    assert scene.rows("select * from records where kind = 'access'") == []


def test_it_is_measured_once_a_day(scene):
    monitor, values = scene.monitor(), iter([0.3, 0.01])
    monitor.shift = SimpleNamespace(measure=lambda: next(values))
    monitor._measure_shift()
    monitor._measure_shift()
    assert [alert.rule for alert in monitor.outbox.log.waiting()] == ["embedding_shift"]
    assert next(values) == 0.01
    monitor.outbox.close()


vectors = st.lists(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=8)


@given(vectors, vectors)
def test_a_shift_is_symmetric_bounded_and_none_from_itself(one, other):
    a, b = np.array(one, dtype=np.float32), np.array(other, dtype=np.float32)
    assert -1e-5 <= mean_shift(a, b) <= 2 + 1e-5
    assert mean_shift(a, b) == pytest.approx(mean_shift(b, a), abs=1e-5)
    assert mean_shift(a, a) == pytest.approx(0, abs=1e-5)


def test_the_shipped_embedder_puts_like_beside_like():
    from audit.monitoring.minilm import MiniLM

    rows = MiniLM()(["How do firewalls filter packets?", "What does a packet filter do?", "My cake did not rise."])
    assert rows.shape == (3, 384)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_what_was_asked_last_counts_and_what_is_no_conversation_is_refused():
    said = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "two"},
    ]
    assert last_asked(json.dumps({"messages": said})) == "two"
    assert last_asked(json.dumps({"messages": []})) == ""
    with pytest.raises(BadEntry, match="expected messages"):
        last_asked("[]")
