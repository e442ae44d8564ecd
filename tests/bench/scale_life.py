"""The life of one question as app/answer.py and app/generation.py tell it, in the time that each step takes."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.generation import TOGETHER_S
from tests.bench.scale_cell import Cell, Gateway, Model
from tests.bench.scale_costs import CheckCosts, Workload
from tests.bench.scale_kernel import Clock, Process, Signal, Station
from tests.bench.scale_parts import LogLine, Place

OVERLOADED, ANSWERED = "overloaded", "answered"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and how long its answer will be; `marks` are the tokens at which a window of it is full, `graph` how
    many times as long as most the graph's answer is."""

    kind: str
    prompt: int
    marks: tuple[int, ...]
    graph: float = 1.0


@dataclass(slots=True)
class Heard:
    """What became of it: seconds to the first window and to the end, and when each step on the way was done."""

    kind: str
    came_at: float
    outcome: str = ""
    first_s: float = math.nan
    end_s: float = math.nan
    tokens: int = 0
    windows: int = 0
    steps: list[tuple[str, float]] = field(default_factory=list)


def drawn(dice: random.Random, work: Workload) -> Asked:
    """The next question of somebody."""
    kinds, shares = zip(*work.mix, strict=True)
    kind = dice.choices(kinds, shares)[0]
    if kind not in ("model", "records"):
        return Asked(kind, 0, (), _lognormal(dice, 1.0, work.graph_sigma))
    tokens = min(work.most_tokens, max(8, round(_lognormal(dice, work.tokens, work.tokens_sigma))))
    marks, at = list[int](), 0
    while at < tokens:
        at = min(tokens, at + max(6, round(_lognormal(dice, work.window, work.window_sigma))))
        marks.append(at)
    return Asked(kind, max(16, round(_lognormal(dice, work.prompt, work.prompt_sigma))), tuple(marks))


def _lognormal(dice: random.Random, mean: float, sigma: float) -> float:
    return dice.lognormvariate(math.log(mean) - sigma * sigma / 2, sigma) if sigma else mean


def question(cell: Cell, gateway: Gateway, asked: Asked, heard: Heard) -> Process:
    """From the client's first byte to its last; `heard` is filled in."""
    cell.inside.add(1)
    gateway.open += 1
    yield from _asked(cell, gateway, asked, heard)
    gateway.open -= 1
    cell.inside.add(-1)
    heard.end_s = cell.clock.now - heard.came_at


def _asked(cell: Cell, gateway: Gateway, asked: Asked, heard: Heard) -> Process:
    hops, steps = cell.costs.hops, cell.costs.steps
    share = hops.proxy_share
    yield cell.proxy.work(hops.request_s * share)
    if gateway.open > cell.settings.open_requests:
        heard.outcome = OVERLOADED
        return
    yield gateway.loop.work(hops.request_s * (1 - share) + steps.admit_s)  # 1 to 3
    _step(cell, heard, "gateway")
    given: list[bool] = []
    yield gateway.queue.enter(given)
    _step(cell, heard, "queue")
    if not given[0]:
        heard.outcome = OVERLOADED
        return
    held_at = cell.clock.now
    consulted = cell.clock.start(_consult(cell, gateway))
    yield from checked(cell, gateway, steps.check("prompt"))  # 4
    _step(cell, heard, "guard")
    yield consulted.wait
    _step(cell, heard, "knowledge")
    if asked.kind in ("lesson", "refusal"):
        yield gateway.loop.work(steps.close_s)
        yield gateway.line_of(cell.dice).append(2).wait
        _step(cell, heard, "log")
        gateway.queue.leave(cell.clock.now - held_at)
        yield from _sent(cell, gateway, heard)
    else:
        yield from _answered(cell, gateway, asked, heard, held_at)
    heard.outcome = ANSWERED


def _consult(cell: Cell, gateway: Gateway) -> Process:
    place = Place[Station]()
    yield cell.libraries.enter(place)
    yield from cell.call(gateway, place.replica.part, cell.costs.steps.consult_s)
    cell.libraries.leave(place)


