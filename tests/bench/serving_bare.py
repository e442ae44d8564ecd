"""The engine without a graph around it, in a process of its own; and what the guard's models take by themselves.

    python -m tests.bench.serving_bare engine FOLDER CORE QUESTIONS TOKENS STREAMS...
    python -m tests.bench.serving_bare guard FOLDER CORE QUESTIONS TOKENS

Each keeps to one core, and prints one JSON object. The engine is what the Model loads; its text is cut as the Gateway
cuts it, so that both sides tell when the same first window was whole.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.serving_asked import SEED, Answer, Stretch, asked

WARM_UP_TOKENS = 8
ADAPTER = "shipped"


async def _nothing_is_held(_: str) -> list[str] | None:
    return None


class _Bare:
    """ModelPort over an engine in this process, with the adapter that the graph has too."""

    def __init__(self, engine: Any, adapter: Path) -> None:
        self._engine = engine
        engine.add(ADAPTER, adapter)

    async def problem(self) -> str | None:
        """None: it is here."""
        return None

    def stream(self, prompt: Sequence[int], sampling: Any, _: str) -> AsyncGenerator[Any]:
        """The engine's pieces."""
        pieces: AsyncGenerator[Any] = self._engine.stream(prompt, sampling, ADAPTER)
        return pieces


async def _answer(model: Any, chat: Any, number: int, question: str, tokens: int) -> tuple[Answer, str]:
    from app.grounding.citing import Cited
    from deployments.chat import SYSTEM, Turn
    from deployments.generation import Sampling
    from guards.stream import Windows

    began, first, count, first_text = time.perf_counter(), 0.0, 0, ""
    prompt = chat.encode([Turn("system", SYSTEM), Turn("user", question)])
    windows, cut = Windows(), list[str]()
    async for piece in Cited(model, (), _nothing_is_held, []).stream(prompt, Sampling(tokens, seed=SEED), ""):
        count = piece.tokens
        cut = windows.push(piece.text)
        if cut and not first:
            first, first_text = time.perf_counter() - began, cut[0]
    took = time.perf_counter() - began
    rest = windows.flush()
    return Answer(number, first or took, took, count), first_text or (rest[0] if rest else "")


async def _stretch(model: Any, chat: Any, count: int, tokens: int, streams: int) -> tuple[Stretch, dict[int, str]]:
    left, answers, texts = iter(asked(count)), list[Answer](), dict[int, str]()

    async def work() -> None:
        for number, question in left:
            answer, texts[number] = await _answer(model, chat, number, question, tokens)
            answers.append(answer)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(streams)))
    return Stretch(streams, time.perf_counter() - began, tuple(answers)), texts


def engine(folder: Path, count: int, tokens: int, streams: Sequence[int]) -> dict[str, Any]:
    """Each number of streams in turn, and the first windows that came; CPU seconds of the process with them."""
    from app.shipped import SHIPPED
    from deployments.chat import ChatFormat
    from deployments.engine.drivers import load

    model, chat = _Bare(load(folder), SHIPPED / folder.name), ChatFormat.load(folder)

    async def all_of_them() -> dict[str, Any]:
        await _answer(model, chat, 0, "warm up", WARM_UP_TOKENS)
        rows, texts, spent = [], dict[int, str](), time.process_time()
        for each in streams:
            row, texts = await _stretch(model, chat, count, tokens, each)
            rows.append(row.to_json() | {"cpu_ms": (time.process_time() - spent) * 1000 / count})
            spent = time.process_time()
        return {"stretches": rows, "first_windows": texts}

    return asyncio.run(all_of_them())


def guard(first_windows: dict[int, str], count: int) -> dict[str, Any]:
    """Milliseconds that a question's check and the one of its first window take, alone: {question: ms}."""
    from deployments.encoder_queue import EncoderQueue
    from guards.encoder import Encoder
    from guards.guard import Guard
    from guards.policy import Policy
    from guards.verdict import Context, Stage

    async def measure() -> dict[str, Any]:
        queue = EncoderQueue(Encoder.load())
        judge, took = Guard(Policy.load(), queue.score), dict[int, float]()
        for number, question in [asked(count)[0], *asked(count)]:
            context = Context(request=question, history=(question,))
            began = time.perf_counter()
            await judge.check(question, Stage.PROMPT, context)
            await judge.check(first_windows[number], Stage.WINDOW, context)
            took[number] = (time.perf_counter() - began) * 1000
        queue.close()
        return {"took_ms": took}

    return asyncio.run(measure())


def main(arguments: Sequence[str]) -> int:
    """See the module; `guard` reads the first windows from stdin."""
    what, folder, core, count, tokens, *streams = arguments
    os.sched_setaffinity(0, {int(core)})  # before torch is loaded, which counts cores
    if what == "engine":
        found = engine(Path(folder), int(count), int(tokens), [int(each) for each in streams])
    else:
        found = guard({int(number): text for number, text in json.load(sys.stdin).items()}, int(count))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
