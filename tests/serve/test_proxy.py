"""Ray's own doors, through the real proxy: each is shut, and stays shut from outside."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from app.settings import Settings, UnsafeEnvironment, require_safe_environment
from tests.serve.conftest import Running

MODEL = "smollm2-135m-instruct"
STEERING = [
    ("x-request-timeout-seconds", "0.01"),
    ("x-request-timeout-seconds", "100000"),
    ("x-request-disconnect-disabled", "?1"),
    ("serve_multiplexed_model_id", "other"),
    ("x-session-id", "1"),
    ("x-serve-router-anything", "1"),
]


@pytest.mark.parametrize(("header", "value"), STEERING)
def test_steering_headers_get_no_answer(running: Running, header: str, value: str) -> None:
    """Ray's proxy may act first (a tiny timeout gives 408); what never comes is an answer."""
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "What is TLS?"}]}
    with running.client() as client:
        answer = client.post("/v1/chat/completions", json=body, headers={header: value})
    assert answer.status_code in (400, 408)
    assert "chatcmpl" not in answer.text


def test_a_client_request_id_is_noted_but_is_never_the_key(running: Running) -> None:
    body = {
        "model": "smollm2-135m-instruct",
        "messages": [{"role": "user", "content": "What is TLS?"}],
        "max_tokens": 2,
    }
    with running.client() as client:
        answers = [client.post("/v1/chat/completions", json=body, headers={"x-request-id": "mine"}) for _ in range(2)]
    ids = {answer.json()["preceptor"]["request_id"] for answer in answers}
    assert len(ids) == 2
    assert "mine" not in ids


def test_the_server_listens_on_loopback_only(running: Running) -> None:
    port = int(running.url.rsplit(":", 1)[1])
    with Path("/proc/net/tcp").open() as table:
        bound = [line.split()[1] for line in table.readlines()[1:] if line.split()[3] == "0A"]
    assert [address for address in bound if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize("path", ["/api/jobs/", "/api/serve/applications/"])
def test_the_dashboard_wants_the_token(running: Running, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(running.dashboard + path, timeout=10)
    assert refused.value.code == 401


def test_direct_streaming_and_tokenless_production_refuse_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING", "1")
    with pytest.raises(UnsafeEnvironment, match="past guard and log"):
        require_safe_environment(Settings())
    monkeypatch.delenv("RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(UnsafeEnvironment, match="RAY_AUTH_MODE"):
        require_safe_environment(Settings(mode="production"))
    require_safe_environment(Settings())


def test_usage_statistics_are_off(running: Running) -> None:
    assert running.env["RAY_USAGE_STATS_ENABLED"] == "0"


def test_overload_is_an_honest_status_never_a_broken_200(running: Running) -> None:
    """More streams at once than the Model takes: each is an answer or a 4xx/5xx with an error body."""
    results: list[tuple[int, str]] = []

    def one() -> None:
        answer = running.ask("Explain TLS certificates.", max_tokens=4, stream=True)
        results.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert len(results) == 40
    for status, text in results:
        assert (status == 200 and text.endswith("data: [DONE]\n\n")) or (status in (429, 503) and '"error"' in text), (
            text
        )


def test_a_client_that_hangs_up_leaves_an_interrupted_record(running: Running) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    question = "Tell me about the history of cryptography in detail."
    asked = {"model": MODEL, "stream": True, "max_tokens": 400, "messages": [{"role": "user", "content": question}]}
    body = json.dumps(asked).encode()
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {running.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        got = b""
        while got.count(b"data: {") < 2:
            came = wire.recv(65536)
            assert came, got
            got += came
    sql = "select finish_reason from exchanges where finish_reason = 'interrupted'"
    until = time.monotonic() + 60  # well before the request's own deadline, after which the view says so by itself
    while "interrupted" not in (seen := running.run("audit.query", str(running.log), sql).stdout):
        assert time.monotonic() < until, seen
        time.sleep(1)
