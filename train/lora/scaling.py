"""How strongly an adapter acts: between the base, which knows the world, and the tuned model, which knows its lessons.

A scaled LoRA adapter lies on the straight line between both in weight space (WiSE-FT, Wortsman et al. 2022). The scale
is the largest one that keeps general answers nearly as likely as the base finds them.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from deployments.chat import ChatFormat
from train.errors import ModelError
from train.lora import general
from train.lora.packing import Block, pack
from train.lora.plan import Plan

SCALES = tuple(step / 20 for step in range(20, 1, -1))  # 1.0, 0.95 and so on to 0.1


def general_blocks(path: Path, chat: ChatFormat, length: int, rows: int) -> list[Block]:
    """Packed general conversations of a file, the last ones: an evaluation takes the first. Raises DatasetError."""
    return pack(general.read(path, chat, length).examples[-rows:], length, 0)


class Scalable:
    """A base with an adapter whose scale can be set; weighs how likely blocks are."""

    def __init__(self, base: Path, adapter: Path, plan: Plan) -> None:
        from train.lora.base import load_base, with_adapter
        from train.lora.scoring import Scorer
        from train.lora.sharing import device

        self._device = device()
        model = with_adapter(load_base(base, plan, self._device), plan, adapter)
        self._scorer = Scorer(model.to(self._device)).eval()
        self._layers = [layer for layer in model.modules() if isinstance(getattr(layer, "scaling", None), dict)]
        if not self._layers:
            raise ModelError(f"{adapter.name}: expected LoRA layers, found none")
        self._own = [dict(layer.scaling) for layer in self._layers]

    def loss(self, blocks: Sequence[Block], scale: float) -> float:
        """Nats per answer token at this scale; 0 is the base alone."""
        import torch

        from train.lora.scoring import collate

        for layer, own in zip(self._layers, self._own, strict=True):
            layer.scaling.update({name: value * scale for name, value in own.items()})
        with torch.inference_mode():
            nats = sum(float(self._scorer(*collate([block], self._device))) for block in blocks)
        return nats / sum(block.answers for block in blocks)

    def largest(self, blocks: Sequence[Block], budget: float) -> tuple[float, float, float]:
        """The largest scale at which perplexity rises by `budget` at most; it, and the losses without and with it.

        Raises ModelError when even the smallest costs more.
        """
        before = self.loss(blocks, 0.0)
        for scale in SCALES:
            after = self.loss(blocks, scale)
            if math.exp(after - before) <= 1 + budget:
                return scale, before, after
        raise ModelError(f"expected a scale that costs at most {budget:.0%} of perplexity, {SCALES[-1]} costs more")


def write_scaled(adapter: Path, scale: float, out: Path) -> None:
    """The adapter with its B matrices multiplied; rounds to bfloat16 once more."""
    from safetensors.torch import load_file, save_file

    out.mkdir(parents=True, exist_ok=True)
    tensors = load_file(adapter / "adapter_model.safetensors")
    for name in [name for name in tensors if ".lora_B." in name]:
        tensors[name] = (tensors[name].float() * scale).to(tensors[name].dtype)
    save_file(tensors, out / "adapter_model.safetensors", metadata={"format": "pt"})
    (out / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