def checked(cell: Cell, gateway: Gateway, check: CheckCosts) -> Process:
    """guards.guard: rules in the Gateway, the encoder over a hop, one window in turn with whoever else waits."""
    place, steps = Place[Station](), cell.costs.steps
    yield gateway.loop.work(check.rules_s)
    yield cell.guards.enter(place)
    station = place.replica.part
    yield from cell.call(gateway, station, 0.0)
    whole = max(1, math.ceil(check.windows))
    for _ in range(whole):
        yield station.work((steps.encoder_s * check.windows + steps.token_s * check.tokens) / whole)
    cell.guards.leave(place)


@dataclass(slots=True)
class _Window:
    """Text that may leave once its records are durable."""

    ready: Signal = field(default_factory=Signal)
    durable: Signal = field(default_factory=Signal)


class _Records:
    """What one exchange sends to its log: the request's own record with an early window, or alone after a while."""

    def __init__(self, clock: Clock, line: LogLine) -> None:
        self._line, self._held = line, 1
        clock.after(TOGETHER_S, self._log_request)

    def append(self, records: int) -> Signal:
        """Given when they are durable, and all before them."""
        held, self._held = self._held, 0
        return self._line.append(held + records)

    def _log_request(self) -> None:
        if self._held:
            self.append(0)


def _answered(cell: Cell, gateway: Gateway, asked: Asked, heard: Heard, held_at: float) -> Process:
    """Steps 5 to 8: one process makes windows, this one delivers them."""
    records = _Records(cell.clock, gateway.line_of(cell.dice))
    texts = max(1, len(asked.marks)) + (asked.kind == "records")  # the quotation is a window by itself
    windows = [_Window() for _ in range(texts)]
    cell.clock.start(_produce(cell, gateway, asked, windows, records.append, held_at))
    for window in windows:
        yield window.ready.wait
        _step(cell, heard, "model")
        yield window.durable.wait
        _step(cell, heard, "log")
        yield from _sent(cell, gateway, heard)
    heard.windows, heard.tokens = len(windows), asked.marks[-1] if asked.marks else 0


def _produce(
    cell: Cell, gateway: Gateway, asked: Asked, windows: Sequence[_Window], append: Callable[[int], Signal],
    held_at: float,
) -> Process:  # fmt: skip
    place, steps = Place[Model](), cell.costs.steps
    spoken = iter(windows)
    if asked.kind == "records":
        cell.clock.start(_release(cell, gateway, next(spoken), append))
    if asked.marks:
        yield gateway.loop.work(cell.costs.hops.call_s / 4)
        yield cell.models.enter(place)
        model = place.replica.part
        yield cell.clock.sleep(cell.costs.hops.wait_s / 2)
        stream = model.engine.begin(asked.prompt, asked.marks)
        before = cell.clock.now
        for number, reached in enumerate(stream.reached):
            yield reached.wait
            yield from cell.pieces(gateway, model, cell.clock.now - before)
            before = cell.clock.now
            if number < len(asked.marks) - 1:
                yield from _release(cell, gateway, next(spoken), append)
        cell.models.leave(place)
    last = next(spoken)
    if asked.kind == "graph":  # its one window is all of it, and is checked once
        yield from checked(cell, gateway, steps.check("graph").times(asked.graph))
    else:
        whole = cell.clock.start(checked(cell, gateway, steps.check("answer")))
        yield from checked(cell, gateway, steps.check("window"))
        yield whole.wait
    yield gateway.loop.work(steps.window_s + steps.close_s)
    last.ready.give()
    gateway.queue.leave(cell.clock.now - held_at)
    yield append(2).wait
    last.durable.give()


def _release(cell: Cell, gateway: Gateway, window: _Window, append: Callable[[int], Signal]) -> Process:
    """Check a window and hand it on."""
    steps = cell.costs.steps
    yield from checked(cell, gateway, steps.check("window"))
    yield gateway.loop.work(steps.window_s)
    window.ready.give()
    append(1).wait(window.durable.give)


def _sent(cell: Cell, gateway: Gateway, heard: Heard) -> Process:
    """A window on its way through Gateway and proxy to the client."""
    hops = cell.costs.hops
    yield gateway.loop.work(hops.chunk_s * (1 - hops.proxy_share))
    yield cell.proxy.work(hops.chunk_s * hops.proxy_share)
    if math.isnan(heard.first_s):
        _step(cell, heard, "gateway")
        heard.first_s = cell.clock.now - heard.came_at


def _step(cell: Cell, heard: Heard, name: str) -> None:
    """Where the time to the first window went."""
    if math.isnan(heard.first_s):
        heard.steps.append((name, cell.clock.now))
