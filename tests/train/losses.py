"""A fine-tuning run that loses a worker, a node and its driver: a Ray cluster of its own, in a process of its own.

python -m tests.train.losses HOME    prints what happened as one JSON object
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from ray.cluster_utils import Cluster

from tests.unit.train.tiny_model import write_model, write_rows

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_memory_monitor_refresh_ms": "0", "OMP_NUM_THREADS": "1",
                    "RAY_DEDUP_LOGS": "0"}  # fmt: skip
NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}
STEP = re.compile(r"step (\d+)/(\d+)")


def command(home: Path, name: str, workers: str) -> list[str]:
    """The run as a user types it."""
    return [
        sys.executable, "-m", "train.finetune", "--model", str(home / "tiny"), "--data", str(home / "rows"),
        "--out", str(home / "runs"), "--name", name, "--num-workers", workers, "--dtype", "fp32", "--rank", "4",
        "--length", "512", "--batch", "3", "--micro", "1", "--epochs", "20", "--every", "5", "--patience", "0",
    ]  # fmt: skip


def follow(process: subprocess.Popen[str], step: int) -> int:
    """Read what the driver says until the run has reached this step; the step."""
    assert process.stdout
    for line in process.stdout:
        print(line, end="", file=sys.stderr)
        found = STEP.search(line)
        if found and int(found[1]) >= step:
            return int(found[1])
    raise AssertionError(f"the run ended with {process.wait()} before step {step}")


def begin(home: Path, cluster: Cluster, workers: str) -> subprocess.Popen[str]:
    """The driver, on the cluster."""
    return subprocess.Popen(
        command(home, "lost", workers), cwd=ROOT, env=ENV | {"RAY_ADDRESS": cluster.address}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def kill_a_worker() -> int:
    """SIGKILL one Ray Train worker; its pid."""
    for process in psutil.process_iter(["cmdline"]):
        if any("RayTrainWorker" in part for part in process.info["cmdline"] or ()):
            process.send_signal(signal.SIGKILL)
            return process.pid
    raise AssertionError("expected a RayTrainWorker process, found none")


def main(home: Path) -> dict[str, object]:
    """The same run twice: alone and undisturbed, and on a cluster that loses things."""
    write_model(home / "tiny")
    write_rows(home / "rows", 60)
    subprocess.run(command(home, "calm", "0"), cwd=ROOT, env=ENV, check=True, stdout=sys.stderr)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 100_000_000})
    try:
        nodes = [cluster.add_node(**NODE) for _ in range(2)]
        # three workers on two nodes of one processor, so that the loss of either node is felt
        process, told = begin(home, cluster, "1:3"), {}
        told["worker_killed_after"] = follow(process, 20)
        kill_a_worker()
        told["node_lost_after"] = follow(process, 70)
        cluster.remove_node(nodes[0], allow_graceful=False)
        told["driver_killed_after"] = follow(process, 130)
        process.kill()
        process.wait()
        time.sleep(1)
        # Ray keeps the claim of an elastic run whose driver died for three minutes; a fixed number does not wait for it
        again = begin(home, cluster, "2")
        told["resumed_at"] = follow(again, 1)
        assert again.stdout
        print(again.stdout.read(), file=sys.stderr)
        told["exit"] = again.wait()
    finally:
        cluster.shutdown()
    runs = {name: json.loads((home / "runs" / name / "adapter" / "run.json").read_text()) for name in ("calm", "lost")}
    return told | {name: [point["loss"] for point in run["curve"][1:]] for name, run in runs.items()}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
