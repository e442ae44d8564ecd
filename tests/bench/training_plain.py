"""The yardstick: LoRA in a plain torch loop, as anyone would write it. Of our code it has the batches alone."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.training_setting import Material, Setting, tokens_of
from train.lora.packing import Block
from train.lora.plan import Plan
from train.lora.schedule import Schedule

Mark = tuple[float, float, int]  # when a step was done, its loss, tokens so far


def run(setting: Setting) -> list[Mark]:
    """Train; one mark a step."""
    import torch
    from torch.nn.functional import cross_entropy

    plan, material, marks = setting.whole_plan(), Material.gather(setting), list[Mark]()
    model = _model(material.base.folder, plan)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=plan.rate, weight_decay=plan.decay, betas=(0.9, 0.95))
    model.train()
    seen = 0
    for step, passes in enumerate(_batches(material.blocks, plan)):
        answers = sum(block.answers for blocks in passes for block in blocks)
        total = 0.0
        for blocks in passes:
            ids, positions, labels = _tensors(blocks)
            with torch.autocast("cpu", torch.bfloat16, enabled=plan.dtype == "bf16"):
                logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
                nats = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="sum")
            (nats / answers).backward()
            total += nats.item() / answers
            seen += tokens_of(blocks)
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, plan)
        torch.nn.utils.clip_grad_norm_(weights, plan.clip)
        optimizer.step()
        optimizer.zero_grad()
        marks.append((time.time(), total, seen))
    return marks


def _model(folder: Path, plan: Plan):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if plan.dtype == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    torch.manual_seed(plan.seed)
    lora = LoraConfig(r=plan.rank, lora_alpha=plan.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, lora)


def _batches(blocks: tuple[Block, ...], plan: Plan) -> Iterator[tuple[tuple[Block, ...], ...]]:
    """The steps of the plan, so that all contestants see the same blocks in the same order."""
    schedule = Schedule(blocks, plan)
    for step in range(plan.steps):
        yield schedule.share(step, 0, 1).passes


def _tensors(blocks: tuple[Block, ...]):
    import torch

    longest = max(len(block.ids) for block in blocks)

    def padded(values: Iterator[tuple[int, ...]], fill: int):
        return torch.tensor([list(each) + [fill] * (longest - len(each)) for each in values])

    ids, positions = padded((block.ids for block in blocks), 0), padded((block.positions for block in blocks), 0)
    return ids, positions, padded((block.labels for block in blocks), -100)


def _rate(step: int, plan: Plan) -> float:
    rise = max(1, round(plan.warmup * plan.steps))
    if step < rise:
        return plan.rate * (step + 1) / rise
    return plan.rate * (0.1 + 0.45 * (1 + math.cos(math.pi * (step - rise) / max(1, plan.steps - rise))))
