"""A run on disk: adapter, best adapter, optimizer, and where it stands. Tensors are safetensors, never pickled."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from train.errors import RunError
from train.lora.sharing import whole_tensor

STATE, MOMENTS, LATEST, BEST = "state.json", "moments.safetensors", "latest.safetensors", "best.safetensors"
Tensors = dict[str, torch.Tensor]


@dataclass(slots=True)
class Standing:
    """Where a run stands after `step` steps; `origin` names base, dataset and plan, and must be the same to go on."""

    origin: dict[str, str]
    step: int = 0
    best: float = float("inf")
    since_best: int = 0
    answers: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float | None]] = field(default_factory=list)


def trained(model: Any) -> dict[str, torch.nn.Parameter]:
    """The parameters that are trained, by name; nothing else of a run changes."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def tensors(model: Any) -> Tensors:
    """What is trained, whole and on the processor; all workers must call."""
    return {name: whole_tensor(value) for name, value in trained(model).items()}


def moments(model: Any, optimizer: torch.optim.Optimizer) -> Tensors:
    """AdamW's two moments by parameter; all workers must call."""
    found: Tensors = {}
    for name, value in trained(model).items():
        for key, moment in optimizer.state.get(value, {}).items():
            if key.startswith("exp_avg"):
                found[f"{key}.{name}"] = whole_tensor(moment)
    return found


def save(folder: Path, standing: Standing, latest: Tensors, best: Tensors, kept: Tensors) -> None:
    """Write a checkpoint; `kept` are the moments."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ((LATEST, latest), (BEST, best), (MOMENTS, kept)):
        save_file({key: value.contiguous() for key, value in content.items()}, folder / name)
    (folder / STATE).write_text(json.dumps(asdict(standing)))


def read(folder: Path, origin: dict[str, str]) -> Standing:
    """Where a checkpoint stands; raises RunError when it is not whole, or of another base, dataset or plan."""
    try:
        standing = Standing(**json.loads((folder / STATE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"checkpoint {folder.name}: expected {STATE} of a run, got {error}") from error
    for what, want in origin.items():
        if standing.origin.get(what) != want:
            came = standing.origin.get(what)
            raise RunError(
                f"checkpoint {folder.name}: expected {what} {want}, came {came}; choose another --name to begin anew"
            )
    return standing


def restore(folder: Path, model: Any, optimizer: torch.optim.Optimizer, step: int) -> Tensors:
    """Put a checkpoint's tensors into model and optimizer; the best adapter so far."""
    own = trained(model)
    fill(model, load_file(folder / LATEST))
    kept = load_file(folder / MOMENTS)
    for name, value in own.items():
        state: dict[str, Any] = {"step": torch.tensor(float(step))}
        for key in ("exp_avg", "exp_avg_sq"):
            moment = torch.zeros_like(value)
            _put(moment, kept[f"{key}.{name}"])
            state[key] = moment
        optimizer.state[value] = state
    return load_file(folder / BEST)


def fill(model: Any, content: Tensors) -> None:
    """Overwrite what is trained; raises RunError where names or shapes differ."""
    own = trained(model)
    if own.keys() != content.keys():
        raise RunError(f"expected the tensors of this plan, came others: {sorted(own.keys() ^ content.keys())[:3]}")
    for name, value in own.items():
        _put(value, content[name])


@torch.no_grad()
def _put(target: Any, source: torch.Tensor) -> None:
    """Copy a whole tensor into one that may be split over workers."""
    if hasattr(target, "device_mesh"):
        from torch.distributed.tensor import distribute_tensor

        source = distribute_tensor(source.to(target.device), target.device_mesh, target.placements)
    if target.shape != source.shape:
        raise RunError(f"expected a tensor of shape {tuple(target.shape)}, came {tuple(source.shape)}")
    target.copy_(source.to(target.dtype))
