"""How likely a model finds a text: nats of an answer's tokens, given the conversation before it."""

from typing import Any

from deployments.chat import ChatFormat
from train.evaluation.items import Item
from train.evaluation.transcript import Said


def weigh(model: Any, chat: ChatFormat, item: Item) -> Said:
    """Nats over the answer's tokens and over the bytes of its text; one text at a time, so no padding has a say."""
    import torch
    from torch.nn import functional

    prompt, answer = chat.encode(item.turns), chat.encode_answer(item.reference)
    device = next(model.parameters()).device
    ids = torch.tensor([[*prompt, *answer]], device=device)
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=len(answer) + 1).logits[0, :-1]
        nats = functional.cross_entropy(logits.float(), ids[0, -len(answer) :], reduction="sum")
    return Said(id=item.id, nats=float(nats), tokens=len(answer), bytes=len(item.reference.encode()))
