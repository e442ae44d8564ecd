"""How to fine-tune: every number that decides what comes out, in one frozen, digested model."""

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Families of the teaching set that a safe tutor must not forget while it learns facts; the rest follow their numbers.
MIX = {"refuse": 2.0, "lesson": 2.0, "benign": 2.0}


class Plan(BaseModel):
    """A plan and the same rows give the same batches in the same order, whatever the number of workers.

    LoRA (Hu et al. 2021) on all linear layers; "4bit" is QLoRA (Dettmers et al. 2023): NF4, twice quantised.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1, le=1024)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    rate: float = Field(1e-3, gt=0, le=1, description="peak learning rate")
    warmup: float = Field(0.03, ge=0, lt=1, description="share of the steps that the rate takes to rise")
    decay: float = Field(0.0, ge=0, description="AdamW's weight decay")
    clip: float = Field(1.0, gt=0, description="greatest norm of a step's gradient")
    length: int = Field(512, ge=16, description="tokens of a packed block, and of a row at most")
    batch: int = Field(8, ge=1, description="blocks of a step, over all workers")
    micro: int = Field(2, ge=1, description="blocks of one forward pass of one worker")
    epochs: int = Field(1, ge=1)
    steps: int = Field(0, ge=0, description="end after so many steps; 0: after the epochs")
    every: int = Field(50, ge=1, description="steps between evaluations, each with a checkpoint")
    patience: int = Field(3, ge=0, description="evaluations without a better loss that end the run; 0: never")
    held: int = Field(200, ge=1, description="rows of split dev to evaluate on")
    rows: int = Field(0, ge=0, description="train on so many rows at most; 0: all")
    mix: dict[str, float] = Field(default_factory=lambda: dict(MIX), description="weight of a family; 1 if not named")
    seed: int = 7
    dtype: Literal["bf16", "fp32"] = "bf16"
    quantise: Literal["none", "4bit"] = "none"
    shard: Literal["ddp", "fsdp"] = "ddp"
    checkpointing: bool = Field(False, description="compute activations again in the backward pass")

    @model_validator(mode="after")
    def _fits(self) -> "Plan":
        if any(weight < 0 for weight in self.mix.values()):
            raise ValueError(f"mix: expected weights of 0 or more, got {self.mix}")
        if self.quantise == "4bit" and self.shard == "fsdp":
            raise ValueError("4-bit weights cannot be sharded; use shard ddp")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
