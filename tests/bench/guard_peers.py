"""The guards that run here without a network, each in an environment and a process of its own."""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.bench.environments import NotRun, environment, output
from tests.bench.guard_prompts import Prompt

ROOT = Path(__file__).resolve().parents[2]
READER = Path(__file__).with_name("guard_reader.py")
OURS = "preceptor"
# What computes is pinned, also below the peer: prompt-guardrail's pickles want the scikit-learn that wrote them.
PINS = {
    "stackone-defender": (
        "stackone-defender[onnx]==0.9.4", "onnxruntime==1.32.0", "tokenizers==0.23.3", "numpy==2.4.6",
    ),
    "securevector-guardian-model": ("securevector-guardian-model==1.4.0",),
    "prompt-guardrail": ("prompt-guardrail==1.0.1", "scikit-learn==1.7.2", "numpy==2.4.6"),
    "armorer-guard": ("armorer-guard==0.4.1",),
}  # fmt: skip
NAMES = (OURS, *PINS)
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
) | {"TOKENIZERS_PARALLELISM": "false", "PYTHONUTF8": "1"}  # fmt: skip
READ_S = 3600.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one guard said of one prompt. score None: it gives none; error: it raised, and said nothing else."""

    score: float | None = None
    blocked: bool = False
    lesson: bool = False
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One guard's readings, in the order of the prompts, and what it ran with."""

    readings: tuple[Reading, ...]
    packages: str

    @classmethod
    def parse(cls, lines: Sequence[str], prompts: int) -> Self:
        """What the reader wrote. Raises NotRun unless every prompt was answered, in order."""
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        numbers = [row.pop("id") for row in found[1:]]
        if numbers != list(range(prompts)):
            raise NotRun(f"expected {prompts} readings in order, got {len(numbers)}")
        return cls(tuple(Reading(**row) for row in found[1:]), **found[0])


def read(name: str, prompts: Sequence[Prompt], home: Path, core: int) -> Run:
    """Every prompt judged by one guard on one core. Raises NotRun."""
    python = Path(sys.executable) if name == OURS else environment(home.absolute() / name, PINS[name])
    lines = "".join(json.dumps({"id": n, "text": prompt.text}) + "\n" for n, prompt in enumerate(prompts))
    with tempfile.TemporaryDirectory(prefix="bench-guard-") as folder:
        here = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        own = {"PYTHONPATH": str(ROOT)} if name == OURS else {"ARMORER_GUARD_HOME": folder}
        command = [str(python), "-P", str(READER), name, str(core)]
        said = output(command, READ_S, input=lines, cwd=folder, env=here | ONE_THREAD | own)
    return Run.parse(said.splitlines(), len(prompts))
