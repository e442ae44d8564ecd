"""One real start of the product for all tests here, through the door a user takes; no part of it is replaced."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app import keys
from deployments import embedded
from tests.browser.conftest import arrive, chromium, page_built
from tests.collector import Collector

__all__ = ["arrive", "chromium", "page_built"]  # fixtures

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "var" / "models"
FIRST = "test_metrics"  # of those on the shared graph: it counts what was ever asked
LAST = "test_redeploy"  # it leaves another graph than it found


@dataclass
class Running:
    """A running Preceptor: where it is, a key, and the means to ask, look and kill."""

    home: Path
    url: str
    key: str
    log: Path
    vkey: Path
    dashboard: str
    process: subprocess.Popen[str]
    env: dict[str, str] = field(default_factory=dict)

    def client(self, key: str | None = None, timeout: float = 180) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {key or self.key}"}, timeout=timeout, trust_env=False
        )

    def ask(self, text: str, key: str | None = None, **more: Any) -> httpx.Response:
        body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": text}], "max_tokens": 24}
        with self.client(key) as client:
            return client.post("/v1/chat/completions", json=body | more)

    def run(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of ours in a second shell, with run.env sourced."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=self.env,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done

    def mint(self, subject: str, *more: str) -> str:
        """By our command in this process, since there are many: a process of its own takes seconds to import."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
            patch.setenv("PRECEPTOR_HOME", str(self.home))
            assert keys.main(["--url", self.url, "mint", "--subject", subject, *more]) == 0
        return said.getvalue().strip()

    def applications(self) -> dict[str, Any]:
        """Ray Serve's own view of the graph."""
        request = urllib.request.Request(f"{self.dashboard}/api/serve/applications/")
        request.add_header("Authorization", f"Bearer {Path(self.env['RAY_AUTH_TOKEN_PATH']).read_text().strip()}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["applications"]["preceptor"]

    def configure(self, deployment: str, user_config: dict[str, Any]) -> None:
        """Hand Serve the same graph with another `user_config`, as `serve deploy` does."""
        config = yaml.safe_load((self.home / "serve.yaml").read_text())
        (found,) = (each for each in config["applications"][0]["deployments"] if each["name"] == deployment)
        found["user_config"] = user_config
        url, body = f"{self.dashboard}/api/serve/applications/", json.dumps(config).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")
        request.add_header("Authorization", f"Bearer {Path(self.env['RAY_AUTH_TOKEN_PATH']).read_text().strip()}")
        with urllib.request.urlopen(request, timeout=60):
            return

    def pids(self, deployment: str) -> list[int]:
        """Of the replicas that run or, still the same processes, take new settings; none while a graph is built."""
        found = self.applications()["deployments"].get(deployment, {"replicas": []})
        alive = [replica for replica in found["replicas"] if replica["state"] in {"RUNNING", "UPDATING"}]
        return [replica["pid"] for replica in alive if replica["pid"]]

    def kill(self, deployment: str, how: signal.Signals = signal.SIGKILL) -> None:
        for pid in self.pids(deployment):
            os.kill(pid, how)

    def wait_ready(self, seconds: float = 120) -> None:
        """Until a question is answered again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.ask("What is a firewall?", max_tokens=2).status_code == 200:
                return
            time.sleep(1)
        raise AssertionError(f"the graph did not heal within {seconds} s: {self.applications()}")


def start(home: Path, *, seconds: float = 400, module: str = "app.run", **env: str) -> Running:
    """`python -m app.run` with its own home and a free port; returns when it has printed its last line."""
    home.mkdir(parents=True, exist_ok=True)
    embedded.prepare(MODELS, print)  # once for all starts of a test run
    if not (home / "models").exists():
        (home / "models").symlink_to(MODELS)
    place = {"PRECEPTOR_HOME": str(home), "PRECEPTOR_PORT": str(free_port()), "PRECEPTOR_REFRESH": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=os.environ | place | env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said: dict[str, str] = {}
    until = time.monotonic() + seconds
    while "curl" not in said and time.monotonic() < until:
        line = process.stdout.readline()
        assert line, f"the start failed with {process.wait(30)}"
        name, _, value = line.strip().partition("=")
        said["curl" if line.startswith("curl") else name] = value
    return Running(
        home,
        said["PRECEPTOR_URL"],
        said["PRECEPTOR_API_KEY"],
        Path(said["PRECEPTOR_LOG"]),
        Path(said["PRECEPTOR_VKEY"]),
        said["PRECEPTOR_DASHBOARD"],
        process,
        os.environ | dict(line.split("=", 1) for line in (home / "run.env").read_text().splitlines() if "=" in line),
    )


def stop(running: Running, how: signal.Signals = signal.SIGINT) -> None:
    running.process.send_signal(how)
    running.process.wait(90)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever starts a cluster of its own comes before those on the shared graph: two at a time are slow."""
    here = [place for place, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    for place, item in zip(here, sorted((items[place] for place in here), key=turn), strict=True):
        items[place] = item


def turn(item: pytest.Item) -> int:
    """Where a test stands among those of this folder; within one turn they stay in the order of their files."""
    if "running" not in getattr(item, "fixturenames", ()):
        return 0
    file = item.path.stem
    return 1 if file == FIRST else 3 if file == LAST else 2


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The launcher's own Ray with `tests.serve.small` on it: everything but weights."""
    started = start(tmp_path_factory.mktemp("small"), module="tests.serve.small")
    yield started
    stop(started)


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Where the shared graph's spans go."""
    with Collector() as listening:
        yield listening


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, page_built: None, collector: Collector) -> Iterator[Running]:
    """The shared graph: gone before what follows these tests, which its replicas would slow down."""
    started = start(tmp_path_factory.mktemp("preceptor"), PRECEPTOR_OTLP_ENDPOINT=collector.url)
    yield started
    stop(started)
