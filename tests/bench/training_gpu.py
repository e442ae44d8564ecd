"""LoRA and QLoRA of an 8-billion-parameter Llama with random weights on one GPU: speed, share of its peak, memory.

    python -m tests.bench.training_gpu [--json] [--write FILE] [--tiny] [--device cuda|cpu] [--only NAME,...]

Needs no Ray: torch, transformers, peft, and what train.lora imports (pydantic, pyarrow, pyyaml, jinja2, zstandard,
defusedxml). QLoRA takes part where bitsandbytes is installed. The steps are those of train.lora: its adapter, packed
blocks, loss and optimizer. MFU is counted at 4 FLOP per parameter and token, as LoRA computes no gradients of the
weights, against the bfloat16 matrix peak of torch.matmul on the same card in the same run. Attention, and what
checkpointing computes again, is not counted as useful work. Exit status: 0; 2 without the device that is asked for.
"""

import argparse
import gc
import json
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from train.lora.packing import IGNORED, Block
from train.lora.plan import Plan

LLAMA_8B = {
    "hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}, "tie_word_embeddings": False,
}  # fmt: skip
TINY = LLAMA_8B | {
    "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 4096,
}  # fmt: skip
VARIANTS = {
    "lora": {},
    "lora, checkpointing": {"checkpointing": True},
    "qlora": {"quantise": "4bit"},
    "qlora, checkpointing": {"quantise": "4bit", "checkpointing": True},
}
ANSWERS = 0.7  # share of a conversation that has a loss


def peak(device: str, size: int, repeats: int = 20) -> float:
    """FLOP/s of torch.matmul on square bfloat16 matrices: the median of many, after some to warm up."""
    import torch

    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for number in range(repeats + 5):
        took = timed(lambda: torch.matmul(left, right), device)
        if number >= 5:
            seconds.append(took)
    return 2 * size**3 / median(seconds)


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds that work takes on the device, start to finish."""
    began = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - began


def synchronize(device: str) -> None:
    """Wait until the device has done all that it was told."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def model_of(shape: dict[str, Any], plan: Plan, device: str) -> Any:
    """Random bfloat16 weights, made on the device itself; linear layers in NF4 for QLoRA."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**shape, attn_implementation="sdpa", dtype="bfloat16")
    torch.manual_seed(plan.seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.requires_grad_(False)
    if plan.quantise == "4bit":
        quantise(model, device)
    return model


def quantise(model: Any, device: str) -> None:
    """What transformers does when it loads a model in 4 bits: every linear layer but the head, scales quantised too."""
    import torch
    from bitsandbytes.nn import Linear4bit, Params4bit

    for name, module in list(model.named_modules()):
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        small = Linear4bit(
            module.in_features, module.out_features, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4",
            device="meta",
        )  # fmt: skip
        values = module.weight.data.cpu()
        small.weight = Params4bit(values, requires_grad=False, quant_type="nf4", compress_statistics=True)
        model.set_submodule(name, small.to(device))
    model.is_loaded_in_4bit = True  # peft asks for this


def block_of(chance: random.Random, length: int, conversations: int, words: int) -> Block:
    """A full block of random tokens in so many conversations; the first part of each is a question."""
    size = length // conversations
    question = round(size * (1 - ANSWERS))
    ids = tuple(chance.randrange(words) for _ in range(size * conversations))
    positions = tuple(range(size)) * conversations
    labels = tuple(IGNORED if place < question else chance.randrange(words) for place in positions)
    return Block(ids, positions, labels)


def train(model: Any, plan: Plan, blocks: Sequence[Block], device: str, warm: int) -> dict[str, float]:
    """Steps as `train.lora.loop` takes them; seconds of the median step after the first `warm`, and losses."""
    import torch

    from train.lora.base import with_adapter
    from train.lora.checkpoint import trained
    from train.lora.scoring import Scorer, collate

    scorer = Scorer(with_adapter(model, plan)).to(device)
    weights = list(trained(scorer).values())
    optimizer = torch.optim.AdamW(weights, lr=plan.rate, weight_decay=plan.decay, betas=(0.9, 0.95))
    scorer.train()
    answers = sum(block.answers for block in blocks)
    passes = [blocks[at : at + plan.micro] for at in range(0, len(blocks), plan.micro)]
    losses: list[float] = []

    def step() -> None:
        total = 0.0
        for part in passes:
            with torch.autocast(device, torch.bfloat16):
                nats = scorer(*collate(part, torch.device(device)))
            torch.autograd.backward(nats / answers)
            total += float(nats.detach()) / answers
        torch.nn.utils.clip_grad_norm_(weights, plan.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(total)

    seconds = [timed(step, device) for _ in range(plan.steps)][warm:]
    return {
        "step_s": median(seconds), "step_s_min": min(seconds), "step_s_max": max(seconds), "loss_first": losses[0],
        "loss_last": losses[-1], "adapter_parameters": sum(weight.numel() for weight in weights),
    }  # fmt: skip


def variant(name: str, shape: dict[str, Any], given: argparse.Namespace, card: float) -> dict[str, Any]:
    """One row of the table; says why where it could not be measured."""
    import torch

    plan = Plan(
        rank=16, alpha=32, length=given.length, batch=given.batch, micro=given.micro, steps=given.warm + given.steps,
        rate=1e-4, **VARIANTS[name],
    )  # fmt: skip
    if plan.quantise == "4bit" and find_spec("bitsandbytes") is None:
        return {"not_run": "bitsandbytes is not installed"}
    chance = random.Random(plan.seed)  # noqa: S311 - made-up tokens
    blocks = [block_of(chance, plan.length, given.conversations, shape["vocab_size"]) for _ in range(plan.batch)]
    gc.collect()
    start_memory(given.device)
    try:
        model = model_of(shape, plan, given.device)
        loaded = allocated(given.device)
        start_memory(given.device)  # QLoRA's weights were whole before they were small
        found = train(model, plan, blocks, given.device, given.warm)
    except torch.OutOfMemoryError:
        return {"not_run": "does not fit into the memory of the device"}
    tokens = sum(len(block.ids) for block in blocks)
    return found | shares(parameters(shape), blocks, tokens / found["step_s"], card) | {
        "weights_gib": loaded, "peak_gib": memory(given.device)
    }  # fmt: skip


def shares(size: dict[str, int], blocks: Sequence[Block], speed: float, card: float) -> dict[str, float]:
    """Tokens per second as FLOP/s and as a share of the card's peak.

    `mfu` counts all N parameters for each token, as the literature does. `mfu_done` leaves out the table of embeddings,
    which is looked up and not multiplied, and counts the head only where there is a loss, which is where it is used.
    """
    answered = sum(block.answers for block in blocks) / sum(len(block.ids) for block in blocks)
    done = 4 * (size["layers"] + size["head"] * answered)
    return {
        "tokens_per_s": speed, "flop_per_s": 4 * size["all"] * speed, "mfu": 4 * size["all"] * speed / card,
        "mfu_done": done * speed / card,
    }  # fmt: skip


def parameters(shape: dict[str, Any]) -> dict[str, int]:
    """How many weights a Llama of this shape has; embeddings and head are not tied."""
    hidden, heads = shape["hidden_size"], shape["num_attention_heads"]
    narrow = hidden // heads * shape["num_key_value_heads"]
    layer = 2 * hidden * hidden + 2 * hidden * narrow + 3 * hidden * shape["intermediate_size"] + 2 * hidden
    table = shape["vocab_size"] * hidden
    layers = layer * shape["num_hidden_layers"] + hidden
    return {"all": layers + 2 * table, "layers": layers, "head": table}


def start_memory(device: str) -> None:
    """Forget the peak so far."""
    import torch

    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def memory(device: str) -> float:
    """GiB: the peak of this variant's steps on a GPU, of this process so far elsewhere."""
    import resource

    import torch

    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def allocated(device: str) -> float | None:
    """GiB that tensors take on a GPU now."""
    import torch

    gc.collect()
    return torch.cuda.memory_allocated() / 2**30 if device == "cuda" else None


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """All variants."""
    import torch

    shape = TINY if given.tiny else LLAMA_8B
    card = peak(given.device, 256 if given.tiny else 8192)
    print(f"bfloat16 matrix peak: {card / 1e12:.3g} TFLOP/s", flush=True)
    rows = {}
    for name in given.only:
        rows[name] = variant(name, shape, given, card)
        print(line(name, rows[name]), flush=True)
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    for package in ("transformers", "peft", "bitsandbytes"):
        if find_spec(package) is not None:
            versions[package] = __import__(package).__version__
    asked = {name: getattr(given, name) for name in ("length", "conversations", "batch", "micro", "warm", "steps")}
    device = torch.cuda.get_device_name() if given.device == "cuda" else platform.processor() or "cpu"
    return {"device": device, "date": time.strftime("%Y-%m-%d", time.gmtime()), "versions": versions, "asked": asked,
            "shape": shape, "parameters": parameters(shape)["all"], "peak_flop_per_s": card, "rows": rows}  # fmt: skip


