"""The engines that live in the project's own environment: ours, transformers' generate and its continuous batching."""

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from tests.bench.engines_reader import Answer, Driver, tree_cpu_s

TRIED = 24  # tokens by which an adapter must have changed the answer
CLOSED_AFTER = 4  # pieces that a stream gives before it is cancelled
AFTER_S = 0.5  # how long an engine without streams is watched


def load(spec: dict[str, Any]) -> Driver:
    """The driver that the spec names."""
    if spec["driver"] == "preceptor":
        return Preceptor(Path(spec["weights"]))
    model = _transformers(spec["weights"], spec["dtype"])
    return ContinuousBatching(model) if spec["driver"] == "continuous" else Generate(model)


def our_engine(folder: Path) -> Any:
    """The Engine that a Model loads for these weights, made to go on after the token that ends an answer."""
    from deployments.chat import ChatFormat

    chat = ChatFormat.load(folder)
    chat.stop_ids = frozenset()
    with patch.object(ChatFormat, "load", lambda _: chat):
        try:
            from deployments.engine import drivers
        except ImportError:  # a checkout of before
            from deployments.engine.transformers_engine import TransformersEngine

            return TransformersEngine.load(folder)
        return drivers.load(folder)


def our_perplexity(engine: Any, windows: Sequence[Sequence[int]]) -> float | None:
    """By the engine's own decoder step by step, all windows in one batch, as it generates; else by the model it holds.

    None where it has neither.
    """
    if not hasattr(engine, "_decoder"):
        return perplexity(engine.model, windows) if hasattr(engine, "model") else None
    from deployments.engine.decoder import Span

    decoder, said = engine._decoder, list[Any]()
    memories = [decoder.memory(len(window)) for window in windows]
    for here, following in pairwise(zip(*windows, strict=True)):
        logits = decoder.logits([Span([token], memory) for token, memory in zip(here, memories, strict=True)])
        said.append(torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(following)[:, None]))
    return math.exp(-float(torch.cat(said).mean()))


