"""The whole graph on three nodes, and one of them is lost under load: a Ray cluster of its own, in its own process.

The head holds what a loss of the head would take anyway; guard and model stand on both workers, and the exchange log's
writer on one of them: that is the node which is lost.

python -m tests.serve.three_nodes HOME    prints what happened as one JSON object
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from app import deploy, doctor, founding, keys
from app.cluster import free_ports
from app.settings import Settings
from deployments import embedded, throughput
from tests.serve.clients import Clients, is_clean, look
from tests.serve.conftest import MODELS, ROOT, Running
from tests.serve.node_loss import own_cluster

READY_WITHIN_S = 300.0
BACK_WITHIN_S = 120.0
BEFORE, AFTER = 4, 6  # whole answers before the loss, and to questions that were asked after it
ON_WORKERS = {"Guard": 2, "Model": 2, "AuditLog-exchange-0": 1}
WRITER = "AuditLog-exchange-0"


def graph(settings: Settings) -> dict[str, Any]:
    """serve.yaml with places: two replicas of a kind stand on different nodes."""
    config: dict[str, Any] = yaml.safe_load(deploy.render(settings, ROOT / "deployments" / "serve.yaml").read_text())
    for each in config["applications"][0]["deployments"]:
        count = ON_WORKERS.get(each["name"])
        each["ray_actor_options"]["resources"] = {"worker": 0.001} if count else {"head": 0.001}
        if count and count > 1:
            each.pop("autoscaling_config")
            each |= {"num_replicas": count, "max_replicas_per_node": 1}
    return config


def nodes() -> dict[str, str]:
    """Names of the living nodes by Ray's ids."""
    import ray

    named = ("head", "first", "second")
    living = [node for node in ray.nodes() if node["Alive"]]
    return {node["NodeID"]: next(name for name in named if name in node["Resources"]) for node in living}


def places(running: Running) -> dict[str, list[str]]:
    """On which node the running replicas of each deployment stand."""
    names = nodes()
    return {
        name: sorted(names.get(one["node_id"], "gone") for one in each["replicas"] if one["state"] == "RUNNING")
        for name, each in running.applications()["deployments"].items()
    }


def start(settings: Settings, dashboard: str) -> Running:
    """Deploy, wait until it answers, and mint a key."""
    url = f"http://127.0.0.1:{settings.port}"
    env = {"RAY_AUTH_TOKEN_PATH": str(settings.home / "ray.token"), "PRECEPTOR_HOME": str(settings.home)}
    Path(env["RAY_AUTH_TOKEN_PATH"]).write_text(os.environ["RAY_AUTH_TOKEN"])
    asked = httpx.put(
        f"{dashboard}{deploy.APPLICATIONS}", json=graph(settings), timeout=60, trust_env=False,
        headers={"authorization": f"Bearer {os.environ['RAY_AUTH_TOKEN']}"},
    )  # fmt: skip
    assert asked.status_code == 200, asked.text
    place = (settings.home, url, "", Path(settings.audit), settings.vkey, dashboard)
    running = Running(*place, None, os.environ | env)  # type: ignore[arg-type]  # no launcher's process
    until = time.monotonic() + READY_WITHIN_S
    while not (deploy.answers(f"{url}/readyz") and _stand(running)):
        said = running.applications()
        assert time.monotonic() < until and said["status"] != "DEPLOY_FAILED", said["message"]  # noqa: PT018
        time.sleep(1)
    running.key = keys.demo_key(settings, url)
    return running


def _stand(running: Running) -> bool:
    found = places(running)
    return all(len(found[name]) == count for name, count in ON_WORKERS.items())


def lose_a_worker(cluster: Any, running: Running) -> dict[str, Any]:
    """Ask, lose the node with the writer, go on asking, then hold what clients have against the log."""
    before, names = places(running), nodes()
    (node,) = (one for one in cluster.worker_nodes if names[one.node_id] == before[WRITER][0])
    with Clients(running, 4, (12, 30)) as clients:
        wait_for(BEFORE, clients, 0.0)
        cluster.remove_node(node, allow_graceful=False)
        lost = time.monotonic()
        wait_for(AFTER, clients, lost)
    first = min(one.ended_at for one in clients.answered_since(lost))
    found = look(running, clients.kept, running.home / "receipts")
    return found | {
        "clean": is_clean(found), "before": before, "after": places(running), "lost": before[WRITER][0],
        "statuses": Counter(str(one.status) for one in clients.kept),
        "answered_after": len(clients.answered_since(lost)), "back_after_s": round(first - lost, 1),
    }  # fmt: skip


def wait_for(count: int, clients: Clients, moment: float) -> None:
    """Until so many questions that were asked after a moment have whole answers."""
    until = time.monotonic() + BACK_WITHIN_S
    while len(clients.answered_since(moment)) < count:
        assert time.monotonic() < until, Counter(one.status for one in clients.kept)
        time.sleep(0.2)


@contextlib.contextmanager
def standing(home: Path) -> Iterator[tuple[Any, Running]]:
    """The graph on its three nodes, on the settings that the launcher has, and the cluster; gone at the end."""
    dashboard, port, *ports = free_ports(2 + len(throughput.PORTS))
    os.environ["PRECEPTOR_HOME"] = str(home)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    embedded.prepare(MODELS, print)
    (home / "models").symlink_to(MODELS)
    settings = Settings(home=home, port=port)
    founding.prepare(settings, print)
    http = {"host": "127.0.0.1", "port": port, "location": "HeadOnly"}
    head = {"include_dashboard": True, "dashboard_port": dashboard, "resources": {"head": 1}}
    workers = [
        {"num_cpus": 2, "node_ip_address": "127.0.0.1", "resources": {"worker": 1, name: 1}}
        for name in ("first", "second")
    ]
    with tempfile.TemporaryDirectory(prefix="ray-", dir=doctor.socket_root()) as folder:
        os.environ |= throughput.SETTINGS | throughput.places(Path(folder), ports)
        with own_cluster(folder, http, workers, **head) as cluster:
            yield cluster, start(settings, f"http://127.0.0.1:{dashboard}")


def main(home: Path) -> int:
    """Exit 0 when it ran to its end; what it found is for the caller to judge."""
    with contextlib.redirect_stdout(sys.stderr), standing(home) as (cluster, running):
        found = lose_a_worker(cluster, running)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
