"""The command: what it needs, what it says, what it serves, and its exit status."""

import urllib.request

import pytest

from audit import monitor
from audit.record import Kind
from tests.unit.audit.monitor_fixture import REFUSE, SECRET, Inbox, Records, Scene, listening

IN_FORCE = {"policy_digest": "p" * 64, "guard_digest": "g" * 64, "terms_digest": "t" * 64}
PROMOTED = {"name": "tutor", "model_digest": "m" * 64, "base": "smol", "adapter_digest": None, "weights": {"w": "1"}}


@pytest.fixture
def scene(world, monkeypatch):
    records = Records(world.open("control"))
    with listening(records) as url:
        made = Scene(world, records, url, monkeypatch)
        made.say(Kind.policy, "in-force", IN_FORCE)
        made.say(Kind.promotion, "promoted", PROMOTED)
        yield made


def once(scene, *options):
    return monitor.main(["--once", "--outbox", str(scene.outbox), *options])


def test_a_scheduled_run_looks_asks_delivers_and_ends(scene, monkeypatch, capfd):
    monkeypatch.setenv("PRECEPTOR_LOG", str(scene.world.root))
    inbox, name = Inbox(), scene.ask("eve", REFUSE)
    with listening(inbox) as url:
        assert once(scene, "--webhook", url) == 0
        assert [(row["about"], row["open"]) for row in scene.alerts()] == [(name, True)]
        assert inbox.ids == [row["request_id"] for row in scene.alerts()]
        (scene.outbox / "other").mkdir()  # nobody's
    assert capfd.readouterr().err == ""


def test_what_could_not_be_delivered_waits_for_the_next_run(scene, monkeypatch):
    scene.ask("eve", REFUSE)
    inbox = Inbox()
    with listening(lambda exchange, _: exchange.reply(503)) as url:
        port = int(url.rpartition(":")[2])
        first = scene.monitor("--webhook", url)
        with monkeypatch.context() as impatient:
            impatient.setattr("audit.monitoring.service.GIVE_UP_S", 1.5)
            assert not first.once()
        first.outbox.close()
    with listening(inbox, port) as url:
        second = scene.monitor("--webhook", url)
        assert second.once()
        second.outbox.close()
    assert inbox.ids == [row["request_id"] for row in scene.alerts()]


def test_prometheus_sees_alerts_what_is_open_and_how_far_behind_it_is(scene):
    scene.ask("eve", REFUSE)
    made = scene.monitor("--webhook", "http://127.0.0.1:9/")
    made.watch.look()
    made.couriers[0].deliver()
    made.examine()
    port = made.metrics.serve("127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        told = answer.read().decode()
    made.outbox.close()
    assert 'preceptor_alerts_total{rule="high_risk",severity="critical"} 1.0' in told
    assert "preceptor_alerts_open 1.0" in told
    assert 'preceptor_outbox_alerts{receiver="log"} 0.0' in told
    assert 'preceptor_outbox_alerts{receiver="127.0.0.1:9-' in told
    assert 'preceptor_rule_value{rule="score_drift"} 0.0' in told
    numbers = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    assert 0 <= float(numbers["preceptor_monitor_lag_seconds"]) < 60
    assert 0 <= float(numbers["preceptor_alerts_oldest_open_seconds"]) < 60


@pytest.mark.parametrize(
    ("missing", "options", "says"),
    [
        ("PRECEPTOR_URL", [], "expected the server in PRECEPTOR_URL"),
        ("PRECEPTOR_API_KEY", [], "got no key"),
        ("PRECEPTOR_WEBHOOK_SECRET", ["--webhook", "http://127.0.0.1:9"], "--webhook-secret FILE"),
        ("", ["--webhook", "ftp://127.0.0.1"], "expected http"),
        ("", ["--rules", "/nowhere.yaml"], "expected rules"),
        ("", ["--policy", "/nowhere.yaml"], "expected a policy"),
        ("PRECEPTOR_LOG", [], "expected ROOT"),
    ],
)
def test_what_it_cannot_work_without(scene, monkeypatch, capfd, missing, options, says):
    monkeypatch.setenv("PRECEPTOR_LOG", str(scene.world.root))
    if missing:
        monkeypatch.delenv(missing)
    assert once(scene, *options) == 2
    told = capfd.readouterr().err
    assert says in told
    assert SECRET not in told
    assert "an admin's" not in told.replace("an admin's key", "")


def test_a_root_that_is_none_is_refused(scene, tmp_path, capfd):
    (tmp_path / "empty").mkdir()
    assert once(scene, str(tmp_path / "empty")) == 2
    assert "expected logs" in capfd.readouterr().err


def test_positions_that_are_none_are_refused(scene, monkeypatch, capfd):
    monkeypatch.setenv("PRECEPTOR_LOG", str(scene.world.root))
    scene.outbox.mkdir()
    (scene.outbox / "positions.json").write_text("[1]")
    assert once(scene) == 2
    assert "expected an index for each log" in capfd.readouterr().err
