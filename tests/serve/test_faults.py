"""What breaks, breaks shut: no byte that a client received is outside the log, and the graph heals by itself."""

import json
import signal
import subprocess
import threading
import time

import pytest

from tests.serve.conftest import Running

QUESTION = "Explain how the TLS handshake works, step by step, with the role of certificates."


def sent_text(body: str) -> str:
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c.get("choices"))


def logged(running: Running) -> dict[str, str]:
    sql = "select request_id, coalesce(response, '') as response from exchanges"
    out = running.run("audit.query", str(running.log), sql, "--format", "json", "--keys", str(running.home / "keys"))
    return {row["request_id"]: row["response"] for row in json.loads(out.stdout)}


@pytest.mark.parametrize("deployment", ["AuditLog-exchange-0", "Model"])
def test_kill_9_during_streams_loses_no_byte(running: Running, deployment: str) -> None:
    """Four streams, one kill; `make prove kills` does it hundreds of times."""
    running.wait_ready()
    bodies: list[tuple[str | None, str]] = []

    def stream() -> None:
        got, request_id = "", None
        body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 60}
        try:
            with (
                running.client() as client,
                client.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as answer,
            ):
                request_id = answer.headers.get("x-preceptor-request-id")
                for part in answer.iter_text():
                    got += part
        except Exception as error:
            got += f"\n: {type(error).__name__}"
        bodies.append((request_id, got))

    threads = [threading.Thread(target=stream) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(5)
    running.kill(deployment)
    for thread in threads:
        thread.join(240)
    running.wait_ready()
    held = logged(running)
    for request_id, body in bodies:
        text = sent_text(body)
        assert not text or held[request_id].startswith(text)
    assert json.loads(running.run("audit.verify", str(running.log)).stdout)["valid"] is True


def test_a_log_that_cannot_be_written_means_503_and_not_one_token(running: Running) -> None:
    running.wait_ready()
    segments = running.log / "exchange-0" / "seg"
    subprocess.run(["mount", "--bind", segments, segments], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", segments], check=True)
        for stream in (False, True):
            answer = running.ask(QUESTION, stream=stream)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert "handshake" not in answer.text
    finally:
        subprocess.run(["umount", "-l", segments], check=True)
    running.wait_ready()


def test_a_guard_that_hangs_is_a_fault_and_nothing_leaves(running: Running) -> None:
    running.wait_ready()
    running.kill("Guard", signal.SIGSTOP)
    try:
        answer = running.ask(QUESTION)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "guard_unavailable")
        assert answer.headers["retry-after"]
    finally:
        running.kill("Guard", signal.SIGCONT)
    running.wait_ready()
