"""The training loop of the sanitizer's adapter and head. Knows nothing of Ray: rows in, tensors out."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from guards import network, tagger
from train.sanitizer_data import KEPT, Example

Report = Callable[[dict[str, float]], None]
_IGNORED = -100


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. rate is the peak learning rate; looks: how often in all the dev rows are looked at.

    joined: the share of rows that go on with another one.
    """

    epochs: int = 3
    batch: int = 32
    rate: float = 1e-3
    rank: int = 32
    looks: int = 6
    joined: float = 0.2
    seed: int = 7


class Learner(nn.Module):
    """The public encoder with peft's low-rank adapters, and the head."""

    def __init__(self, rank: int) -> None:
        from peft import LoraConfig, get_peft_model

        super().__init__()
        shape = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=list(network.TARGETS))
        self.body = get_peft_model(network.bare_encoder(), shape)
        self.head = tagger.Head()
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.1

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
        """Class logits of a padded batch: batch, tokens, classes."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        logits: torch.Tensor = self.head(states, shapes)
        return logits

    def tensors(self) -> dict[str, torch.Tensor]:
        """What is trained and nothing else, by the names that `guards.tagger` reads."""
        adapter = {k: v.detach().clone() for k, v in self.body.state_dict().items() if "lora_" in k}
        adapter = {k.replace(".default", ""): v for k, v in adapter.items()}
        return adapter | {f"head.{k}": v.detach().clone() for k, v in self.head.state_dict().items()}


@dataclass(frozen=True, slots=True)
class Row:
    """One text as tokens, special ones included."""

    ids: list[int]
    shapes: list[list[float]]
    classes: list[int]
    begins: list[float]


def rows(examples: Sequence[Example]) -> list[Row]:
    """Texts tokenised and labelled, cut at one window."""
    tokenizer = Tokenizer.from_file(str(network.base_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(tagger.LENGTH)
    made = []
    for example, encoding in zip(examples, tokenizer.encode_batch([e.text for e in examples]), strict=True):
        offsets = encoding.offsets
        classes = [_class_of(start, end, example) for start, end in offsets]
        starts = {start for start, _, _ in example.spans}
        begins = [float(start in starts and end > start) for start, end in offsets]
        made.append(Row(encoding.ids, tagger.shapes(example.text, offsets), classes, begins))
    return made


def _class_of(start: int, end: int, example: Example) -> int:
    if start == end:
        return _IGNORED
    for first, last, label in example.spans:
        if start < last and end > first:
            kept = label in KEPT and label not in tagger.CLASSES
            return 0 if kept else tagger.CLASSES.index(label)
    return 0


def draw(made: Sequence[Row], size: int, rng: random.Random | None = None) -> list[list[int]]:
    """Row numbers batch by batch, of like lengths; shuffled when a generator is given."""
    order = sorted(range(len(made)), key=lambda i: len(made[i].ids) + (rng.random() * 8 if rng else 0))
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    if rng:
        rng.shuffle(groups)
    return groups


def padded(made: Sequence[Row], group: Sequence[int]) -> tuple[torch.Tensor, ...]:
    """ids, mask, shapes, classes and begins of these rows."""
    longest = max(len(made[i].ids) for i in group)
    ids = torch.zeros(len(group), longest, dtype=torch.long)
    classes = torch.full((len(group), longest), _IGNORED)
    begins = torch.zeros(len(group), longest)
    shapes = torch.zeros(len(group), longest, tagger.SHAPES)
    shapes[..., 0] = 1.0
    for row, i in enumerate(group):
        length = len(made[i].ids)
        ids[row, :length] = torch.tensor(made[i].ids)
        classes[row, :length] = torch.tensor(made[i].classes)
        begins[row, :length] = torch.tensor(made[i].begins)
        shapes[row, :length] = torch.tensor(made[i].shapes)
    return ids, (ids != 0).long(), shapes, classes, begins


@torch.inference_mode()
def agreement(learner: nn.Module, made: Sequence[Row]) -> float:
    """F1 of the tokens' classes on rows, those of no class left out.

    Not their loss: on templates unlike the trained ones the least trained look has the lowest, as it is the least sure.
    """
    learner.eval()
    hit, told, there = 0, 0, 0
    for group in draw(made, 32):
        ids, mask, shapes, classes, _ = padded(made, group)
        best = learner(ids, mask, shapes)[..., :-1].argmax(-1)
        best[classes < 0] = 0
        hit += int(((best == classes) & (classes > 0)).sum())
        told, there = told + int((best > 0).sum()), there + int((classes > 0).sum())
    return 2 * hit / max(told + there, 1)


def _loss(logits: torch.Tensor, classes: torch.Tensor, begins: torch.Tensor) -> torch.Tensor:
    """The class of each token; and of those in a stretch, whether it begins there."""
    told = logits.flatten(0, 1).float()
    named = functional.cross_entropy(told[:, :-1], classes.flatten(), ignore_index=_IGNORED)
    inside = (classes > 0).flatten()
    if not inside.any():
        return named
    begun = functional.binary_cross_entropy_with_logits(told[inside, -1], begins.flatten()[inside])
    return named + 0.3 * begun


def fit(
    learner: nn.Module, train: Sequence[Row], dev: Sequence[Row], plan: Plan, report: Report
) -> dict[str, torch.Tensor]:
    """Train `learner` (a Learner, or DDP around one); the tensors of the look that agrees best with the dev rows."""
    inner: Learner = learner.module if hasattr(learner, "module") else learner  # type: ignore[assignment]
    rng = random.Random(plan.seed)  # noqa: S311 - reproducible, not secret
    groups = [group for _ in range(plan.epochs) for group in draw(train, plan.batch, rng)]
    trained = [p for p in learner.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=plan.rate, weight_decay=0.01)
    rise = 0.1 if len(groups) > 30 else 0.5
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.rate, total_steps=max(len(groups), 4), pct_start=rise
    )
    best, kept, started = -1.0, inner.tensors(), time.monotonic()
    for step, group in enumerate(groups, 1):
        learner.train()
        ids, mask, shapes, classes, begins = padded(train, group)
        with torch.autocast("cpu", dtype=torch.bfloat16):  # half the time where the processor has bf16
            logits = learner(ids, mask, shapes)
        value = _loss(logits, classes, begins)
        optimiser.zero_grad()
        torch.autograd.backward(value)
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        if step % max(1, len(groups) // plan.looks) == 0 or step == len(groups):
            seen = agreement(inner, dev)
            spent = time.monotonic() - started
            report({"step": step, "steps": len(groups), "loss": value.item(), "dev": seen, "s": spent})
            if seen > best:
                best, kept = seen, inner.tensors()
    return kept
