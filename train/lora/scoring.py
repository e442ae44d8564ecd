"""The loss of packed blocks, with logits computed only where there is an answer to predict."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from train.errors import ModelError
from train.lora.attention import by_conversation
from train.lora.packing import IGNORED, Block

_CHUNK = 1024  # positions whose logits are held at once: with 128,000 words that is half a gigabyte


class Scorer(nn.Module):
    """A causal model whose forward pass gives the summed loss of a batch of blocks."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        if model.device.type == "cpu":
            by_conversation(model.get_base_model())

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood of all labels, in nats; tensors are of shape (blocks, tokens)."""
        whole = self.model.get_base_model()
        body = getattr(whole, whole.base_model_prefix)
        states = body(input_ids=ids, position_ids=positions, use_cache=False).last_hidden_state
        wanted = labels != IGNORED
        states, labels = states[wanted], labels[wanted]
        head, losses = whole.get_output_embeddings(), [states.sum() * 0.0]
        for part, label in zip(_chunks(states), _chunks(labels), strict=True):
            if len(label):
                losses.append(_nats(head, part, label, again=len(labels) > _CHUNK and self.training))
        return torch.stack(losses).sum()


def _chunks(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    parts: tuple[torch.Tensor, ...] = torch.split(tensor, _CHUNK)
    return parts


def _nats(head: Any, states: torch.Tensor, labels: torch.Tensor, *, again: bool) -> torch.Tensor:
    def nats(states: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(head(states).float(), labels, reduction="sum")

    return checkpoint(nats, states, use_reentrant=False) if again else nats(states)


def collate(blocks: Sequence[Block], device: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, positions and labels of shape (blocks, longest). A padded position is a conversation of its own."""
    longest = max(len(block.ids) for block in blocks)

    def padded(values: Sequence[tuple[int, ...]], fill: int) -> torch.Tensor:
        return torch.tensor([[*each, *[fill] * (longest - len(each))] for each in values], device=device)

    ids = padded([block.ids for block in blocks], 0)
    positions = padded([block.positions for block in blocks], 0)
    return ids, positions, padded([block.labels for block in blocks], IGNORED)


def require_same_loss(scorer: Scorer, block: Block, device: Any) -> None:
    """Prove on one block that our loss is the model's own, by its own attention and head; raises ModelError."""
    ids, positions, labels = collate([block], device)
    with torch.inference_mode():
        ours = scorer(ids, positions, labels)
        whole = scorer.model.get_base_model()
        chosen = whole.config._attn_implementation
        whole.set_attn_implementation("sdpa")
        logits = scorer.model(input_ids=ids, position_ids=positions, use_cache=False).logits
        whole.set_attn_implementation(chosen)
        own = functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="sum")
    if not torch.allclose(own, ours, rtol=2e-2):
        raise ModelError(f"expected the model's loss {own:.4f} on a probe, came {ours:.4f}: another head or attention")
