"""The model garden: which base models there are, where their weights lie, and how much memory they want.

`models.yaml` lists them. Nothing is fetched here: weights that lack are named with the command that fetches them.
Only safetensors are taken, and never a model that brings code of its own.
"""

import json
import math
import shlex
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deployments import embedded
from deployments.shape import Shape, TrainingPlan

GARDEN = Path(__file__).with_name("models.yaml")
TEMPLATE = "chat_template.jinja"
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
INDEX = "model.safetensors.index.json"
CACHE = 16 * 1024  # tokens whose keys and values are held while a batch of 16 is answered


class GardenError(Exception):
    """The root of what goes wrong with a base model before it is loaded."""


class UnknownModel(GardenError):
    """A name that is neither an entry of models.yaml nor a folder."""


class NoWeights(GardenError):
    """A folder that is not there, or holds no model that can be loaded; the message says what would help."""


class Checked(BaseModel):
    """When each value of an entry was last looked up; null where nobody did."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    revision: date | None
    licence: date | None
    context: date | None
    shape: date | None


class Entry(BaseModel):
    """One base model. `package` is set for the model that comes with the product; `context` is in tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    package: str = ""
    revision: str | None = Field(pattern=r"^[0-9a-f]{40}$")
    licence: str = Field(min_length=1, description="SPDX expression")
    licence_url: str = Field(pattern=r"^https://")
    licence_notes: str
    context: int = Field(ge=1)
    chat_template: str = Field(description=f"format of the folder's {TEMPLATE}")
    shape: Shape
    suits: str
    checked: Checked

    def fetch(self, folder: Path) -> str:
        """The command that brings the weights: no pickled ones, and no second copy in another layout."""
        wanted = [f"--include {shlex.quote(glob)}" for glob in ("*.json", "*.jinja", "model*.safetensors")]
        place, revision = shlex.quote(str(folder)), self.revision or "COMMIT"
        return f"hf download {self.hub} --revision {revision} --local-dir {place} {' '.join(wanted)}"


@dataclass(frozen=True, slots=True)
class UsualPlan:
    """What a run is taken to be where nobody says: the trainer's own defaults."""

    rank: int = 16
    micro: int = 2
    length: int = 512
    dtype: str = "bf16"
    checkpointing: bool = False


def load(path: Path = GARDEN) -> dict[str, Entry]:
    """The entries by name; raises GardenError naming entry and field."""
    listed = yaml.safe_load(path.read_text())
    if not isinstance(listed, dict) or not listed:
        raise GardenError(f"{path.name}: expected entries by name, found none")
    try:
        return TypeAdapter(dict[str, Entry]).validate_python(listed)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise GardenError(f"{path.name}: {field}: {first['msg']}, got {str(first['input'])[:60]!r}") from error


def resolve(name_or_dir: str, models: Path, say: Callable[[str], None] = print) -> Path:
    """The folder of a model, complete and loadable; the embedded model is converted on its first use.

    Raises UnknownModel or NoWeights. A chat template inside tokenizer_config.json is written out beside it, once.
    """
    entry, folder = load().get(name_or_dir), Path(name_or_dir)
    if entry is None:
        if not folder.is_dir():
            known = ", ".join(load())
            raise UnknownModel(f"expected a folder or one of {known}; {name_or_dir!r} is neither")
        return _complete(folder)
    folder = models / name_or_dir
    if entry.package:
        try:
            return embedded.prepare(models, say).path
        except FileNotFoundError as error:
            raise NoWeights(f"{name_or_dir}: {error}") from error
    if not folder.is_dir():
        choose = "" if entry.revision else " (no revision is pinned: name a commit that you have looked at)"
        raise NoWeights(f"{name_or_dir}: no weights in {folder}; fetch them: {entry.fetch(folder)}{choose}")
    return _complete(folder)


def room_for(
    model: Entry | Path, *, quantise: str = "none", training: bool = False, plan: TrainingPlan | None = None
) -> int:
    """Bytes of memory that a process wants with this model, an entry or a folder; raises GardenError, OSError.

    To answer, it holds the keys and values of a batch; to train, all that `plan` asks for.
    """
    shape, parameters = (model.shape, None) if isinstance(model, Entry) else _measured(model)
    if training:
        return shape.to_train(plan or UsualPlan(), quantise, parameters)
    return shape.to_answer(CACHE, quantise, parameters)


def parameters(folder: Path) -> int:
    """How many numbers the safetensors of a folder hold, by their headers alone."""
    return sum(_count(path) for path in _weights(folder))


def _complete(folder: Path) -> Path:
    """The folder, once it holds all that loading needs; raises NoWeights with what lacks."""
    lacking = [name for name in FILES if not (folder / name).is_file()]
    if lacking:
        raise NoWeights(f"{folder}: expected {', '.join(FILES)} and safetensors; {', '.join(lacking)} not found")
    if "auto_map" in _read(folder / "config.json"):
        raise NoWeights(f"{folder}: config.json asks for code of the model's own (auto_map), which is never run")
    weights = _weights(folder)
    if not weights:
        others = sorted(path.name for suffix in ("*.bin", "*.pt", "*.pth", "*.gguf") for path in folder.glob(suffix))
        found = f"only {', '.join(others[:3])}, which is not taken" if others else "none"
        raise NoWeights(f"{folder}: expected weights in safetensors, found {found}")
    absent = [path.name for path in weights if not path.is_file()]
    if absent:
        raise NoWeights(f"{folder}: {INDEX} names {', '.join(absent[:3])}, not found: fetch the model again")
    if not (folder / TEMPLATE).is_file():
        _write_template(folder)
    return folder


def _weights(folder: Path) -> list[Path]:
    """The files of the weights: those that the index names, or all."""
    if (folder / INDEX).is_file():
        named = _read(folder / INDEX).get("weight_map", {}).values()
        return [folder / Path(name).name for name in sorted(set(named))]
    return sorted(folder.glob("*.safetensors"))


def _write_template(folder: Path) -> None:
    """Older folders keep the chat template in tokenizer_config.json, one or several of them by name."""
    template: Any = _read(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(template, list):
        template = {each["name"]: each["template"] for each in template}.get("default")
    if not isinstance(template, str):
        raise NoWeights(f"{folder}: expected a chat template, in {TEMPLATE} or tokenizer_config.json; found none")
    work = folder / f".{TEMPLATE}"
    work.write_text(template)
    work.rename(folder / TEMPLATE)


def _measured(folder: Path) -> tuple[Shape, int]:
    try:
        return Shape.of_config(_read(folder / "config.json")), parameters(folder)
    except ValueError as error:
        raise GardenError(f"{folder}: {error}") from error


def _count(path: Path) -> int:
    """Elements in one safetensors file: eight bytes with the length of a JSON header, then the header."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(min(length, 100_000_000)))  # the format's own limit
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; raises NoWeights for anything else."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise NoWeights(f"{path}: expected JSON, got {error}") from error
    if not isinstance(found, dict):
        raise NoWeights(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found
