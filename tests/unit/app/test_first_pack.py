"""A start without a knowledge pack has one made by Ray; nothing that comes of it stops the start."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app import refresh, run
from app.cluster import Cluster
from app.settings import Settings, from_environment
from train.refresh import BEGUN


class Dashboard(BaseHTTPRequestHandler):
    """What Ray's job API answers, and what it was asked."""

    asked: list[tuple[str, str, dict[str, str]]]
    status: int
    answer: bytes

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.answer)


@pytest.fixture
def dashboard() -> type[Dashboard]:
    return type("Asked", (Dashboard,), {"asked": [], "status": 200, "answer": b'{"submission_id": "raysubmit_1"}'})


@pytest.fixture
def cluster(dashboard: type[Dashboard], tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "token").write_text("secret")
    server = HTTPServer(("127.0.0.1", 0), dashboard)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    yield Cluster(subprocess.Popen(["true"]), "", url, tmp_path / "token", tmp_path / "log")
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "a home")


def graph(refreshing: object = refresh.submit) -> run.Graph:
    return run.Graph(Path("unused.yaml"), lambda *_: None, lambda *_: "", None, refreshing)  # type: ignore[arg-type]


def test_a_first_start_submits_the_job_and_says_so(
    cluster: Cluster, dashboard: type[Dashboard], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    run._refresh(settings, cluster, graph())
    ((path, key, job),) = dashboard.asked
    assert (path, key) == ("/api/jobs/", "Bearer secret")
    assert job["entrypoint"] == f"python -m train.refresh --out '{settings.home}/packs'"
    said = capsys.readouterr()
    assert (said.out.count("\n"), said.err) == (1, "")
    assert "raysubmit_1" in said.out


def test_a_pack_or_the_setting_or_production_or_another_graph_leaves_it(
    cluster: Cluster, dashboard: type[Dashboard], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    run._refresh(settings.model_copy(update={"refresh": False}), cluster, graph())
    run._refresh(settings.model_copy(update={"mode": "production"}), cluster, graph())
    run._refresh(settings, cluster, graph(None))
    pack = settings.knowledge_packs / ("0" * 64)
    pack.mkdir(parents=True)
    (pack / "manifest.json").write_text("{}")
    run._refresh(settings, cluster, graph())
    assert dashboard.asked == []
    assert capsys.readouterr() == ("", "")


def test_a_refresh_that_was_cut_off_goes_on(cluster: Cluster, dashboard: type[Dashboard], settings: Settings) -> None:
    (settings.knowledge_packs / ("0" * 64)).mkdir(parents=True)
    (settings.knowledge_packs / ("0" * 64) / "manifest.json").write_text("{}")
    (settings.knowledge_packs / refresh.BEGUN).touch()
    assert refresh.submit(settings, cluster) == "raysubmit_1"
    assert refresh.BEGUN == BEGUN


@pytest.mark.parametrize(("status", "answer"), [(500, b""), (200, b"<html>"), (200, b"{}"), (200, b"[]")])
def test_whatever_ray_answers_the_start_goes_on(
    cluster: Cluster, dashboard: type[Dashboard], settings: Settings, capsys: pytest.CaptureFixture[str],
    status: int, answer: bytes,
) -> None:  # fmt: skip
    dashboard.status, dashboard.answer = status, answer
    run._refresh(settings, cluster, graph())
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "no job makes a knowledge pack" in said.err


def test_the_environment_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRECEPTOR_REFRESH", raising=False)
    assert from_environment().refresh
    monkeypatch.setenv("PRECEPTOR_REFRESH", "0")
    assert not from_environment().refresh
