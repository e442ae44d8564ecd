"""One worker of a preference tuning: TRL's trainer, built from a base, the adapter to start from, and pairs.

The adapter that tuning starts from is the reference that it is held to: TRL copies it beside the one it trains.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.lora.base import Base, load_base, with_adapter
from train.preference.pair import SIDES, Pair
from train.preference.quiet import trainer_class
from train.preference.settings import Settings

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker tunes: `train` and `held` are pairs of both sides, `work` a folder of its own for checkpoints."""

    settings: Settings
    base: Base
    start: Path
    train: tuple[Pair, ...]
    held: tuple[Pair, ...]
    work: Path
    use_gpu: bool = False


def build(task: Task, workers: int, callbacks: Sequence[Any]) -> Any:
    """TRL's trainer of this task, ready to `train()`."""
    import torch
    from datasets import Dataset, disable_progress_bars  # type: ignore[import-untyped]
    from transformers import AutoTokenizer, PrinterCallback

    disable_progress_bars()
    plan = task.settings.plan
    device = torch.device("cuda", torch.cuda.current_device()) if task.use_gpu else torch.device("cpu")
    model = with_adapter(load_base(task.base.folder, plan, device), plan, task.start)
    # peft looks there whether the vocabulary has grown, and would otherwise ask the hub for the base by its name
    model.peft_config["default"].base_model_name_or_path = str(task.base.folder)
    rows, method = (unpaired if task.settings.method == "kto" else paired), task.settings.method
    held = {side: rows([pair for pair in task.held if pair.side == side], plan.seed) for side in SIDES}
    trainer = trainer_class(method)(
        model=model, args=arguments(task, workers), train_dataset=Dataset.from_list(rows(task.train, plan.seed)),
        eval_dataset={side: Dataset.from_list(those) for side, those in held.items() if those} or None,
        processing_class=AutoTokenizer.from_pretrained(task.base.folder, local_files_only=True),
        callbacks=list(callbacks),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    return trainer


def arguments(task: Task, workers: int) -> Any:
    """The trainer's arguments: those of the plan, no reports to anybody, nothing pushed anywhere."""
    from torch import distributed
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.kto_config import KTOConfig

    settings, plan = task.settings, task.settings.plan
    own: dict[str, Any]
    if settings.method == "dpo":
        # the likelihood of the better answer would else fall together with the worse one's (Pal et al. 2024)
        own = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0]}
    else:
        own = {"train_sampling_strategy": "sequential"}  # KTO pairs neighbours for its KL term; rows come shuffled
    kind: Any = DPOConfig if settings.method == "dpo" else KTOConfig
    backend = "gloo" if distributed.is_initialized() and not task.use_gpu else None
    return kind(
        output_dir=str(task.work), seed=plan.seed, learning_rate=plan.rate, warmup_steps=plan.warmup,
        lr_scheduler_type="cosine", weight_decay=plan.decay, max_grad_norm=plan.clip, optim="adamw_torch",
        per_device_train_batch_size=plan.micro, per_device_eval_batch_size=max(2, plan.micro),
        gradient_accumulation_steps=plan.batch // (plan.micro * workers), num_train_epochs=plan.epochs,
        max_steps=plan.steps or -1, max_length=plan.length, beta=settings.beta, logging_steps=1,
        gradient_checkpointing=plan.checkpointing,
        eval_strategy="steps" if task.held else "no", eval_steps=plan.every, save_strategy="steps",
        save_steps=plan.every, save_total_limit=2, report_to="none", push_to_hub=False, disable_tqdm=True,
        use_cpu=not task.use_gpu, ddp_backend=backend, ddp_find_unused_parameters=False, dataloader_pin_memory=False,
        bf16=task.use_gpu and plan.dtype == "bf16", fp16=False, **own,
    )  # fmt: skip


def paired(pairs: Sequence[Pair], seed: int) -> list[Row]:
    """Rows as DPO takes them, both sides mixed."""
    rows = [
        {"prompt": _prompt(pair), "chosen": _answer(pair.chosen), "rejected": _answer(pair.rejected)} for pair in pairs
    ]
    return _mixed(rows, seed)


def unpaired(pairs: Sequence[Pair], seed: int) -> list[Row]:
    """Rows as KTO takes them: each answer by itself, wanted or not."""
    rows = [
        {"prompt": _prompt(pair), "completion": _answer(text), "label": wanted}
        for pair in pairs
        for text, wanted in ((pair.chosen, True), (pair.rejected, False))
    ]
    return _mixed(rows, seed)


def _prompt(pair: Pair) -> list[Row]:
    return [{"role": turn.role, "content": turn.content} for turn in pair.prompt]


def _answer(text: str) -> list[Row]:
    return [{"role": "assistant", "content": text}]


def _mixed(rows: list[Row], seed: int) -> list[Row]:
    random.Random(seed).shuffle(rows)  # noqa: S311 - an order, not a secret
    return rows
