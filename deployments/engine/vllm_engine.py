"""The engine on vLLM, for GPUs: the same promises, another driver. vLLM is installed apart: docs/performance.md.

vLLM runs on an event loop of its own, on a thread; nothing of a question goes into its logs.
"""

import asyncio
import itertools
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from vllm import SamplingParams, TokensPrompt
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.lora.request import LoRARequest
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM

from deployments.chat import ChatFormat
from deployments.engine import lora, probe
from deployments.engine.wording import worded
from deployments.generation import AdapterDoesNotFit, AdapterHasNoEffect, EngineFull, Piece, Sampling

SLOTS, WAITING = 32, 64
RANK = 64  # the highest of an adapter
_LOOKED_AT = 20  # of the likeliest next tokens

Heard = asyncio.Queue[int | BaseException | None]


class VllmEngine:
    """One base on vLLM, adapters beside each other on it."""

    def __init__(self, options: Any, chat: ChatFormat) -> None:
        self.chat = chat
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True).start()
        self._llm = self._wait(self._start(options))
        self._adapters: dict[str, Any] = {}
        self._numbers, self._requests = itertools.count(1), itertools.count()
        self._open = 0

    @classmethod
    def load(cls, folder: Path, **options: Any) -> "VllmEngine":
        """Load safetensors weights; `options` are vLLM's own and win over ours."""
        settled = {
            "model": str(folder), "skip_tokenizer_init": True, "load_format": "safetensors", "max_num_seqs": SLOTS,
            "enable_lora": True, "max_lora_rank": RANK, "max_loras": 2, "enable_prefix_caching": True,
            "enable_log_requests": False, "disable_log_stats": True, "trust_remote_code": False,
        }  # fmt: skip
        return cls(AsyncEngineArgs(**settled | options), ChatFormat.load(folder))

    def add(self, name: str, folder: Path) -> None:
        """See Engine; vLLM's rounding hides no effect: the likeliest next tokens are compared with their chances."""
        lora.read(folder)
        request = LoRARequest(name, next(self._numbers), str(folder))
        try:
            before, after = self._wait(self._probe(None)), self._wait(self._probe(request))
        except Exception as error:  # vLLM names no root of what it raises for an adapter of another model
            raise AdapterDoesNotFit(f"adapter {folder.name}: expected one of this base, came {error}") from error
        if before == after:
            self._wait(self._llm.remove_lora(request.lora_int_id))
            raise AdapterHasNoEffect(f"adapter {folder.name}: expected other chances than the base's, came the same")
        self._adapters[name] = request

    def drop(self, name: str) -> None:
        """See Engine."""
        self._wait(self._llm.remove_lora(self._adapters.pop(name).lora_int_id))

    def stream(self, prompt: Sequence[int], sampling: Sampling, adapter: str | None = None) -> AsyncGenerator[Piece]:
        """See Engine; raises EngineFull at the first piece when too many wait already."""
        return worded(self._tokens(prompt, sampling, adapter), self.chat, sampling)

    async def _tokens(self, prompt: Sequence[int], sampling: Sampling, adapter: str | None) -> AsyncGenerator[int]:
        if self._open >= SLOTS + WAITING:
            raise EngineFull(f"expected at most {SLOTS + WAITING} answers at a time, came one more")
        self._open += 1
        loop, heard = asyncio.get_running_loop(), Heard()
        lent = self._adapters[adapter] if adapter else None
        producing = self._begin(self._produce(prompt, sampling, lent, loop, heard))
        try:
            while (token := await heard.get()) is not None:
                if isinstance(token, BaseException):
                    raise token
                yield token
        finally:
            self._open -= 1
            producing.cancel()  # vLLM aborts a request whose reader is cancelled

    async def _produce(
        self, prompt: Sequence[int], sampling: Sampling, adapter: Any, loop: asyncio.AbstractEventLoop, heard: Heard
    ) -> None:
        wishes = SamplingParams(
            max_tokens=sampling.max_tokens, temperature=sampling.temperature, top_p=sampling.top_p, seed=sampling.seed,
            repetition_penalty=sampling.repetition, stop_token_ids=sorted(self.chat.stop_ids), detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )  # fmt: skip
        last: BaseException | None = None
        try:
            async with aclosing(self._generate(prompt, wishes, adapter)) as outputs:
                async for output in outputs:
                    for token in output.outputs[0].token_ids:
                        loop.call_soon_threadsafe(heard.put_nowait, token)
        except Exception as error:  # noqa: BLE001  whoever waits must hear of it, whatever it is
            last = error
        loop.call_soon_threadsafe(heard.put_nowait, last)

    def _generate(self, prompt: Sequence[int], wishes: Any, adapter: Any) -> Any:
        given = TokensPrompt(prompt_token_ids=list(prompt))
        return self._llm.generate(given, wishes, str(next(self._requests)), lora_request=adapter)

    async def _probe(self, adapter: Any) -> dict[int, float]:
        """The likeliest tokens after one fixed question, with the logarithms of their chances."""
        prompt = probe.prompt(self.chat)
        wishes = SamplingParams(max_tokens=1, temperature=0, logprobs=_LOOKED_AT, detokenize=False)
        found: dict[int, float] = {}
        async with aclosing(self._generate(prompt, wishes, adapter)) as outputs:
            async for output in outputs:
                found = {token: each.logprob for token, each in output.outputs[0].logprobs[0].items()}
        return found

    async def _start(self, options: Any) -> Any:
        return AsyncLLM.from_engine_args(options)

    def _begin(self, task: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(task, self._loop)

    def _wait(self, task: Coroutine[Any, Any, Any]) -> Any:
        return self._begin(task).result()
