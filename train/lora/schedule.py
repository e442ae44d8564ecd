"""Which blocks a step trains on, and at what rate: the plan alone says, so all workers and every resume agree."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from train.lora.packing import Block
from train.lora.plan import Plan

EMPTY = Block((0,), (0,), (-100,))  # a worker that has no block left still takes part in the step


@dataclass(frozen=True, slots=True)
class Share:
    """One worker's part of a step, in forward passes of `micro` blocks; `answers` counts those of all workers."""

    passes: tuple[tuple[Block, ...], ...]
    answers: int


class Schedule:
    """The steps of a run. An epoch takes every block once, in an order of its own."""

    def __init__(self, blocks: Sequence[Block], plan: Plan) -> None:
        self._blocks = blocks
        self._plan = plan
        self.per_epoch = math.ceil(len(blocks) / plan.batch)
        whole = self.per_epoch * plan.epochs
        self.steps = min(plan.steps, whole) if plan.steps else whole

    def share(self, step: int, rank: int, world: int) -> Share:
        """What worker `rank` of `world` does in step `step`, counted from 0. All do as many passes."""
        epoch, at = divmod(step, self.per_epoch)
        order = list(range(len(self._blocks)))
        random.Random(self._plan.seed * 1_000_003 + epoch).shuffle(order)  # noqa: S311 - an order, not a secret
        blocks = [self._blocks[number] for number in order[at * self._plan.batch : (at + 1) * self._plan.batch]]
        passes = math.ceil(math.ceil(len(blocks) / world) / self._plan.micro)
        mine = blocks[rank::world]
        mine += [EMPTY] * (passes * self._plan.micro - len(mine)) if world > 1 else []
        size = self._plan.micro
        parts = tuple(tuple(mine[at : at + size]) for at in range(0, len(mine), size))
        return Share(parts, sum(block.answers for block in blocks))

    def rate(self, step: int) -> float:
        """Learning rate of a step: rises in a line, then falls along half a cosine to a tenth of its peak.

        Loshchilov and Hutter 2017, without restarts.
        """
        rise = max(1, round(self._plan.warmup * self.steps))
        if step < rise:
            return self._plan.rate * (step + 1) / rise
        done = (step - rise) / max(1, self.steps - rise)
        return self._plan.rate * (0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2)
