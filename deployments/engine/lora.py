"""LoRA adapters beside each other on one model, one of them or none in force. Knows no thread: its caller keeps order.

peft is used for its layers alone, without its wrapper: the model stays the one that transformers made, and with no
adapter in force it computes exactly what it computed before the first was added.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file

from deployments.adapter import FILES
from deployments.generation import AdapterDoesNotFit

# What may differ from peft's defaults. The rest would change the base's own weights (bias, PiSSA, ...) or its modules,
# and so what every other adapter and the base alone answer.
_FREE = frozenset(
    {"r", "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "use_rslora", "rank_pattern",
     "alpha_pattern", "layers_to_transform", "layers_pattern", "task_type", "inference_mode", "peft_version",
     "base_model_name_or_path", "revision", "auto_mapping"}
)  # fmt: skip
SAVED_UNDER = "base_model.model."  # peft saves the names that its wrapper gives


@dataclass(frozen=True, slots=True)
class Lora:
    """One adapter as it was read: its shape, and its tensors by the names of the file."""

    config: LoraConfig
    tensors: dict[str, Any]


def read(folder: Path) -> Lora:
    """Read an adapter's two files; raises AdapterDoesNotFit for what is not plain LoRA."""
    if missing := [name for name in FILES if not (folder / name).is_file()]:  # peft would look for them at a hub
        raise AdapterDoesNotFit(f"adapter {folder.name}: expected {' and '.join(FILES)}, lacks {missing}")
    try:
        config = PeftConfig.from_pretrained(str(folder))
        tensors = load_file(folder / FILES[1])
    except Exception as error:  # peft and safetensors name no common root
        raise AdapterDoesNotFit(f"adapter {folder.name}: expected LoRA files, came {_short(error)}") from error
    if not isinstance(config, LoraConfig):
        raise AdapterDoesNotFit(f"adapter {folder.name}: expected LoRA, came {config.peft_type}")
    plain = LoraConfig()
    other = [it.name for it in fields(config) if getattr(config, it.name) != getattr(plain, it.name)]
    if odd := sorted(set(other) - _FREE):
        raise AdapterDoesNotFit(f"adapter {folder.name}: expected plain LoRA, came other {', '.join(odd)}")
    config.inference_mode = True
    return Lora(config, tensors)


class Adapters:
    """The adapters of one model by name, and which of them is in force."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._in_force: str | None = None

    def add(self, name: str, lora: Lora) -> None:
        """Put an adapter beside the others; raises AdapterDoesNotFit, and then nothing of it is left."""
        try:
            inject_adapter_in_model(lora.config, self._model, name)
            del self._model.peft_config  # else peft warns of every adapter after the first
            self._fill(name, lora.tensors)
        except AdapterDoesNotFit:
            self.drop(name)
            raise
        except Exception as error:  # peft names no root of what it raises for an adapter of another model
            self.drop(name)
            raise AdapterDoesNotFit(f"adapter {name}: expected one of this base, came {_short(error)}") from error
        self._model.eval()  # the new layers too
        self._put_in_force(self._in_force)  # peft puts what it injects in force

    def use(self, name: str | None) -> None:
        """Put an adapter in force, or with None the base alone."""
        if name != self._in_force:
            self._put_in_force(name)

    def drop(self, name: str) -> None:
        """Take an adapter out, even one that was added in part; the base alone is in force then."""
        self._put_in_force(None)  # peft would put any other in the place of one that goes
        for layer in self._layers():
            layer.delete_adapter(name)
        vars(self._model).pop("peft_config", None)

    def _put_in_force(self, name: str | None) -> None:
        for layer in self._layers():
            # A layer that this adapter leaves alone has nothing under its name, which peft passes over.
            layer.set_adapter([] if name is None else [name], inference_mode=True)
        self._in_force = name

    def _fill(self, name: str, tensors: dict[str, Any]) -> None:
        """Copy all tensors to their places; every place has its tensor and every tensor its place."""
        state = self._model.state_dict()
        places = {
            SAVED_UNDER + key.replace(f".{name}", "", 1): place for key, place in state.items() if f".{name}" in key
        }
        for key in sorted(places.keys() | tensors.keys()):
            want, came = (tuple(it[key].shape) if key in it else None for it in (places, tensors))
            if want != came:
                raise AdapterDoesNotFit(f"adapter {name}: {key}: expected {want or 'no tensor'}, came {came or 'none'}")
        with torch.no_grad():
            for key, place in places.items():
                place.copy_(tensors[key])

    def _layers(self) -> list[Any]:
        return [module for module in self._model.modules() if isinstance(module, BaseTunerLayer)]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
