"""Parts of the graph as the simulation has them: replicas with a router before them, the fair queue, logs."""

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.bench.scale_costs import Costs, Settings
from tests.bench.scale_kernel import Clock, Cores, Process, Resume, Signal, Station

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Replica(Generic[T]):
    """One of a pool, and how many calls it has open."""

    part: T
    open: int = 0
    leaving: bool = False


class Place(Generic[T]):
    """Which replica a call got."""

    replica: Replica[T]

    def take(self, replica: Replica[T]) -> None:
        """This one."""
        self.replica = replica
        replica.open += 1


class Pool(Generic[T]):
    """Replicas alike. A call goes to the less busy of two that are drawn (power of two choices), and waits while
    each has `limit` open."""

    def __init__(self, clock: Clock, make: Callable[[], T], count: int, limit: int, dice: random.Random) -> None:
        self._clock, self._make, self._limit, self._dice = clock, make, limit, dice
        self.replicas = [Replica(make()) for _ in range(count)]
        self.retired: list[Replica[T]] = []
        self._line: deque[tuple[Place[T], Resume]] = deque()

    @property
    def open(self) -> int:
        """Calls under way and in line."""
        return sum(each.open for each in self.replicas) + len(self._line)

    def enter(self, place: Place[T]) -> Callable[[Resume], None]:
        """Be given a replica."""

        def wish(resume: Resume) -> None:
            chosen = self._choose()
            if chosen is None:
                self._line.append((place, resume))
            else:
                place.take(chosen)
                resume()

        return wish

    def leave(self, place: Place[T]) -> None:
        """The call is over."""
        place.replica.open -= 1
        self._admit()

    def grow(self) -> None:
        """One replica more."""
        self.replicas.append(Replica(self._make()))
        self._admit()

    def shrink(self) -> None:
        """The replica with the fewest calls takes no more, and ends those that it has."""
        least = min(self.replicas, key=lambda each: each.open)
        self.replicas.remove(least)
        self.retired.append(least)

    def _choose(self) -> Replica[T] | None:
        count = len(self.replicas)
        two = self.replicas if count <= 2 else self._dice.sample(self.replicas, 2)
        best = min(two, key=lambda each: each.open)
        if best.open >= self._limit:
            best = min(self.replicas, key=lambda each: each.open)
        return best if best.open < self._limit else None

    def _admit(self) -> None:
        while self._line and (chosen := self._choose()) is not None:
            place, resume = self._line.popleft()
            place.take(chosen)
            resume()


@dataclass(frozen=True, slots=True)
class Scaling:
    """Serve's autoscaling: replicas by calls under way, as an average of a while and after a delay."""

    most: int
    target: float = 16.0  # target_ongoing_requests
    look_s: float = 10.0
    looks: int = 3
    up_s: float = 30.0
    down_s: float = 600.0
    start_s: float = 20.0  # until a replica is ready


def scaled(clock: Clock, pool: Pool[T], plan: Scaling, told: list[tuple[float, int]]) -> Process:
    """Follow the load for ever; `told` takes when there were how many."""
    seen: deque[int] = deque(maxlen=plan.looks)
    above_s = below_s = 0.0
    while True:
        yield clock.sleep(plan.look_s)
        seen.append(pool.open)
        count = len(pool.replicas)
        wanted = min(plan.most, max(1, math.ceil(sum(seen) / len(seen) / plan.target)))
        above_s = above_s + plan.look_s if wanted > count else 0.0
        below_s = below_s + plan.look_s if wanted < count else 0.0
        if above_s >= plan.up_s:
            yield clock.sleep(plan.start_s)
            for _ in range(wanted - count):
                pool.grow()
            above_s = 0.0
        elif below_s >= plan.down_s:
            for _ in range(count - wanted):
                pool.shrink()
            below_s = 0.0
        told.append((clock.now, len(pool.replicas)))


