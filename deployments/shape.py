"""The shape of a causal language model: how many parameters it has, and how much memory it wants. Free of torch.

The formulas count tensors. Tests hold them against models of transformers and peft, tensor by tensor.
"""

from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

# A process with torch, transformers and peft in it, before any weight: 0.44 GB resident (Linux, torch 2.13 for CPU).
RUNTIME = 450_000_000
FOUR_BIT = (4 + 0.127) / 8  # bytes of a weight in NF4 with its scales quantised too (QLoRA, section 3)
HELD_LOGITS = 1024  # positions whose logits the trainer holds at once


class TrainingPlan(Protocol):
    """What of a plan decides the memory of a run."""

    @property
    def rank(self) -> int:
        """Of the adapter, on all linear layers."""

    @property
    def micro(self) -> int:
        """Blocks of a forward pass."""

    @property
    def length(self) -> int:
        """Tokens of a block."""

    @property
    def dtype(self) -> str:
        """bf16 or fp32."""

    @property
    def checkpointing(self) -> bool:
        """Whether activations are computed again in the backward pass."""


class Shape(BaseModel):
    """The sizes that config.json states, by its own names; RMSNorm, gated MLP, grouped-query attention."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    vocab_size: int = Field(ge=1)
    hidden_size: int = Field(ge=1)
    intermediate_size: int = Field(ge=1)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    num_key_value_heads: int = Field(ge=1)
    head_dim: int = Field(ge=1)
    tie_word_embeddings: bool
    qkv_bias: bool = False
    qk_norm: bool = False

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> "Shape":
        """Out of a config.json; raises ValueError naming the size that lacks."""
        heads = config.get("num_attention_heads") or 1
        usual = {
            "num_key_value_heads": heads,
            "head_dim": (config.get("hidden_size") or 0) // heads,
            "tie_word_embeddings": False,
            "qkv_bias": bool(config.get("attention_bias")) or config.get("model_type") == "qwen2",
            "qk_norm": config.get("model_type") == "qwen3",
        }
        given = {name: config[name] for name in cls.model_fields if config.get(name) is not None}
        lacking = [
            name for name, field in cls.model_fields.items() if field.is_required() and name not in usual | given
        ]
        if lacking:
            raise ValueError(f"config.json: expected {', '.join(lacking)}, found no such size")
        return cls.model_validate(usual | given)

    @property
    def queries(self) -> int:
        """Width of all query heads."""
        return self.num_attention_heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of all key heads, and of all value heads."""
        return self.num_key_value_heads * self.head_dim

    @property
    def linear(self) -> int:
        """Weights of the linear layers between embedding and head: what 4-bit weights replace."""
        attention = 2 * self.hidden_size * (self.queries + self.keys)
        return self.num_hidden_layers * (attention + 3 * self.hidden_size * self.intermediate_size)

    @property
    def parameters(self) -> int:
        """All of them, tied ones once."""
        bias = (self.queries + 2 * self.keys) if self.qkv_bias else 0
        norms = 2 * self.hidden_size + (2 * self.head_dim if self.qk_norm else 0)
        ends = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        return ends + self.linear + self.num_hidden_layers * (bias + norms) + self.hidden_size

    def adapter(self, rank: int) -> int:
        """Parameters of a LoRA adapter on all linear layers."""
        attention = 4 * self.hidden_size + 2 * self.queries + 2 * self.keys
        return rank * self.num_hidden_layers * (attention + 3 * (self.hidden_size + self.intermediate_size))

    def weights(self, dtype: str, quantise: str, parameters: int | None = None) -> int:
        """Bytes of the weights in memory; `parameters` where they were counted, not computed."""
        each, count = _bytes(dtype), parameters or self.parameters
        if quantise == "none":
            return count * each
        return int(self.linear * FOUR_BIT) + max(0, count - self.linear) * each

    def layer_activations(self, rank: int, dtype: str) -> int:
        """Bytes that one layer with an adapter keeps of each token for its backward pass.

        Norms and adapters work in 32 bits: below that each adapter keeps a wider copy of its input.
        """
        each = _bytes(dtype)
        kept = 2 * (4 * self.hidden_size + 4)
        kept += each * 2 * (self.queries + self.keys) + 4 * self.num_attention_heads
        kept += each * 3 * self.intermediate_size
        copies = 5 * self.hidden_size + self.queries if each < 4 else 2 * self.hidden_size
        return kept + 4 * (copies + self.intermediate_size) + 4 * 7 * rank

    def activations(self, plan: TrainingPlan) -> int:
        """Bytes of all activations of a forward pass, the logits of a part of it among them."""
        tokens, each = plan.micro * plan.length, _bytes(plan.dtype)
        layer, layers = self.layer_activations(plan.rank, plan.dtype), self.num_hidden_layers
        kept = layers * each * self.hidden_size + layer if plan.checkpointing else layers * layer
        # the head's output and its gradient, and in 32 bits the logits, their softmax and its gradient
        return tokens * kept + min(tokens, HELD_LOGITS) * self.vocab_size * (2 * each + 12)

    def to_train(self, plan: TrainingPlan, quantise: str, parameters: int | None = None) -> int:
        """Bytes of a training process: weights, adapter with gradient and both moments in 32 bits, activations."""
        weights = self.weights(plan.dtype, quantise, parameters)
        return RUNTIME + weights + 16 * self.adapter(plan.rank) + self.activations(plan)

    def to_answer(self, tokens: int, quantise: str, parameters: int | None = None) -> int:
        """Bytes of a process that answers in bf16, with keys and values of so many tokens in its cache."""
        cache = 2 * 2 * self.num_hidden_layers * self.keys * tokens
        return RUNTIME + self.weights("bf16", quantise, parameters) + cache


def _bytes(dtype: str) -> int:
    return {"bf16": 2, "fp32": 4}[dtype]
