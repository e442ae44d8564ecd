"""A base, an adapter that was tuned on it, its run and its evaluation: real files, a few bytes each."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from deployments import embedded
from deployments.adapter import joined, open_adapter
from train.evaluation import gate
from train.lora.plan import Plan
from train.lora.run_file import Named, Point, Rows, RunFile
from train.promotion import signature

NAME = "small"
DATASET = "d" * 64
SUITE = "5" * 64


@dataclass
class Site:
    """A place with models, a signing key, and candidates to promote."""

    home: Path
    models: Path = field(init=False)
    base: embedded.ModelFolder = field(init=False)

    def __post_init__(self) -> None:
        self.models = self.home / "models"
        folder = self.models / NAME
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "llama"}')
        (folder / "tokenizer.json").write_text("{}")
        (folder / "tokenizer_config.json").write_text("{}")
        (folder / "chat_template.jinja").write_text("{{ messages }}")
        save_file({"w": np.ones((2, 2), np.float32)}, folder / "model.safetensors")
        self.base = embedded.survey(folder)
        signature.keygen(self.home / "key")

    def adapter(self, name: str = "first", base: str | None = None) -> Path:
        """A folder as a run leaves it; other names give other weights."""
        folder = self.home / name
        folder.mkdir()
        (folder / "adapter_config.json").write_text('{"r": 2, "peft_type": "LORA"}')
        number = float(hashlib.sha256(name.encode()).digest()[0])
        save_file({"lora_A": np.full((2, 2), number, np.float32)}, folder / "adapter_model.safetensors")
        (folder / "loss.svg").write_text("<svg/>")
        (folder / "checkpoint").write_text("no part of the adapter")
        RunFile(
            name=name, job="finetune", plan=Plan(), base=Named(name=NAME, digest=base or self.base.digest),
            start_adapter=None, dataset=Rows(name="a-set", digest=DATASET, rows=12),
            adapter_digest=open_adapter(folder).digest, metrics={"eval_loss": 1.25}, workers=2, commit="c" * 40,
            versions={"torch": "2.13.0"}, seconds=61.5, finished="2026-11-28",
            command=f"python -m train.finetune --model {NAME} --data DIR --name {name}",
            curve=[Point(step=1, loss=2.0, rate=0.001, eval_loss=None)],
        ).write(folder)  # fmt: skip
        return folder

    def model_digest(self, adapter: Path) -> str:
        return joined(self.base.digest, open_adapter(adapter).digest)

    def evaluation(self, adapter: Path, champion: Path | None = None, **change: Any) -> Path:
        """An evaluation of this adapter in which every rule holds, but for what is changed."""
        of = open_adapter(adapter).digest
        champion_of = open_adapter(champion).digest if champion else None
        told = {
            "format": 1, "suite_digest": SUITE, "base": {"name": NAME, "digest": self.base.digest},
            "candidate": {"adapter_digest": of, "model_digest": joined(self.base.digest, of)},
            "champion": {"adapter_digest": champion_of, "model_digest": joined(self.base.digest, champion_of)},
            "dataset_digest": DATASET, "measures": measures(), "passed": True, "reasons": [],
            "made": {"command": "python -m train.evaluate", "commit": "c" * 40, "versions": {}, "seconds": 9.5},
        }  # fmt: skip
        path = self.home / f"{adapter.name}-{len(list(self.home.iterdir()))}" / "evaluation.json"
        path.parent.mkdir()
        path.write_text(json.dumps(told | change))
        (path.parent / "evaluation.svg").write_text("<svg/>")
        return path

    def command(self, adapter: Path, evaluation: Path) -> list[str]:
        return ["--adapter", str(adapter), "--evaluation", str(evaluation), "--model", str(self.models / NAME),
                "--name", NAME, "--licence", "Apache-2.0", "--key", str(self.home / "key"),
                "--models", str(self.models)]  # fmt: skip


def measures() -> list[dict[str, Any]]:
    """All measures that the gate asks for, each of them well."""
    lower = {"perplexity", "false_refusals", "canaries", "personal_data", "general_perplexity"}
    found = []
    for name, demand in gate.DEMANDS.items():
        gain = -0.1 if name in lower else 0.1
        before = 0.0 if demand.rule == "must_be_zero" else 0.5
        change = 0.0 if demand.rule == "must_be_zero" else gain
        found.append({
            "name": name, "group": "quality", "unit": "share", "n": 90,
            "better": "lower" if name in lower else "higher", "before": estimate(before),
            "after": estimate(before + change), "difference": estimate(change),
            "rule": demand.rule, "passed": True, "why": "made up",
        })  # fmt: skip
    return found


def worse() -> list[dict[str, Any]]:
    """The same, but the first measure became worse although its own words say that all is well."""
    first, *rest = measures()
    return [first | {"after": estimate(0.3), "difference": estimate(-0.2)}, *rest]


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}
