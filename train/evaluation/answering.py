"""Puts items to one model, batch by batch, in this process or as Ray tasks: the same batches, so the same answers."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from deployments.chat import ChatFormat
from deployments.generation import Sampling
from train.evaluation import mcq, perplexity
from train.evaluation.items import Item
from train.evaluation.transcript import Said, Transcript

BATCH = 16
CPUS_PER_WORKER = 1.0
_CONTEXT_LEFT = 8  # tokens between the longest prompt that is asked and the model's context

Batch = tuple[Item, ...]
Say = Callable[[str], None]


class Answers(Protocol):
    """What an evaluation needs of an engine; deployments.engine.TransformersEngine is one."""

    model: Any
    chat: ChatFormat

    def complete(self, prompts: Sequence[Sequence[int]], sampling: Sampling, batch: int = 16) -> list[str]:
        """The whole answers to many prompts."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """A model to be asked: the base's folder, an adapter or none, and the digest of both."""

    name: str
    folder: Path
    adapter: Path | None
    digest: str

    def load(self) -> Answers:
        """The engine of the product, with the adapter in force."""
        from deployments.engine.transformers_engine import TransformersEngine

        return TransformersEngine.load(self.folder, self.adapter)


def batches(items: Sequence[Item]) -> list[Batch]:
    """All items in batches that the items alone decide; like lengths together."""
    groups: dict[tuple[str, int, float, int], list[Item]] = {}
    for item in items:
        groups.setdefault((item.kind, item.tokens, item.temperature, item.seed), []).append(item)
    found = []
    for _, group in sorted(groups.items()):
        ordered = sorted(group, key=lambda item: (len(item.question) + len(item.start), item.id))
        found += [tuple(ordered[start : start + BATCH]) for start in range(0, len(ordered), BATCH)]
    return found


def ask(engine: Answers, batch: Batch) -> list[Said]:
    """The outcome of each item of a batch."""
    if batch[0].kind == "weigh":
        return [perplexity.weigh(engine.model, engine.chat, item) for item in batch]
    if batch[0].kind == "pick":
        return [mcq.pick(engine.model, engine.chat, item) for item in batch]
    how = batch[0]
    sampling = Sampling(how.tokens, temperature=how.temperature, top_p=1.0, repetition=1.0, seed=how.seed)
    texts = engine.complete([_prompt(engine.chat, item) for item in batch], sampling, BATCH)
    return [
        Said(id=item.id, text=text, tokens=len(engine.chat.encode_answer(text)) if text else 1)
        for item, text in zip(batch, texts, strict=True)
    ]


def _prompt(chat: ChatFormat, item: Item) -> list[int]:
    """The conversation, and the beginning that is put into the answer's mouth; cut on the left where it is too long."""
    begun = chat.encode_answer(item.start)[:-1] if item.start else []
    return [*chat.encode(item.turns), *begun][-(chat.context - item.tokens - _CONTEXT_LEFT) :]


def in_process(engine: Answers, left: Sequence[Batch]) -> Iterator[list[Said]]:
    """One batch after the other."""
    return (ask(engine, batch) for batch in left)


def require_room(workers: int, timeout_s: float = 60) -> None:
    """Join or start a cluster, and see that it can place all workers; raises PlacementError."""
    import ray

    from train.placement import require

    ray.init(ignore_reinit_error=True)
    require([{"CPU": CPUS_PER_WORKER}] * workers, timeout_s)


def on_ray(side: Side, left: Sequence[Batch], workers: int) -> Iterator[list[Said]]:
    """On `workers` actors that each hold the model; outcomes as they come. One that dies is started again."""
    import ray

    actor = ray.remote(_Worker).options(num_cpus=CPUS_PER_WORKER, max_restarts=2, max_task_retries=2)
    free = [actor.remote(side) for _ in range(workers)]
    waiting, running = list(left), dict[ray.ObjectRef, Any]()
    while waiting or running:
        while waiting and free:
            worker = free.pop()
            running[worker.ask.remote(waiting.pop(0))] = worker
        done, _ = ray.wait(list(running), num_returns=1)
        for reference in done:
            free.append(running.pop(reference))
            yield ray.get(reference)


class _Worker:
    """The model in a process of its own."""

    def __init__(self, side: Side) -> None:
        self._engine = side.load()

    def ask(self, batch: Batch) -> list[Said]:
        return ask(self._engine, batch)


def answer_all(side: Side, items: Sequence[Item], transcript: Transcript, workers: int, say: Say) -> float:
    """Ask what the transcript lacks; returns the tokens written per second, 0 when nothing was left to write."""
    left = [batch for batch in batches(items) if not all(item.id in transcript.said for item in batch)]
    if not left:
        say(f"{side.name}: all {len(items)} items answered by an earlier call")
        return 0.0
    turns = on_ray(side, left, workers) if workers else in_process(side.load(), left)
    start, done, tokens, writing = time.monotonic(), 0, 0, 0.0
    whole = sum(_cost(batch) for batch in left)
    spent, last = 0.0, start
    for outcomes in turns:
        transcript.add(outcomes)
        done += len(outcomes)
        batch = {each.id for each in outcomes}
        asked = next(each for each in left if each[0].id in batch)
        now = time.monotonic()
        spent += _cost(asked)
        if asked[0].kind == "write":
            tokens, writing = tokens + sum(each.tokens for each in outcomes), writing + now - last
        last = now
        rest = (now - start) * (whole - spent) / spent
        speed = f"{tokens / writing:.0f} tokens/s" if writing else "nothing written yet"
        say(f"{side.name}: {done} of {sum(map(len, left))} items, {speed}, about {rest:.0f} s left")
    return tokens / writing if writing else 0.0


def _cost(batch: Batch) -> float:
    """Roughly, in steps of a batch: one for each token of the longest answer, and a few to read each text."""
    return batch[0].tokens + 3 * len(batch)
