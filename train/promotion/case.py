"""What a promotion rests on: adapter, run, evaluation and base, read once and held against each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.adapter import FILES, AdapterFolder, joined, open_adapter
from train.errors import GateError
from train.evaluation.report import Evaluation
from train.lora import run_file
from train.lora.run_file import RunFile
from train.promotion.base_model import KnownBase
from train.promotion.ppm import ppm

RUN, EVALUATION = run_file.NAME, "evaluation.json"
DRAWN = ("loss.svg", "evaluation.svg")  # go along where they lie beside what they show


@dataclass(frozen=True, slots=True)
class Case:
    """All that speaks for one adapter."""

    adapter: AdapterFolder
    base: KnownBase
    run: RunFile
    evaluation: Evaluation
    files: dict[str, Path]  # what goes into the promoted folder, by name, before any paper is written

    @property
    def model_digest(self) -> str:
        """What answers of this adapter on this base will cite."""
        return joined(self.base.digest, self.adapter.digest)

    @property
    def gate(self) -> str:
        """The name of the gate's record: the run, and which evaluation of it."""
        return f"{self.run.name[:200]}-{self.evaluation.digest[:16]}"

    def gate_fields(self, passed: bool) -> dict[str, Any]:
        """The fields of the gate's record; measures of another model say nothing about this one and are left out."""
        return {
            "name": self.gate,
            "candidate": self.model_digest,
            "suite_digest": self.evaluation.suite_digest,
            "passed": passed,
            "metrics": {} if list(self.disagreements()) else ppm(dict(measured(self.evaluation))),
        }

    def promotion_fields(self, name: str) -> dict[str, Any]:
        """The fields of the promotion's record, for the model that is served as `name`."""
        return {
            "name": name,
            "model_digest": self.model_digest,
            "base": self.base.name,
            "adapter_digest": self.adapter.digest,
            "weights": self.base.files | self.adapter.files,
            "dataset_digest": self.run.dataset.digest if self.run.dataset else None,
            "gate": self.gate,
        }

    def disagreements(self) -> Iterator[str]:
        """Each place where two of them are not about the same thing."""
        run, told = self.run, self.evaluation
        trained_on = run.dataset.digest if run.dataset else None
        for what, want, came in (
            ("run.json: adapter", self.adapter.digest, run.adapter_digest),
            ("run.json: base", self.base.digest, run.base.digest),
            ("evaluation.json: adapter", self.adapter.digest, told.candidate.adapter_digest),
            ("evaluation.json: base", self.base.digest, told.base.digest),
            ("evaluation.json: model", self.model_digest, told.candidate.model_digest),
            ("evaluation.json: dataset", trained_on, told.dataset_digest),
        ):
            if want != came:
                yield f"{what}: expected the digest {want}, got {came}"


def read(adapter: Path, evaluation: Path, base: KnownBase) -> Case:
    """Read all of it; raises GateError where a file lacks or is none of its kind."""
    try:
        found = open_adapter(adapter)
        run = RunFile.read(adapter)
        told = Evaluation.read(evaluation)
    except (OSError, ValueError) as error:
        raise GateError(f"promotion: expected an adapter, {RUN} and an evaluation: {error}") from error
    files = {name: adapter / name for name in (*FILES, RUN)} | {EVALUATION: evaluation}
    drawn = [place / name for name in DRAWN for place in (adapter, evaluation.parent)]
    return Case(found, base, run, told, files | {path.name: path for path in drawn if path.is_file()})


def measured(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    """Every measure before and after, and what the difference surely is, under names of their own."""
    for one in evaluation.measures:
        yield f"{one.name}.before", one.before.value
        yield f"{one.name}.after", one.after.value
        yield f"{one.name}.difference.low", one.difference.low
        yield f"{one.name}.difference.high", one.difference.high
