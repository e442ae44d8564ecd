"""Who is asked: our graph with its settings, LiteLLM's proxy before an instant model, and that model alone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError

import psutil
import yaml

from app import cleanup
from tests.bench.environments import NotRun, environment
from tests.bench.proxy_upstream import MODEL
from tests.bench.serve_as_it_comes import AS_IT_COMES
from tests.serve.conftest import ROOT, free_port, start, stop

PINS = ("litellm[proxy]==1.106.2", "uvicorn==0.54.0", "fastapi==0.165.0", "orjson==3.13.0", "aiohttp==3.14.5")
SETUP = "python -m tests.bench.proxy --setup"
CATEGORIES = (
    "prompt_injection_jailbreak", "prompt_injection_system_prompt", "prompt_injection_malicious_code",
    "prompt_injection_data_exfiltration", "prompt_injection_sql", "harmful_violence", "harmful_illegal_weapons",
    "harmful_self_harm",
)  # fmt: skip
KEY = "sk-bench"
START_S = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """One row: `kind` ours, litellm or model; what guards it; how it is set."""

    name: str
    kind: str
    guard: str = ""
    workers: int = 1
    default: bool = False


PLACES = (
    Place("preceptor, words", "ours", "rules"),
    Place("preceptor, words, Serve as it comes", "ours", "rules", default=True),
    Place("preceptor, full guard", "ours", "full"),
    Place("LiteLLM, content filter", "litellm", "filter"),
    Place("LiteLLM, content filter, 2 workers", "litellm", "filter", workers=2),
    Place("LiteLLM, no guardrail", "litellm"),
    Place("the model alone", "model"),
)


@dataclass(frozen=True, slots=True)
class Open:
    """A place that takes questions. `home`: of ours, where its log lies; `pids`: roots of its processes."""

    url: str
    key: str
    pids: tuple[int, ...]
    home: Path | None = None

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far, those of Ray and of the instant model included."""
        return sum(_cpu_s(process) for process in self._processes())

    def rss_mib(self) -> float:
        """Resident memory of them all; pages that they share count for each."""
        return sum(_rss(process) for process in self._processes()) / 2**20

    def _processes(self) -> list[psutil.Process]:
        if self.home and (run := cleanup.load(self.home)):
            return cleanup.ours(run)
        roots = [psutil.Process(pid) for pid in self.pids]
        return [*roots, *(child for root in roots for child in root.children(recursive=True))]


def _cpu_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        spent = process.cpu_times()
        return float(spent.user + spent.system)
    return 0.0


def _rss(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


@contextmanager
def opened(place: Place, home: Path, work: Path) -> Iterator[Open]:
    """The place while it runs. Raises NotRun."""
    if place.kind == "ours":
        with _ours(place, work) as it:
            yield it
        return
    with _model(work) as (url, pid):
        if place.kind == "model":
            yield Open(f"{url}/v1/chat/completions", KEY, (pid,))
            return
        with _litellm(place, home, work, url) as (proxy, litellm):
            yield Open(f"{proxy}/v1/chat/completions", KEY, (litellm, pid))


@contextmanager
def _ours(place: Place, work: Path) -> Iterator[Open]:
    asked = AS_IT_COMES if place.default else {}
    running = start(work / "home", module="tests.bench.proxy_graph", PROXY_GUARD=place.guard, **asked)
    try:
        yield Open(f"{running.url}/v1/chat/completions", running.key, (running.process.pid,), running.home)
    finally:
        stop(running)


@contextmanager
def _model(work: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    with _process([sys.executable, "-m", "tests.bench.proxy_upstream", str(port)], work, {}) as pid:
        _wait(f"http://127.0.0.1:{port}/v1/models")
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def _litellm(place: Place, home: Path, work: Path, upstream: str) -> Iterator[tuple[str, int]]:
    program = home / "litellm" / "bin" / "litellm"
    if not program.is_file():
        raise NotRun(f"not installed; {SETUP}")
    (work / "litellm.yaml").write_text(yaml.safe_dump(configuration(place, upstream)))
    port = free_port()
    command = [str(program), "--config", str(work / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
    with _process([*command, "--num_workers", str(place.workers)], work, quiet) as pid:
        _wait(f"http://127.0.0.1:{port}/health/readiness")
        yield f"http://127.0.0.1:{port}", pid


def configuration(place: Place, upstream: str) -> dict[str, object]:
    """LiteLLM's: one model, its own filter on question and answer with the categories that fit, no database."""
    model = {"model": f"openai/{MODEL}", "api_base": f"{upstream}/v1", "api_key": "none"}
    config: dict[str, object] = {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"num_retries": 0},
    }
    if place.guard:
        categories = [{"category": name, "enabled": True, "action": "BLOCK"} for name in CATEGORIES]
        filtering = {
            "guardrail": "litellm_content_filter", "mode": ["pre_call", "post_call"], "default_on": True,
            "categories": categories,
        }  # fmt: skip
        config["guardrails"] = [{"guardrail_name": "filter", "litellm_params": filtering}]
    return config


def set_up(home: Path) -> None:
    """Make LiteLLM's environment if it is not there yet. Raises NotRun."""
    home.mkdir(parents=True, exist_ok=True)
    environment(home / "litellm", PINS)


@contextmanager
def _process(command: list[str], work: Path, more: dict[str, str]) -> Iterator[int]:
    """A child in a session of its own, ended with all that it started."""
    with (work / "output.txt").open("ab") as output:
        child = subprocess.Popen(
            command, cwd=work, env=os.environ | {"PYTHONPATH": str(ROOT)} | more, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield child.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _wait(url: str) -> None:
    """Until it answers anything at all; NotRun when it does not."""
    until = time.monotonic() + START_S
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until:
        with contextlib.suppress(URLError, ConnectionError, TimeoutError), opener.open(url, timeout=5):
            return
        time.sleep(0.5)
    raise NotRun(f"expected an answer of {url} within {START_S:g} s, got none")


def asked(place: Open, question: str) -> int:
    """The status that one question gets."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": question}]}).encode()
    head = {"authorization": f"Bearer {place.key}", "content-type": "application/json"}
    request = urllib.request.Request(place.url, body, head)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return int(answer.status)
    except HTTPError as error:
        return int(error.code)


def answers_logged(place: Open) -> int:
    """How many answers our log holds, by its own view; the files' signatures are checked on the way."""
    from audit.query import Asker

    assert place.home
    rows = Asker(place.home / "audit").ask("SELECT count(*) AS n FROM records WHERE kind = 'answer'").to_pylist()
    return int(rows[0]["n"])
