"""What must not wait: a refusal of high risk, and an output that was stopped, are alert and review item at once."""

import time

import pytest

from audit import init
from audit.errors import BadSegment
from audit.monitoring.alert import Alert, is_monitors
from audit.monitoring.errors import BadSetup
from audit.monitoring.tail import Tail
from audit.record import Entry, Kind
from audit.upkeep import pack_all
from tests.unit.audit.conftest import World
from tests.unit.audit.monitor_fixture import (
    ALLOW,
    DOUBT,
    REFUSE,
    TEACH,
    Inbox,
    Records,
    Scene,
    listening,
    running,
    within,
)


@pytest.fixture
def scene(world, monkeypatch):
    records = Records(world.open("control"))
    with listening(records) as url:
        yield Scene(world, records, url, monkeypatch)


def look(scene, *options):
    """One look, and what it found handed to the log."""
    monitor = scene.monitor(*options)
    monitor.watch.look()
    for courier in monitor.couriers:
        courier.deliver()
    monitor.outbox.close()
    return monitor


def test_each_one_is_an_alert_and_a_review_item_of_the_same_person(scene):
    refused = scene.ask("eve", REFUSE)
    for judged in (ALLOW, TEACH, DOUBT, REFUSE | {"category": "other_harm"}):
        scene.ask("ada", judged)
    stopped = scene.cut("bob", "exploit_payload")
    scene.cut("ada", "secret", "REDACT")
    ordered = scene.ask("tester", REFUSE, role="redteam")
    look(scene)
    found = {row["about"]: (row["rule"], row["severity"], row["value"]) for row in scene.alerts()}
    assert found == {
        refused: ("high_risk", "critical", 0.9),
        stopped: ("forbidden_output", "critical", 1.0),
        ordered: ("high_risk", "info", 0.9),
    }
    asked = {row["request_id"]: row["subject"] for row in scene.rows("from exchanges")}
    assert {row["about"]: row["subject"] for row in scene.alerts()} == {name: asked[name] for name in found}
    queue = {row["about"]: row for row in scene.rows("from review_queue") if "alert" in row["reasons"]}
    assert {name: (row["priority"], row["state"]) for name, row in queue.items()} == dict.fromkeys(found, (6, "open"))


def test_none_of_many_is_suppressed(scene):
    names = {scene.ask("eve", REFUSE) for _ in range(150)}
    look(scene)
    assert {row["about"] for row in scene.alerts()} == names
    assert len(scene.alerts()) == 150
    assert scene.records.calls == 2  # the door counts requests per minute


def test_it_takes_less_than_five_seconds_from_record_to_record(scene):
    """Of three one, since a machine may stall meanwhile."""
    monitor, control = scene.monitor(), scene.world.open("control")
    begun, took = monitor.watch.looked_at, []
    with running(monitor):
        assert within(60, lambda: monitor.watch.looked_at > begun)
        while not took or min(took) >= 5:
            assert len(took) < 3, took
            began = time.monotonic()
            name = scene.ask("eve", REFUSE)
            assert within(60, lambda: name in [leaf["fields"].get("about") for leaf in control.tail(0)])  # noqa: B023
            took.append(time.monotonic() - began)


def test_another_monitor_and_a_restart_make_no_second_one(scene):
    scene.ask("eve", REFUSE)
    look(scene)
    look(scene)
    look(scene, "--outbox", str(scene.world.home / "elsewhere"))  # knows nothing of the first one but the log
    (scene.outbox / "positions.json").unlink()
    look(scene)
    assert len(scene.alerts()) == 1


def test_a_log_that_is_down_gets_it_later(scene):
    scene.records.down = True
    name = scene.ask("eve", REFUSE)
    monitor = look(scene)
    assert len(monitor.outbox.log) == 1
    assert "HTTP 503" in scene.lines[-1]
    scene.records.down = False
    look(scene)
    assert [row["about"] for row in scene.alerts()] == [name]


def test_a_kill_before_the_place_is_saved_loses_none_and_repeats_none(scene):
    scene.ask("eve", REFUSE)
    monitor = scene.monitor()
    monitor.outbox.save = lambda positions: (_ for _ in ()).throw(OSError("killed"))
    with pytest.raises(OSError, match="killed"):
        monitor.watch.look()
    monitor.outbox.close()
    look(scene)
    assert len(scene.alerts()) == 1


