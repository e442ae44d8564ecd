"""A fine-tuning run in this process: the same loop as on Ray, checkpoints in a folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

from train.lora.checkpoint import STATE, Standing
from train.lora.loop import Job, Progress, Trainer
from train.lora.sharing import world

KEPT = 2  # checkpoints: the newest, and the one before in case that was cut off


def newest(folder: Path) -> Path | None:
    """The last whole checkpoint of a run's folder."""
    found = sorted(folder.glob("checkpoint-*/" + STATE), key=lambda path: int(path.parent.name.rpartition("-")[2]))
    return found[-1].parent if found else None


def run(job: Job, storage: Path, adapter: Path, report: Callable[[Progress], None]) -> Standing:
    """Train, keeping checkpoints in `storage`; the best adapter comes to the folder `adapter`."""
    trainer = Trainer(job)
    lead = world()[0] == 0

    def keep(progress: Progress) -> None:
        if lead and progress.save is not None:
            _write(progress.save, storage / f"checkpoint-{progress.step}")
        if lead:
            report(progress)

    standing, best = trainer.run(keep)
    if lead:
        trainer.export(adapter, best)
    return standing


def _write(save: Callable[[Path], None], target: Path) -> None:
    """Whole or not at all; then the oldest go."""
    half = target.with_name(f".{target.name}")
    shutil.rmtree(half, ignore_errors=True)
    save(half)
    shutil.rmtree(target, ignore_errors=True)
    half.rename(target)
    kept = sorted(target.parent.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for old in kept[:-KEPT]:
        shutil.rmtree(old)
