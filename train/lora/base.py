"""A base model ready to be tuned: loaded as planned, with a fresh or a given LoRA adapter on its linear layers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.errors import ModelError, RunError
from train.lora.plan import Plan


@dataclass(frozen=True, slots=True)
class Base:
    """The model that a run starts from: its name, where it lies, and the digest of its files."""

    name: str
    folder: Path
    digest: str


def load_base(folder: Path, plan: Plan, device: Any) -> Any:
    """The weights on the device, frozen; raises ModelError, or RunError for 4-bit weights without their library."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    more: dict[str, Any] = {"dtype": torch.bfloat16 if plan.dtype == "bf16" else torch.float32}
    if plan.quantise == "4bit":
        more |= {"quantization_config": _four_bit(more["dtype"]), "device_map": {"": device}}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, trust_remote_code=False,
            attn_implementation="sdpa", **more,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder.name}: expected a model that transformers can load, got {error}") from error
    model.requires_grad_(False)
    return model if plan.quantise == "4bit" else model.to(device)


def with_adapter(model: Any, plan: Plan, start: Path | None = None) -> Any:
    """The model with an adapter to train; `start` names one to go on from, else it begins as no change at all."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    if plan.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    torch.manual_seed(plan.seed)
    if start is not None:
        return PeftModel.from_pretrained(model, str(start), is_trainable=True, local_files_only=True)
    shape = LoraConfig(
        r=plan.rank, lora_alpha=plan.alpha, lora_dropout=plan.dropout, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    return get_peft_model(model, shape)


def _four_bit(dtype: Any) -> Any:
    """NF4 with its scales quantised too: QLoRA, section 3."""
    import importlib.util

    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise RunError("4-bit weights: expected the package bitsandbytes, which the GPU lock installs; found none")
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
