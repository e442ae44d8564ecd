"""How to tune on preferences: the plan of the run, and what only preferences have."""

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from train.lora.plan import Plan

Method = Literal["kto", "dpo"]
# Of the plan, what differs from a fine-tune: a tuned model is moved a little, not taught anew.
DEFAULTS = {"rate": 2e-5, "batch": 16, "every": 25, "rows": 1200, "held": 60, "warmup": 0.1, "patience": 0, "mix": {}}


class Settings(BaseModel):
    """`plan.rows` counts pairs, `plan.batch` and `plan.micro` count pairs with DPO and answers with KTO."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method
    plan: Plan
    beta: float = Field(0.1, gt=0, description="how dear it is to move away from the adapter that tuning began with")
    sampled: int = Field(200, ge=0, description="harmful questions that the model itself is asked, for its own answers")

    @property
    def digest(self) -> str:
        """SHA-256 of the settings, hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
