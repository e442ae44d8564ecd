"""Where a run's numbers go while it lasts: one line on stdout, TensorBoard's event files, and Ray's metrics."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from train.lora.loop import Progress

LINE_EVERY = 10


class Board:
    """Rank 0's view of a run. `gauges`: also as metrics of Ray, which its dashboard and Prometheus show."""

    def __init__(self, folder: Path, *, gauges: bool = False) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._events = SummaryWriter(str(folder))
        self._gauges = _gauges() if gauges else {}
        self._began: tuple[float, int] | None = None

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._events.close()

    def __call__(self, progress: Progress) -> None:
        """Take one step in."""
        told = {"loss": progress.loss, "rate": progress.rate, "answers_per_s": progress.answers_per_s}
        if progress.eval_loss is not None:
            told["eval_loss"] = progress.eval_loss
        for name, value in told.items():
            self._events.add_scalar(name, value, progress.step)
            if name in self._gauges:
                self._gauges[name].set(value)
        now = time.monotonic()
        began = self._began = self._began or (now, progress.step)
        if progress.eval_loss is not None or progress.step % LINE_EVERY == 0:
            self._events.flush()
            print(_line(progress, now - began[0], progress.step - began[1]), flush=True)


def _line(progress: Progress, passed: float, steps: int) -> str:
    left = passed / steps * (progress.steps - progress.step) if steps else 0.0
    held = "" if progress.eval_loss is None else f"  held out {progress.eval_loss:.4f}"
    return (
        f"step {progress.step}/{progress.steps}  loss {progress.loss:.4f}{held}  rate {progress.rate:.2e}  "
        f"{progress.answers_per_s:.0f} answer tokens/s  about {left:.0f} s left"
    )


def _gauges() -> dict[str, Any]:
    from ray.util.metrics import Gauge

    told = {
        "loss": "Loss of the last step, nats per answer token",
        "eval_loss": "Held-out loss, nats per answer token",
        "rate": "Learning rate",
        "answers_per_s": "Answer tokens trained on per second, all workers",
    }
    return {name: Gauge(f"preceptor_finetune_{name}", description) for name, description in told.items()}
