"""Token generation on transformers + peft. Knows no Ray, no HTTP, no guard.

Each request owns its key-value cache, random generator and detokenizer, and keeps to its adapter; all share one model
and one worker thread. A stream asks for one step at a time, so the thread's queue interleaves the streams fairly, a
cancelled stream simply stops asking, and no request can change another's text. Adapters are put in and taken out on
that thread too, between two steps.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from deployments.chat import ChatFormat
from deployments.engine import lora, probe
from deployments.engine.probe import require_effect
from deployments.engine.processor import leave_a_core
from deployments.engine.sampler import Sampler
from deployments.engine.wording import worded
from deployments.generation import EngineError, Piece, Sampling, StopWords

PREFILL_CHUNK = 256  # tokens per step: a long prompt must not hold up the others' next token
GIVEN = "given"  # name of the adapter that an engine was loaded with


class _Sequence:
    """State of one request inside the model; used by the worker thread alone."""

    def __init__(self, prompt: Sequence[int], sampling: Sampling, adapter: str | None = None) -> None:
        self.pending = list(prompt)
        self.adapter = adapter
        self.cache: Any = None
        self.sampler = Sampler(sampling)


class TransformersEngine:
    """The reference driver: transformers, plus peft for adapters."""

    model: Any
    chat: ChatFormat

    def __init__(self, model: Any, chat: ChatFormat) -> None:
        self.model = model
        self.chat = chat
        self._given: str | None = None
        self._adapters = lora.Adapters(model)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")

    @classmethod
    def load(cls, folder: Path, adapter: Path | None = None) -> "TransformersEngine":
        """Load safetensors weights from a folder, and an adapter that is in force wherever none is named.

        Raises what `add` raises.
        """
        leave_a_core()
        chat = ChatFormat.load(folder)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16, use_safetensors=True, local_files_only=True, trust_remote_code=False
        ).eval()
        engine = cls(model, chat)
        if adapter is not None:
            engine.add(GIVEN, adapter)
            engine._given = GIVEN
        return engine

    def add(self, name: str, folder: Path) -> None:
        """Load an adapter beside the others and prove by one probe that it takes effect; streams go on meanwhile.

        Blocks. Raises AdapterDoesNotFit or AdapterHasNoEffect; the engine is then what it was before.
        """
        read = lora.read(folder)
        self._worker.submit(self._adapters.add, name, read).result()
        before, after = (self._worker.submit(self._probe, it).result() for it in (None, name))
        try:
            require_effect(folder, before, after)
        except EngineError:
            self.drop(name)
            raise

    def drop(self, name: str) -> None:
        """Forget an adapter that no stream uses any more. Blocks."""
        self._worker.submit(self._adapters.drop, name).result()

    async def stream(
        self, prompt: Sequence[int], sampling: Sampling, adapter: str | None = None
    ) -> AsyncGenerator[Piece]:
        """Yield pieces as tokens come; the last has finish_reason "stop" or "length".

        `adapter` is a name that was given to `add`; None is what the engine was loaded with.
        """
        state = _Sequence(prompt, sampling, adapter or self._given)
        async with aclosing(worded(self._tokens(state), self.chat, sampling)) as pieces:
            async for piece in pieces:
                yield piece

    async def _tokens(self, state: _Sequence) -> AsyncGenerator[int]:
        loop = asyncio.get_running_loop()
        while True:
            token = await loop.run_in_executor(self._worker, self._step, state)
            if token is not None:
                yield token

    def complete(self, prompts: Sequence[Sequence[int]], sampling: Sampling, batch: int = 16) -> list[str]:
        """The whole answers to many prompts, `batch` at a time; for evaluation, where nobody waits for the first token.

        Greedy answers are those of `stream` up to the rounding of another batch shape.
        """
        answers = [""] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # like lengths together: little padding
        for start in range(0, len(order), batch):
            group = order[start : start + batch]
            for number, state in zip(group, self._together([prompts[i] for i in group], sampling), strict=True):
                stop = StopWords(sampling.stop)
                said = [token for token in state.sampler.said if token not in self.chat.stop_ids]
                text, met = stop.push(self.chat.decode(said))
                answers[number] = text if met else text + stop.flush()
        return answers

    @torch.inference_mode()
    def _together(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[_Sequence]:
        """Generate for a batch of prompts, padded on the left; each ends at a stop id, or at max_tokens."""
        self._adapters.use(self._given)
        states = [_Sequence(prompt, sampling) for prompt in prompts]
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        places = (mask.cumsum(1) - 1).clamp(min=0)
        cache, open_ = None, [True] * len(states)
        for _ in range(sampling.max_tokens):
            out = self.model(
                input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True,
                logits_to_keep=1,
            )  # fmt: skip
            cache, logits = out.past_key_values, out.logits[:, -1].float()
            tokens = [
                state.sampler.draw(row) if going else 0 for row, state, going in zip(logits, states, open_, strict=True)
            ]
            open_ = [going and token not in self.chat.stop_ids for going, token in zip(open_, tokens, strict=True)]
            if not any(open_):
                break
            ids, places = torch.tensor(tokens)[:, None], places[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(ids)], 1)
        return states

    def _step(self, state: _Sequence) -> int | None:
        """Feed the next tokens; returns the sampled id, or None while the prompt is not all read."""
        self._adapters.use(state.adapter)
        feed, state.pending = state.pending[:PREFILL_CHUNK], state.pending[PREFILL_CHUNK:]
        with torch.inference_mode():
            out = self.model(
                input_ids=torch.tensor([feed]), past_key_values=state.cache, use_cache=True, logits_to_keep=1
            )
            state.cache = out.past_key_values
            if state.pending:
                return None
            token = state.sampler.draw(out.logits[0, -1].float())
        state.pending = [token]
        return token

    @torch.inference_mode()
    def _probe(self, adapter: str | None) -> Any:
        """Logits of one fixed question."""
        self._adapters.use(adapter)
        return self.model(input_ids=torch.tensor([probe.prompt(self.chat)])).logits
