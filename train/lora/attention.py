"""Attention within each conversation of a packed block, for CPUs.

Attention over a whole block under a mask costs the square of the block; over its conversations, only theirs. Plain
products are faster here than torch's fused kernel, whose backward pass is slow on CPUs (docs/log.md).
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface

from train.errors import ModelError

_NAME = "by_conversation"


def by_conversation(model: Any) -> None:
    """Let a transformers model attend so; its forward pass then needs position_ids that tell conversations apart."""
    AttentionInterface.register(_NAME, _attention)
    AttentionMaskInterface.register(_NAME, lambda *_, **__: None)
    model.set_attn_implementation(_NAME)


def _attention(
    _: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, __: None, *,
    position_ids: torch.Tensor | None = None, sliding_window: int | None = None,
    scaling: float | None = None, dropout: float = 0.0, **___: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Tensors of shape (blocks, heads, tokens, size); gives (blocks, tokens, heads, size), as transformers asks.

    Raises ModelError for a model that does not tell its attention the positions, or that would not see all of a block.
    """
    if position_ids is None or (sliding_window is not None and sliding_window < query.shape[2]):
        told = "no positions" if position_ids is None else f"a sliding window of {sliding_window}"
        raise ModelError(f"training on CPUs: expected attention over blocks of {query.shape[2]} tokens, came {told}")
    share = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(share, 1), value.repeat_interleave(share, 1)
    scale = 1 / math.sqrt(query.shape[-1]) if scaling is None else scaling
    blocks = []
    for at, places in enumerate(position_ids.expand(len(query), -1).tolist()):
        sizes = list(_sizes(places))
        parts = zip(*(_split(each[at], sizes) for each in (query * scale, key, value)), strict=True)
        blocks.append(torch.cat([_attend(q, k, v, dropout) for q, k, v in parts], 1))
    return torch.stack(blocks).transpose(1, 2).contiguous(), None


def _split(tensor: torch.Tensor, sizes: list[int]) -> tuple[torch.Tensor, ...]:
    parts: tuple[torch.Tensor, ...] = torch.split(tensor, sizes, 1)
    return parts


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, dropout: float) -> torch.Tensor:
    size = query.shape[1]
    later = torch.full((size, size), -math.inf, dtype=query.dtype).triu(1)
    weights = torch.softmax(query @ key.transpose(1, 2) + later, -1)
    return functional.dropout(weights, dropout) @ value


def _sizes(places: list[int]) -> Iterator[int]:
    """How long each conversation is; padding, the zeros at the end, is one."""
    end = max((at + 1 for at, place in enumerate(places) if place), default=0)
    starts = [at for at, place in enumerate(places[:end]) if place == 0]
    yield from (after - start for start, after in itertools.pairwise([*starts, end]))
    if end < len(places):
        yield len(places) - end
