"""What a run loses when it loses a worker, a node or its driver: the steps since the last checkpoint, no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(1200)
def test_a_run_that_lost_a_worker_a_node_and_its_driver_has_the_losses_of_one_that_lost_nothing(tmp_path: Path) -> None:
    """Workers come and go between one and three; a step is the same for any number."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.losses", str(tmp_path)],
        cwd=ROOT, text=True, capture_output=True, timeout=1100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    assert told["exit"] == 0
    assert told["worker_killed_after"] < told["node_lost_after"] < told["driver_killed_after"]
    assert told["resumed_at"] > told["driver_killed_after"] - 15  # from the last checkpoint, one every five steps
    assert told["lost"] == pytest.approx(told["calm"], rel=1e-4)
