"""The graph on deployments/throughput.py, with HAProxy in front: the same doors, and who is told what at which time."""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.examination import doors
from app.examination.deployment import Deployment, outward_addresses
from app.examination.listening import outward_listeners
from app.settings import Settings
from deployments import throughput
from tests.serve.clients import Clients, is_clean, look
from tests.serve.conftest import Running, start, stop
from tests.serve.test_proxy import STEERING
from tests.serve.test_redeploy import gateway, redeploy, wait_until_new

BODY = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "What does TLS protect?"}],
    "max_tokens": 8,
    "seed": 3,
}


@pytest.fixture(scope="module")
def behind_haproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("haproxy")
    started = start(home, **throughput.SETTINGS)  # type: ignore[arg-type]  # what is no other argument
    yield started
    stop(started)


def replica_urls(running: Running) -> list[str]:
    """Where the Gateway's own process listens for HTTP, behind the proxy."""
    pids = {str(pid) for pid in running.pids("Gateway")}
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    ports = [re.search(r":(\d+)\s", line) for line in listening if set(re.findall(r"pid=(\d+)", line)) & pids]
    return [f"http://127.0.0.1:{found[1]}" for found in ports if found and 30000 <= int(found[1]) <= 31000]


def post(url: str, key: str, headers: dict[str, str]) -> httpx.Response:
    with httpx.Client(timeout=120, trust_env=False) as client:
        return client.post(
            f"{url}/v1/chat/completions", json=BODY, headers={"authorization": f"Bearer {key}"} | headers
        )


def test_answers_and_refusals_are_the_same_through_haproxy_and_at_the_replica(behind_haproxy: Running) -> None:
    direct = replica_urls(behind_haproxy)
    assert direct, "the Gateway's replica does not listen: HAProxy mode was not on"
    texts = set()
    for url in (behind_haproxy.url, *direct):
        answer = post(url, behind_haproxy.key, {})
        assert answer.status_code == 200, answer.text
        assert answer.json()["preceptor"]["receipt"]
        texts.add(answer.json()["choices"][0]["message"]["content"])
        assert post(url, "no-key", {}).status_code == 401
        for header, value in STEERING:
            steered = post(url, behind_haproxy.key, {header: value})
            assert steered.status_code in (400, 408), (url, header, steered.text)
            assert "chatcmpl" not in steered.text
    assert len(texts) == 1
    assert Path(behind_haproxy.log).exists()


def examined(running: Running) -> Deployment:
    """The deployment as the doctor sees it from a second shell."""
    return Deployment(running.url, Settings(home=running.home), running.env, outward_addresses())


def test_nothing_of_it_listens_beyond_the_loopback_but_what_always_did(behind_haproxy: Running) -> None:
    here = examined(behind_haproxy)
    assert doors.haproxy_ports(here) is None
    assert doors.haproxy_socket(here) is None
    assert doors.replica_token(here) is None
    socket = Path(behind_haproxy.env["RAY_SERVE_HAPROXY_SOCKET_PATH"])
    (made,) = socket.parent.glob(f"*/{socket.name}")
    assert made.stat().st_mode & 0o777 == 0o600
    beyond = {listener.part for listener in outward_listeners(here)}
    assert not beyond & {"HAProxy", "proxy"}, beyond


def test_an_update_of_the_gateway_refuses_nobody(behind_haproxy: Running, tmp_path: Path) -> None:
    def change(application: dict[str, object]) -> None:
        gateway(application)["max_ongoing_requests"] = 255  # a new version, so new replicas
        gateway(application)["ray_actor_options"] = {"num_cpus": 0.21}

    old = {"Gateway": behind_haproxy.pids("Gateway")}
    with Clients(behind_haproxy, 3, (12, 30)) as clients:
        time.sleep(3)
        redeploy(behind_haproxy, change)  # type: ignore[arg-type]
        wait_until_new(behind_haproxy, old)
        time.sleep(3)
    assert Counter(one.status for one in clients.kept).keys() == {200}
    assert all(one.receipts for one in clients.kept), "a stream was cut"
    found = look(behind_haproxy, clients.kept, tmp_path / "receipts")
    assert is_clean(found), found


def test_while_the_gateway_is_gone_a_client_waits_or_is_told_to_come_again(behind_haproxy: Running) -> None:
    """Ray's own proxy stands behind HAProxy meanwhile, and keeps who asks until there is a Gateway."""
    killed = behind_haproxy.pids("Gateway")
    behind_haproxy.kill("Gateway")
    codes, until = Counter[int](), time.monotonic() + 120
    while codes[200] < 3:
        assert time.monotonic() < until, codes
        answer = _health(behind_haproxy)
        codes[answer.status_code if answer else 0] += 1
        if answer and answer.status_code != 200:
            assert answer.status_code == 503, answer.text
            assert answer.json()["error"]["code"] == "service_unavailable"
            assert answer.headers["retry-after"]
            time.sleep(0.2)
    assert codes[0] <= 1, f"only who was on the way to it when it died may hear nothing: {codes}"
    behind_haproxy.wait_ready()
    assert not set(killed) & set(behind_haproxy.pids("Gateway"))


def _health(running: Running) -> httpx.Response | None:
    """None where the connection ended without a word."""
    try:
        return httpx.get(f"{running.url}/healthz", timeout=110, trust_env=False)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return None
