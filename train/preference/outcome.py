"""From the last checkpoint of TRL's trainer to an adapter's folder, and what its history says."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from train.errors import RunError
from train.lora.run_file import Point
from train.preference.pair import SIDES

STATE = "trainer_state.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The curve of a run, and the last value of each of its measures."""

    curve: tuple[Point, ...]
    metrics: dict[str, float]


def newest(work: Path) -> Path | None:
    """The last whole checkpoint in a trainer's folder; its state is the file that is written last."""
    found = sorted(work.glob(f"checkpoint-*/{STATE}"), key=lambda path: int(path.parent.name.rpartition("-")[2]))
    return found[-1].parent if found else None


def export(checkpoint: Path, base: str, folder: Path) -> Outcome:
    """Write the adapter of a checkpoint as all adapters are written; raises RunError when it is not whole."""
    from peft import LoraConfig
    from safetensors.torch import load_file

    from train.lora.loop import export_adapter

    try:
        tensors = load_file(checkpoint / "adapter_model.safetensors")
        shape = LoraConfig.from_pretrained(str(checkpoint))
        history = json.loads((checkpoint / STATE).read_text())["log_history"]
    except (OSError, KeyError, ValueError) as error:
        raise RunError(f"{checkpoint.name}: expected a checkpoint with an adapter, got {error}") from error
    export_adapter(SimpleNamespace(peft_config={"default": shape}), tensors, base, folder)
    return outcome(history)


def outcome(history: list[dict[str, Any]]) -> Outcome:
    """The trainer's log as a curve; the held-out loss is the mean of both sides."""
    steps: dict[int, dict[str, float]] = {}
    for entry in history:
        numbers = {key: float(value) for key, value in sided(entry).items() if isinstance(value, int | float)}
        steps.setdefault(int(entry["step"]), {}).update(numbers)
    curve = tuple(
        Point(step=step, loss=found.get("loss"), rate=found.get("learning_rate"), eval_loss=_held(found))
        for step, found in sorted(steps.items())
        if "loss" in found or _held(found) is not None
    )
    metrics = {"steps": float(max(steps, default=0))}
    for _, found in sorted(steps.items()):
        told = {name: found[key] for key, name in _MEASURES.items() if math.isfinite(found.get(key, math.nan))}
        metrics |= told | ({"eval_loss": held} if (held := _held(found)) is not None else {})
    return Outcome(curve, metrics)


def sided(entry: dict[str, Any]) -> dict[str, Any]:
    """A log entry of an evaluation with the side in every key: TRL gives it to the loss alone."""
    for side in SIDES:
        if f"eval_{side}_loss" in entry:
            return {key.replace("eval_rewards/", f"eval_{side}_rewards/"): value for key, value in entry.items()}
    return entry


_MEASURES = {"loss": "loss", "rewards/margins": "reward_margin"} | {
    f"eval_{side}_{key}": f"eval_{name}_{side}"
    for side in SIDES
    for key, name in (("loss", "loss"), ("rewards/accuracies", "accuracy"), ("rewards/margins", "reward_margin"))
}


def _held(found: dict[str, float]) -> float | None:
    values = [found[key] for side in SIDES if (key := f"eval_{side}_loss") in found]
    return sum(values) / len(values) if values else None
