"""A fine-tuning run on Ray Train: the same loop on workers that share each step, checkpoints in the run's storage.

A worker or node that dies costs the steps since the last checkpoint and nothing else. A run that is submitted again
with the same storage and name goes on where it was.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.lora.base import Base
from train.lora.plan import Plan
from train.placement import set_ray_train, worker_resources

if TYPE_CHECKING:
    from ray.train import Checkpoint, Result
    from ray.train.torch import TorchTrainer

    from train.lora.loop import Progress

FAILURES = 8  # deaths of workers that a run survives
ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class FinetuneConfig:
    """A run as the driver hands it to its workers. `workers` is (fewest, most); `out` a folder or URI."""

    base: Base
    data: str
    out: str
    name: str
    plan: Plan
    workers: tuple[int, int] = (1, 1)
    use_gpu: bool = False
    start: Path | None = None
    general: Path | None = None

    @property
    def resources(self) -> dict[str, float]:
        """What one worker takes of the cluster."""
        return worker_resources(use_gpu=self.use_gpu)


def trainer(config: FinetuneConfig, callbacks: Sequence[Any] = ()) -> "TorchTrainer":
    """The trainer of a run; its `fit()` reports step, loss and eval_loss with every checkpoint."""
    set_ray_train()
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    fewest, most = config.workers
    return TorchTrainer(
        on_worker,
        train_loop_config={"config": config},
        scaling_config=ScalingConfig(
            num_workers=most if fewest == most else (fewest, most), use_gpu=config.use_gpu,
            resources_per_worker=config.resources,
        ),
        run_config=RunConfig(
            name=config.name, storage_path=config.out, failure_config=FailureConfig(max_failures=FAILURES),
            checkpoint_config=CheckpointConfig(num_to_keep=2), callbacks=list(callbacks),
        ),
    )  # fmt: skip


def fetch_adapter(result: "Result", target: Path) -> dict[str, Any]:
    """Bring the adapter of a finished run to a folder; the standing that its last checkpoint holds."""
    import json

    from train.lora.checkpoint import STATE

    if result.checkpoint is None:
        raise RuntimeError("expected a checkpoint from rank 0, got none")
    with result.checkpoint.as_directory() as folder:
        shutil.copytree(Path(folder) / ADAPTER, target, dirs_exist_ok=True)
        standing: dict[str, Any] = json.loads((Path(folder) / STATE).read_text())
    return standing


def on_worker(given: dict[str, Any]) -> None:
    """One Ray Train worker."""
    from contextlib import ExitStack

    from ray import train

    from train.board import Board
    from train.lora.loop import Job, Trainer
    from train.lora.preparing import gather

    config: FinetuneConfig = given["config"]
    context = train.get_context()
    _settle(context.get_local_world_size())
    material = gather(config.data, config.base, config.plan, config.general)
    with ExitStack() as stack:
        earlier = train.get_checkpoint()
        resume = Path(stack.enter_context(earlier.as_directory())) if earlier is not None else None
        job = Job(config.plan, config.base, material.digest, material.blocks, material.held, config.start, resume)
        worker, lead = Trainer(job), context.get_world_rank() == 0
        board = stack.enter_context(Board(_events(config), gauges=True)) if lead else None

        def report(progress: "Progress") -> None:
            if board is not None:
                board(progress)
            if progress.save is not None and progress.step < progress.steps:
                _hand_in(progress, lead=lead)

        standing, best = worker.run(report)
        save = worker.keeper()
        with tempfile.TemporaryDirectory() as folder:
            if lead:
                save(Path(folder))
                worker.export(Path(folder) / ADAPTER, best)
            last = standing.curve[-1]
            metrics = {"step": standing.step, "loss": last["loss"], "eval_loss": standing.best, "workers": worker.world}
            train.report(metrics, checkpoint=_checkpoint(folder, lead=lead))


def _hand_in(progress: "Progress", *, lead: bool) -> None:
    """Every rank reports, rank 0 with the checkpoint."""
    from ray import train

    metrics = {"step": progress.step, "loss": progress.loss, "eval_loss": progress.eval_loss}
    with tempfile.TemporaryDirectory() as folder:
        if lead and progress.save is not None:
            progress.save(Path(folder))
        train.report(metrics, checkpoint=_checkpoint(folder, lead=lead))


def _checkpoint(folder: str, *, lead: bool) -> "Checkpoint | None":
    from ray.train import Checkpoint

    return Checkpoint.from_directory(folder) if lead else None


def _settle(neighbours: int) -> None:
    """Threads and device of this process: workers of one machine share its cores."""
    import torch
    from ray.train.torch import get_device

    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // neighbours))
    device = get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)


def _events(config: FinetuneConfig) -> Path:
    """TensorBoard's files lie in the run's storage where that is a folder, else with the worker."""
    if "://" in config.out:
        return Path.cwd() / "tensorboard"
    return Path(config.out) / config.name / "tensorboard"