def test_somebody_who_was_erased_meanwhile_is_not_named(scene):
    name = scene.ask("eve", REFUSE)
    erasure = scene.records.log.keys.subjects.erase("school", "eve")
    scene.say(Kind.erase, "erased", {"subject": erasure.tag, "epoch": erasure.epoch})
    look(scene)
    (alert,) = scene.alerts()
    assert (alert["about"], alert["subject"], alert["tenant"]) == (name, None, "school")


def test_what_others_record_reaches_the_receivers_once(scene):
    inbox = Inbox()
    with listening(inbox) as url:
        scene.say(Kind.alert, "others", {"rule": "model_refused", "severity": "critical", "about": "digest"})
        look(scene, "--webhook", url)
        look(scene, "--webhook", url)
    assert inbox.ids == ["others"]
    assert len(scene.alerts()) == 1


def test_an_alert_stays_open_until_somebody_decides(scene):
    scene.ask("eve", REFUSE)
    look(scene)
    (alert,) = scene.alerts()
    for number, decision in enumerate(("claim", "release", "label")):
        scene.say(Kind.review, f"review-{number}", {"about": alert["about"], "decision": decision})
        assert scene.rows("select open from alerts") == [{"open": True}]
    scene.say(Kind.review, "decided", {"about": alert["about"], "decision": "uphold"})
    assert scene.rows("select open from alerts") == [{"open": False}]


def test_an_alert_that_comes_again_about_the_same_thing_is_not_closed_by_the_decision_before(scene):
    stale = {"rule": "stale_checkpoint", "severity": "warning", "about": "test/exchange-0"}
    scene.say(Kind.alert, "first", stale)
    scene.say(Kind.review, "decided", {"about": stale["about"], "decision": "uphold"})
    assert [row["open"] for row in scene.alerts()] == [False]
    scene.say(Kind.alert, "second", stale)
    assert [row["open"] for row in scene.alerts()] == [False, True]
    assert [row["state"] for row in scene.rows("from review_queue")] == ["open"]
    scene.say(Kind.review, "again", {"about": "second", "decision": "overturn"})
    assert [row["open"] for row in scene.alerts()] == [False, False]


def test_a_tail_reads_on_across_packs_and_notices_a_log_that_was_cut(scene):
    names = [scene.ask("eve", REFUSE) for _ in range(1100)]
    tail = Tail(scene.world.store, "exchange-0", frozenset({Kind.request}), 500)
    first = [leaf["request_id"] for leaves in tail.files() for leaf in leaves]
    assert first == names[499:]  # record 0 is the genesis
    assert pack_all(scene.exchange) > 0
    more = scene.ask("eve", REFUSE)
    assert [leaf["request_id"] for leaves in tail.files() for leaf in leaves] == [more]
    assert list(tail.files()) == []
    cut = Tail(scene.world.store, "exchange-0", frozenset({Kind.request}), tail.position + 1)
    with pytest.raises(Exception, match=f"expected at least {tail.position + 1} records, found {tail.position}"):
        list(cut.files())


def test_a_damaged_log_is_told_of_and_keeps_no_other_from_being_watched(tmp_path, monkeypatch):
    world = World(tmp_path)
    init.begin(world.address, tmp_path / "keys", "test", 2)
    records = Records(world.open("control"))
    with listening(records) as url:
        scene = Scene(world, records, url, monkeypatch)
        scene.ask("ada")
        newest = world.segments()[-1]
        newest.write_bytes(newest.read_bytes()[:-9])
        scene.exchange = world.open("exchange-1")
        name = scene.ask("eve", REFUSE)
        monitor = scene.monitor()
        with pytest.raises(BadSegment):
            monitor.watch.look()
        monitor.couriers[0].deliver()
        monitor.outbox.close()
        assert [leaf["fields"]["about"] for leaf in records.log.tail(0) if leaf["kind"] == "alert"] == [name]


def test_two_monitors_do_not_share_an_outbox(scene):
    first = scene.monitor()
    with pytest.raises(BadSetup, match="no other monitor"):
        scene.monitor()
    first.outbox.close()
    scene.monitor().outbox.close()


def test_an_alert_says_the_same_as_a_file_and_as_a_record():
    alert = Alert.found("high_risk", "critical", about="r", tenant="school", subject="a" * 64, value_ppm=7)
    assert Alert.parse(alert.to_bytes()) == alert
    entry = alert.entry().checked()
    assert (entry.kind, entry.subject_tag, entry.text) == (Kind.alert, "a" * 64, None)
    assert is_monitors(alert.id)
    assert not is_monitors(Entry.operational(Kind.alert, {}).request_id)