class FairQueue:
    """app.limiting.queue, for one Gateway: slots, a bounded line, a bounded wait. Whose turn it is does not matter
    here: people are alike."""

    def __init__(self, clock: Clock, slots: int, settings: Settings) -> None:
        self._clock, self._slots, self._free, self._settings = clock, slots, slots, settings
        self._line: deque[tuple[Signal, list[bool]]] = deque()
        self._stream_s = 0.0

    def has_room(self) -> bool:
        """Whether a slot would be free soon enough."""
        if self._free:
            return True
        wait_s = (len(self._line) + 1) * self._stream_s / self._slots
        return wait_s <= self._settings.queue_wait_s and len(self._line) < self._settings.queue

    def enter(self, given: list[bool]) -> Callable[[Resume], None]:
        """Wait for a slot; `given` then holds whether there was one in time."""
        if self._free:
            self._free -= 1
            given.append(True)
            return lambda resume: resume()
        if not self.has_room():
            given.append(False)
            return lambda resume: resume()
        turn = Signal()
        self._line.append((turn, given))
        self._clock.after(self._settings.queue_wait_s, self._late, turn, given)
        return turn.wait

    def leave(self, held_s: float) -> None:
        """Pass a slot on that was held for so long."""
        self._stream_s += 0.2 * (held_s - self._stream_s)
        if not self._line:
            self._free += 1
            return
        turn, given = self._line.popleft()
        given.append(True)
        turn.give()

    def _late(self, turn: Signal, given: list[bool]) -> None:
        if not given:
            self._line.remove((turn, given))
            given.append(False)
            turn.give()


class Log:
    """deployments.group_commit: what waits while a commit runs goes into the next one. `records` are durable.

    The loop takes calls, the writer commits: two threads of one process.
    """

    def __init__(self, clock: Clock, costs: Costs, settings: Settings, cores: Cores | None = None) -> None:
        self._clock, self._costs, self._settings = clock, costs, settings
        self.loop, self._writer = Station(clock, 1, cores), Station(clock, 1, cores)
        self._waiting: list[tuple[int, Signal]] = []
        self._held, self._running, self._alarmed = 0, False, False
        self._started = -math.inf
        self.records = self.commits = 0

    @property
    def busy_s(self) -> float:
        """Seconds of both threads so far."""
        return self.loop.busy_s + self._writer.busy_s

    def append(self, records: int) -> Signal:
        """Given when they are durable."""
        durable = Signal()
        self._waiting.append((records, durable))
        self._held += records
        if not self._running:
            self._look()
        return durable

    def _look(self) -> None:
        """Begin a commit that is due, or when it will be."""
        if not self._held:
            return
        due = self._started + self._settings.interval_s
        if self._held >= self._settings.full or due <= self._clock.now:
            self._commit()
        elif not self._alarmed:
            self._alarmed = True
            self._clock.after(due - self._clock.now, self._due)

    def _due(self) -> None:
        self._alarmed = False
        if not self._running:
            self._look()

    def _commit(self) -> None:
        batch, records = self._waiting, self._held
        self._waiting, self._held, self._running, self._started = [], 0, True, self._clock.now
        steps = self._costs.steps
        seconds = steps.commit_s + records * (steps.record_s + steps.carry_s)
        self._writer.work(seconds)(lambda: self._committed(batch, records))

    def _committed(self, batch: list[tuple[int, Signal]], records: int) -> None:
        self.records += records
        self.commits += 1
        for _, durable in batch:  # whoever sends again at once is still in time for the next commit
            durable.give()
        self._running = False
        self._look()


class LogLine:
    """deployments.auditor.LogHandle of one Gateway: records that wait travel in one call, in order."""

    def __init__(self, clock: Clock, costs: Costs, log: Log, loop: Station) -> None:
        self._clock, self._hops, self._log, self._loop = clock, costs.hops, log, loop
        self._waiting: list[tuple[int, Signal]] = []
        self._sending = False

    def append(self, records: int) -> Signal:
        """Given when the Gateway knows them durable."""
        durable = Signal()
        self._waiting.append((records, durable))
        if not self._sending:
            self._sending = True
            self._clock.start(self._send())
        return durable

    def _send(self) -> Process:
        quarter_s, half_s = self._hops.call_s / 4, self._hops.wait_s / 2
        while self._waiting:
            batch, self._waiting = self._waiting, []
            yield self._loop.work(quarter_s)
            yield self._clock.sleep(half_s)
            yield self._log.loop.work(quarter_s)
            yield self._log.append(sum(records for records, _ in batch)).wait
            yield self._log.loop.work(quarter_s)
            yield self._clock.sleep(half_s)
            yield self._loop.work(quarter_s)
            for _, durable in batch:
                durable.give()
        self._sending = False
