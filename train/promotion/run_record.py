"""A training run as a record: what it started from, how it was told to train, and what came out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from audit.record import Entry, Kind, canonical
from train.lora.plan import Plan
from train.lora.run_file import RunFile
from train.promotion.ppm import ppm

Status = Literal["started", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class RunState:
    """A run before its end, when there is no run.json yet. job: train.finetune or train.prefer."""

    name: str
    job: str
    base: str
    dataset_digest: str | None
    plan: Plan
    adapter_digest: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def entry(self, status: Status) -> Entry:
        """The record. Its id follows from what it says, so a run that is resumed says it once."""
        fields = {
            "name": self.name,
            "job": self.job,
            "status": status,
            "base": self.base,
            "dataset_digest": self.dataset_digest,
            "adapter_digest": self.adapter_digest,
            "config_digest": self.plan.digest,
            "metrics": ppm(self.metrics),
        }
        name = str(uuid5(NAMESPACE_URL, f"preceptor run {canonical(fields).decode()}"))
        return Entry(Kind.run, name, 0, "", "", fields, actor=self.job).checked()


def run_entry(run: RunFile, status: Status = "finished") -> Entry:
    """The record of a run that has its run.json."""
    dataset = run.dataset.digest if run.dataset else None
    state = RunState(run.name, f"train.{run.job}", run.base.name, dataset, run.plan, run.adapter_digest, run.metrics)
    return state.entry(status)
