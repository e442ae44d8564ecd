"""How workers share a step: DDP, or FSDP2 where the model itself is too large for one device.

Runs under whoever started torch.distributed, Ray Train or torchrun; alone it is one worker of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed, nn

from train.lora.plan import Plan
from train.lora.scoring import Scorer


def world() -> tuple[int, int]:
    """Rank and number of workers."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def device() -> torch.device:
    """This worker's accelerator, which its launcher has made the current one, else the processor."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def shared(scorer: Scorer, plan: Plan) -> nn.Module:
    """The scorer as this run's workers share it."""
    if world()[1] == 1:
        return scorer
    if plan.shard == "fsdp":
        return _fully_sharded(scorer, plan)
    where = device()
    return nn.parallel.DistributedDataParallel(scorer, device_ids=[where.index] if where.type == "cuda" else None)


def _fully_sharded(scorer: Scorer, plan: Plan) -> nn.Module:
    """FSDP2: parameters are split over workers, layer by layer (Zhao et al. 2023; torch.distributed.fsdp)."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    dtype = torch.bfloat16 if plan.dtype == "bf16" else torch.float32
    mesh = init_device_mesh(device().type, (world()[1],))
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    whole = scorer.model.get_base_model()
    for layer in getattr(whole, whole.base_model_prefix).layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(scorer, mesh=mesh, mp_policy=policy)
    return scorer


@contextmanager
def without_sync(model: nn.Module, *, last: bool) -> Iterator[None]:
    """Gradients stay with the worker until the last pass of a step: one exchange a step."""
    if isinstance(model, nn.parallel.DistributedDataParallel):
        if last:
            yield
        else:
            with model.no_sync():
                yield
        return
    sharded: Any = model
    if hasattr(sharded, "set_requires_gradient_sync"):  # FSDP2
        sharded.set_requires_gradient_sync(last)
    yield


def summed(*values: float) -> list[float]:
    """The sums over all workers, the same on each."""
    if world()[1] == 1:
        return list(values)
    told = torch.tensor(values, dtype=torch.float64, device=device())
    distributed.all_reduce(told)
    return [float(value) for value in told]


def whole_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor on the processor, put together again if it is split over workers; all workers must call."""
    full: Any = tensor.detach()
    if hasattr(full, "full_tensor"):
        full = full.full_tensor()
    copied: torch.Tensor = full.cpu().clone()
    return copied
