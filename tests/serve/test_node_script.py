"""deployments/node.sh for real: a head and a worker that speak TLS, and let nobody in without certificate and token."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray

from app.cluster import FOREIGN, free_ports
from deployments.node_certificate import main as node_certificate
from tests.serve.own_process import PATIENT

ROOT = Path(__file__).parents[2]
OPTIONS = ("node-manager-port", "object-manager-port", "dashboard-agent-grpc-port", "runtime-env-agent-port",
           "dashboard-agent-listen-port", "metrics-export-port")  # fmt: skip
ASK = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
labels = sorted(node["Labels"].get("preceptor-part", "") for node in ray.nodes() if node["Alive"])
part = ray.remote(num_cpus=0.1, label_selector={"preceptor-part": "model"})(lambda: 40 + 2)
print(labels, ray.get(part.remote(), timeout=60))
"""


@dataclass
class Machines:
    """Two nodes on this machine, each a process group of its own, and what a client needs."""

    home: Path
    gcs: str
    environment: dict[str, str]

    def start(self, *arguments: str, first: int) -> subprocess.Popen[bytes]:
        ports = [f"--{name}={port}" for name, port in zip(OPTIONS, free_ports(len(OPTIONS)), strict=True)]
        workers = [f"--min-worker-port={first}", f"--max-worker-port={first + 99}"]
        sized = ["--num-cpus=1", "--object-store-memory=100000000", f"--temp-dir={self.home}/ray", "--block"]
        log = (self.home / f"{arguments[0]}.log").open("wb")
        return subprocess.Popen(
            [ROOT / "deployments" / "node.sh", *arguments, *ports, *workers, *sized], stdout=log, stderr=log,
            env=self.environment | {"PRECEPTOR_NODE_TLS": str(self.home / arguments[0])}, start_new_session=True,
        )  # fmt: skip

    def client(self, *command: str, tls: bool = True, token: bool = True) -> subprocess.CompletedProcess[str]:
        names = {"SERVER_CERT": "tls.crt", "SERVER_KEY": "tls.key", "CA_CERT": "ca.crt"} if tls else {}
        given = {f"RAY_TLS_{name}": str(self.home / "client" / file) for name, file in names.items()}
        given["RAY_USE_TLS"] = "1" if tls else "0"
        given["RAY_AUTH_MODE"] = "token" if token else "disabled"
        return subprocess.run(command, env=self.environment | given, capture_output=True, text=True, timeout=120,
                              check=False)  # fmt: skip

    def health(self, **how: bool) -> int:
        return self.client(sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", self.gcs,
                           **how).returncode  # fmt: skip


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    with tempfile.TemporaryDirectory(prefix="node-", dir="/tmp", ignore_cleanup_errors=True) as home:  # short: sockets
        yield from _machines(Path(home))


def _machines(home: Path) -> Iterator[Machines]:
    address = ray.util.get_node_ip_address()
    assert node_certificate(["authority", str(home / "authority")]) == 0
    client = ["issue", "--authority", str(home / "authority"), "--out", str(home / "client"), "--name", address]
    assert node_certificate(client) == 0
    (home / "token").write_text(secrets.token_hex(32))
    (home / "token").chmod(0o600)
    port, dashboard = free_ports(2)
    clean = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    made = Machines(home, f"{address}:{port}", clean | PATIENT | {
        "HOME": str(home), "RAY_AUTH_TOKEN_PATH": str(home / "token"), "PRECEPTOR_AUTHORITY": str(home / "authority"),
    })  # fmt: skip
    labels = "--labels=preceptor-part="
    nodes = [made.start("head", f"--port={port}", f"--dashboard-port={dashboard}", f"{labels}trusted", first=18_000)]
    try:
        until(lambda: made.health() == 0, made)
        nodes.append(made.start("worker", made.gcs, f"{labels}model", first=18_200))
        yield made
    finally:
        for node in reversed(nodes):
            os.killpg(node.pid, signal.SIGTERM)
            try:
                node.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(node.pid, signal.SIGKILL)
                node.wait(30)


def until(ready: object, machines: Machines) -> None:
    end = time.monotonic() + 120
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < end, (machines.home / "head.log").read_text()[-2000:]
        time.sleep(1)


def test_a_member_sees_both_nodes_and_runs_where_the_label_says(machines: Machines) -> None:
    end = time.monotonic() + 240  # one that comes before the second node waits a minute for it
    while time.monotonic() < end:
        done = machines.client(sys.executable, "-c", ASK, machines.gcs)
        if "['model', 'trusted'] 42" in done.stdout:
            return
    raise AssertionError(done.stdout + done.stderr[-2000:])


def test_who_shows_no_certificate_or_no_token_is_not_let_in(machines: Machines) -> None:
    assert machines.health() == 0
    assert machines.health(tls=False) != 0
    stranger = machines.client(sys.executable, "-c", ASK, machines.gcs, token=False)
    assert stranger.returncode != 0
    assert "42" not in stranger.stdout


def test_a_machine_without_the_token_starts_nothing(machines: Machines, tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "deployments" / "node.sh", "head"], capture_output=True, text=True, timeout=120, check=False,
        env=machines.environment | {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")},
    )  # fmt: skip
    assert done.returncode == 2
    assert "no token" in done.stderr
