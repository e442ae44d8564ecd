"""Ray's HAProxy with Ray's own template: closed, and started as the same process; and a folder that has room for it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil
import pytest
from ray.serve._private.common import RequestProtocol
from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions

from app.cluster import free_ports
from app.doctor import socket_root
from app.errors import Fault
from deployments import throughput
from deployments.private_haproxy import UnknownTemplate, closed, unavailable

WITHIN_S = 20.0
NODE = "f" * 56  # as long as a node's id
TOLD = Fault("no Gateway takes questions at the moment", code="service_unavailable", retry_after_s=5)


def configured(folder: Path, host: str, *, routes: bool = True) -> tuple[Path, dict[str, int]]:
    """What Ray would start HAProxy with, and the ports: a Gateway is told of that is not there, or no route at all."""
    http, metrics, stats, gateway = free_ports(4)
    places = throughput.places(folder)
    (folder / NODE).mkdir(mode=0o700, parents=True)
    told = HAProxyConfig(
        http_options=HTTPOptions(host=host, port=http), metrics_port=metrics, stats_port=stats, is_head=True,
        socket_path=per_node(places["RAY_SERVE_HAPROXY_SOCKET_PATH"]), server_state_base=str(folder / NODE),
        server_state_file=per_node(places["RAY_SERVE_HAPROXY_SERVER_STATE_FILE"]), has_received_routes=routes,
        metrics_socket_path=per_node(places["RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH"]), has_received_servers=routes,
    )  # fmt: skip
    servers = [ServerConfig(name="gateway", host="127.0.0.1", port=gateway)]
    backend = BackendConfig("tutor", "/", app_name="tutor", protocol=RequestProtocol.HTTP, servers=servers)
    file = per_node(places["RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"])
    HAProxyApi(told, {"tutor": backend} if routes else {}, file)._generate_config_file_internal()
    return Path(file), {"http": http, "metrics": metrics, "stats": stats}


def per_node(path: str) -> str:
    """Where Ray puts a file of a node: see HAProxyManager."""
    return str(Path(path).parent / NODE / Path(path).name)


@contextmanager
def running(file: Path) -> Iterator[psutil.Process]:
    """HAProxy as Ray starts it, once it listens."""
    command = [throughput.SETTINGS["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(file)]
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }  # as the launcher has it
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as started:
        process, until = psutil.Process(started.pid), time.monotonic() + WITHIN_S
        while len(listening(process)) < 3 and started.poll() is None:
            assert time.monotonic() < until, "HAProxy does not listen"
            time.sleep(0.1)
        assert started.poll() is None, started.stderr and started.stderr.read()
        yield process
        started.kill()


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    sockets = process.net_connections("inet")
    return {(one.laddr.ip, one.laddr.port) for one in sockets if one.status == psutil.CONN_LISTEN}


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short path: a socket's is bounded."""
    with tempfile.TemporaryDirectory(prefix="h-", dir=socket_root()) as made:
        yield Path(made)


def test_it_listens_on_the_loopback_alone_and_is_commanded_by_its_user_alone(folder: Path) -> None:
    file, ports = configured(folder, "127.0.0.1")
    with running(file) as process:
        assert "haproxy" in process.name()
        assert listening(process) == {("127.0.0.1", port) for port in ports.values()}
        assert Path(per_node(str(folder / "a"))).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("routes", [True, False], ids=["a Gateway that is gone", "none heard of yet"])
def test_where_no_gateway_answers_a_client_reads_an_error_like_all_others(folder: Path, routes: bool) -> None:
    file, ports = configured(folder, "127.0.0.1", routes=routes)
    with running(file), pytest.raises((HTTPError, URLError)) as refused:
        urlopen(f"http://127.0.0.1:{ports['http']}/v1/models", timeout=WITHIN_S)
    assert isinstance(refused.value, HTTPError)
    assert refused.value.code == TOLD.status
    assert json.loads(refused.value.read()) == TOLD.body()
    assert refused.value.headers["retry-after"] == TOLD.headers()["retry-after"]


def test_where_questions_are_taken_is_serves_to_say(folder: Path) -> None:
    file, ports = configured(folder, "0.0.0.0")  # noqa: S104 - that is what is tried
    text = closed(file.read_text())
    assert f"bind *:{ports['http']}" in text
    assert f"bind 127.0.0.1:{ports['metrics']}" in text
    assert f"bind 127.0.0.1:{ports['stats']}" in text
    assert closed(text) == text
    assert "local0" not in text, "lines of requests go to nobody"


def test_a_template_that_it_does_not_know_is_not_started() -> None:
    with pytest.raises(UnknownTemplate):
        closed("global\n    maxconn 10\nfrontend http_frontend\n    bind *:80\n")


def test_the_error_is_as_long_as_it_says() -> None:
    head, _, body = unavailable().partition("\r\n\r\n")
    assert f"content-length: {len(body.encode())}" in head.split("\r\n")


def test_the_longest_folder_has_room_for_haproxys_sockets() -> None:
    longest = throughput.places(Path("/" + "x" * (throughput.LONGEST_FOLDER - 1)))
    paths = (longest["RAY_SERVE_HAPROXY_SOCKET_PATH"], longest["RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH"])
    pid = ".4194304.tmp"  # HAProxy binds beside the path, and renames
    assert all(len(per_node(path) + pid) <= 107 for path in paths)


def test_each_of_haproxys_ports_can_be_named(folder: Path) -> None:
    named = throughput.places(folder, [1, 2, 3])
    assert [named[name] for name in throughput.PORTS] == ["1", "2", "3"]
    assert not set(throughput.PORTS) & set(throughput.places(folder))
