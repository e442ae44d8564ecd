"""The launcher for real: it starts a Ray of its own, and takes away exactly that, however it ends."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from app import cleanup
from app.cluster import FOREIGN, free_ports
from tests.serve.own_process import PATIENT

ROOT = Path(__file__).parents[2]
LINES = ["PRECEPTOR_URL", "PRECEPTOR_API_KEY", "PRECEPTOR_LOG", "PRECEPTOR_VKEY", "PRECEPTOR_DASHBOARD"]
BARE = {name: value for name, value in os.environ.items() if name not in FOREIGN and not name.startswith("PRECEPTOR_")}

FOLLOWER = 'import time; from app import parent; parent.follow(); print("on", flush=True); time.sleep(60); print(1)'


@dataclass
class Launcher:
    """`make run` with the tiny graph, and what it has printed so far."""

    home: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])

    def __post_init__(self) -> None:
        self.output = self.home.with_suffix(".out")
        with self.output.open("w") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.serve.tiny"], stdout=sink, stderr=subprocess.STDOUT, cwd=ROOT,
                env=BARE | {"PRECEPTOR_HOME": str(self.home), "PRECEPTOR_PORT": str(self.port)},
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.output.read_text()

    def ready(self) -> "Launcher":
        until(lambda: "curl -sS" in self.said or self.process.poll() is not None, 180)
        assert self.process.poll() is None, self.said
        self.run = cleanup.load(self.home)
        return self

    def ended(self) -> int:
        """The exit status; by then nothing of the run is left."""
        status = self.process.wait(60)
        assert "Traceback" not in self.said
        return status

    def gone(self) -> bool:
        return not cleanup.ours(self.run) and not Path(self.run.temp).exists() and not list(self.home.glob("run.[ej]*"))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)


@dataclass(frozen=True)
class Foreign:
    """Somebody else's Ray on this machine."""

    head: psutil.Process
    address: str

    def members(self) -> set[int]:
        return {process.pid for process in self.head.children(recursive=True) if "ray" in " ".join(process.cmdline())}

    def alive(self) -> bool:
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=5):
            return self.head.is_running() and self.head.status() != psutil.STATUS_ZOMBIE


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def foreign() -> Iterator[Foreign]:
    """A cluster started the usual way, without our mark, token or ports."""
    temp = tempfile.mkdtemp(prefix="foreign-", dir="/tmp")
    port, client, dashboard = free_ports(3)
    head = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), "start", "--head", "--block", f"--temp-dir={temp}", f"--port={port}",
         f"--ray-client-server-port={client}", f"--dashboard-port={dashboard}", "--include-dashboard=false",
         "--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats"],
        env=BARE | PATIENT | {"RAY_AUTH_MODE": "disabled", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until((Path(temp) / "ray_current_cluster").exists, 120)
    yield Foreign(psutil.Process(head.pid), f"127.0.0.1:{port}")
    head.terminate()
    head.wait(60)
    shutil.rmtree(temp, ignore_errors=True)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launcher]]:
    started: list[Launcher] = []

    def start(**given: object) -> Launcher:
        started.append(Launcher(tmp_path / "home", **given))
        return started[-1]

    yield start
    for launcher in started:
        launcher.stop()


