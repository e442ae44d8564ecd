"""The trained part under torch: what training starts from, and fp32 to compare the served int8 graph with.

Low-rank adapters on MiniLM and two linear heads over the mean of its tokens.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from guards.card import ALPHA, CLASSES, LENGTH, OVERLAP, RANK, Card, base_folder

__all__ = ["ALPHA", "CLASSES", "LENGTH", "OVERLAP", "RANK", "TARGETS", "Heads", "bare_encoder", "base_folder", "exact",
           "merge"]  # fmt: skip

TARGETS = ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense")


def bare_encoder() -> nn.Module:
    """The public encoder with its own weights, no pooler, no gradient checkpoints, ready for adapters."""
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.set_verbosity_error()  # the pooler that is left out on purpose would be reported at every start
    logging.disable_progress_bar()
    folder = base_folder()
    config = BertConfig.from_pretrained(folder)
    model: nn.Module = BertModel.from_pretrained(folder, config=config, add_pooling_layer=False, dtype=torch.float32)
    return model


class Heads(nn.Module):
    """Mean of the token states to one override logit and four intent logits."""

    def __init__(self, width: int = 384) -> None:
        super().__init__()
        self.override = nn.Linear(width, 1)
        self.intent = nn.Linear(width, len(CLASSES))

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """states: batch, tokens, width; mask: batch, tokens. Returns (batch,) and (batch, 4)."""
        weights = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
        return self.override(mean).squeeze(-1), self.intent(mean)


def merge(encoder: nn.Module, adapter: dict[str, torch.Tensor], card: Card) -> None:
    """Add each low-rank pair (keys of peft: `base_model.model.NAME.lora_A.weight`) to the weight it adapts."""
    weights = dict(encoder.named_parameters())
    with torch.no_grad():
        for key, down in adapter.items():
            if key.endswith(".lora_A.weight"):
                up = adapter[key.replace("lora_A", "lora_B")]
                name = key.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
                weights[name].add_(up.float() @ down.float(), alpha=card.scaling(len(down)))


def exact(folder: Path) -> Callable[[tuple[int, ...]], tuple[float, list[float]]]:
    """The network of the weights in `folder` in fp32: windows to chances, as `guards.graph` does in int8."""
    from safetensors.torch import load_file

    card, tensors = Card.read(folder), load_file(folder / "guard.safetensors")
    body, heads = bare_encoder(), Heads()
    merge(body, tensors, card)
    heads.load_state_dict({k.removeprefix("heads."): v for k, v in tensors.items() if k.startswith("heads.")})
    body.eval(), heads.eval()

    @torch.inference_mode()
    def run(window: tuple[int, ...]) -> tuple[float, list[float]]:
        tokens = torch.tensor([window])
        mask = torch.ones_like(tokens)
        override, intent = heads(body(input_ids=tokens, attention_mask=mask).last_hidden_state, mask)
        chances: list[float] = torch.softmax(intent[0] / card.intent, 0).tolist()
        return torch.sigmoid(override[0] / card.override).item(), chances

    return run
