"""Discrete events: a clock, processes that wait, stations that serve. Knows nothing of tutors. Standard library only.

A process is a generator; it yields what it waits for, a function that is given how the process goes on.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

Resume = Callable[[], None]
Wish = Callable[[Resume], None]
Process = Generator[Wish, None, None]


class Clock:
    """The event loop. Events of one moment come in the order in which they were asked for, so a run repeats exactly."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def after(self, seconds: float, then: Callable[..., None], *arguments: Any) -> None:
        """Call `then` that much later."""
        self.events += 1
        heapq.heappush(self._due, (self.now + seconds, self.events, then, arguments))

    def sleep(self, seconds: float) -> Wish:
        """Wait."""
        return lambda resume: self.after(seconds, resume)

    def start(self, process: Process) -> "Signal":
        """Let a process run beside the others, from now; the signal is given at its end."""
        ended = Signal()

        def go_on() -> None:
            try:
                wish = next(process)
            except StopIteration:
                ended.give()
            else:
                wish(go_on)

        go_on()
        return ended

    def run(self, until: float) -> None:
        """Go on to that moment; what is due later stays."""
        due = self._due
        while due and due[0][0] <= until:
            self.now, _, then, arguments = heapq.heappop(due)
            then(*arguments)
        self.now = max(self.now, until)


class Signal:
    """Given once; whoever waits, or comes to wait later, goes on."""

    def __init__(self) -> None:
        self.given = False
        self._waiting: list[Resume] = []

    def give(self) -> None:
        """Let all go on."""
        self.given = True
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()

    def wait(self, resume: Resume) -> None:
        """A wish: until it is given."""
        if self.given:
            resume()
        else:
            self._waiting.append(resume)


class Level:
    """A number that rises and falls, and its integral over time."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.now, self._area, self._since = clock, 0, 0.0, 0.0

    @property
    def area(self) -> float:
        """So far."""
        return self._area + self.now * (self._clock.now - self._since)

    def add(self, change: int) -> None:
        """Another number from now on."""
        self._area, self._since = self.area, self._clock.now
        self.now += change


class Cores:
    """Processors that stations of one machine share: a job runs for a slice, then stands in line again."""

    def __init__(self, clock: Clock, count: int, slice_s: float = 0.004) -> None:
        self._clock, self._free, self._slice_s = clock, count, slice_s
        self._line: deque[tuple[float, Resume]] = deque()

    def run(self, seconds: float, then: Resume) -> None:
        """Compute, and call `then`."""
        self._line.append((seconds, then))
        if self._free:
            self._free -= 1
            self._next()

    def _next(self) -> None:
        if not self._line:
            self._free += 1
            return
        seconds, then = self._line.popleft()
        self._clock.after(min(seconds, self._slice_s), self._ran, seconds - self._slice_s, then)

    def _ran(self, left_s: float, then: Resume) -> None:
        if left_s > 0:
            self._line.append((left_s, then))
            self._next()
        else:
            self._next()
            then()


class Station:
    """`servers` alike, first come first served; each on a processor of its own, or on shared `cores`."""

    def __init__(self, clock: Clock, servers: int = 1, cores: Cores | None = None) -> None:
        self._clock, self._cores = clock, cores
        self.servers, self._free = servers, servers
        self._line: deque[tuple[float, Resume]] = deque()
        self._done_s = 0.0
        self._since: dict[int, float] = {}
        self._jobs = 0

    @property
    def busy_s(self) -> float:
        """Seconds of serving so far, all servers together."""
        return self._done_s + sum(self._clock.now - began for began in self._since.values())

    def work(self, seconds: float) -> Wish:
        """Be served for so long, after whoever came before."""

        def wish(resume: Resume) -> None:
            if self._free:
                self._free -= 1
                self._serve(seconds, resume)
            else:
                self._line.append((seconds, resume))

        return wish

    def charge(self, seconds: float) -> None:
        """Work that nobody waits for."""
        if seconds > 0:
            self.work(seconds)(_nothing)

    def _serve(self, seconds: float, resume: Resume) -> None:
        self._jobs += 1
        self._since[self._jobs] = self._clock.now
        if self._cores is None:
            self._clock.after(seconds, self._served, self._jobs, seconds, resume)
        else:
            job = self._jobs
            self._cores.run(seconds, lambda: self._served(job, seconds, resume))

    def _served(self, job: int, seconds: float, resume: Resume) -> None:
        del self._since[job]
        self._done_s += seconds
        if self._line:
            self._serve(*self._line.popleft())
        else:
            self._free += 1
        resume()


def _nothing() -> None:
    """Nobody waits."""


def percentile(ordered: list[float], share: float) -> float:
    """By nearest rank of sorted values; not a number without any."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
