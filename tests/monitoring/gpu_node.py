"""What Ray's reporter and exporter say of a node with a GPU, without the GPU: `python -m tests.monitoring.gpu_node`.

The reading below is made up; names, labels and units are Ray's. gpu_node.txt keeps the output.
"""

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

from prometheus_client import generate_latest
from ray._private.telemetry.open_telemetry_metric_recorder import OpenTelemetryMetricRecorder
from ray.dashboard.modules.reporter.reporter_agent import ReporterAgent

GPU = {"index": 0, "name": "NVIDIA H200", "uuid": "GPU-0", "utilization_gpu": 87, "memory_used": 61440,
       "memory_total": 143771, "processes_pids": None, "power_mw": 412000, "temperature_c": 58}  # fmt: skip
NODE: dict[str, Any] = {
    "ip": "10.0.0.2", "cpu": 0.0, "cpus": (1, 1), "mem": (1, 1, 0.0, 1), "shm": 0, "host_mem": (1, 1), "swap": None,
    "cgroup_mem": None, "gpus": [GPU], "tpus": [], "disk_io": (0, 0, 0, 0), "disk_io_speed": (0, 0, 0, 0),
    "disk": {"/": SimpleNamespace(used=1, free=1)}, "network": (0, 0), "network_speed": (0, 0),
    "raylet": None, "workers": [], "agent": None,
}  # fmt: skip


def text() -> str:
    """The GPU's series as the metrics port of such a node shows them."""
    agent = Mock(spec=ReporterAgent, _is_head_node=False)
    agent.generate_worker_stats_record.return_value = []
    recorder = OpenTelemetryMetricRecorder()
    recorder.record_and_export(ReporterAgent._to_records(agent, NODE, {}), global_tags={"SessionName": "s"})
    lines = generate_latest().decode().splitlines()
    return "".join(f"{line}\n" for line in lines if "ray_node_gpu" in line or "ray_node_gram" in line)


if __name__ == "__main__":
    print(text(), end="")
