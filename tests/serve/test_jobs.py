"""Jobs beside the graph: two training workers find their place on two cores, and what cannot be placed says so."""

import gzip
import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from app import deploy, refresh
from app.cluster import Cluster
from app.settings import Settings
from tests.serve.conftest import ROOT, Running
from tests.unit.train.tiny_model import write_model, write_rows

DATA = Path(os.environ.get("PRECEPTOR_DATA", ROOT.parent / "shared" / "data")).absolute()
needs_data = pytest.mark.skipif(not DATA.exists(), reason="not run: no data (PRECEPTOR_DATA names no folder)")


def submit(running: Running, *command: str, seconds: float) -> tuple[int, str]:
    """`ray job submit` as a user types it; returns its exit code and output."""
    ray = str(Path(sys.executable).with_name("ray"))
    done = subprocess.run(
        [ray, "job", "submit", "--working-dir", ".", "--", "python", "-m", *command],
        cwd=ROOT, env=running.env | {"PRECEPTOR_DATA": str(DATA)},
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def few_prompts(folder: Path) -> Path:
    """Our data with the first rows of each prompt set: each worker reads, compares and scores all that it finds."""
    (folder / "prompts").mkdir(parents=True)
    (folder / "knowledge").symlink_to(DATA / "knowledge")
    for path in sorted((DATA / "prompts").glob("*.jsonl.gz")):
        with gzip.open(path) as whole, gzip.open(folder / "prompts" / path.name, "wb") as part:
            part.writelines(islice(whole, 40))
    return folder


@needs_data
@pytest.mark.timeout(900)
def test_the_guard_is_fitted_beside_the_graph(running: Running, tmp_path: Path) -> None:
    running.wait_ready()
    code, said = submit(
        running, "train.fit_guard", "--data", str(few_prompts(tmp_path / "data")), "--out", str(tmp_path),
        "--num-workers", "2",
        "--rows", "64", "--epochs", "1", seconds=800,
    )  # fmt: skip
    assert code == 0, said[-3000:]
    assert list(tmp_path.rglob("*.safetensors"))


def tuning(folder: Path, workers: str) -> list[str]:
    """A small fine-tune as a user types it."""
    return ["train.finetune", "--model", str(folder / "tiny"), "--data", str(folder / "rows"), "--out", str(folder),
            "--name", "run", "--num-workers", workers, "--batch", "4", "--every", "5", "--rate", "0.01"]  # fmt: skip


def test_a_model_is_tuned_by_two_workers_beside_the_graph(running: Running, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    write_rows(tmp_path / "rows", 60)
    running.wait_ready()
    code, said = submit(running, *tuning(tmp_path, "2"), seconds=500)
    assert code == 0, said[-3000:]
    assert json.loads((tmp_path / "run" / "adapter" / "run.json").read_text())["workers"] == 2


def test_what_cannot_be_placed_says_within_a_minute_what_it_needs(running: Running, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    write_rows(tmp_path / "rows", 60)
    running.wait_ready()
    began = time.monotonic()
    code, said = submit(running, *tuning(tmp_path, "64"), seconds=300)
    assert code != 0
    assert "CPU" in said
    assert not (tmp_path / "run").exists()  # nothing half-written
    assert time.monotonic() - began < 180  # submission, imports, and at most 60 s of waiting for a place


@needs_data
def test_feeds_are_ingested_beside_the_graph(running: Running, tmp_path: Path) -> None:
    running.wait_ready()
    code, said = submit(
        running, "train.ingest", "--from", str(DATA / "knowledge"), "--only", "kev,cwe", "--out", str(tmp_path / "kb"),
        "--num-workers", "1", seconds=300,
    )  # fmt: skip
    assert code == 0, said[-3000:]
    assert "exploited 1404" in said
    assert (tmp_path / "kb" / "manifest.json").is_file()


def test_a_first_pack_is_made_beside_the_graph(running: Running, tmp_path: Path) -> None:
    """As the launcher has it made, with what the packages hold."""
    head = Cluster(running.process, "", running.dashboard, Path(running.env["RAY_AUTH_TOKEN_PATH"]), tmp_path / "log")  # type: ignore[arg-type]
    places = ("--root", str(tmp_path / "refreshed"), "--cache", str(tmp_path / "feeds"))
    job = refresh.submit(Settings(home=tmp_path), head, "--offline", "--no-vectors", *places)
    until = time.monotonic() + 180
    told = {"status": "PENDING"}
    while told["status"] in {"PENDING", "RUNNING"} and time.monotonic() < until:
        time.sleep(0.5)
        told = json.loads(deploy.call(head, "GET", f"{refresh.JOBS}{job}", None, 10))
    assert told["status"] == "SUCCEEDED", told
    (manifest,) = tmp_path.glob("packs/*/manifest.json")
    assert set(json.loads(manifest.read_bytes())["sources"]) == {"cwe", "attack-enterprise"}
    assert not refresh.wanted(tmp_path / "packs")
