"""The tutor on three nodes of one machine, any of which can be lost; the head's memory lies in a real Redis.

`head` holds what a head holds and the proxy, `trusted` Gateway, logs and Knowledge; `trusted` and `second` one Guard
and one Model each. Each node is a `ray start --block` with all that it started: what Kubernetes calls a pod.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
import yaml

from app import deploy, founding, keys
from app.cleanup import Run
from app.cluster import LOOPBACK, PORTS, WORKER_PORTS, _worker_ports, free_ports, head_environment, ray_token
from app.settings import Settings
from deployments import embedded
from tests.proofs.chaos_wire import BESIDE, HERE, THERE, Wire
from tests.redis_server import RedisServer
from tests.serve.conftest import MODELS, ROOT, Running, free_port
from tests.serve.own_process import PATIENT

HEAD_ONLY = ("port", "dashboard-port", "ray-client-server-port")
NODES = ("head", "trusted", "second")
RESOURCES = {"head": {"head": 1}, "trusted": {"trusted": 1, "worker": 1}, "second": {"second": 1, "worker": 1}}
ADDRESSES = {"head": HERE, "trusted": BESIDE, "second": THERE}
FAR = "second"  # at the other end of the wire
CLIENT_PORT = 10_001  # Ray takes it for taken on every node
TWICE = ("Guard", "Model")
READY_WITHIN_S = 300.0
GONE_S = 1.0  # between the loss of a node and its successor


class Nodes:
    """Starts Redis and all nodes, and deploys; a `with` ends with nothing left."""

    def __init__(self, home: Path, temporary: Path) -> None:
        self._settings = Settings(home=home, port=free_port())
        self._temporary = temporary
        self._redis = RedisServer(port=free_port())
        self.wire = Wire()
        head, others = PORTS, [name for name in PORTS if name not in HEAD_ONLY]
        names = [(node, port) for node in NODES for port in (head if node == "head" else others)]
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._first = _worker_ports()  # of all nodes: a confined Model may call no others
        while self._first <= CLIENT_PORT:
            self._first = _worker_ports()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: list[int] = []

    def __enter__(self) -> Self:
        try:
            embedded.prepare(MODELS, print)
            self._settings.models.symlink_to(MODELS)
            founding.prepare(self._settings, print)
            self.wire.__enter__()
            for number, node in enumerate(NODES, start=1):
                self.start(node)
                self._until_up(number)  # two that start at once would take one name for their sockets
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if os.getsid(process.pid) in self._sessions:
                    process.kill()
        with suppress(CalledProcessError):
            self.wire.__exit__(kind, error, trace)
        self._redis.close()

    def start(self, node: str) -> None:
        """Start it where and as it was."""
        ports = {name: port for (whose, name), port in self._ports.items() if whose == node}
        options = {
            **ports, "node-ip-address": ADDRESSES[node], "num-cpus": 2, "object-store-memory": 100_000_000,
            "resources": json.dumps(RESOURCES[node]), "min-worker-port": self._first,
            "max-worker-port": self._first + WORKER_PORTS - 1,
        }  # fmt: skip
        if node == "head":
            options |= {"temp-dir": self._temporary, "dashboard-host": "127.0.0.1"}
        else:
            options["address"] = self._gcs
        role = ["--head"] if node == "head" else []
        ray = str(Path(sys.executable).with_name("ray"))
        place = self.wire.inside if node == FAR else ()
        command = [*place, ray, "start", "--block", *role, *(f"--{name}={value}" for name, value in options.items())]
        log = (self._temporary.parent / f"{node}.log").open("ab")
        self._processes[node] = subprocess.Popen(
            command, env=self._environment(node), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        self._sessions.append(self._processes[node].pid)

    def lose(self, node: str) -> None:
        """kill -9 of everything that runs on it, as a machine goes; another takes its place."""
        parent = psutil.Process(self._processes[node].pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if node == "head":  # another machine would not have it; here Ray takes it for the word of a head that runs
            (self._temporary / "ray_current_cluster").unlink(missing_ok=True)
        self._replace(node)

    def kill_raylet(self, node: str) -> None:
        """kill -9 of Ray's own process on it alone; what it started has to end by itself."""
        for process in psutil.Process(self._processes[node].pid).children(recursive=True):
            with suppress(psutil.Error):
                if process.name() == "raylet":
                    process.send_signal(signal.SIGKILL)
        self._replace(node)

    def _replace(self, node: str) -> None:
        self._processes[node].wait(60)
        time.sleep(GONE_S)
        self.start(node)

    def deploy(self) -> Running:
        """The graph, asked until it answers; with a learner's key."""
        url = f"http://127.0.0.1:{self._settings.port}"
        dashboard = f"http://127.0.0.1:{self._ports['head', 'dashboard-port']}"
        token = ray_token(self._settings.keys)
        asked = httpx.put(
            dashboard + deploy.APPLICATIONS, json=self._graph(), timeout=120, trust_env=False,
            headers={"authorization": f"Bearer {token.read_text()}"},
        )  # fmt: skip
        assert asked.status_code == 200, asked.text
        env = os.environ | {"RAY_AUTH_TOKEN_PATH": str(token), "PRECEPTOR_HOME": str(self._settings.home)}
        place = (self._settings.home, url, "", Path(self._settings.audit), self._settings.vkey, dashboard)
        running = Running(*place, None, env)  # type: ignore[arg-type]  # no launcher's process
        until = time.monotonic() + READY_WITHIN_S
        while not (deploy.answers(f"{url}/readyz") and self.is_whole(running)):
            assert time.monotonic() < until, running.applications()
            time.sleep(1)
        running.key = keys.demo_key(self._settings, url)
        return running

    def is_whole(self, running: Running) -> bool:
        """Whether every part stands, with both of what there are two of."""
        with suppress(OSError, LookupError, ValueError):
            found = running.applications()["deployments"]
            return all(each["status"] == "HEALTHY" for each in found.values()) and all(
                len(running.pids(name)) == 2 for name in TWICE
            )
        return False

    @property
    def _gcs(self) -> str:
        return f"{HERE}:{self._ports['head', 'port']}"

    def _environment(self, node: str) -> Mapping[str, str]:
        run = Run(f"chaos-{os.getpid()}", os.getpid(), str(self._temporary))
        redis = self._redis.url.removeprefix("redis://").partition("/")[0]
        more = {"RAY_SERVE_ENABLE_HA_PROXY": "0", LOOPBACK: "1"} | (
            {"RAY_REDIS_ADDRESS": redis} if node == "head" else {}
        )
        return head_environment(self._settings, run, ray_token(self._settings.keys)) | PATIENT | more

    def _until_up(self, number: int) -> None:
        """Until so many nodes listen on sockets of theirs."""
        until = time.monotonic() + READY_WITHIN_S
        while len(list(self._temporary.glob("session_latest/sockets/raylet*"))) < number:
            logs = [file.read_text()[-2000:] for file in self._temporary.parent.glob("*.log")]
            assert time.monotonic() < until, logs
            assert all(process.poll() is None for process in self._processes.values()), logs
            time.sleep(0.5)
        time.sleep(1)

    def _graph(self) -> dict[str, Any]:
        """serve.yaml with places."""
        graph = deploy.render(self._settings, ROOT / "deployments" / "serve.yaml")
        config: dict[str, Any] = yaml.safe_load(graph.read_text())
        for each in config["applications"][0]["deployments"]:
            place = "worker" if each["name"] in TWICE else "trusted"
            each["ray_actor_options"]["resources"] = {place: 0.001}
            if each["name"] in TWICE:
                each.pop("autoscaling_config")
                each |= {"num_replicas": 2, "max_replicas_per_node": 1}
        return config
