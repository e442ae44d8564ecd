"""What a preference tuning says while it lasts."""

import time
from typing import Any

from train.preference.outcome import sided

LINE_EVERY = 5


def teller() -> Any:
    """A callback of transformers' trainer: a line of progress on rank 0, with an estimate of what is left."""
    from transformers import TrainerCallback

    class Teller(TrainerCallback):
        """Counts from the first step that this process makes: a resumed run must not take the earlier ones for free."""

        began: tuple[float, int] | None = None

        def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.began = self.began or (time.monotonic(), state.global_step)

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **more: Any
        ) -> None:
            if state.is_world_process_zero and logs and self.began and _due(state, logs):
                print(line(state.global_step, state.max_steps, sided(logs), time.monotonic() - self.began[0],
                           state.global_step - self.began[1]), flush=True)  # fmt: skip

    return Teller()


def line(step: int, steps: int, logs: dict[str, float], passed: float, made: int) -> str:
    """One step in words."""
    left = passed / made * (steps - step) if made else 0.0
    told = [f"{name} {logs[key]:.4f}" for key, name in _NAMES.items() if key in logs]
    return f"step {step}/{steps}  {'  '.join(told)}  about {left:.0f} s left"


_NAMES = {
    "loss": "loss",
    "rewards/margins": "margin",
    "eval_refuse_loss": "held out, refusing: loss",
    "eval_refuse_rewards/margins": "margin",
    "eval_answer_loss": "held out, answering: loss",
    "eval_answer_rewards/margins": "margin",
}


def _due(state: Any, logs: dict[str, float]) -> bool:
    evaluated = any(key.startswith("eval_") for key in logs)
    return evaluated or ("loss" in logs and (state.global_step % LINE_EVERY == 0 or state.global_step == 1))
