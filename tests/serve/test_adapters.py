"""A promotion on the running graph: over HTTP, under streams, and back again; every answer cites what gave it."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from audit.client import AuditClient
from audit.record import Entry, Kind
from deployments import embedded
from deployments.adapter import AdapterFolder, joined, open_adapter
from deployments.promoted import ADAPTERS
from tests.serve.conftest import MODELS, Running
from tests.unit.deployments.tiny_adapter import write_adapter
from train.promotion import history

QUESTION = (
    "Explain at length, step by step and with examples, how firewalls, proxies and network segments work together."
)


@dataclass
class Stream:
    """One long answer, read on a thread of its own."""

    running: Running
    seed: int
    frames: list[dict[str, Any]] = field(default_factory=list)
    ended_at: float = 0.0

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        messages = [{"role": "user", "content": QUESTION}]
        body = {"model": embedded.NAME, "messages": messages, "max_tokens": 400, "stream": True, "seed": self.seed}
        with self.running.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    self.frames.append(json.loads(line.removeprefix("data: ")))
        self.ended_at = time.monotonic()

    @property
    def text(self) -> str:
        return "".join(each["choices"][0]["delta"].get("content", "") for each in self.frames if each.get("choices"))

    def wait_for_text(self) -> None:
        until = time.monotonic() + 60
        while not self.text:
            assert time.monotonic() < until, self.frames
            time.sleep(0.05)


@pytest.fixture
def adapter(running: Running, tmp_path) -> Iterator[AdapterFolder]:
    """A random adapter where a promotion expects it; taken away at the end, since the tests share these models."""
    made = open_adapter(write_adapter(MODELS / embedded.NAME, tmp_path / "adapter", 1, scale=0.02))
    place = running.home / "models" / ADAPTERS / made.digest
    shutil.copytree(made.path, place)
    yield made
    shutil.rmtree(place)
    if not list(place.parent.iterdir()):
        place.parent.rmdir()


def promote(client: AuditClient, fields: dict[str, Any]) -> None:
    (result,) = client.append([Entry.operational(Kind.promotion, fields)])
    assert "receipt" in result, result


def ready(running: Running) -> dict[str, Any]:
    with running.client() as client:
        return client.get("/readyz").json()


def wait_until_active(running: Running, digest: str) -> None:
    until = time.monotonic() + 30
    while ready(running)["digest"] != digest:
        assert time.monotonic() < until, ready(running)
        time.sleep(0.2)


def wait_until_status(running: Running, status: str) -> None:
    """Until every part has read the promotion; the model reads it a little after the Gateway."""
    until = time.monotonic() + 30
    while ready(running)["status"] != status:
        assert time.monotonic() < until, ready(running)
        time.sleep(0.2)


def cited(running: Running, text: str = "What is a firewall?") -> str:
    answer = running.ask(text, max_tokens=8)
    assert answer.status_code == 200, answer.text
    return answer.json()["preceptor"]["model"]["digest"]


def test_an_adapter_is_swapped_in_and_out_under_streams_and_on_record(running: Running, adapter: AdapterFolder) -> None:
    running.wait_ready()
    base = embedded.find(MODELS, embedded.NAME)
    active = dict(history.read(str(running.log), base.name)[-1].fields)
    old, new = active["model_digest"], joined(base.digest, adapter.digest)
    operator = AuditClient(running.url, running.mint("operator", "--role", "admin"))
    fields = active | {"model_digest": new, "adapter_digest": adapter.digest, "weights": base.files | adapter.files}
    pids = running.pids("Model")
    assert cited(running) == old
    streams = [Stream(running, seed) for seed in (1, 2)]
    try:
        for stream in streams:
            stream.wait_for_text()
        promote(operator, fields)
        wait_until_active(running, new)
        assert cited(running) == new
        answered_at = time.monotonic()
    finally:
        for stream in streams:
            stream.thread.join(300)
    for stream in streams:
        closing = [each for each in stream.frames if each.get("preceptor")][-1]
        assert closing["choices"][0]["finish_reason"] in ("stop", "length"), closing
        assert closing["preceptor"]["model"]["digest"] == old
    assert max(stream.ended_at for stream in streams) > answered_at, "no stream outlived the swap"
    assert ready(running)["status"] == "ready"
    promote(operator, active)
    wait_until_active(running, old)
    assert cited(running) == old
    assert running.pids("Model") == pids
    assert json.loads(running.run("audit.verify", str(running.log)).stdout)["valid"] is True


def test_a_promotion_without_its_files_answers_nothing_until_it_is_taken_back(running: Running) -> None:
    running.wait_ready()
    base = embedded.find(MODELS, embedded.NAME)
    active = dict(history.read(str(running.log), base.name)[-1].fields)
    files = dict.fromkeys(("adapter_config.json", "adapter_model.safetensors"), "e" * 64)
    lost = AdapterFolder(MODELS, files).digest
    fields = {"model_digest": joined(base.digest, lost), "adapter_digest": lost, "weights": base.files | files}
    operator = AuditClient(running.url, running.mint("operator", "--role", "admin"))
    promote(operator, active | fields)
    try:
        wait_until_active(running, fields["model_digest"])
        answer = running.ask("What is a firewall?", max_tokens=8)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
        wait_until_status(running, "degraded")
        assert "adapter_config.json" in ready(running)["problem"]
    finally:
        promote(operator, active)
    wait_until_active(running, active["model_digest"])
    assert cited(running) == active["model_digest"]
    wait_until_status(running, "ready")
