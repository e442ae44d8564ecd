"""One run: people ask a cell, or questions come at a rate; what came of it in the part after the warm-up."""

import random
from collections import defaultdict
from dataclasses import dataclass, field

from tests.bench.scale_cell import Cell, Gateway
from tests.bench.scale_costs import Costs, Settings, Size, Workload
from tests.bench.scale_kernel import Process, percentile
from tests.bench.scale_life import ANSWERED, OVERLOADED, Heard, drawn, question
from tests.bench.scale_parts import Scaling, scaled

SLOW = 0.05  # the part of the questions whose way is told as that of the slow ones


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to simulate. users come back after a think time; or `rate` questions come a second, whatever happens."""

    users: int = 0
    rate: float = 0.0
    warm_s: float = 90.0
    measured_s: float = 90.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen after the warm-up. Seconds; percentiles are of questions that were answered meanwhile.

    used: share of its time that a replica of each kind works, of a Model's batch the share that is full. busy: seconds
    of all replicas, and of the Models' engines under `engine`. slow: where the slowest 5 % spent the time to their
    first window, means. inside: questions under way, time average; grown: how many more of them there were at the end.
    """

    users: int
    seconds: float
    arrived: int
    answered: int
    overloaded: int
    inside: float
    grown: int
    answers_per_s: float
    tokens_per_s: float
    records_per_s: float
    windows: float  # of an answer by graph or model
    first: tuple[float, float, float]
    end: tuple[float, float, float]
    mean_s: float
    by_kind: dict[str, tuple[float, float]]  # p50 and p99 to the first window
    used: dict[str, float]
    replicas: dict[str, int]
    busy: dict[str, float]
    slow: dict[str, float]
    scaled: list[tuple[float, int]] = field(default_factory=list)

    @property
    def refused(self) -> float:
        """Share of the questions that found no room."""
        return self.overloaded / max(1, self.answered + self.overloaded)


class _Run:
    """People, and what they hear."""

    def __init__(self, cell: Cell, work: Workload, plan: Plan) -> None:
        self.cell, self.work, self.plan = cell, work, plan
        self.heard: list[Heard] = []
        self.arrived = 0

    def person(self, dice: random.Random) -> Process:
        """Asks, reads, thinks, asks again. The run begins in the middle of a think time, of which long ones are met
        more often (the residual of a renewal process), so that questions come evenly from the start."""
        clock, work = self.cell.clock, self.work
        square = work.think_sigma**2
        yield clock.sleep(dice.random() * work.think_s * dice.lognormvariate(square / 2, work.think_sigma))
        while True:
            yield from self.ask(dice)
            yield clock.sleep(work.think_s * dice.lognormvariate(-square / 2, work.think_sigma))

    def arrivals(self, dice: random.Random) -> Process:
        """A Poisson stream of questions."""
        while True:
            yield self.cell.clock.sleep(dice.expovariate(self.plan.rate))
            self.cell.clock.start(self.ask(dice))

    def ask(self, dice: random.Random) -> Process:
        """One question at the less busy of two Gateways."""
        cell = self.cell
        self.arrived += 1
        asked, heard = drawn(dice, self.work), Heard("", cell.clock.now)
        heard.kind = asked.kind
        yield cell.clock.start(question(cell, _gateway(cell, dice), asked, heard)).wait
        self.heard.append(heard)


def _gateway(cell: Cell, dice: random.Random) -> Gateway:
    gateways = cell.gateways
    return min(gateways if len(gateways) <= 2 else dice.sample(gateways, 2), key=lambda each: each.open)


def simulate(
    costs: Costs, size: Size, settings: Settings, work: Workload, plan: Plan, *, cores: int | None = None,
    scaling: Scaling | None = None,
) -> Result:  # fmt: skip
    """Run it; the same arguments give the same result."""
    cell = Cell(costs, size, settings, plan.seed, cores)
    run = _Run(cell, work, plan)
    if plan.rate:
        cell.clock.start(run.arrivals(random.Random(plan.seed)))  # noqa: S311  a simulation has to repeat
    for number in range(plan.users):
        cell.clock.start(run.person(random.Random(f"{plan.seed} {number}")))  # noqa: S311
    told: list[tuple[float, int]] = []
    if scaling:
        cell.clock.start(scaled(cell.clock, cell.models, scaling, told))
    cell.clock.run(plan.warm_s)
    before = _Mark.of(run)
    run.heard.clear()
    cell.clock.run(plan.warm_s + plan.measured_s)
    return _result(run, before, told)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Counts at one moment."""

    arrived: int
    inside: int
    area: float
    busy: dict[str, float]
    computed: float
    records: int

    @classmethod
    def of(cls, run: _Run) -> "_Mark":
        cell = run.cell
        records = sum(log.records for log in cell.logs)
        return cls(run.arrived, cell.inside.now, cell.inside.area, cell.busy(), cell.computed(), records)


def _result(run: _Run, before: _Mark, told: list[tuple[float, int]]) -> Result:
    plan, cell, after = run.plan, run.cell, _Mark.of(run)
    good = [each for each in run.heard if each.outcome == ANSWERED]
    spoken = [each.windows for each in good if each.windows]
    busy = {kind: after.busy[kind] - before.busy[kind] for kind in after.busy}
    used = {kind: busy[kind] / plan.measured_s / cell.replicas()[kind] for kind in busy}
    return Result(
        users=plan.users, seconds=plan.measured_s, arrived=after.arrived - before.arrived, answered=len(good),
        overloaded=sum(each.outcome == OVERLOADED for each in run.heard),
        inside=(after.area - before.area) / plan.measured_s, grown=after.inside - before.inside,
        answers_per_s=len(good) / plan.measured_s,
        tokens_per_s=sum(each.tokens for each in good) / plan.measured_s,
        records_per_s=(after.records - before.records) / plan.measured_s,
        windows=sum(spoken) / max(1, len(spoken)),
        first=_three([each.first_s for each in good]), end=_three([each.end_s for each in good]),
        mean_s=sum(each.end_s for each in run.heard) / max(1, len(run.heard)),
        by_kind=_by_kind(good),
        used=used, replicas=cell.replicas(), busy=busy | {"engine": after.computed - before.computed},
        slow=_slow(good), scaled=told,
    )  # fmt: skip


def _three(values: list[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return percentile(ordered, 0.50), percentile(ordered, 0.95), percentile(ordered, 0.99)


def _by_kind(good: list[Heard]) -> dict[str, tuple[float, float]]:
    made = {}
    for kind in sorted({each.kind for each in good}):
        ordered = sorted(each.first_s for each in good if each.kind == kind)
        made[kind] = percentile(ordered, 0.50), percentile(ordered, 0.99)
    return made


def _slow(good: list[Heard]) -> dict[str, float]:
    slowest = sorted(good, key=lambda each: -each.first_s)[: max(1, round(SLOW * len(good)))] if good else []
    spent: defaultdict[str, float] = defaultdict(float)
    for heard in slowest:
        at = heard.came_at
        for name, then in heard.steps:
            spent[name] += then - at
            at = then
    return {name: seconds / len(slowest) for name, seconds in spent.items()}
