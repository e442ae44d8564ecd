"""Multiple choice: which letter is likeliest as the first token of the answer. No text is generated, none is read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deployments.chat import ChatFormat
from train.evaluation.items import Item
from train.evaluation.transcript import Said

LETTERS = "ABCD"
CHANCE = 1 / len(LETTERS)


def pick(model: Any, chat: ChatFormat, item: Item) -> Said:
    """The likeliest of the four letters where the answer begins."""
    import torch

    device = next(model.parameters()).device
    ids = torch.tensor([chat.encode(item.turns)], device=device)
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1]
    return Said(id=item.id, letter=max(LETTERS, key=lambda letter: float(logits[chat.first(letter)])))


def right(items: Sequence[Item], said: Mapping[str, Said]) -> list[bool]:
    """For each question whether the picked letter is the right one."""
    return [said[item.id].letter == item.reference for item in items]


def majority(items: Sequence[Item]) -> float:
    """The share that somebody gets who always picks the commonest right letter."""
    counts = Counter(item.reference for item in items)
    return max(counts.values(), default=0) / max(1, len(items))
