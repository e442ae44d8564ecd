"""An update under load: new numbers, then new arguments and so new replicas; no stream ends, no question is refused.

The new graph has a judge, and what it records cites another guard than before.
"""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from deployments import embedded
from tests.serve.clients import Clients, is_clean, look
from tests.serve.conftest import MODELS, Running

DONE_WITHIN_S = 240.0
REPLACED = ("Gateway", "Model", "AuditLog-control", "AuditLog-exchange-0")


def redeploy(running: Running, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the graph's file and hand it to Serve, as an operator does by `serve deploy`; it stays so."""
    file = running.home / "serve.yaml"
    config = yaml.safe_load(file.read_text())
    change(config["applications"][0])
    file.write_text(yaml.safe_dump(config))
    url, body = f"{running.dashboard}/api/serve/applications/", json.dumps(config).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")
    request.add_header("Authorization", f"Bearer {Path(running.env['RAY_AUTH_TOKEN_PATH']).read_text().strip()}")
    with urllib.request.urlopen(request, timeout=60):
        return


def wait_until_new(running: Running, old: dict[str, list[int]]) -> None:
    """Until each deployment runs, healthy, without any of its old processes."""
    until = time.monotonic() + DONE_WITHIN_S
    while True:
        states = running.applications()["deployments"]
        new = {name: running.pids(name) for name in old}
        ready = all(new[name] for name in old) and all(each["status"] == "HEALTHY" for each in states.values())
        if ready and not any(set(old[name]) & set(new[name]) for name in old):
            return
        assert time.monotonic() < until, (old, new, {name: states[name]["status"] for name in states})
        time.sleep(1)


def new_numbers(application: dict[str, Any]) -> None:
    gateway(application)["user_config"] = {"thresholds": {"harmful_operational": {"threshold": 0.36}}}


def new_arguments(application: dict[str, Any]) -> None:
    judge = str(MODELS / embedded.NAME)
    application["args"] |= {"commit_interval_ms": 21, "confinement_probes": ["tcp://127.0.0.1:1"], "judge": judge}
    gateway(application)["user_config"] = {"thresholds": {}}


def gateway(application: dict[str, Any]) -> dict[str, Any]:
    (found,) = (each for each in application["deployments"] if each["name"] == "Gateway")
    return found


def processes(running: Running, *names: str) -> dict[str, list[int]]:
    return {name: running.pids(name) for name in names}


def guards_cited(running: Running) -> set[str]:
    sql = "select distinct guard_digest from exchanges where guard_digest is not null"
    out = running.run("audit.query", str(running.log), sql, "--format", "json").stdout
    return {row["guard_digest"] for row in json.loads(out)}


def test_an_update_under_load_drops_no_stream(running: Running, tmp_path: Path) -> None:
    running.wait_ready()
    first, before = processes(running, "Gateway"), guards_cited(running)
    with Clients(running, 3, (12, 60)) as clients:
        began = time.monotonic()
        redeploy(running, new_numbers)
        while len(clients.answered_since(began)) < 3:
            assert time.monotonic() < began + DONE_WITHIN_S
            time.sleep(0.5)
        assert processes(running, "Gateway") == first  # numbers change in place
        old = processes(running, *REPLACED)
        redeploy(running, new_arguments)
        wait_until_new(running, old)
        changed = time.monotonic()
        while len(clients.answered_since(changed)) < 3:
            assert time.monotonic() < changed + DONE_WITHIN_S
            time.sleep(0.5)
    kept = clients.kept
    print(f"{len(kept)} questions during two updates, {changed - began:.0f} s: {Counter(one.status for one in kept)}")
    assert {one.status for one in kept} == {200}, [one.body[-300:] for one in kept if one.status != 200]
    assert all(len(one.receipts) == 1 for one in kept), [one.body[-300:] for one in kept if not one.receipts]
    assert is_clean(found := look(running, kept, tmp_path)), found
    assert found["receipts"] == len(kept) >= 6
    assert running.applications()["deployments"]["Judge"]["status"] == "HEALTHY"
    assert len(guards_cited(running) - before) == 1
