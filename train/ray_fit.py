"""A fit on Ray Train: the same function that fits in one process, on workers that share its rows.

The function takes its configuration, its rank, how many there are, and what makes a model shared (DDP); on rank 0 it
leaves what it made in the folder that the configuration names as `out`.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from train.placement import require, set_ray_train, worker_resources

Config = dict[str, Any]
Wrap = Callable[[Any], Any]
Fit = Callable[[Config, int, int, Wrap | None], Path]


def fit_on_ray(fit: Fit, config: Config, workers: int, name: str, made: Sequence[str]) -> None:
    """Fit on the cluster that this job was submitted to, else a local one; `made`: files to bring to config["out"]."""
    set_ray_train()
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    ray.init()
    need = worker_resources(use_gpu=False)
    require([need] * workers)
    trainer = TorchTrainer(
        on_worker,
        train_loop_config={"fit": fit, "config": config | {"data": str(Path(config["data"]).absolute())}},
        scaling_config=ScalingConfig(num_workers=workers, resources_per_worker=need),
        run_config=RunConfig(name=name, storage_path=str(Path(config["out"]).absolute() / "ray")),
    )
    checkpoint = trainer.fit().checkpoint
    if checkpoint is None:
        raise RuntimeError("expected a checkpoint from rank 0, got none")
    with checkpoint.as_directory() as folder:
        for each in made:
            shutil.copyfile(Path(folder) / each, Path(config["out"]) / each)


def on_worker(given: dict[str, Any]) -> None:
    """One Ray Train worker; rank 0 hands its folder in as the checkpoint."""
    from ray import train
    from ray.train.torch import prepare_model

    context = train.get_context()
    with tempfile.TemporaryDirectory() as folder:
        config = given["config"] | {"out": folder}
        given["fit"](config, context.get_world_rank(), context.get_world_size(), prepare_model)
        made = train.Checkpoint.from_directory(folder) if context.get_world_rank() == 0 else None
        train.report({"done": 1}, checkpoint=made)
