"""The same doors in Ray's other proxy mode: through HAProxy, and at the replica's own port behind it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serve.conftest import Running, start, stop
from tests.serve.test_proxy import STEERING

BODY = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "What does TLS protect?"}],
    "max_tokens": 8,
    "seed": 3,
}


@pytest.fixture(scope="module")
def behind_haproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("haproxy")
    started = start(home, RAY_SERVE_ENABLE_HA_PROXY="1", RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S="0")
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
