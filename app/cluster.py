"""A Ray head of our own: own ports, own temporary folder, own session, token authentication, loopback only."""

import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.cleanup import MARK, Run
from app.doctor import ROOT, CannotStart
from app.settings import Settings
from deployments import throughput

OBJECT_STORE_BYTES = 256 * 1024**2
START_TIMEOUT_S = 120.0
WORKER_PORTS = 400  # so many that the Model's sandbox need not leave open all that are free: docs/sandbox.md
# What a shell may hold of another cluster; inherited, it would send our commands there.
FOREIGN = frozenset({"RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_DASHBOARD_ADDRESS", "RAY_AUTH_TOKEN",
                     "RAY_NAMESPACE", "RAY_TMPDIR", "RAY_JOB_ID", "RAY_OVERRIDE_JOB_RUNTIME_ENV"})  # fmt: skip
PORTS = ("port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port",
         "runtime-env-agent-port", "ray-client-server-port", "metrics-export-port", "node-manager-port",
         "object-manager-port")  # fmt: skip
# Named for other systems, this makes Ray keep 127.0.0.1 instead of resolving it to the machine's outer address:
# every port of the head, metrics included, then listens on the loopback alone. Serve's replicas listen for each other
# on every address whatever one sets, and refuse a call without Ray's token: docs/threat-model.md.
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
METRIC_PORTS = ("AUTOSCALER_METRIC_PORT", "DASHBOARD_METRIC_PORT")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A head that runs, and what a client needs to reach it."""

    head: subprocess.Popen[bytes]
    gcs: str
    dashboard: str
    token_path: Path
    log: Path
    places: Mapping[str, str] = field(default_factory=dict)  # of HAProxy's ports and files

    def check(self) -> None:
        """Raise CannotStart when the head has ended by itself."""
        if self.head.poll() is not None:
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
            raise CannotStart(f"Ray's head ended by itself (exit code {self.head.returncode}); it said last:\n{last}")

    def client_environment(self) -> dict[str, str]:
        """What `ray`, `serve` and `ray job` read, each its own way, to find this cluster."""
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_path),
            "RAY_ADDRESS": self.gcs,
            "RAY_API_SERVER_ADDRESS": self.dashboard,
            "RAY_DASHBOARD_ADDRESS": self.dashboard,
            "RAY_USAGE_STATS_ENABLED": "0",
            LOOPBACK: "0",
            **self.places,
        }


def start(settings: Settings, run: Run) -> Cluster:
    """Start the head and wait until it takes connections; raises CannotStart when it does not."""
    names = (*PORTS, *METRIC_PORTS, *throughput.PORTS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    places = throughput.places(Path(run.temp), [ports[name] for name in throughput.PORTS])
    token_path = ray_token(settings.keys)
    log = Path(run.temp) / "start.log"
    with log.open("wb") as output:
        head = subprocess.Popen(
            _command(run, ports),
            env=head_environment(settings, run, token_path)
            | {name: str(ports[name]) for name in METRIC_PORTS}
            | places,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    gcs, dashboard = f"127.0.0.1:{ports['port']}", f"http://127.0.0.1:{ports['dashboard-port']}"
    return Cluster(head, gcs, dashboard, token_path, log, places)


def wait_until_up(cluster: Cluster, run: Run) -> None:
    """Return when Ray has written its address; raises CannotStart when the head ends or takes too long."""
    end = time.monotonic() + START_TIMEOUT_S
    while not (Path(run.temp) / "ray_current_cluster").exists():
        cluster.check()
        if time.monotonic() > end:
            raise CannotStart(f"Ray did not start within {START_TIMEOUT_S:.0f} s; is the machine overloaded?")
        time.sleep(0.2)


def _command(run: Run, ports: Mapping[str, int]) -> list[str]:
    ray = shutil.which("ray", path=str(Path(sys.executable).parent))
    if ray is None:
        raise CannotStart("the `ray` command is missing beside this Python; `make run` installs it")
    first = _worker_ports()
    options = {
        "temp-dir": run.temp,
        "node-ip-address": "127.0.0.1",
        "dashboard-host": "127.0.0.1",
        "min-worker-port": str(first),
        "max-worker-port": str(first + WORKER_PORTS - 1),
        "object-store-memory": str(OBJECT_STORE_BYTES),
        "log-style": "record",
    } | {name: str(ports[name]) for name in PORTS}
    return [ray, "start", "--head", "--block", "--disable-usage-stats",
            *(f"--{name}={value}" for name, value in options.items())]  # fmt: skip


def head_environment(settings: Settings, run: Run, token_path: Path) -> dict[str, str]:
    """The environment of everything that runs in the cluster: ours by mark, offline, importing from the root."""
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    path = [str(ROOT), *filter(None, [inherited.get("PYTHONPATH")])]
    programs = [str(Path(sys.executable).parent), *filter(None, [inherited.get("PATH")])]
    return (
        throughput.SETTINGS
        | inherited
        | {
            MARK: run.run_id,
            "PRECEPTOR_HOME": str(settings.home),
            "PRECEPTOR_PORT": str(settings.port),
            "PYTHONPATH": os.pathsep.join(path),
            "PATH": os.pathsep.join(programs),  # a job's `python` is ours, activated or not
            "TMPDIR": run.temp,  # so that what a killed process leaves goes with the rest
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token_path),
            "RAY_raylet_start_wait_time_s": str(int(START_TIMEOUT_S)),
            "RAY_USAGE_STATS_ENABLED": "0",
            LOOPBACK: "0",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
    )


def ray_token(keys: Path) -> Path:
    """The file with Ray's token, mode 0600, made on first use."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = keys / "ray.token"
    if not path.exists():
        fresh = keys / "ray.token.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        fresh.rename(path)
    return path


def free_ports(count: int) -> list[int]:
    """`count` free ports out of 20000-29999: above Ray's workers, below Serve's replicas and the ephemeral range."""
    found: list[int] = []
    for port in random.sample(range(20_000, 30_000), 1_000):
        if _binds(port):
            found.append(port)
        if len(found) == count:
            return found
    raise CannotStart("no free ports between 20000 and 29999; stop some programs")


def _worker_ports() -> int:
    """The first of WORKER_PORTS free ports in a row, out of 10000-19999; raises CannotStart."""
    blocks = range(10_000, 20_000, WORKER_PORTS)
    for first in random.sample(blocks, len(blocks)):
        if all(map(_binds, range(first, first + WORKER_PORTS))):
            return first
    raise CannotStart(f"no {WORKER_PORTS} free ports in a row between 10000 and 19999; stop some programs")


def _binds(port: int) -> bool:
    try:
        with socket.socket() as probe:
            probe.bind(("", port))
    except OSError:
        return False
    return True
