"""A preference tuning on Ray Train: TRL's trainer inside each worker, its checkpoints in the run's storage.

Submitted again with the same storage and name, a run goes on from its last checkpoint.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.placement import set_ray_train, worker_resources
from train.preference.fitting import Task, build
from train.preference.pair import read

if TYPE_CHECKING:
    from ray.train import Result

FAILURES = 8  # deaths of workers that a run survives


@dataclass(frozen=True, slots=True)
class Shared:
    """A run as the driver hands it to its workers: a task without its pairs, which each reads from `place`."""

    task: Task
    out: str
    name: str
    workers: int

    @property
    def place(self) -> str:
        """The run's storage."""
        return f"{self.out}/{self.name}"


def fit(shared: Shared) -> "Result":
    """Tune to the end; raises RuntimeError when it failed more often than it may."""
    set_ray_train()
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    result = TorchTrainer(
        on_worker,
        train_loop_config={"shared": shared},
        scaling_config=ScalingConfig(
            num_workers=shared.workers, use_gpu=shared.task.use_gpu,
            resources_per_worker=worker_resources(use_gpu=shared.task.use_gpu),
        ),
        run_config=RunConfig(
            name=shared.name, storage_path=shared.out, failure_config=FailureConfig(max_failures=FAILURES),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
        ),
    ).fit()  # fmt: skip
    if result.error is not None or result.checkpoint is None:
        raise RuntimeError(f"the run failed: {result.error or 'no checkpoint came from rank 0'}")
    return result


def on_worker(given: dict[str, Any]) -> None:
    """One Ray Train worker."""
    from contextlib import ExitStack

    import torch
    from ray import train
    from ray.train.huggingface.transformers import prepare_trainer

    from train.preference.quiet import stay_offline
    from train.preference.telling import teller

    stay_offline()
    shared: Shared = given["shared"]
    context = train.get_context()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // context.get_local_world_size()))
    pairs = read(shared.place)
    task = replace(
        shared.task, train=tuple(pair for pair in pairs if pair.split == "train"),
        held=tuple(pair for pair in pairs if pair.split == "dev"), work=Path.cwd() / "trainer",
    )  # fmt: skip
    trainer = prepare_trainer(build(task, context.get_world_size(), [teller(), reporter()]))
    with ExitStack() as stack:
        earlier = train.get_checkpoint()
        resume = stack.enter_context(earlier.as_directory()) if earlier is not None else None
        trainer.train(resume_from_checkpoint=resume)


def reporter() -> Any:
    """A callback that hands each checkpoint to Ray: rank 0's, once all workers have written their part.

    Ray's own callback has every rank copy the folder, and so could copy one that is not whole yet.
    """
    from ray import train
    from torch import distributed
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        """One per worker."""

        def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            if distributed.is_initialized():
                distributed.barrier()
            metrics: dict[str, Any] = {"step": state.global_step}
            for entry in state.log_history:
                metrics |= {key: value for key, value in entry.items() if key == "loss" or key.startswith("eval_")}
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            made = train.Checkpoint.from_directory(str(folder)) if context_rank() == 0 else None
            train.report(metrics, checkpoint=made)

    return Reporter()


def context_rank() -> int:
    """This worker's rank among all."""
    from ray import train

    rank: int = train.get_context().get_world_rank()
    return rank
