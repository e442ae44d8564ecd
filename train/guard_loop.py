"""The training loop of the guard's adapter and heads. Knows nothing of Ray: one process, rows in, tensors out."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from guards import network
from train.guard_rows import HARMFUL, NAMES, Row

Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. rate is the peak learning rate; looks: how often in all the stop rows are looked at."""

    epochs: int = 4
    batch: int = 32
    rate: float = 1e-3
    rank: int = 48
    looks: int = 8
    smoothing: float = 0.03
    keeping: float = 0.5
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Memory:
    """What the weights that a fit goes on from said of its rows: logits of both heads, and whether a row is known.

    A known row teaches no label again; it holds the logits where they are (dark experience replay, Buzzega 2020).
    """

    override: torch.Tensor
    intent: torch.Tensor
    known: torch.Tensor

    def drift(self, override: torch.Tensor, intent: torch.Tensor, group: Sequence[int]) -> torch.Tensor:
        """Mean squared distance of the logits of known rows from what is remembered, summed over rows."""
        at = torch.tensor(group)
        known = self.known[at].float()
        forced = (override - self.override[at]).square()
        meant = (intent - self.intent[at]).square().mean(1)
        return ((forced + meant) * known).sum()


class Learner(nn.Module):
    """The public encoder with peft's low-rank adapters, and the heads."""

    def __init__(self, rank: int) -> None:
        from peft import LoraConfig, get_peft_model

        super().__init__()
        scaled = network.ALPHA // network.RANK * rank
        shape = LoraConfig(r=rank, lora_alpha=scaled, lora_dropout=0.0, target_modules=list(network.TARGETS))
        self.body = get_peft_model(network.bare_encoder(), shape)
        self.heads = network.Heads()
        for module in self.modules():  # one pass over each row needs no dropout, and it costs a third of the time
            if isinstance(module, nn.Dropout):
                module.p = 0.0

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

    def draw(self, size: int, rng: random.Random | None = None) -> list[list[int]]:
        """Row numbers batch by batch; shuffled among like lengths when a generator is given."""
        order = sorted(range(len(self.rows)), key=lambda i: len(self._ids[i]) + (rng.random() * 8 if rng else 0))
        groups = [order[i : i + size] for i in range(0, len(order), size)]
        if rng:
            rng.shuffle(groups)
        return groups

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
    override, intent = torch.zeros(len(batches.rows)), torch.zeros(len(batches.rows), len(NAMES))
    for group in batches.draw(32):
        forced, meant = learner(*batches.padded(group))
        override[group], intent[group] = forced.float(), meant.float()
    return override, intent


def auc(scores: torch.Tensor, positive: torch.Tensor) -> float:
    """Chance that a positive row scores above a negative one (area under the ROC curve); 0.5 without both."""
    above, below = scores[positive], scores[~positive]
    if not len(above) or not len(below):
        return 0.5
    wins = (above[:, None] > below).float() + 0.5 * (above[:, None] == below).float()
    return float(wins.mean())


def ranking(learner: nn.Module, batches: Batches) -> float:
    """How well both heads rank the stop rows, their mean area under the ROC curve.

    Not their loss: on texts unlike the trained ones the least trained look has the lowest, as it is the least sure.
    """
    override, intent = logits(learner, batches)
    kinds = torch.tensor([row.intent for row in batches.rows])
    flags = torch.tensor([row.override for row in batches.rows])
    harm = torch.softmax(intent, 1)[:, HARMFUL:].sum(1)
    meant, forced = kinds >= 0, flags >= 0
    return (auc(harm[meant], kinds[meant] >= HARMFUL) + auc(override[forced], flags[forced] == 1)) / 2


def remember(learner: nn.Module, batches: Batches, known: Callable[[Row], bool]) -> Memory:
    """What `learner` says of the rows now."""
    with torch.autocast("cpu", dtype=torch.bfloat16):  # as it will be compared
        override, intent = logits(learner, batches)
    return Memory(override, intent, torch.tensor([known(row) for row in batches.rows]))


def fit(
    learner: nn.Module, train: Batches, stop: Batches, plan: Plan, report: Report, memory: Memory | None = None
) -> dict[str, torch.Tensor]:
    """Train `learner` (a Learner, or DDP around one); the tensors of the look that ranks the stop rows best.

    With a memory, only rows that it does not know teach their labels.
    """
    inner: Learner = learner.module if hasattr(learner, "module") else learner  # type: ignore[assignment]
    rng = random.Random(plan.seed)  # noqa: S311 reproducible, not secret
    groups = [group for _ in range(plan.epochs) for group in train.draw(plan.batch, rng)]
    total = len(groups)
    trained = [p for p in learner.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=plan.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=total, pct_start=0.1)
    best, kept, started = 0.0, inner.tensors(), time.monotonic()
    for step, group in enumerate(groups, 1):
        learner.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):  # half the time where the processor has bf16
            override, intent = learner(*train.padded(group))
        value = _value(override.float(), intent.float(), train, group, plan, memory)
        optimiser.zero_grad()
        torch.autograd.backward(value)
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        if step % max(1, total // plan.looks) == 0 or step == total:
            seen = ranking(inner, stop)
            spent = time.monotonic() - started
            report({"step": step, "steps": total, "loss": value.item(), "ranking": seen, "s": spent})
            if seen > best:
                best, kept = seen, inner.tensors()
    return kept


def _value(
    override: torch.Tensor, intent: torch.Tensor, train: Batches, group: list[int], plan: Plan, memory: Memory | None
) -> torch.Tensor:
    rows = [train.rows[i] for i in group]
    if memory is None:
        return loss(override, intent, rows, plan.smoothing)
    new = [at for at, i in enumerate(group) if not memory.known[i]]
    taught = loss(override[new], intent[new], [rows[at] for at in new], plan.smoothing) * len(new) if new else 0.0
    return (taught + plan.keeping * memory.drift(override, intent, group)) / len(group)
