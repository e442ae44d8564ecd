"""Token ids of conversations, packed into blocks of one length without letting one conversation see another.

Positions begin anew with each conversation of a block; transformers takes that for a packed block and masks attention
between them (in flash attention as well as in its own masks). Pure: no torch, no clock.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the loop runs where neither rows nor templates are read
    from deployments.chat import ChatFormat
    from train.lora.dataset import Conversation

IGNORED = -100  # a position whose next token is no answer, and so has no loss


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation: its tokens, and for each the token to predict there, or IGNORED."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Up to `length` tokens of whole conversations, not padded; `answers` counts the positions with a loss."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def answers(self) -> int:
        """How many tokens the block has a loss for."""
        return sum(label != IGNORED for label in self.labels)


def encode(chat: "ChatFormat", row: "Conversation", length: int, *, ended: bool = True) -> Example | None:
    """The row as it is served, loss on the answer and, if it `ended`, on its end; None when it is too long to fit."""
    prompt = chat.encode(row.turns[:-1])
    answer = chat.encode_answer(row.turns[-1].content)
    ids = (*prompt, *answer)
    if len(ids) > length + 1:
        return None
    labels = (IGNORED,) * (len(prompt) - 1) + tuple(answer if ended else [*answer[:-1], IGNORED])
    return Example(ids[:-1], labels)


def pack(examples: Sequence[Example], length: int, seed: int) -> list[Block]:
    """All examples in blocks, in a random order that depends on the seed alone; best fit, largest first.

    Best-fit decreasing wastes little (Ding et al. 2024); the blocks are shuffled, so long rows do not come first.
    """
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    order = list(range(len(examples)))
    chance.shuffle(order)
    order.sort(key=lambda number: -len(examples[number].ids))
    room: dict[int, list[int]] = {}  # free tokens -> bins with so many
    bins: list[list[int]] = []
    for number in order:
        size = len(examples[number].ids)
        free = next((free for free in range(size, length + 1) if room.get(free)), None)
        if free is None:
            bins.append([])
            place, free = len(bins) - 1, length
        else:
            place = room[free].pop()
        bins[place].append(number)
        room.setdefault(free - size, []).append(place)
    chance.shuffle(bins)
    return [_block([examples[number] for number in members]) for members in bins]


def _block(members: Sequence[Example]) -> Block:
    return Block(
        tuple(token for member in members for token in member.ids),
        tuple(place for member in members for place in range(len(member.ids))),
        tuple(label for member in members for label in member.labels),
    )
