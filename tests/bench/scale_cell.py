"""A cell: one graph with logs of its own, of a stated size. Cells share nothing, so one stands for many."""

import random

from tests.bench.scale_costs import Costs, Settings, Size
from tests.bench.scale_engine import Engine
from tests.bench.scale_kernel import Clock, Cores, Level, Process, Station
from tests.bench.scale_parts import FairQueue, Log, LogLine, Pool

GUARD_CALLS, LIBRARY_CALLS = 64, 64  # max_ongoing_requests
TAIL_S = 1.0  # how often a Gateway asks the control log for news
KINDS = ("proxy", "gateway", "guard", "knowledge", "model", "stream", "log", "control")
"""`model` is the batch of a Model's engine, its places, `stream` the event loop that hands its pieces on."""


class Gateway:
    """One replica of the ingress: one event loop, its share of the streams, a line to each log."""

    def __init__(self, cell: "Cell", slots: int) -> None:
        self.loop = Station(cell.clock, 1, cell.cores)
        self.queue = FairQueue(cell.clock, max(1, slots), cell.settings)
        self.lines = [LogLine(cell.clock, cell.costs, log, self.loop) for log in cell.logs]
        self.open = 0

    def line_of(self, dice: random.Random) -> LogLine:
        """The log of a request; ids are random."""
        return self.lines[0] if len(self.lines) == 1 else dice.choice(self.lines)


class Model:
    """One replica: its engine, and the loop that hands pieces on."""

    def __init__(self, cell: "Cell") -> None:
        self.engine = Engine(cell.clock, cell.costs.engine, cell.cores)
        self.loop = Station(cell.clock, 1, cell.cores)


class Cell:
    """All parts. cores: how many processors everything shares, or None where each process has one of its own."""

    def __init__(self, costs: Costs, size: Size, settings: Settings, seed: int = 1, cores: int | None = None) -> None:
        self.clock, self.dice = Clock(), random.Random(seed)  # noqa: S311  a simulation has to repeat
        self.costs, self.size, self.settings = costs, size, settings
        self.cores = Cores(self.clock, cores) if cores else None
        self.inside = Level(self.clock)
        self.proxy = self._station(size.proxies)
        self.control = self._station()
        self.logs = [Log(self.clock, costs, settings, self.cores) for _ in range(size.logs)]
        self.guards = Pool(self.clock, self._station, size.guards, GUARD_CALLS, self.dice)
        self.libraries = Pool(self.clock, self._station, size.libraries, LIBRARY_CALLS, self.dice)
        self.models = Pool(self.clock, lambda: Model(self), size.models, costs.engine.slots, self.dice)
        self.gateways = [Gateway(self, settings.streams // size.gateways) for _ in range(size.gateways)]
        for gateway in self.gateways:
            self.clock.start(self._follow(gateway))

    def call(self, gateway: Gateway, station: Station, work_s: float) -> Process:
        """A call of a Gateway to a replica, there and back."""
        hops = self.costs.hops
        yield gateway.loop.work(hops.call_s / 4)
        yield self.clock.sleep(hops.wait_s / 2)
        yield station.work(hops.call_s / 2 + work_s)
        yield self.clock.sleep(hops.wait_s / 2)
        yield gateway.loop.work(hops.call_s / 4)

    def pieces(self, gateway: Gateway, model: Model, seconds: float) -> Process:
        """What a stretch of a stream costs on its way: the last piece is waited for, the others have gone before."""
        each_s = self.costs.hops.piece_s / 2
        before = int(seconds / (self.settings.coalesce_s + self.costs.engine.seconds(1, 0)))
        model.loop.charge(before * each_s)
        yield model.loop.work(each_s)
        yield self.clock.sleep(self.costs.hops.wait_s / 2)
        gateway.loop.charge(before * each_s)
        yield gateway.loop.work(each_s)

    def busy(self) -> dict[str, float]:
        """Seconds of work of each kind so far; of the Models, seconds that a whole batch was full."""
        models = [*self.models.replicas, *self.models.retired]
        return {
            "proxy": self.proxy.busy_s,
            "gateway": sum(each.loop.busy_s for each in self.gateways),
            "guard": sum(each.part.busy_s for each in self.guards.replicas),
            "knowledge": sum(each.part.busy_s for each in self.libraries.replicas),
            "model": sum(each.part.engine.held_s for each in models) / self.costs.engine.slots,
            "stream": sum(each.part.loop.busy_s for each in models),
            "log": sum(log.busy_s for log in self.logs),
            "control": self.control.busy_s,
        }

    def computed(self) -> float:
        """Seconds of the engines' steps so far."""
        return sum(each.part.engine.busy_s for each in [*self.models.replicas, *self.models.retired])

    def replicas(self) -> dict[str, int]:
        """How many of each kind."""
        size = self.size
        models = len(self.models.replicas)
        counts = (size.proxies, size.gateways, size.guards, size.libraries, models, models, size.logs, 1)
        return dict(zip(KINDS, counts, strict=True))

    def _station(self, servers: int = 1) -> Station:
        return Station(self.clock, servers, self.cores)

    def _follow(self, gateway: Gateway) -> Process:
        yield self.clock.sleep(TAIL_S * self.dice.random())
        while True:
            yield gateway.loop.work(self.costs.hops.call_s / 4)
            yield self.control.work(self.costs.hops.call_s / 2 + self.costs.steps.tail_s)
            yield gateway.loop.work(self.costs.hops.call_s / 4)
            yield self.clock.sleep(TAIL_S)
