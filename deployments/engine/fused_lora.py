"""LoRA adapters for the fused layers of the decoder: read, fitted and multiplied out as peft would have them.

peft itself says what an adapter's configuration means: it is put into an empty copy of the model, which holds shapes
alone, and what peft makes of it there is taken over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import AutoModelForCausalLM

from deployments.engine.decoder import Delta, Deltas
from deployments.engine.lora import SAVED_UNDER, Adapters, Lora
from deployments.engine.packed import linear
from deployments.generation import AdapterDoesNotFit

_FUSED = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}


class Fitter:
    """Fits adapters to one base. Not for several threads at once."""

    def __init__(self, config: Any, dtype: torch.dtype, device: torch.device) -> None:
        with torch.device("meta"):
            self._skeleton = AutoModelForCausalLM.from_config(config)
        self._adapters = Adapters(self._skeleton)
        self._outs = {
            name: module.out_features
            for name, module in self._skeleton.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        self._layers = config.num_hidden_layers
        self._dtype, self._device = dtype, device

    def fit(self, name: str, lora: Lora) -> Deltas:
        """What the adapter adds to every fused layer; raises AdapterDoesNotFit."""
        self._adapters.add(name, lora)
        try:
            scales = {
                path: module.scaling[name]
                for path, module in self._skeleton.named_modules()
                if isinstance(module, BaseTunerLayer) and name in module.scaling
            }
        finally:
            self._adapters.drop(name)
        known = {f"model.layers.{n}.{part}" for n in range(self._layers) for parts in _FUSED.values() for part in parts}
        if other := sorted(scales.keys() - known):
            raise AdapterDoesNotFit(f"adapter {name}: expected layers of attention and MLP, came {', '.join(other)}")
        return [self._layer(f"model.layers.{number}", lora.tensors, scales) for number in range(self._layers)]

    def _layer(self, layer: str, tensors: Mapping[str, Any], scales: Mapping[str, float]) -> dict[str, Delta]:
        wanted = {fused: [f"{layer}.{part}" for part in parts] for fused, parts in _FUSED.items()}
        return {
            fused: self._delta(paths, tensors, scales)
            for fused, paths in wanted.items()
            if any(path in scales for path in paths)
        }

    def _delta(self, paths: Sequence[str], tensors: Mapping[str, Any], scales: Mapping[str, float]) -> Delta:
        """One matrix down and one up for all parts of a fused layer; a part that is not adapted has rows of zeros."""
        downs = [tensors[f"{SAVED_UNDER}{path}.lora_A.weight"] for path in paths if path in scales]
        up = torch.zeros(sum(self._outs[path] for path in paths), sum(len(down) for down in downs))
        row = column = 0
        for path in paths:
            if path in scales:
                part = tensors[f"{SAVED_UNDER}{path}.lora_B.weight"].float() * scales[path]
                up[row : row + part.shape[0], column : column + part.shape[1]] = part
                column += part.shape[1]
            row += self._outs[path]
        return Delta(self._linear(torch.cat(downs)), self._linear(up))

    def _linear(self, weight: Any) -> Any:
        return linear(weight.to(self._device, self._dtype).contiguous())
