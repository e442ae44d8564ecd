"""Writes into the file of costs what this machine measures in seconds; the rest stays. Each figure has its origin."""

import asyncio
import datetime
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployments import embedded
from deployments.chat import SYSTEM, ChatFormat, Turn
from deployments.generation import Engine, Sampling
from tests.bench import scale_steps
from tests.bench.scale_steps import QUESTIONS, Figures, line

BATCHES, TOKENS = (1, 4, 16), 24
PROMPTS = (64, 512)


def calibrate(path: Path, models: Path, packs: Path, parts: Sequence[str]) -> None:
    """Measure `parts` (gateway, guard, knowledge, log, engine) and put them into the file at `path`."""
    told = json.loads(path.read_text())
    found = measure(models, packs, parts)
    today = datetime.datetime.now(datetime.UTC).date()
    origin = f"python -m tests.bench.scale --calibrate, {today}, load average {os.getloadavg()[0]:.1f} at its end"
    merge(told, found, origin)
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def measure(models: Path, packs: Path, parts: Sequence[str]) -> dict[str, Figures]:
    """Figures under `steps` and `embedded`."""
    model, steps, engine = embedded.find(models, embedded.NAME).path, Figures(), Figures()
    if "gateway" in parts:
        with tempfile.TemporaryDirectory() as folder:
            steps |= scale_steps.gateway(Path(folder) / "keys", model)
    if "guard" in parts:
        steps |= scale_steps.guard()
    if "knowledge" in parts:
        steps |= scale_steps.knowledge(packs)
    if "log" in parts:
        steps |= scale_steps.log()
    if "engine" in parts:
        engine |= asyncio.run(_engine(model))
    return {"steps": steps, "embedded": engine}


def merge(told: dict[str, Any], found: dict[str, Figures], origin: str) -> None:
    """Put what was found in place of what was told."""
    places = {"steps": told["steps"], "embedded": told["engines"]["embedded"]}
    for name, figures in found.items():
        for each, value in figures.items():
            places[name][each] |= {"value": float(f"{value:.4g}"), "from": origin}


async def _engine(model: Path) -> Figures:
    """CPU seconds of a step by its batch and its prompt tokens, through the Engine protocol; threads share them."""
    import torch

    from deployments.engine import batch
    from deployments.engine.drivers import load  # whichever engine the product has

    engine, chat = load(model), ChatFormat.load(model)
    prompt = chat.encode([Turn("system", SYSTEM), Turn("user", QUESTIONS[0])])
    await _steps(engine, prompt, 1)
    share = 1 / torch.get_num_threads()
    step_s, sequence_s = line(BATCHES, [share * await _steps(engine, prompt, streams) for streams in BATCHES])
    filler = (prompt * 16)[: max(PROMPTS)]
    reads = [share * min([await _read(engine, filler[:size]) for _ in range(3)]) for size in PROMPTS]
    prompt_s = max(0.0, line(PROMPTS, reads)[1])
    return {"step_s": step_s, "sequence_s": sequence_s, "prompt_s": prompt_s, "chunk": batch.CHUNK}


async def _steps(engine: Engine, prompt: Sequence[int], streams: int) -> float:
    """CPU seconds of a step with so many answers under way: from the last one's first token to the first one's end."""
    told: list[list[tuple[float, int]]] = [[] for _ in range(streams)]

    async def one(number: int) -> None:
        async for piece in engine.stream(prompt, Sampling(TOKENS, temperature=0, seed=1)):
            told[number].append((time.process_time(), piece.tokens))

    await asyncio.gather(*(one(number) for number in range(streams)))
    began, ended = max(each[0][0] for each in told), min(each[-1][0] for each in told)
    made = sum(_at(each, ended) - _at(each, began) for each in told)
    return (ended - began) * streams / made


def _at(told: Sequence[tuple[float, int]], moment: float) -> int:
    return max((tokens for then, tokens in told if then <= moment), default=0)


async def _read(engine: Engine, prompt: Sequence[int]) -> float:
    """CPU seconds until the first piece."""
    began = time.process_time()
    async for _ in engine.stream(prompt, Sampling(2, temperature=0, seed=1)):
        break
    return time.process_time() - began
