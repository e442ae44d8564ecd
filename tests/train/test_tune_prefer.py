"""Search and preference tuning on a real Ray, with a tiny model: workers share, what was cut off goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from deployments.adapter import open_adapter
from tests.unit.train.preference_rows import write_preference_rows
from tests.unit.train.tiny_model import write_model
from train.lora.run_file import RunFile
from train.preference import pair
from train.search.manifest import Best

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {
    "RAY_ADDRESS": "local", "RAY_USAGE_STATS_ENABLED": "0", "RAY_memory_monitor_refresh_ms": "0",
    "OMP_NUM_THREADS": "1", "RAY_raylet_start_wait_time_s": "240", "CI": "",
}  # fmt: skip
PLAN = ("--batch", "4", "--length", "1024", "--dtype", "fp32", "--every", "2", "--steps", "4", "--rows", "30")


def python(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=ROOT, env=ENV, text=True, capture_output=True, check=False,
        timeout=500,
    )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("tune")
    write_model(home / "tiny")
    write_preference_rows(home / "rows")
    return home


@pytest.fixture(scope="module")
def searched(home) -> Path:
    done = python(
        "train.tune", "--model", home / "tiny", "--data", home / "rows", "--out", home / "out", "--name", "search",
        "--trials", "3", "--max-concurrent", "2", "--held", "6", "--micro", "1", *PLAN,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return home / "out" / "search"


def test_a_search_leaves_the_best_trial_with_its_adapter(searched) -> None:
    best = Best.read(searched)
    assert len(best.trials) == 3
    assert best.best == best.trials[0].name
    assert best.trials[0].state == "finished"
    assert best.trials[0].best == pytest.approx(best.metrics["eval_loss"])
    assert {look.step for trial in best.trials for look in trial.looks} <= {2, 4}
    run = RunFile.read(searched / best.adapter)
    assert run.adapter_digest == open_adapter(searched / best.adapter).digest == best.adapter_digest
    assert run.plan == best.plan
    assert run.plan.rank == best.trials[0].rank
    assert (searched / "trials.md").read_text().count("\n") == 5
    assert (searched / "trials.svg").read_text().startswith("<svg")


def test_two_workers_tune_on_preferences_from_the_best_trial(searched, home) -> None:
    words = (
        "train.prefer", "--method", "dpo", "--model", home / "tiny", "--adapter", searched / "adapter", "--teaching",
        home / "rows", "--out", home / "out", "--name", "prefer", "--num-workers", "2", "--micro", "2", "--held", "4",
        "--sampled", "0", *PLAN,
    )  # fmt: skip
    done = python(*words)
    assert done.returncode == 0, done.stderr[-3000:]
    made = home / "out" / "prefer" / "adapter"
    run = RunFile.read(made)
    assert (run.job, run.workers, run.metrics["steps"]) == ("prefer", 2, 4.0)
    assert run.start_adapter == open_adapter(searched / "adapter").digest
    assert run.adapter_digest == open_adapter(made).digest
    table = pq.read_table(home / "out" / "prefer" / pair.NAME)
    assert set(table["side"].to_pylist()) == set(pair.SIDES)