class Preceptor:
    """Ours, through the Engine protocol."""

    packages = ("torch", "transformers", "peft")

    def __init__(self, folder: Path) -> None:
        self._engine = our_engine(folder)
        self._loop = asyncio.new_event_loop()
        torch.set_num_threads(1)

    def generate(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
        return self._loop.run_until_complete(self._all(prompts, tokens))

    async def _all(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
        return await asyncio.gather(*(self._one(prompt, tokens) for prompt in prompts))

    async def _one(self, prompt: Sequence[int], tokens: int, adapter: str | None = None) -> Answer:
        began, first, text, count = time.perf_counter(), 0.0, "", 0
        async with aclosing(self._stream(prompt, tokens, adapter)) as pieces:
            async for piece in pieces:
                first = first or time.perf_counter() - began
                text, count = text + piece.text, piece.tokens
        return Answer(first, count, text=text)

    def _stream(self, prompt: Sequence[int], tokens: int, adapter: str | None = None) -> Any:
        from deployments.generation import Sampling

        return self._engine.stream(prompt, Sampling(tokens, temperature=0.0, repetition=1.0), adapter)

    def extras(self, spec: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._loop.run_until_complete(self._closed(spec["prompts"][-1]))
        found["perplexity"] = our_perplexity(self._engine, spec["text"])
        self._engine.add("shipped", Path(spec["adapter"]))
        prompt, run = spec["prompts"][0][0], self._loop.run_until_complete
        without, with_it = (run(self._one(prompt, TRIED, name)).text for name in (None, "shipped"))
        return found | {"adapter_changes": without != with_it}

    async def _closed(self, prompts: Sequence[Sequence[int]]) -> dict[str, float]:
        """How long it takes to cancel all streams while all run, and what the engine still computes afterwards."""
        streams = [self._stream(prompt, 500) for prompt in prompts]
        await asyncio.gather(*(self._some(stream) for stream in streams))
        began = time.perf_counter()
        await asyncio.gather(*(stream.aclose() for stream in streams))
        closed_s = time.perf_counter() - began
        cpu_s = tree_cpu_s()
        await asyncio.sleep(AFTER_S)
        return {"close_ms": 1000 * closed_s, "after_close_cpu_ms": 1000 * (tree_cpu_s() - cpu_s)}

    async def _some(self, stream: Any) -> None:
        for _ in range(CLOSED_AFTER):
            await anext(stream)


class _First:
    """A transformers streamer that only remembers when the first new token came (the prompt is `put` before it)."""

    def __init__(self) -> None:
        self.puts: list[float] = []

    def put(self, _: Any) -> None:
        if len(self.puts) < 2:
            self.puts.append(time.perf_counter())

    def end(self) -> None:
        return


class Generate:
    """transformers' generate: one prompt, or a static batch padded on the left."""

    packages = ("torch", "transformers", "peft")

    def __init__(self, model: Any) -> None:
        self._model = model

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        began, streamer = time.perf_counter(), _First()
        out = self._model.generate(
            ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False, pad_token_id=0, streamer=streamer
        )
        first = streamer.puts[1] - began
        return [Answer(first, len(row), tuple(row)) for row in out[:, longest:].tolist()]

    def extras(self, spec: dict[str, Any]) -> dict[str, Any]:
        from peft import PeftModel

        found = {"perplexity": perplexity(self._model, spec["text"])}
        prompt = spec["prompts"][0][:1]
        without = self.generate(prompt, TRIED)[0].ids
        self._model = PeftModel.from_pretrained(self._model, spec["adapter"]).eval()
        return found | {"adapter_changes": without != self.generate(prompt, TRIED)[0].ids}


class ContinuousBatching:
    """transformers' continuous batching with a cache that fits eight short answers: its default is far slower here."""

    packages = ("torch", "transformers")

    def __init__(self, model: Any) -> None:
        from transformers import ContinuousBatchingConfig, GenerationConfig

        # so much that nobody waits, and no more: on a CPU every step reads the whole of the cache
        config = ContinuousBatchingConfig(page_size=32, num_blocks=96, max_batch_tokens=256, max_queue_size=64)
        self._manager = model.init_continuous_batching(
            generation_config=GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0),
            continuous_batching_config=config,
        )
        self._manager.start()
        self._asked = 0

    def generate(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
        began, firsts, ids = time.perf_counter(), dict[str, float](), dict[str, tuple[int, ...]]()
        names = [f"{self._asked + number}" for number in range(len(prompts))]
        self._asked += len(prompts)
        for name, prompt in zip(names, prompts, strict=True):
            if self._manager.add_request(list(prompt), name, tokens, streaming=True, eos_token_id=-1) is None:
                raise RuntimeError("expected the manager to take a request, it did not")
        while len(ids) < len(names):
            result = self._manager.get_result(timeout=60)
            if result is None or result.error:
                raise RuntimeError(f"expected a token, got {result.error if result else 'none'}")
            firsts.setdefault(result.request_id, time.perf_counter() - began)
            if result.is_finished():
                ids[result.request_id] = tuple(result.generated_tokens)
        return [Answer(firsts[name], len(ids[name]), ids[name]) for name in names]

    def extras(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}


def _transformers(folder: str, dtype: str) -> Any:
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), use_safetensors=True, local_files_only=True
    ).eval()
    model.generation_config.eos_token_id = model.config.eos_token_id = None  # so many tokens as are asked for
    return model


@torch.inference_mode()
def perplexity(model: Any, windows: Sequence[Sequence[int]]) -> float:
    """exp of the mean negative log-likelihood of every token but the first of each window."""
    said = list[Any]()
    for window in windows:
        row = torch.tensor([list(window)])
        chances = torch.log_softmax(model(input_ids=row).logits[0, :-1].float(), dim=-1)
        said.append(chances.gather(1, row[0, 1:, None]))
    return math.exp(-float(torch.cat(said).mean()))
