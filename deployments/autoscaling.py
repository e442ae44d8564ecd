"""How many Models run: as many as the load asks for, and no more than the machines have room for.

Two Models that share two cores answer fewer questions than one (docs/performance.md): each has half of the answers in
its passes, and the graph wants a core, too. A burst that brought a second one would never end.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import ray
from ray.serve.autoscaling_policy import default_autoscaling_policy
from ray.serve.config import AutoscalingContext

CORES = 4  # of a machine, for each Model without a GPU: most threads that it uses, deployments.engine.processor


def by_room(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """Serve's own decision, bounded by `room`. Serve adds delays, factors, and the bounds of the configuration."""
    wanted, state = default_autoscaling_policy(context)
    return (min(wanted, room(ray.nodes())) if wanted > 1 else wanted), state  # one runs wherever it can be placed


def room(nodes: Iterable[Mapping[str, Any]]) -> int:
    """Models that these nodes have room for: one on each, or one for each four cores, or for each GPU."""
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    return sum(int(max(min(1, it.get("CPU", 0)), it.get("CPU", 0) // CORES, it.get("GPU", 0))) for it in resources)