def line(name: str, row: dict[str, Any]) -> str:
    """What a reader sees of a variant."""
    if "not_run" in row:
        return f"{name:24} not run: {row['not_run']}"
    return (
        f"{name:24}{row['tokens_per_s']:10,.0f} tokens/s  MFU {100 * row['mfu']:5.1f} % "
        f"({100 * row['mfu_done']:.1f} % of work done)  peak {row['peak_gib']:.1f} GiB  "
        f"loss {row['loss_first']:.3f} to {row['loss_last']:.3f}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.training_gpu", description=__doc__.split("\n")[0])
    options.add_argument("--json", action="store_true", help="print one object last")
    options.add_argument("--write", type=Path, metavar="FILE", help="keep the object")
    options.add_argument("--tiny", action="store_true", help="a model of 150,000 weights; for the test")
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options.add_argument("--only", type=lambda text: text.split(";"), default=list(VARIANTS), metavar="NAME;...")
    options.add_argument("--length", type=int, default=4096, help="tokens of a block")
    options.add_argument("--conversations", type=int, default=8, help="packed into each block; 1: one long one")
    options.add_argument("--batch", type=int, default=4, help="blocks of a step")
    options.add_argument("--micro", type=int, default=1, help="blocks of one forward pass")
    options.add_argument("--warm", type=int, default=2, help="first steps that are not counted")
    options.add_argument("--steps", type=int, default=6, help="steps that are counted")
    given = options.parse_args(arguments)
    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        print(
            "bench.training_gpu: expected a GPU, torch finds none; --device cpu --tiny runs anywhere", file=sys.stderr
        )
        return 2
    found = measure(given)
    if given.write:
        given.write.write_text(json.dumps(found, indent=1) + "\n")
    if given.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
