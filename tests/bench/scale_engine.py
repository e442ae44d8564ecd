"""An engine with continuous batching: all answers under way go one token further in each step, prompts are read in
chunks within those steps, and a step takes as long as its batch and its prompt tokens make it.

Steps in which nothing happens to anybody are passed over at once, so that a run costs events by windows, not by tokens.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.scale_costs import EngineCosts
from tests.bench.scale_kernel import Clock, Cores, Signal


@dataclass(slots=True, eq=False)
class Stream:
    """One answer. `reached[i]` is given when the answer has `marks[i]` tokens; marks rise, the last is its end.

    unread: tokens of its prompt that are still to be read.
    """

    unread: int
    marks: Sequence[int]
    reached: list[Signal]


@dataclass(frozen=True, slots=True)
class _Segment:
    """Steps that are under way, all alike."""

    began_at: float
    step_s: float
    steps: int
    prompt: int


class Engine:
    """One replica. Counted since the start: tokens made and read, steps, seconds that places of the batch were held."""

    def __init__(self, clock: Clock, costs: EngineCosts, cores: Cores | None = None) -> None:
        self._clock, self._costs, self._cores = clock, costs, cores
        self._unread: deque[Stream] = deque()
        self._due: list[tuple[int, int, Stream, int]] = []
        self._batch = self._number = self._plan_number = 0
        self._segment: _Segment | None = None
        self.tokens = self.steps = self.prompt_tokens = 0
        self.held_s = self._busy_s = 0.0

    @property
    def busy_s(self) -> float:
        """Seconds of steps so far."""
        running = self._clock.now - self._segment.began_at if self._segment else 0.0
        return self._busy_s + running

    @property
    def open(self) -> int:
        """Answers under way, those whose prompt waits included."""
        return self._batch + len(self._unread)

    def begin(self, prompt: int, marks: Sequence[int]) -> Stream:
        """Take an answer into the batch."""
        stream = Stream(prompt, marks, [Signal() for _ in marks])
        self._unread.append(stream)
        if self._segment is None:
            self._plan()
        elif self._cores is None and self._segment.steps > 1:
            self._cut_short(self._segment)
        return stream

    def _plan(self) -> None:
        """The next steps: one while a prompt is read, else as many as nobody notices."""
        self._segment = None
        prompt, steps = 0, 1
        if self._unread:
            prompt = min(self._costs.chunk, sum(each.unread for each in self._unread))
        elif self._due:
            steps = self._due[0][0] - self.steps if self._cores is None else 1
        else:
            return
        step_s = self._costs.seconds(self._batch, prompt)
        self._run(_Segment(self._clock.now, step_s, steps, prompt))

    def _run(self, segment: _Segment) -> None:
        self._segment = segment
        self._plan_number += 1
        number = self._plan_number
        left_s = segment.began_at + segment.steps * segment.step_s - self._clock.now
        if self._cores is None:
            self._clock.after(left_s, self._finish, number)
        else:
            self._cores.run(left_s, lambda: self._finish(number))

    def _cut_short(self, segment: _Segment) -> None:
        """Somebody came: the step under way is the last before their prompt is read."""
        gone = int((self._clock.now - segment.began_at) / segment.step_s) + 1
        if gone < segment.steps:
            self._run(_Segment(segment.began_at, segment.step_s, gone, 0))

    def _finish(self, number: int) -> None:
        segment = self._segment
        if number != self._plan_number or segment is None:
            return  # was cut short
        self._segment = None
        self._busy_s += segment.steps * segment.step_s
        self.held_s += segment.steps * segment.step_s * self._batch
        self.steps += segment.steps
        self.tokens += self._batch * segment.steps
        if segment.prompt:
            self._read(segment.prompt)
        told = self._told()
        self._plan()
        for signal in told:
            signal.give()

    def _read(self, prompt: int) -> None:
        """Prompt tokens were read, of whoever came first first."""
        self.prompt_tokens += prompt
        while prompt:
            stream = self._unread[0]
            read = min(prompt, stream.unread)
            stream.unread -= read
            prompt -= read
            if not stream.unread:
                self._speak(self._unread.popleft())

    def _speak(self, stream: Stream) -> None:
        """With the last of its prompt an answer gets its first token."""
        self._batch += 1
        self.tokens += 1
        for mark, tokens in enumerate(stream.marks):
            self._number += 1
            heapq.heappush(self._due, (self.steps - 1 + max(1, tokens), self._number, stream, mark))

    def _told(self) -> list[Signal]:
        told = []
        while self._due and self._due[0][0] <= self.steps:
            _, _, stream, mark = heapq.heappop(self._due)
            told.append(stream.reached[mark])
            self._batch -= mark == len(stream.marks) - 1
        return told
