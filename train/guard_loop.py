"""The training loop of the guard's adapter and heads. Knows nothing of Ray: one process, rows in, tensors out."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from guards import network
from train.guard_data import Row

Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. rate is the peak learning rate; looks is how often per epoch the stop rows are looked at."""

    epochs: int = 1
    batch: int = 32
    rate: float = 8e-4
    looks: int = 4
    smoothing: float = 0.03
    seed: int = 7


class Learner(nn.Module):
    """The public encoder with peft's low-rank adapters, and the heads."""

    def __init__(self) -> None:
        from peft import LoraConfig, get_peft_model

        super().__init__()
        shape = LoraConfig(
            r=network.RANK, lora_alpha=network.ALPHA, lora_dropout=0.05, target_modules=list(network.TARGETS)
        )
        self.body = get_peft_model(network.bare_encoder(), shape)
        self.heads = network.Heads()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Override logits and intent logits of a padded batch."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        logits: tuple[torch.Tensor, torch.Tensor] = self.heads(states, mask)
        return logits

    def tensors(self) -> dict[str, torch.Tensor]:
        """What is trained and nothing else, by the names that `guards.encoder` reads."""
        adapter = {k: v.detach().clone() for k, v in self.body.state_dict().items() if "lora_" in k}
        adapter = {k.replace(".default", ""): v for k, v in adapter.items()}
        return adapter | {f"heads.{k}": v.detach().clone() for k, v in self.heads.state_dict().items()}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take up the state that `tensors` gave."""
        heads = {k.removeprefix("heads."): v for k, v in tensors.items() if k.startswith("heads.")}
        self.heads.load_state_dict(heads)
        adapter = {k.replace(".weight", ".default.weight"): v for k, v in tensors.items() if "lora_" in k}
        missing = self.body.load_state_dict(adapter, strict=False).unexpected_keys
        if missing:
            raise ValueError(f"expected adapter tensors of this shape, got {missing}")


class Batches:
    """Tokenises rows once and hands them out in batches of like length, so little is spent on padding."""

    def __init__(self, rows: Sequence[Row]) -> None:
        tokenizer = Tokenizer.from_file(str(network.base_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(network.LENGTH)
        self.rows = rows
        self._ids = [encoding.ids for encoding in tokenizer.encode_batch([row.text for row in rows])]

    def draw(self, size: int, rng: random.Random | None = None) -> Iterator[list[int]]:
        """Row numbers batch by batch; shuffled among like lengths when a generator is given."""
        order = sorted(range(len(self.rows)), key=lambda i: len(self._ids[i]) + (rng.random() * 8 if rng else 0))
        groups = [order[i : i + size] for i in range(0, len(order), size)]
        if rng:
            rng.shuffle(groups)
        return iter(groups)

    def padded(self, group: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and mask of these rows."""
        longest = max(len(self._ids[i]) for i in group)
        ids = torch.zeros(len(group), longest, dtype=torch.long)
        for row, i in enumerate(group):
            ids[row, : len(self._ids[i])] = torch.tensor(self._ids[i])
        return ids, (ids != 0).long()


def loss(override: torch.Tensor, intent: torch.Tensor, rows: Sequence[Row], smoothing: float) -> torch.Tensor:
    """Both heads' losses; a label of -1 teaches its head nothing."""
    kinds = torch.tensor([row.intent for row in rows])
    flags = torch.tensor([float(row.override) for row in rows])
    known = (flags >= 0).float()
    meant = functional.cross_entropy(intent, kinds, ignore_index=-1, label_smoothing=smoothing, reduction="sum")
    forced = functional.binary_cross_entropy_with_logits(override, flags.clamp(min=0), weight=known, reduction="sum")
    return (meant + forced) / len(rows)


@torch.inference_mode()
def logits(learner: nn.Module, batches: Batches) -> tuple[torch.Tensor, torch.Tensor]:
    """Override and intent logits of all rows, in their order."""
    learner.eval()
    override, intent = torch.zeros(len(batches.rows)), torch.zeros(len(batches.rows), len(network.CLASSES))
    for group in batches.draw(32):
        override[group], intent[group] = learner(*batches.padded(group))
    return override, intent


def stop_loss(learner: nn.Module, batches: Batches) -> float:
    """Cross-entropy of intent on the stop rows, each class weighing the same, at the temperature that fits best.

    Without the temperature the least trained look would win, because it is the least sure of itself.
    """
    _, intent = logits(learner, batches)
    kinds = torch.tensor([row.intent for row in batches.rows])
    counts = torch.bincount(kinds[kinds >= 0], minlength=len(network.CLASSES)).clamp(min=1)
    heats = (0.5 + 0.25 * i for i in range(15))
    return min(float(functional.cross_entropy(intent / t, kinds, 1.0 / counts, ignore_index=-1)) for t in heats)


def fit(learner: nn.Module, train: Batches, stop: Batches, plan: Plan, report: Report) -> dict[str, torch.Tensor]:
    """Train `learner` (a Learner, or DDP around one); the tensors of the look with the lowest stop loss."""
    inner: Learner = learner.module if hasattr(learner, "module") else learner  # type: ignore[assignment]
    rng = random.Random(plan.seed)  # noqa: S311 reproducible, not secret
    groups = [list(train.draw(plan.batch, rng)) for _ in range(plan.epochs)]
    total = sum(map(len, groups))
    trained = [p for p in learner.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=plan.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=total, pct_start=0.1)
    look_every = max(1, len(groups[0]) // plan.looks)
    best, kept, started = float("inf"), inner.tensors(), time.monotonic()
    for step, group in enumerate((g for epoch in groups for g in epoch), 1):
        learner.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):  # half the time where the processor has bf16
            override, intent = learner(*train.padded(group))
        value = loss(override.float(), intent.float(), [train.rows[i] for i in group], plan.smoothing)
        optimiser.zero_grad()
        torch.autograd.backward(value)
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        if step % look_every == 0 or step == total:
            seen = stop_loss(inner, stop)
            report(
                {"step": step, "steps": total, "loss": value.item(), "stop_loss": seen, "s": time.monotonic() - started}
            )
            if seen < best:
                best, kept = seen, inner.tensors()
    return kept
