"""Receivers that are down, slow, talk nonsense or come back: no alert is lost, none delivered twice, nobody waits."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.monitoring.alert import Alert
from audit.monitoring.courier import FIRST_S, Courier
from audit.monitoring.errors import BadSetup, NotDelivered
from audit.monitoring.outbox import Outbox, Queue
from audit.monitoring.webhook import Webhook, read_secret, require_url, secret_in, sign
from tests.unit.audit.monitor_fixture import REFUSE, SECRET, Inbox, Records, Scene, listening, running, within

KEY = read_secret(SECRET)


def alert(number=0, **more):
    return Alert.found("high_risk", "critical", about=f"request-{number}", tenant="school", value_ppm=900_000, **more)


def refused(url, **limits):
    with pytest.raises(NotDelivered) as caught:
        Webhook(url, KEY, **limits).send(alert())
    return str(caught.value)


@pytest.fixture
def queue(tmp_path):
    folder = tmp_path / "queue"
    folder.mkdir()
    return Queue(folder)


def test_what_a_receiver_gets_is_signed_and_says_what_happened():
    inbox, sent = Inbox(), alert(subject="a" * 64)
    with listening(inbox) as url:
        Webhook(f"{url}/hook?to=us", KEY).send(sent)
    ((headers, body),) = inbox.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["webhook-id"] == sent.id
    told = json.loads(body)
    assert told["type"] == "preceptor.alert"
    assert told["data"] == {
        "id": sent.id, "rule": "high_risk", "severity": "critical", "about": "request-0", "tenant": "school",
        "subject": "a" * 64, "value": 0.9,
    }  # fmt: skip


def test_the_signature_is_that_of_the_convention():
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")  # the example of its specification
    signed = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [199, 301, 307, 400, 404, 410, 500, 503])
def test_only_2xx_is_a_yes_and_a_redirect_is_not_followed(status):
    elsewhere = Inbox()
    with listening(elsewhere) as other, listening(lambda x, _: x.reply(status, b"", Location=other)) as url:
        refused(url, whole_s=2.0)
    assert elsewhere.got == []


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"\x00" * 4096, b"HTTP/1.1 yes\r\n\r\n", b"HTTP/1.1 204\r\n" + b"x: y\r\n" * 500, b"HTTP/1.1 100 \r\n\r\n"],
)
def test_nonsense_is_no_yes(nonsense):
    with listening(lambda x, _: x.wfile.write(nonsense)) as url:
        assert refused(url, step_s=1.0, whole_s=2.0).startswith("no usable answer")


def test_a_long_answer_is_not_read():
    def flood(exchange, _):
        exchange.send_response(200)
        exchange.end_headers()
        with suppress(OSError):
            while True:
                exchange.wfile.write(b"x" * 65536)

    with listening(flood) as url:
        began = time.monotonic()
        Webhook(url, KEY).send(alert())
    assert time.monotonic() - began < 5


def test_silence_and_an_answer_that_drips_end_in_time():
    def drip(exchange, _):
        with suppress(OSError):
            while True:
                exchange.wfile.write(b"H")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        refused(f"http://127.0.0.1:{silent.getsockname()[1]}", step_s=0.3, whole_s=60.0)
        assert time.monotonic() - began < 3
    with listening(drip) as url:
        began = time.monotonic()
        refused(url, step_s=60.0, whole_s=0.5)
        assert time.monotonic() - began < 3


def test_nobody_there_is_told_without_the_url():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told = refused(f"http://127.0.0.1:{port}/secret-path")
    assert told == "no usable answer: ConnectionRefusedError"
    hook = Webhook("https://user@example.org:8443/secret-path", KEY)
    assert hook.host == "example.org:8443"
    assert str(KEY) not in repr(hook)
    assert "secret-path" not in repr(hook)


def test_a_receiver_that_comes_back_gets_each_alert_once(queue):
    inbox, up = Inbox(), threading.Event()

    def moody(exchange, body):
        return inbox(exchange, body) if up.is_set() else exchange.reply(503)

    for number in range(5):
        queue.put(alert(number))
    lines = []
    with listening(moody) as url:
        courier = Courier("hook", queue, Webhook(url, KEY), lines.append)
        assert not courier.deliver()
        assert len(queue) == 5
        up.set()
        assert courier.deliver()
        assert courier.deliver()
    assert sorted(inbox.ids) == sorted(alert(number).id for number in range(5))
    assert len(lines) == 1


def test_one_that_is_never_taken_does_not_keep_the_others(queue):
    poison = alert(0)
    queue.put(poison)
    queue.put(alert(1))
    taken = []

    def send(alerts):
        if alerts[0].id == poison.id:
            raise NotDelivered("no")
        taken.append(alerts[0].id)
        return {}

    courier = Courier("hook", queue, send, lambda _: None)
    courier.deliver()
    courier.deliver()
    assert taken == [alert(1).id]
    assert queue.holds(poison.id)


def test_tries_become_rarer_and_stay_below_the_longest(queue):
    queue.put(alert())

    def send(_):
        raise NotDelivered("no")

    courier = Courier("hook", queue, send, lambda _: None, longest_s=10.0)
    pauses = []
    for _ in range(8):
        courier.deliver()
        pauses.append(courier.pause())
    assert FIRST_S / 2 <= pauses[0] <= FIRST_S
    assert all(5.0 <= pause <= 10.0 for pause in pauses[-3:])


def test_a_kill_at_any_point_of_raising_loses_none(tmp_path):
    url = "http://127.0.0.1:9"
    for survives in range(3):  # so many of the two queues have it when the power goes
        folder = tmp_path / str(survives)
        before = Outbox(folder, [url])
        queues = [before.receivers[url], before.log]
        for queue in queues[:survives]:
            queue.put(alert())
        before.close()
        after = Outbox(folder, [url])
        assert after.raise_alert(alert()) is (survives < 2)
        assert [len(queue) for queue in (after.receivers[url], after.log)] == [1, 1]
        assert not after.raise_alert(alert())
        after.close()


def test_what_is_no_alert_is_set_aside(queue):
    queue.put(alert())
    (queue.folder / "odd.json").write_bytes(b"{}")
    assert [one.id for one in queue.waiting()] == [alert().id]
    assert (queue.folder / "odd.unreadable").exists()
    assert len(queue) == 1


@given(st.text(max_size=40), st.integers(0, 2**53 - 1) | st.none(), st.text(max_size=20))
def test_any_alert_survives_a_file(about, value, tenant):
    one = Alert.found("rule", "info", about=about, value_ppm=value, tenant=tenant)
    assert Alert.parse(one.to_bytes()) == one


def test_neither_the_log_nor_another_receiver_waits_for_a_slow_one(world, monkeypatch):
    records, inbox, go = Records(world.open("control")), Inbox(), threading.Event()

    def slow(exchange, body):
        if not go.wait(20):
            return
        with suppress(BrokenPipeError):  # the first try was given up long ago
            inbox(exchange, body)

    quick = Inbox()
    with listening(records) as door, listening(slow) as late, listening(quick) as soon:
        scene = Scene(world, records, door, monkeypatch)
        monitor = scene.monitor("--webhook", late, "--webhook", soon)
        monitor.round.rules = []
        names = {scene.ask("eve", REFUSE) for _ in range(3)}
        with running(monitor):
            assert within(15, lambda: len(quick.got) == 3 and not len(monitor.outbox.log))
            assert inbox.got == []
            assert {row["about"] for row in scene.alerts()} == names
            go.set()
            assert within(30, lambda: not len(monitor.outbox.receivers[late]))
    assert set(inbox.ids) == set(quick.ids)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", SECRET.removeprefix("whsec_")])
def test_a_secret_of_another_form_is_refused_and_not_repeated(text):
    with pytest.raises(BadSetup, match="expected whsec_") as caught:
        read_secret(text)
    assert not text or text == "whsec_" or text not in str(caught.value)


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o644)
    with pytest.raises(BadSetup, match="no access for others"):
        secret_in(path)
    path.chmod(0o600)
    assert secret_in(path) == KEY


@pytest.mark.parametrize("url", ["ftp://host/", "http://", "file:///etc", "http://u:p@host/", "http://host:x/", "host"])
def test_what_is_no_webhook_is_refused(url):
    with pytest.raises(BadSetup, match="expected http"):
        require_url(url)
