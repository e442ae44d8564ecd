"""The doctor on what runs: nothing open at our own start, and every open door of a Ray left as it comes is named."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cluster import FOREIGN, free_ports
from app.examination.deployment import outward_addresses
from tests.serve.conftest import ROOT, Running
from tests.serve.own_process import PATIENT

BIN = Path(sys.executable).parent
EVERYWHERE = "0.0.0.0"  # noqa: S104 - open on purpose
OPEN_GRAPH = """
import sys, ray
from ray import serve
from tests.serve.tiny import Tiny
ray.init(address=sys.argv[1], log_to_driver=False)
serve.start(http_options={"host": "0.0.0.0", "port": int(sys.argv[2])})
serve.run(Tiny.bind(), name="tiny")
"""


def outcomes(text: str) -> dict[str, str]:
    """Check → ok, open or unknown, as the doctor's lines tell."""
    return {words[0]: words[1] for words in map(str.split, text.splitlines()) if len(words) > 1}


def test_our_own_start_leaves_nothing_open(running: Running) -> None:
    done = running.run("app.doctor", "--running", ok=False)
    assert {name: state for name, state in outcomes(done.stdout).items() if state != "ok"} == {}, done.stdout
    assert done.returncode == 0


@dataclass(frozen=True)
class Open:
    """A Ray as it comes, with the tiny graph, bound to every interface of this machine."""

    home: Path
    env: dict[str, str]

    def examined(self, **more: str) -> tuple[int, dict[str, str]]:
        done = subprocess.run(
            [sys.executable, "-m", "app.doctor", "--running"], cwd=ROOT, env=self.env | more, capture_output=True,
            text=True, timeout=180, check=False,
        )  # fmt: skip
        print(done.stdout)
        return done.returncode, outcomes(done.stdout)


@pytest.fixture(scope="module")
def wide_open(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    home, temp = tmp_path_factory.mktemp("open"), tempfile.mkdtemp(prefix="open-", dir="/tmp")
    address = outward_addresses()[0]
    port, board, client, http = free_ports(4)
    bare = {name: value for name, value in os.environ.items()
            if name not in FOREIGN and not name.startswith(("PRECEPTOR_", "RAY_"))}  # fmt: skip
    env = bare | PATIENT | {
        "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": f"{address}:{port}",
        "PRECEPTOR_HOME": str(home),
        "RAY_DASHBOARD_ADDRESS": f"http://{address}:{board}", "PRECEPTOR_URL": f"http://{address}:{http}",
        "PRECEPTOR_API_KEY": "a-key-that-stands-in-a-command-line", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    options = {"temp-dir": temp, "node-ip-address": address, "dashboard-host": EVERYWHERE, "port": port,
               "dashboard-port": board, "ray-client-server-port": client, "num-cpus": 2}  # fmt: skip
    head = subprocess.Popen(
        [BIN / "ray", "start", "--head", "--block", *(f"--{name}={value}" for name, value in options.items())],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 240
        while not (Path(temp) / "ray_current_cluster").exists():
            assert head.poll() is None, "Ray's head ended"
            assert time.monotonic() < until
            time.sleep(0.2)
        subprocess.run([sys.executable, "-c", OPEN_GRAPH, env["RAY_ADDRESS"], str(http)], cwd=ROOT, env=env, check=True,
                       capture_output=True, timeout=180)  # fmt: skip
        (home / "keys").mkdir(mode=0o755)
        (home / "keys" / "signoff.key").write_text("a private key")
        yield Open(home, env)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(head.pid, signal.SIGKILL)  # all of it: no other process is in this session
        head.wait(60)
        shutil.rmtree(temp, ignore_errors=True)


def test_every_door_of_a_ray_left_as_it_comes_is_named(wide_open: Open) -> None:
    """Pages of HAProxy are seen where they answer."""
    bearing = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(300)", wide_open.env["PRECEPTOR_API_KEY"]]
    )
    try:
        with socket.create_server((outward_addresses()[0], 0)) as page:
            status, found = wide_open.examined(RAY_SERVE_HAPROXY_STATS_PORT=str(page.getsockname()[1]))
    finally:
        bearing.kill()
        bearing.wait()
    assert status == 1
    assert {name for name, state in found.items() if state == "open"} == {
        "switches", "dashboard_token", "gcs_token", "replica_token", "ray_ports", "encrypted",
        "needs_a_key", "steering_headers", "size_bound", "security_headers", "key_files", "signoff_key_elsewhere",
        "process_list", "haproxy_ports",
    }  # fmt: skip
