"""The forward pass of a language model with RMSNorm, gated MLP and grouped-query attention, for many rows at a time.

Llama, Mistral, Qwen2 and Qwen3 are of this shape; transformers reads their weights and computes their rotary angles,
all else stands here. A pass takes the next tokens of any number of sequences, of each its own number: a chunk of a
prompt beside single tokens of answers. Only attention looks beyond a row, and it looks at one sequence alone; so what
a sequence gets does not depend on what is computed beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from deployments.engine.packed import FEWEST, Linear, linear
from deployments.engine.processor import best_dtype

KINDS = frozenset({"llama", "mistral", "qwen2", "qwen3"})


@dataclass(slots=True)
class Memory:
    """Keys and values of one sequence, [layers, kv heads, room, head size] each; `length` tokens of them are there."""

    keys: Any = None
    values: Any = None
    length: int = 0

    def copy_from(self, other: "Memory") -> None:
        """Begin with what another sequence that starts alike has computed."""
        self.length = other.length
        self.keys[:, :, : self.length] = other.keys[:, :, : self.length]
        self.values[:, :, : self.length] = other.values[:, :, : self.length]


@dataclass(frozen=True, slots=True)
class Span:
    """The next tokens of one sequence."""

    tokens: Sequence[int]
    memory: Memory


@dataclass(frozen=True, slots=True)
class Delta:
    """What an adapter adds to one fused layer: rows @ down.T @ up.T, the scale in `up`."""

    down: Linear
    up: Linear

    def __call__(self, rows: Any) -> Any:
        return self.up(self.down(rows))


Deltas = Sequence[Mapping[str, Delta]]  # per layer, by the names of its fused layers


@dataclass(frozen=True, slots=True)
class _Layer:
    before: Any
    after: Any
    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear
    head_norms: Sequence[Any]


class Decoder:
    """One base model; adapters are handed in with every pass."""

    def __init__(self, model: Any) -> None:
        config, body = model.config, model.model
        self.config = config
        self._heads, self._kv_heads = config.num_attention_heads, config.num_key_value_heads
        self._size = getattr(config, "head_dim", None) or config.hidden_size // self._heads
        self._eps = config.rms_norm_eps
        self._embedding = body.embed_tokens.weight.detach()
        self._norm = _weight(body.norm)
        self._angles = body.rotary_emb
        self._layers = [_layer(each) for each in body.layers]
        self._head = linear(model.lm_head.weight.detach())
        self._cos, self._sin = self._turns(1024)

    @classmethod
    def load(cls, folder: Path) -> "Decoder":
        """Read safetensors weights; the caller has looked at `fits`."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=best_dtype(device), use_safetensors=True, local_files_only=True, trust_remote_code=False
        ).eval()
        return cls(model.to(device))

    @property
    def dtype(self) -> torch.dtype:
        """Of weights, keys and values."""
        return self._embedding.dtype  # type: ignore[no-any-return]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._embedding.device  # type: ignore[no-any-return]

    def memory(self, room: int) -> Memory:
        """Empty, for `room` tokens."""
        shape = (len(self._layers), self._kv_heads, room, self._size)
        keys, values = (torch.empty(shape, dtype=self.dtype, device=self._embedding.device) for _ in range(2))
        return Memory(keys, values)

    @torch.inference_mode()
    def logits(self, spans: Sequence[Span], deltas: Deltas | None = None) -> Any:
        """The logits after the last token of every span, [spans, vocabulary] in float32; memories grow by the spans."""
        tokens = [token for span in spans for token in span.tokens]
        places = [at for span in spans for at in range(span.memory.length, span.memory.length + len(span.tokens))]
        spare = [0] * (FEWEST - len(tokens))  # rows that nobody reads
        turns = self._turned(places + spare)
        rows = self._embedding[torch.tensor(tokens + spare, device=self.device)].float()  # the sum stays float32
        for number, layer in enumerate(self._layers):
            rows = self._through(layer, number, rows, turns, spans, deltas[number] if deltas else {})
        last, ends = [], 0
        for span in spans:
            ends += len(span.tokens)
            last.append(ends - 1)
            span.memory.length += len(span.tokens)
        return self._head(self._normed(rows[last], self._norm)).float()

    def _through(
        self, layer: _Layer, number: int, rows: Any, turns: tuple[Any, Any], spans: Sequence[Span],
        deltas: Mapping[str, Delta],
    ) -> Any:  # fmt: skip
        normed = self._normed(rows, layer.before)
        mixed = self._attend(layer, number, _sum(layer.qkv, deltas.get("qkv"), normed), turns, spans)
        rows = rows + _sum(layer.out, deltas.get("out"), mixed)
        normed = self._normed(rows, layer.after)
        gate, up = _sum(layer.gate_up, deltas.get("gate_up"), normed).chunk(2, -1)
        return rows + _sum(layer.down, deltas.get("down"), functional.silu(gate) * up)

    def _attend(self, layer: _Layer, number: int, mixed: Any, turns: tuple[Any, Any], spans: Sequence[Span]) -> Any:
        heads = mixed.view(len(mixed), -1, self._size)
        both, values = heads[:, : self._heads + self._kv_heads], heads[:, self._heads + self._kv_heads :]
        if layer.head_norms:
            parts = both[:, : self._heads], both[:, self._heads :]
            both = torch.cat([self._normed(*each) for each in zip(parts, layer.head_norms, strict=True)], 1)
        cos, sin = turns
        both = torch.addcmul(both * cos, both.roll(self._size // 2, -1), sin)
        seen, begin = torch.zeros_like(both[:, : self._heads]), 0
        for span in spans:
            end = begin + len(span.tokens)
            seen[begin:end] = self._look(span.memory, number, both[begin:end], values[begin:end])
            begin = end
        return seen.view(len(mixed), -1)

    def _look(self, memory: Memory, number: int, both: Any, values: Any) -> Any:
        """Attention of one sequence's new tokens over all that it has; [tokens, heads, head size]."""
        count, end = len(both), memory.length + len(both)
        memory.keys[number, :, memory.length : end] = both[:, self._heads :].transpose(0, 1)
        memory.values[number, :, memory.length : end] = values.transpose(0, 1)
        keys, held = memory.keys[number, None, :, :end], memory.values[number, None, :, :end]
        # The queries that share a key head stand as further rows of it, so nothing is repeated.
        shared = self._heads // self._kv_heads
        queries = both[:, : self._heads].view(count, self._kv_heads, shared, self._size).permute(1, 2, 0, 3)
        mask = None
        if count > 1:
            mask = torch.ones(count, end, dtype=torch.bool, device=both.device).tril(end - count).repeat(shared, 1)
        seen = functional.scaled_dot_product_attention(
            queries.reshape(1, self._kv_heads, shared * count, self._size), keys, held, attn_mask=mask
        )
        return seen.view(self._heads, count, self._size).transpose(0, 1)

    def _normed(self, rows: Any, weight: Any) -> Any:
        """RMSNorm (Zhang and Sennrich 2019), computed in float32; torch's own takes four times as many steps."""
        size = torch.linalg.vector_norm(rows, dim=-1, keepdim=True, dtype=torch.float32)
        scale = size.square_().mul_(1 / rows.shape[-1]).add_(self._eps).rsqrt_()
        return (rows * scale).mul_(weight).to(self.dtype)

    def _turned(self, places: Sequence[int]) -> tuple[Any, Any]:
        """Cosines of the rotary angles at some places, and sines for swapped halves, [rows, 1, head size]."""
        if places and max(places) >= len(self._cos):
            self._cos, self._sin = self._turns(2 * max(places))
        at = torch.tensor(places, device=self._cos.device)
        return self._cos[at, None], self._sin[at, None]

    @torch.inference_mode()
    def _turns(self, count: int) -> tuple[Any, Any]:
        places = torch.arange(count, device=self._embedding.device)[None]
        cos, sin = self._angles(self._embedding[:1, None], places)
        first, second = sin[0].chunk(2, -1)
        return cos[0], torch.cat((-first, second), -1)


def fits(folder: Path) -> bool:
    """Whether a folder's model is of this shape, by its configuration; others are for transformers' own code."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    slides = config.model_type == "mistral" and config.sliding_window is not None
    slides = slides or getattr(config, "use_sliding_window", False)
    return config.model_type in KINDS and config.hidden_act == "silu" and not slides


def _layer(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    heads = [_weight(getattr(attention, name)) for name in ("q_norm", "k_norm") if hasattr(attention, name)]
    return _Layer(
        _weight(layer.input_layernorm), _weight(layer.post_attention_layernorm),
        _fused(attention.q_proj, attention.k_proj, attention.v_proj), _fused(attention.o_proj),
        _fused(mlp.gate_proj, mlp.up_proj), _fused(mlp.down_proj), heads,
    )  # fmt: skip


def _fused(*layers: Any) -> Linear:
    """Layers with the same input as one."""
    bias = None if layers[0].bias is None else torch.cat([each.bias.detach() for each in layers])
    return linear(torch.cat([each.weight.detach() for each in layers]), bias)


def _weight(norm: Any) -> Any:
    return norm.weight.detach().float()


def _sum(layer: Linear, delta: Delta | None, rows: Any) -> Any:
    return layer(rows) if delta is None else layer(rows) + delta(rows)
