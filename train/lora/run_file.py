"""run.json: what made an adapter, beside it. Read by whoever evaluates, promotes or rebuilds it."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.errors import RunError
from train.lora.plan import Plan

NAME = "run.json"
_PACKAGES = ("torch", "transformers", "peft", "ray", "trl", "bitsandbytes")


class Named(BaseModel):
    """A base model: its name, and the digest of its files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    digest: str


class Rows(BaseModel):
    """A dataset by digest, and how many of its rows were trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    digest: str
    rows: int = Field(ge=0)


class Point(BaseModel):
    """One step of the curve; losses are in nats per answer token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    loss: float | None
    rate: float | None
    eval_loss: float | None


class RunFile(BaseModel):
    """One training run that came to its end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str
    job: Literal["finetune", "prefer"]
    status: Literal["finished"] = "finished"
    plan: Plan
    base: Named
    start_adapter: str | None = Field(None, description="digest of the adapter that the run went on from")
    dataset: Rows | None
    general: Rows | None = Field(None, description="general conversations among the rows")
    adapter_digest: str
    metrics: dict[str, float]
    workers: int
    commit: str
    versions: dict[str, str]
    seconds: float
    finished: str = Field(description="day of the end, ISO 8601, UTC")
    command: str
    curve: list[Point]

    def write(self, folder: Path) -> None:
        """Put it into the adapter's folder."""
        (folder / NAME).write_text(self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "RunFile":
        """The run that made the adapter in this folder; raises RunError."""
        try:
            return cls.model_validate_json((folder / NAME).read_text())
        except (OSError, ValidationError) as error:
            raise RunError(f"{folder.name}: expected {NAME} of a run, got {str(error)[:300]}") from error


def versions() -> dict[str, str]:
    """The packages that decide what a run makes."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of the code that runs, or "unknown" where no repository is at hand, as in a submitted job."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"
