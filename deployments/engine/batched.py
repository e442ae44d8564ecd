"""The engine that serves on our own decoder: continuous batching on one worker thread. Knows no Ray, HTTP or guard.

Requests, cancellations and adapters are taken up between two steps, on that thread, in the order in which they come.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deployments.chat import SYSTEM, ChatFormat
from deployments.engine import lora, probe
from deployments.engine.batch import Answer, Batch
from deployments.engine.decoder import Decoder, Deltas, Span
from deployments.engine.fused_lora import Fitter
from deployments.engine.probe import require_effect
from deployments.engine.processor import leave_a_core
from deployments.engine.sampler import Sampler
from deployments.engine.wording import worded
from deployments.generation import EngineFull, Piece, Sampling

SLOTS = 32
WAITING = 64
ROOM = 16 * 1024  # tokens whose keys and values are held; deployments.garden reserves memory for as many

Heard = asyncio.Queue[int | Exception]


class BatchedEngine:
    """One base on the CPU or one GPU, adapters beside each other on it."""

    def __init__(
        self, decoder: Decoder, chat: ChatFormat, slots: int = SLOTS, waiting: int = WAITING, room: int = ROOM
    ) -> None:
        self.chat = chat
        self._decoder = decoder
        self._fitter = Fitter(decoder.config, decoder.dtype, decoder.device)
        self._batch = Batch(decoder, chat.stop_ids, chat.preamble(SYSTEM), slots, room)
        self._heard: dict[Answer, tuple[asyncio.AbstractEventLoop, Heard]] = {}
        self._most = slots + waiting
        self._open = 0
        self._turning = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")

    @classmethod
    def load(cls, folder: Path) -> "BatchedEngine":
        """Load safetensors weights from a folder that `deployments.engine.decoder.fits`."""
        leave_a_core()
        return cls(Decoder.load(folder), ChatFormat.load(folder))

    def add(self, name: str, folder: Path) -> None:
        """See Engine."""
        deltas = self._fitter.fit(name, lora.read(folder))
        before, after = (self._worker.submit(self._probe, it).result() for it in (None, deltas))
        require_effect(folder, before, after)
        self._worker.submit(self._batch.adapters.__setitem__, name, deltas).result()

    def drop(self, name: str) -> None:
        """See Engine."""
        self._worker.submit(self._batch.forget, name).result()

    def stream(self, prompt: Sequence[int], sampling: Sampling, adapter: str | None = None) -> AsyncGenerator[Piece]:
        """See Engine; raises EngineFull at the first piece when too many wait already."""
        return worded(self._tokens(prompt, sampling, adapter), self.chat, sampling)

    async def _tokens(self, prompt: Sequence[int], sampling: Sampling, adapter: str | None) -> AsyncGenerator[int]:
        if self._open >= self._most:
            raise EngineFull(f"expected at most {self._most} answers at a time, came one more")
        self._open += 1
        answer, heard = Answer(prompt, sampling.max_tokens, Sampler(sampling), adapter), Heard()
        self._worker.submit(self._enter, answer, (asyncio.get_running_loop(), heard))
        try:
            while True:
                token = await heard.get()
                if isinstance(token, Exception):
                    raise token
                yield token
        finally:
            self._open -= 1
            self._worker.submit(self._leave, answer)

    def _enter(self, answer: Answer, heard: tuple[asyncio.AbstractEventLoop, Heard]) -> None:
        self._heard[answer] = heard
        self._batch.add(answer)
        self._go_on()

    def _leave(self, answer: Answer) -> None:
        self._heard.pop(answer, None)
        self._batch.remove(answer)

    def _go_on(self) -> None:
        """The next turn comes after what has been asked for meanwhile."""
        if len(self._batch) and not self._turning:
            self._turning = True
            self._worker.submit(self._turn)

    def _turn(self) -> None:
        self._turning = False
        try:
            self._tell(self._batch.step())
        except Exception as error:  # noqa: BLE001  whoever waits must hear of it, whatever it is
            self._tell([(answer, error) for answer in self._batch.clear()])
        self._go_on()

    def _tell(self, said: Sequence[tuple[Answer, int | Exception]]) -> None:
        """Hand the tokens of a step to those who wait, with one wake-up for each of their loops."""
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Heard, int | Exception]]] = {}
        for answer, token in said:
            loop, heard = self._heard[answer]
            by_loop.setdefault(loop, []).append((heard, token))
        for loop, told in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_hand_out, told)

    def _probe(self, deltas: Deltas | None) -> Any:
        """Logits after one fixed question."""
        prompt = probe.prompt(self.chat)
        return self._decoder.logits([Span(prompt, self._decoder.memory(len(prompt)))], deltas)


def _hand_out(told: Sequence[tuple[Heard, int | Exception]]) -> None:
    for heard, token in told:
        heard.put_nowait(token)
