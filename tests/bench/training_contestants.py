"""Who trains in the training benchmark. Each runs in a process of its own and gives one mark a step."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import training_plain
from tests.bench.training_plain import Mark
from tests.bench.training_setting import Material, Setting, tokens_of

CORES = "BENCH_TRAINING_CORES"


def ours(setting: Setting, workers: int) -> list[Mark]:
    """`python -m train.finetune` as it is: 0 workers is its loop in this process, else Ray Train.

    Times and losses are those that it writes for TensorBoard at every step.
    """
    from train import finetuning
    from train.lora.schedule import Schedule

    plan, material = setting.whole_plan(), Material.gather(setting)
    with tempfile.TemporaryDirectory() as out:
        if workers:
            _start_ray(setting, workers)
        wanted = finetuning.Wanted(
            str(material.base.folder), setting.models, setting.data, out, "bench", plan, (workers, workers)
        )
        finetuning.run(finetuning.prepare(wanted), "tests.bench.training")
        losses = _scalars(Path(out) / "bench" / "tensorboard", "loss")
    schedule, seen, marks = Schedule(material.blocks, plan), 0, list[Mark]()
    for step, (when, loss) in enumerate(losses):
        seen += sum(tokens_of(blocks) for blocks in schedule.share(step, 0, 1).passes)
        marks.append((when, loss, seen))
    return marks


def trl(setting: Setting, *, packing: bool) -> list[Mark]:
    """TRL's SFTTrainer with the same model, rows, adapter, optimizer and precision.

    Padded, a step has as many rows as our blocks of a step hold on average; packed, as many blocks. TRL shuffles for
    itself, so its losses are of other batches. Its own counter gives the tokens, padding left out.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTTrainer

    plan, material = setting.whole_plan(), Material.gather(setting)
    dtype = torch.bfloat16 if plan.dtype == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(material.base.folder, dtype=dtype, attn_implementation="sdpa")
    rows = [
        {"input_ids": [*example.ids, example.labels[-1]], "labels": [-100, *example.labels]}
        for example in material.examples
    ]
    per_block = 1 if packing else max(1, round(len(rows) / len(material.blocks)))
    watch = _watch()
    with tempfile.TemporaryDirectory() as out:
        trainer = SFTTrainer(
            model,
            args=_arguments(out, setting, per_block, packing=packing),
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(material.base.folder),
            peft_config=LoraConfig(
                r=plan.rank, lora_alpha=plan.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
            ),
            callbacks=[watch],
        )
        trainer.train()
    return watch.marks


def _arguments(out: str, setting: Setting, per_block: int, *, packing: bool) -> Any:
    from trl import SFTConfig

    plan = setting.whole_plan()
    return SFTConfig(
        out, max_steps=plan.steps, per_device_train_batch_size=plan.micro * per_block,
        gradient_accumulation_steps=max(1, plan.batch // plan.micro), learning_rate=plan.rate, weight_decay=plan.decay,
        lr_scheduler_type="cosine", warmup_steps=max(1, round(plan.warmup * plan.steps)), max_grad_norm=plan.clip,
        adam_beta1=0.9, adam_beta2=0.95, optim="adamw_torch", seed=plan.seed, bf16=plan.dtype == "bf16", use_cpu=True,
        gradient_checkpointing=False, packing=packing, max_length=plan.length + 1, logging_steps=1,
        save_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip


def _watch() -> Any:
    """A callback that marks each step from what the trainer logs."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.marks: list[Mark] = []

        def on_log(self, args, state, control, logs=None, **_) -> None:
            if logs and "loss" in logs:
                self.marks.append((time.time(), float(logs["loss"]), int(logs["num_tokens"])))

    return Watch()


def _scalars(folder: Path, name: str) -> list[tuple[float, float]]:
    """A curve from TensorBoard's files: when, and what."""
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={SCALARS: 0}).Reload()
    return [(event.wall_time, event.value) for event in sorted(events.Scalars(name), key=lambda event: event.step)]


def _start_ray(setting: Setting, workers: int) -> None:
    """A cluster for this run alone, whose workers have as many threads as the other contestants."""
    import ray

    cores = str(setting.threads * workers)
    ray.init(
        "local",  # never a cluster that happens to run on this machine
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {CORES: cores}, "worker_process_setup_hook": small_machine},
    )


def small_machine() -> None:
    """Ray's workers divide the machine's cores among them: tell them of the cores that are theirs in the comparison."""
    cores = int(os.environ[CORES])
    os.sched_getaffinity = lambda _process: set(range(cores))


CONTESTANTS: dict[str, tuple[str, Callable[[Setting], list[Mark]]]] = {
    "plain": ("plain torch loop", training_plain.run),
    "loop": ("train.lora.loop", lambda setting: ours(setting, 0)),
    "ray-1": ("Ray Train, 1 worker", lambda setting: ours(setting, 1)),
    "ray-2": ("Ray Train, 2 workers", lambda setting: ours(setting, 2)),
    "trl": ("TRL SFTTrainer", lambda setting: trl(setting, packing=False)),
    "trl-packing": ("TRL, packing=True", lambda setting: trl(setting, packing=True)),
}
