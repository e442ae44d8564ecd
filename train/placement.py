"""Says soon and clearly when a job cannot be placed, where Ray would wait without end."""

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from train.errors import RunError


class PlacementError(RunError):
    """The cluster has no room for the job; the message says what it needs and what is free."""


CPUS_PER_WORKER = 0.4  # fractions, so that a job fits beside the serving graph on two cores
_RAY_TRAIN = MappingProxyType(
    {
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",  # train.report blocks until the controller next looks, 2 s if unset
        "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",  # it would say every line twice, and log what dill prints into a string
    }
)


def set_ray_train() -> None:
    """Settings that Ray Train reads when it is imported; what the user has set stays."""
    for name, value in _RAY_TRAIN.items():
        os.environ.setdefault(name, value)


def worker_resources(*, use_gpu: bool) -> dict[str, float]:
    """What one worker takes of the cluster."""
    return {"CPU": 1.0, "GPU": 1.0} if use_gpu else {"CPU": CPUS_PER_WORKER}


def require(resources: Sequence[Mapping[str, float]], timeout_s: float = 60) -> None:
    """Wait until the cluster could place one worker per entry, e.g. [{"CPU": 0.4}, {"CPU": 0.4}].

    Ray must be initialised. The room is given back at once, so the job that follows can take it.
    Raises PlacementError after timeout_s seconds.
    """
    import ray
    from ray.util.placement_group import placement_group, remove_placement_group

    group = placement_group([dict(worker) for worker in resources])
    try:
        if not group.wait(timeout_s):
            raise PlacementError(explain(resources, ray.available_resources(), ray.cluster_resources()))
    finally:
        remove_placement_group(group)


def join_cluster(workers: int, each: Mapping[str, float], *, dashboard: bool = False) -> None:
    """The cluster that this job was submitted to, else a local one; raises RunError where the workers have no room.

    A local one has a dashboard where many runs follow each other: Ray Train asks it which of them left their room.
    """
    import ray

    if not ray.is_initialized():
        ray.init(include_dashboard=dashboard)
    gpus = ray.cluster_resources().get("GPU", 0)
    if "GPU" in each and gpus < workers:
        raise RunError(f"expected {workers} GPUs, as --use-gpu asks for; the cluster has {gpus:g}")
    require([each] * workers)


def explain(needed: Sequence[Mapping[str, float]], free: Mapping[str, float], whole: Mapping[str, float]) -> str:
    """The sentence a user reads: what each worker needs, what is free, what the cluster has in all."""
    kinds = sorted({kind for worker in needed for kind in worker})
    sums = {kind: sum(worker.get(kind, 0.0) for worker in needed) for kind in kinds}
    parts = [f"{kind} {sums[kind]:g} (free {free.get(kind, 0.0):g} of {whole.get(kind, 0.0):g})" for kind in kinds]
    return f"no room for {len(needed)} workers, which need {', '.join(parts)}; stop another job or ask for less"