def test_ctrl_c_stops_everything_it_started_and_only_that(launch, foreign: Foreign) -> None:
    before = foreign.members()
    first = launch().ready()
    lines = [line.split("=", 1)[0] for line in first.said.splitlines()[-6:-1]]
    assert lines == LINES
    assert first.said.splitlines()[-1].startswith("curl ")
    run_env = first.home / "run.env"
    assert run_env.stat().st_mode & 0o777 == 0o600
    assert (first.home / "keys" / "ray.token").stat().st_mode & 0o777 == 0o600
    settings = dict(line.split("=", 1) for line in run_env.read_text().splitlines())
    assert {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "PRECEPTOR_HOME", *LINES} <= settings.keys()
    until(lambda: first.port in {port for _, port, _ in listeners(first)}, 30)  # HAProxy may just be changing processes
    listening = listeners(first)
    # Serve binds the gRPC port of a replica to all interfaces, with no way to say otherwise; Ray's token guards it.
    outward = {title for address, _, title in listening if address not in {"127.0.0.1", "::ffff:127.0.0.1"}}
    assert {title.split(":Tiny", 1)[0] for title in outward} <= {"ray::ServeReplica:tiny"}

    second = launch(port=free_ports(1)[0])
    assert second.ended() == 1
    assert f"a tutor already uses {first.home} (process {first.process.pid})" in second.said

    first.process.send_signal(signal.SIGINT)
    assert first.ended() == 0
    assert first.gone()
    assert all(refuses(port) for _, port, _ in listening)
    assert foreign.alive()
    assert before <= foreign.members()


def test_a_killed_launcher_leaves_nothing_but_the_foreign_cluster(launch, foreign: Foreign) -> None:
    before = foreign.members()
    killed = launch().ready()
    killed.process.kill()
    until(killed.gone, 60)
    assert foreign.alive()
    assert before <= foreign.members()


def test_the_next_start_cleans_up_when_the_watchdog_was_killed_too_and_a_lost_head_is_told(launch, foreign) -> None:
    killed = launch().ready()
    for child in watchdogs(killed):
        child.kill()
    killed.process.kill()
    killed.process.wait(10)
    assert cleanup.ours(killed.run)

    after = launch().ready()
    assert "cleaning up after a start that was killed" in after.said
    assert not cleanup.ours(killed.run)
    os.kill(after.run.session, signal.SIGKILL)
    assert after.ended() == 1
    assert "Ray's head ended by itself" in after.said
    assert after.gone()
    assert foreign.alive()


def watchdogs(launcher: Launcher) -> list[psutil.Process]:
    children = psutil.Process(launcher.process.pid).children()
    return [child for child in children if "app.cleanup" in child.cmdline()]


def listeners(launcher: Launcher) -> set[tuple[str, int, str]]:
    """Every address and port on which a process of the run listens, and the title of that process."""
    return {listener for process in cleanup.ours(launcher.run) for listener in listeners_of(process)}


def listeners_of(process: psutil.Process) -> set[tuple[str, int, str]]:
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended since it was listed
        title = process.cmdline()[0]
        sockets = process.net_connections("inet")
        return {(each.laddr.ip, each.laddr.port, title) for each in sockets if each.status == psutil.CONN_LISTEN}
    return set()


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_an_interrupt_of_make_alone_reaches_the_launcher(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(f"run:\n\t@exec {sys.executable} -c '{FOLLOWER}'\n")
    ask = ["env", "--default-signal=INT", "make", "run"]  # who runs us in the background has it ignored
    make = subprocess.Popen(ask, cwd=tmp_path, env=BARE | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)
    assert make.stdout is not None
    assert make.stdout.readline() == "on\n"
    make.send_signal(signal.SIGINT)
    assert make.wait(10) == -signal.SIGINT
    assert make.stdout.read() == ""


def test_a_busy_port_is_one_clear_line(launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = launch(port=port)
        assert refused.ended() == 1
    assert re.fullmatch(rf"preceptor: port {port} of 127.0.0.1: .+ in use; stop what uses it, .+\n", refused.said)


def test_a_wrong_setting_is_a_usage_error(launch) -> None:
    refused = launch(port=70_000)
    assert refused.ended() == 2
    assert refused.said.startswith("preceptor: PRECEPTOR_PORT: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_clear_line(launch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", home], check=True)
    try:
        (home / "filler").write_bytes(bytes(1024**2 - 8192))
        refused = launch()
        assert refused.ended() == 1
        assert f"the disk of {home} has 0.0 GiB free" in refused.said
    finally:
        subprocess.run(["umount", "-l", home], check=True)
