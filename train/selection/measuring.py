"""One candidate, all measures: loads it as the product would, puts the items to it, counts, times it."""

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from train.evaluation import intervals, mcq
from train.evaluation.answering import Answers, Say, Side, ask, batches
from train.evaluation.items import Item, Suite
from train.evaluation.measuring import SHARES
from train.evaluation.report import Estimate
from train.evaluation.transcript import Said, Transcript
from train.selection import speed
from train.selection.outcome import Candidate, Score

FEW = 8  # items below which a part is not shown on its own
_TEXTS = {"perplexity": "held-out answers", "general_perplexity": "general answers"}


def measure(candidate: Candidate, suite: Suite, kept: Path | None, say: Say) -> tuple[Score, ...]:
    """All scores of a candidate. In `kept` lie the answers, so that a call that was killed goes on where it was."""
    speed.forget_peak()
    engine = Side(candidate.name, candidate.folder, None, candidate.digest).load()
    with ExitStack() as stack:
        folder = kept or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        transcript = Transcript.open(folder, candidate.digest, suite.digest)
        _answer(engine, suite, transcript, say)
    costs = speed.measure(engine.model, engine.chat.context)
    return (*scores(suite, transcript.said), *costs, speed.peak(engine.model))


def scores(suite: Suite, said: Mapping[str, Said]) -> list[Score]:
    """The measures of quality and safety, each over all its items and over its parts."""
    groups: dict[str, list[Item]] = {}
    for item in suite.items:
        groups.setdefault(item.family, []).append(item)
        if item.measure != item.family:
            groups.setdefault(item.measure, []).append(item)
    found = []
    for family in SHARES:
        parts = sorted(name for name in groups if name.startswith(f"{family}."))
        named = [family, *(part for part in parts if len(parts) > 1 and len(groups[part]) >= FEW)]
        found += [_share(family, name, groups[name], said) for name in named if name in groups]
    return found + [each for name in _TEXTS if name in groups for each in _likelihood(name, groups[name], said)]


def _share(family: str, name: str, items: Sequence[Item], said: Mapping[str, Said]) -> Score:
    decide, group, better = SHARES[family]
    edges = intervals.wilson(sum(decide(item, said[item.id]) for item in items), len(items))
    baseline = mcq.majority(items) if family == "mcq" else None
    return Score(
        name=name, group="safety" if group == "safety" else "quality", unit="share", better=better, value=edges.value,
        low=edges.low, high=edges.high, n=len(items), baseline=baseline,
    )  # fmt: skip


def _likelihood(name: str, items: Sequence[Item], said: Mapping[str, Said]) -> list[Score]:
    """Perplexity is of the model's own tokens; only bits per byte compare models with different tokenizers."""
    nats = [said[item.id].nats for item in items]
    by_token = intervals.perplexity(nats, [said[item.id].tokens for item in items])
    by_byte = intervals.perplexity(nats, [said[item.id].bytes for item in items])
    bits = Estimate(value=math.log2(by_byte.value), low=math.log2(by_byte.low), high=math.log2(by_byte.high))
    pairs = ((f"bits per byte, {_TEXTS[name]}", "bits", bits), (f"perplexity, {_TEXTS[name]}", "perplexity", by_token))
    return [
        Score(name=label, group="quality", unit=unit, better="lower", n=len(items), **edges.model_dump())
        for label, unit, edges in pairs
    ]


def _answer(engine: Answers, suite: Suite, transcript: Transcript, say: Say) -> None:
    """Ask what the transcript lacks."""
    left = [batch for batch in batches(suite.items) if not all(item.id in transcript.said for item in batch)]
    whole, spent, start = sum(map(_passes, left)), 0, time.monotonic()
    for number, batch in enumerate(left, 1):
        transcript.add(ask(engine, batch))
        spent += _passes(batch)
        rest = (time.monotonic() - start) * (whole - spent) / spent
        say(f"{number} of {len(left)} batches, about {rest:.0f} s left")


def _passes(batch: Sequence[Item]) -> int:
    """Forward passes at most: one for each token of the longest answer, and one for each text."""
    return batch[0].tokens + len(batch)
