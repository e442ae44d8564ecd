"""LoRA adapters for the tiny model of the training tests, random and strong enough to change every answer."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM


def write_adapter(base: Path, target: Path, seed: int, *, scale: float = 1.0, rank: int = 2, **shape: object) -> Path:
    """An adapter of this base, as train.finetune leaves one; with scale 0 it changes nothing."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    settings = {"target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM"} | shape
    tuned = get_peft_model(model, LoraConfig(r=rank, **settings), autocast_adapter_dtype=False)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=scale) if scale else weight.data.zero_()
    tuned.save_pretrained(target)
    return target
