"""best.json: the plan that won, its adapter, and every trial that it was compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.errors import RunError
from train.lora.plan import Plan
from train.lora.run_file import Named, Rows

NAME = "best.json"


class Look(BaseModel):
    """One evaluation of a trial."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    eval_loss: float


class Trial(BaseModel):
    """One trial; `state` is stopped where the scheduler ended it before the last step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    rank: int
    rate: float
    weight: float = Field(description="of the families refuse, lesson and benign")
    state: Literal["finished", "stopped", "failed"]
    looks: list[Look]

    @property
    def best(self) -> float:
        """The lowest held-out loss; infinite for a trial that never got to an evaluation."""
        return min((look.eval_loss for look in self.looks), default=float("inf"))


class Best(BaseModel):
    """The outcome of a search. `adapter` lies beside this file, with its run.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str
    metric: Literal["eval_loss"] = "eval_loss"
    best: str = Field(description="name of the trial")
    plan: Plan
    metrics: dict[str, float]
    adapter: str
    adapter_digest: str
    base: Named
    dataset: Rows
    trials: list[Trial]
    seed: int
    commit: str
    versions: dict[str, str]
    seconds: float
    command: str

    @classmethod
    def read(cls, folder: Path) -> "Best":
        """The outcome in this folder; raises RunError."""
        try:
            return cls.model_validate_json((folder / NAME).read_text())
        except (OSError, ValidationError) as error:
            raise RunError(f"{folder.name}: expected {NAME} of a search, got {str(error)[:300]}") from error


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Those that finished before those that did not, the lowest loss first: losses compare at equal steps only."""
    return sorted(trials, key=lambda trial: (trial.state != "finished", trial.best, trial.name))


def table(trials: Sequence[Trial]) -> str:
    """The trials as a Markdown table, the best first."""
    lines = [
        "| trial | rank | learning rate | weight of safety | steps | held-out loss | |",
        "|---|---|---|---|---|---|---|",
    ]
    for trial in ranked(trials):
        last = trial.looks[-1].step if trial.looks else 0
        loss = f"{trial.best:.4f}" if trial.looks else "none"
        lines.append(
            f"| {trial.name} | {trial.rank} | {trial.rate:.2e} | {trial.weight:.2f} | {last} | {loss} | {trial.state} |"
        )
    return "\n".join(lines) + "\n"
