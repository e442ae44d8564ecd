"""Handing the graph to Serve through its REST interface, and waiting until the tutor answers."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import yaml

from app.cluster import Cluster
from app.doctor import CannotStart
from app.settings import Settings

READY_TIMEOUT_S = 300.0
DRAIN_S = 10.0
APPLICATIONS = "/api/serve/applications/"
Say = Callable[[str], None]


def render(settings: Settings, graph: Path) -> Path:
    """Write `<home>/serve.yaml`: the graph with this home, host and port; `serve deploy` takes it too."""
    config = yaml.safe_load(graph.read_text())
    config["http_options"] = config.get("http_options", {}) | {"host": settings.host, "port": settings.port}
    if settings.mode == "production":  # one JSON object a line, for whatever gathers logs
        config["logging_config"] = config.get("logging_config", {}) | {"encoding": "JSON"}
    place = {"home": str(settings.home), "host": settings.host, "port": settings.port}
    for application in config["applications"]:
        application["args"] = (application.get("args") or {}) | place
    rendered = settings.home / "serve.yaml"
    rendered.write_text(yaml.safe_dump(config, sort_keys=False))
    return rendered


def deploy(cluster: Cluster, config: Path) -> None:
    """Send the rendered file to Serve; raises CannotStart with Serve's answer when it refuses."""
    body = json.dumps(yaml.safe_load(config.read_text())).encode()
    end = time.monotonic() + 60
    while True:
        try:
            call(cluster, "PUT", APPLICATIONS, body, timeout_s=60)
        except HTTPError as refusal:
            said = refusal.read().decode(errors="replace")
            raise CannotStart(f"Serve refused {config} ({refusal.code}): {_last_lines(said)}") from refusal
        except (URLError, TimeoutError, ConnectionError) as failure:
            cluster.check()
            if time.monotonic() > end:
                raise CannotStart(f"Ray's dashboard does not answer at {cluster.dashboard}: {failure}") from failure
            time.sleep(0.5)
        else:
            return


def wait_until_ready(cluster: Cluster, url: str, say: Say) -> None:
    """Return when `/readyz` is 200; raises CannotStart when a deployment fails or the time is over."""
    end = time.monotonic() + READY_TIMEOUT_S
    told: dict[str, str] = {}
    while not answers(f"{url}/readyz"):
        cluster.check()
        for name, state, message in _states(cluster):
            if told.get(name) != state:
                say(f"{name}: {state.lower().replace('_', ' ')}")
            told[name] = state
            if "FAILED" in state:
                raise CannotStart(f"{name} could not be deployed: {_last_lines(message)}")
        if time.monotonic() > end:
            raise CannotStart(f"the tutor was not ready after {READY_TIMEOUT_S:.0f} s; last seen: {told}")
        time.sleep(0.5)


def undeploy(cluster: Cluster) -> None:
    """Let Serve finish what streams and close its replicas in order; a Serve that cannot is left to the signals."""
    try:
        call(cluster, "DELETE", APPLICATIONS, None, timeout_s=DRAIN_S)
    except (URLError, TimeoutError, ConnectionError):
        return


def answers(url: str) -> bool:
    """True when `url` says 200 within two seconds."""
    try:
        with _opener().open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, TimeoutError, ConnectionError):
        return False


def _states(cluster: Cluster) -> list[tuple[str, str, str]]:
    try:
        applications = json.loads(call(cluster, "GET", APPLICATIONS, None, timeout_s=10)).get("applications", {})
    except (URLError, TimeoutError, ConnectionError, ValueError):
        return []
    found = []
    for name, application in applications.items():
        for part, deployment in (application.get("deployments") or {}).items():
            found.append((part, *_state(deployment)))
        found.append((name, *_state(application)))
    return found


def _state(item: dict[str, Any]) -> tuple[str, str]:
    return str(item.get("status", "")), str(item.get("message", ""))


def call(cluster: Cluster, method: str, path: str, body: bytes | None, timeout_s: float) -> bytes:
    """What Ray's dashboard answers. Raises URLError, TimeoutError, ConnectionError, HTTPException."""
    headers = {"Authorization": f"Bearer {cluster.token_path.read_text()}", "Content-Type": "application/json"}
    request = Request(cluster.dashboard + path, data=body, headers=headers, method=method)  # noqa: S310
    with _opener().open(request, timeout=timeout_s) as response:
        return bytes(response.read())


def _opener() -> Any:
    """An opener that never goes through a proxy: everything it asks is on this machine."""
    return build_opener(ProxyHandler({}))


def _last_lines(text: str) -> str:
    """The end of a message; of a remote stack trace what was raised, not where."""
    lines = [line.strip() for line in text.replace("\\n", "\n").splitlines() if line.strip(" ^")]
    return " ".join(lines[-1:] if "Traceback" in text else lines[-3:])[-600:]
