"""Continuous batching (Yu et al. 2022, Orca): every step advances all sequences, which come and go between steps.

A step feeds one token of each answer and one chunk of the first prompt that is not all read, so a long prompt holds up
nobody for long. What a sequence is fed at a time depends on its own prompt alone, and the decoder computes each
sequence for itself: the same seed gives the same answer at any load. Knows no thread: its caller keeps order.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from deployments.engine.decoder import Decoder, Deltas, Memory, Span
from deployments.engine.sampler import Sampler

CHUNK = 64  # tokens of a prompt in a step


@dataclass(slots=True, eq=False)
class Answer:
    """One answer in the making; `room` is how many tokens its memory has to hold."""

    prompt: Sequence[int]
    most: int
    sampler: Sampler
    adapter: str | None
    memory: Memory = field(default_factory=Memory)  # of no room until it is let in

    @property
    def room(self) -> int:
        """Tokens that its memory has to hold: the last one drawn is never fed."""
        return len(self.prompt) + self.most - 1

    @property
    def is_read(self) -> bool:
        """Whether its prompt is all read, so that a token follows from it."""
        return self.memory.length >= len(self.prompt)

    @property
    def is_reading(self) -> bool:
        """Whether its prompt is not all read."""
        return not self.sampler.said

    def next(self, preamble: int) -> Sequence[int]:
        """What it is fed next; a chunk ends where the preamble does, so that it is the same, computed or copied."""
        if not self.is_reading:
            return self.sampler.said[-1:]
        done = self.memory.length
        end = min(done + CHUNK, preamble) if done < preamble else done + CHUNK
        return self.prompt[done:end]


class Batch:
    """Who is answered, who waits, and what beginnings are known.

    slots: answers at a time; room: tokens whose keys and values are held for them; ends: tokens that end an answer;
    preamble: how prompts begin that begin with the tutor's instructions: that is computed once for each adapter.
    """

    def __init__(self, decoder: Decoder, ends: Iterable[int], preamble: Sequence[int], slots: int, room: int) -> None:
        self.adapters: dict[str | None, Deltas | None] = {None: None}
        self._decoder = decoder
        self._ends = frozenset(ends)
        self._preamble = list(preamble)
        self._begun: dict[str | None, Memory] = {}
        self._slots, self._room = slots, room
        self._waiting: deque[Answer] = deque()
        self._running: list[Answer] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def add(self, answer: Answer) -> None:
        """Let it wait for its turn."""
        self._waiting.append(answer)

    def remove(self, answer: Answer) -> None:
        """Its place is free from the next step on; nothing happens where it has ended."""
        for held in (self._waiting, self._running):
            if answer in held:
                held.remove(answer)

    def clear(self) -> list[Answer]:
        """End all of them; who they were."""
        ended = [*self._running, *self._waiting]
        self._running.clear()
        self._waiting.clear()
        return ended

    def forget(self, adapter: str) -> None:
        """Drop an adapter that no answer uses, and what was computed with it."""
        self.adapters.pop(adapter, None)
        self._begun.pop(adapter, None)

    @torch.inference_mode()
    def step(self) -> list[tuple[Answer, int]]:
        """One step of all; the tokens that came of it, of each answer at most one."""
        self._let_in()
        reading = next((each for each in self._running if each.is_reading), None)
        moved = [each for each in self._running if not each.is_reading or each is reading]
        drawn: list[tuple[Answer, int]] = []
        for adapter in {each.adapter: None for each in moved}:
            drawn += self._advance([each for each in moved if each.adapter == adapter], adapter)
        ended = {id(answer) for answer, token in drawn if self._is_over(answer, token)}
        self._running = [each for each in self._running if id(each) not in ended]
        return drawn

    def _advance(self, answers: Sequence[Answer], adapter: str | None) -> list[tuple[Answer, int]]:
        spans = [Span(each.next(self._shared(each)), each.memory) for each in answers]
        logits = self._decoder.logits(spans, self.adapters[adapter]).cpu()
        for each in answers:
            if each.is_reading and each.memory.length == self._shared(each) and adapter not in self._begun:
                self._begun[adapter] = self._copied(each.memory, each.memory.length)
        ready = [(each, row) for each, row in zip(answers, logits, strict=True) if each.is_read]
        return [(each, each.sampler.draw(row)) for each, row in ready]

    def _let_in(self) -> None:
        """First come, first served, as far as slots and room reach; one alone always finds room."""
        held = sum(each.room for each in self._running)
        while self._waiting and len(self._running) < self._slots:
            first = self._waiting[0]
            if self._running and held + first.room > self._room:
                return
            held += first.room
            first.memory = self._memory(first)
            self._running.append(self._waiting.popleft())

    def _memory(self, answer: Answer) -> Memory:
        if self._shared(answer) and answer.adapter in self._begun:
            return self._copied(self._begun[answer.adapter], answer.room)
        return self._decoder.memory(answer.room)

    def _copied(self, memory: Memory, room: int) -> Memory:
        copy = self._decoder.memory(room)
        copy.copy_from(memory)
        return copy

    def _shared(self, answer: Answer) -> int:
        """How many tokens of its prompt are the preamble: all of that or none."""
        size = len(self._preamble)
        return size if len(answer.prompt) > size and list(answer.prompt[:size]) == self._preamble else 0

    def _is_over(self, answer: Answer, token: int) -> bool:
        return token in self._ends or len(answer.sampler.said) >= answer.most
