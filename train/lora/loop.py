"""The training loop: blocks in, an adapter out. One optimizer step is the same for any number of workers.

The loss of a step is the sum over all answer tokens of all workers, divided by how many there are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from train.errors import RunError
from train.lora import checkpoint as saved
from train.lora.base import Base, load_base, with_adapter
from train.lora.checkpoint import Standing, Tensors
from train.lora.packing import Block
from train.lora.plan import Plan
from train.lora.schedule import EMPTY, Schedule
from train.lora.scoring import Scorer, collate, require_same_loss
from train.lora.sharing import device, shared, summed, without_sync, world


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is made of. `start`: an adapter to go on from; `resume`: a checkpoint of this very run."""

    plan: Plan
    base: Base
    dataset_digest: str
    blocks: tuple[Block, ...]
    held: tuple[Block, ...]
    start: Path | None = None
    resume: Path | None = None

    @property
    def origin(self) -> dict[str, str]:
        """What a checkpoint must agree with."""
        return {"base": self.base.digest, "dataset": self.dataset_digest, "plan": self.plan.digest}


@dataclass(frozen=True, slots=True)
class Progress:
    """One step: its loss per answer token in nats, and after an evaluation the held-out loss and what to keep."""

    step: int
    steps: int
    loss: float
    rate: float
    answers_per_s: float
    eval_loss: float | None
    save: Callable[[Path], None] | None


class Trainer:
    """One worker of a run. `run` reports each step and gives the standing and the best adapter's tensors at the end."""

    def __init__(self, job: Job) -> None:
        self.job, self.plan = job, job.plan
        self.rank, self.world = world()
        self.device = device()
        self.schedule = Schedule(job.blocks, job.plan)
        model = with_adapter(load_base(job.base.folder, job.plan, self.device), job.plan, job.start)
        scorer = Scorer(model.to(self.device) if job.plan.quantise == "none" else model)
        require_same_loss(scorer, job.blocks[0], self.device)
        self.scorer = scorer
        self.model = shared(scorer, job.plan)
        weights = list(saved.trained(scorer).values())
        self.optimizer = torch.optim.AdamW(weights, lr=job.plan.rate, weight_decay=job.plan.decay, betas=(0.9, 0.95))
        self.standing, self.best = Standing(job.origin), saved.tensors(scorer)
        if job.resume is not None:
            self.standing = saved.read(job.resume, job.origin)
            self.best = saved.restore(job.resume, scorer, self.optimizer, self.standing.step)

    def run(self, report: Callable[[Progress], None]) -> tuple[Standing, Tensors]:
        """Train to the end, or until the held-out loss no longer falls."""
        standing, began = self.standing, time.monotonic() - self.standing.seconds
        if standing.step == 0:
            self._look(0)
        while standing.step < self.schedule.steps and not self._worn_out():
            rate = self.schedule.rate(standing.step)
            started = time.monotonic()
            loss, answers = self._step(standing.step, rate)
            standing.step += 1
            standing.answers += answers
            standing.seconds = time.monotonic() - began
            due = standing.step % self.plan.every == 0 or standing.step == self.schedule.steps
            standing.curve.append({"step": standing.step, "loss": loss, "rate": rate, "eval_loss": None})
            speed = answers / (time.monotonic() - started)
            held = self._look(standing.step) if due else None
            keep = self.keeper() if due else None
            report(Progress(standing.step, self.schedule.steps, loss, rate, speed, held, keep))
        return standing, self.best

    def _step(self, number: int, rate: float) -> tuple[float, int]:
        share = self.schedule.share(number, self.rank, self.world)
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self.plan.dropout:  # a resumed step draws what it would have drawn
            torch.manual_seed((self.plan.seed * 1_000_003 + number) * 1_009 + self.rank)
        total = 0.0
        for at, blocks in enumerate(share.passes):
            with without_sync(self.model, last=at + 1 == len(share.passes)):
                nats = self._nats(blocks)
                # workers' gradients are averaged, so each weighs its own by how many there are
                torch.autograd.backward(nats * self.world / max(1, share.answers))
                total += float(nats.detach())
        (loss,) = summed(total / max(1, share.answers))
        if not torch.isfinite(torch.tensor(loss)):
            raise RunError(f"step {number + 1}: expected a finite loss, came {loss}; try a lower rate")
        nn.utils.clip_grad_norm_(saved.trained(self.scorer).values(), self.plan.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss, share.answers

    def _nats(self, blocks: tuple[Block, ...]) -> torch.Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.dtype == "bf16"):
            nats: torch.Tensor = self.model(*collate(blocks, self.device))
            return nats

    @torch.no_grad()
    def _look(self, step: int) -> float:
        """Held-out loss per answer token; keeps the adapter if it is the best so far."""
        self.model.eval()
        mine = list(self.job.held[self.rank :: self.world])
        most = -(-len(self.job.held) // self.world)
        mine += [EMPTY] * (most - len(mine))  # FSDP: all workers take as many passes
        size = self.plan.micro
        groups = [tuple(mine[at : at + size]) for at in range(0, len(mine), size)]
        nats, answers = summed(
            sum(float(self._nats(group)) for group in groups),
            sum(block.answers for group in groups for block in group),
        )
        held = nats / max(1.0, answers)
        if step:
            self.standing.curve[-1]["eval_loss"] = held
        else:
            self.standing.curve.append({"step": 0, "loss": None, "rate": None, "eval_loss": held})
        better = held < self.standing.best
        if better:
            self.standing.best, self.best = held, saved.tensors(self.scorer)
        self.standing.since_best = 0 if better else self.standing.since_best + 1
        return held

    def _worn_out(self) -> bool:
        return bool(self.plan.patience) and self.standing.since_best >= self.plan.patience

    def keeper(self) -> Callable[[Path], None]:
        """Gathers the run's state on all workers now; the function it gives writes it, on the one that calls it."""
        latest, kept = saved.tensors(self.scorer), saved.moments(self.scorer, self.optimizer)
        return lambda folder: saved.save(folder, self.standing, latest, self.best, kept)

    def export(self, folder: Path, best: Tensors) -> None:
        """Write the best adapter as peft reads it, in bfloat16, naming its base by name."""
        export_adapter(self.scorer.model, best, self.job.base.name, folder)


def export_adapter(model: Any, best: Tensors, base: str, folder: Path) -> None:
    """adapter_config.json and adapter_model.safetensors."""
    import json

    from safetensors.torch import save_file

    config = model.peft_config["default"]
    told = config.to_dict() | {"base_model_name_or_path": base, "inference_mode": True, "auto_mapping": None}
    told["target_modules"] = sorted(told["target_modules"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(_plain(told), indent=1, sort_keys=True) + "\n")
    names = {key.removeprefix("model.").replace(".default", ""): value for key, value in best.items()}
    whole = {key: value.to(torch.bfloat16).contiguous() for key, value in names.items()}
    save_file(whole, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """Sets as lists and enumerations as their values: the same adapter gives the same bytes."""
    return {
        key: sorted(value) if isinstance(value, set) else getattr(value, "value", value)
        for key, value in told.items()
        if value is not None and not key.startswith("_")
    }
