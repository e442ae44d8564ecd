"""Token generation on transformers + peft. Knows no Ray, no HTTP, no guard.

Each request owns its key-value cache, random generator and detokenizer; all share one model and one worker
thread. A stream asks for one step at a time, so the thread's queue interleaves the streams fairly, a cancelled
stream simply stops asking, and no request can change another's text.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from deployments.chat import ChatFormat, Detokenizer, Turn
from deployments.generation import Piece, Sampling, StopWords

PREFILL_CHUNK = 256  # tokens per step: a long prompt must not hold up the others' next token


class EngineError(Exception):
    """Root of the engine's errors."""


class AdapterHasNoEffect(EngineError):
    """The adapter was loaded but does not change the model's output; serving it would be a false claim."""


class _Sequence:
    """State of one request inside the model; used by the worker thread alone."""

    def __init__(self, prompt: Sequence[int], sampling: Sampling) -> None:
        self.pending = list(prompt)
        self.said: list[int] = []
        self.cache: Any = None
        self.sampling = sampling
        seed = sampling.seed if sampling.seed is not None else secrets.randbits(63)
        self.random = torch.Generator().manual_seed(seed % (1 << 63))


class TransformersEngine:
    """The reference driver: transformers, plus peft where an adapter is given."""

    def __init__(self, model: Any, chat: ChatFormat) -> None:
        self._model = model
        self._chat = chat
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")

    @classmethod
    def load(cls, folder: Path, adapter: Path | None = None) -> "TransformersEngine":
        """Load safetensors weights from a folder; raises AdapterHasNoEffect if a given adapter changes nothing."""
        # Whatever else runs needs a core too: torch threads that wait for a busy core slow all of them down.
        torch.set_num_threads(min(4, max(1, (os.cpu_count() or 1) - 1)))
        chat = ChatFormat.load(folder)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16, use_safetensors=True, local_files_only=True, trust_remote_code=False
        ).eval()
        if adapter is not None:
            model = _with_adapter(model, adapter, chat)
        return cls(model, chat)

    async def stream(self, prompt: Sequence[int], sampling: Sampling) -> AsyncGenerator[Piece]:
        """Yield pieces as tokens come; the last has finish_reason "stop" or "length"."""
        loop = asyncio.get_running_loop()
        state = _Sequence(prompt, sampling)
        text, stop = Detokenizer(self._chat), StopWords(sampling.stop)
        for count in range(1, sampling.max_tokens + 1):
            token = None
            while token is None:
                token = await loop.run_in_executor(self._worker, self._step, state)
            if token in self._chat.stop_ids:
                yield Piece(stop.push(text.flush())[0] + stop.flush(), count - 1, "stop")
                return
            out, met = stop.push(text.push(token))
            if met:
                yield Piece(out, count, "stop")
                return
            if out:
                yield Piece(out, count)
        out, met = stop.push(text.flush())
        yield Piece(out if met else out + stop.flush(), sampling.max_tokens, "stop" if met else "length")

    def _step(self, state: _Sequence) -> int | None:
        """Feed the next tokens; returns the sampled id, or None while the prompt is not all read."""
        feed, state.pending = state.pending[:PREFILL_CHUNK], state.pending[PREFILL_CHUNK:]
        with torch.inference_mode():
            out = self._model(
                input_ids=torch.tensor([feed]), past_key_values=state.cache, use_cache=True, logits_to_keep=1
            )
            state.cache = out.past_key_values
            if state.pending:
                return None
            token = _sample(out.logits[0, -1].float(), state)
        state.pending = [token]
        state.said.append(token)
        return token


def _sample(logits: Any, state: _Sequence) -> int:
    """Repetition penalty, temperature and nucleus sampling (Holtzman et al. 2020) with the request's own generator."""
    if state.said and state.sampling.repetition != 1:
        said = torch.tensor(sorted(set(state.said)))
        seen = logits[said]
        logits[said] = torch.where(seen > 0, seen / state.sampling.repetition, seen * state.sampling.repetition)
    if state.sampling.temperature <= 0:
        return int(logits.argmax())
    values, ids = torch.sort(torch.softmax(logits / state.sampling.temperature, dim=-1), descending=True)
    outside = values.cumsum(0) - values >= state.sampling.top_p
    outside[0] = False
    values[outside] = 0
    return int(ids[torch.multinomial(values, 1, generator=state.random)])


def _with_adapter(model: Any, adapter: Path, chat: ChatFormat) -> Any:
    """Attach a LoRA adapter and prove by one probe that it took effect."""
    probe = torch.tensor([chat.encode([Turn("user", "What is a buffer overflow?")])])
    with torch.inference_mode():
        before = model(input_ids=probe).logits
        adapted = PeftModel.from_pretrained(model, str(adapter), local_files_only=True).eval()
        after = adapted(input_ids=probe).logits
    if torch.equal(before, after):
        raise AdapterHasNoEffect(f"adapter {adapter.name}: expected other logits than the base model, came the same")
    return adapted
