"""How many replicas hold an objective: single processes by how busy they may be, Models by simulation."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.bench.scale_costs import Costs, Settings, Size, Workload
from tests.bench.scale_run import Plan, Result, simulate

BUSY = 0.75  # share of its time that a single process may work
SLACK = 0.05  # more than that is borne in one run before a replica is added
PILOT_USERS = 150
AMPLE = Size(gateways=8, guards=16, libraries=8, models=64, logs=2)


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be held."""

    first_p99_s: float = 2.0
    refused: float = 0.001

    def holds(self, found: Result) -> bool:
        """Whether it was."""
        return found.first[2] <= self.first_p99_s and found.refused <= self.refused


@dataclass(frozen=True, slots=True)
class Prices:
    """Currency units an hour; inputs, no quotations."""

    core_hour: float = 0.05
    gpu_hour: float = 4.0


@dataclass(frozen=True, slots=True)
class Sized:
    """A cell that holds the objective, or, with `holds` False, one that comes as near as is reasonable."""

    size: Size
    settings: Settings
    found: Result
    holds: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A number of people, in cells alike. Rates, replicas and costs are of all cells together."""

    users: int
    cells: int
    cell: Sized
    replicas: dict[str, int]
    answers_per_s: float
    tokens_per_s: float
    log_bytes_per_day: float
    cores: float
    gpus: float
    price_per_hour: float

    @property
    def price_per_1000(self) -> float:
        """Of a thousand answers."""
        return self.price_per_hour / (self.answers_per_s * 3.6)


def settings_of(size: Size, costs: Costs) -> Settings:
    """The graph's numbers, raised to what this size can take: `streams`, `queue`, `open_requests`."""
    streams = max(size.models * costs.engine.slots, 32 * size.gateways)
    return Settings(streams=streams, queue=max(64, streams // size.gateways), open_requests=192 + streams)


def demands(costs: Costs, work: Workload, seed: int = 1) -> tuple[dict[str, float], Result]:
    """Seconds of each kind that an answer takes (utilisation law), and the run among ample replicas that showed it."""
    plan = Plan(users=PILOT_USERS, warm_s=60, measured_s=240, seed=seed)
    found = simulate(costs, AMPLE, settings_of(AMPLE, costs), work, plan)
    return {kind: busy / found.answered for kind, busy in found.busy.items()}, found


def reachable(goal: Objective, pilot: Result) -> Objective:
    """The objective, or half more than what even an idle graph takes where that is longer."""
    return goal if pilot.first[2] <= goal.first_p99_s else replace(goal, first_p99_s=1.5 * pilot.first[2])


def log_rate(costs: Costs) -> float:
    """Records a second that one log commits, full batches one after the other."""
    steps = costs.steps
    full = Settings().full
    return full / (steps.commit_s + full * (steps.record_s + steps.carry_s))


def sized(costs: Costs, work: Workload, users: int, objective: Objective, seed: int = 1) -> Sized:
    """The smallest cell of `users` that holds the objective, or what is reachable of it."""
    need, pilot = demands(costs, work, seed)
    goal = reachable(objective, pilot)
    rate = users / (work.think_s + pilot.mean_s)
    records = pilot.records_per_s / pilot.answers_per_s
    base = Size(
        gateways=_count(rate * need["gateway"]), guards=_count(rate * need["guard"]),
        libraries=_count(rate * need["knowledge"]), logs=_count(rate * records / log_rate(costs)),
        proxies=_count(rate * need["proxy"]),
    )  # fmt: skip
    tried: dict[int, Sized] = {}

    def attempt(models: int) -> Sized:
        if models not in tried:
            tried[models] = _attempt(costs, work, replace(base, models=models), users, goal, seed)
        return tried[models]

    least = max(1, math.floor(rate * pilot.tokens_per_s / pilot.answers_per_s / _tokens_per_s(costs)))
    most = max(least, math.ceil(4 * rate * pilot.mean_s))  # one answer at a time on each is the best there is
    models = _smallest(lambda count: attempt(count).holds, least, most)
    cell = _steady(costs, work, attempt(most if models is None else models), users, goal, seed)
    return replace(cell, holds=objective.holds(cell.found))


def _count(busy: float) -> int:
    return max(1, math.ceil(busy / BUSY))


def _tokens_per_s(costs: Costs) -> float:
    return costs.engine.slots / costs.engine.seconds(costs.engine.slots, 0)


def _smallest(holds: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest count that holds, given that more always hold better; None where even `most` does not."""
    low, high = least - 1, least
    while not holds(high):
        if high >= most:
            return None
        low, high = high, min(most, high * 2)
    while high - low > max(1, high // 16):  # to one part in sixteen: nobody orders more exactly
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _attempt(costs: Costs, work: Workload, size: Size, users: int, goal: Objective, seed: int) -> Sized:
    settings = settings_of(size, costs)
    found = simulate(costs, size, settings, work, Plan(users=users, warm_s=30, measured_s=40, seed=seed))
    return Sized(size, settings, found, goal.holds(found))


def _steady(costs: Costs, work: Workload, cell: Sized, users: int, goal: Objective, seed: int) -> Sized:
    """A longer run of the same; a kind that is busier than it may be, or an objective just missed, gets more."""
    for _ in range(4):
        found = simulate(costs, cell.size, cell.settings, work, Plan(users=users, seed=seed))
        size, held = cell.size, goal.holds(found)
        cell = Sized(size, cell.settings, found, held)
        used = found.used
        grown = replace(
            size,
            gateways=size.gateways + (used["gateway"] > BUSY + SLACK),
            guards=size.guards + (used["guard"] > BUSY + SLACK),
            libraries=size.libraries + (used["knowledge"] > BUSY + SLACK),
            logs=size.logs + (used["log"] > BUSY + SLACK),
            models=size.models + (not held) * max(1, size.models // 16),
        )
        if grown == size:
            break
        cell = Sized(grown, settings_of(grown, costs), found, held)
    return cell


def fleet(costs: Costs, work: Workload, users: int, cell: Sized, prices: Prices) -> Row:
    """So many people in cells like this one."""
    cells = math.ceil(users / cell.found.users)
    share = users / cell.found.users
    replicas = {kind: cells * count for kind, count in cell.found.replicas.items() if kind != "stream"}
    engine = costs.engine
    cores = sum(replicas.values()) + replicas["model"] * (engine.cores - 1)
    gpus = replicas["model"] * engine.gpus
    answers = cell.found.answers_per_s * share
    windows = cell.found.windows * _spoken(work)
    stored = costs.steps.request_bytes + windows * costs.steps.window_bytes
    return Row(
        users, cells, cell, replicas, answers, cell.found.tokens_per_s * share, answers * stored * 86_400,
        cores, gpus, cores * prices.core_hour + gpus * prices.gpu_hour,
    )  # fmt: skip


def _spoken(work: Workload) -> float:
    return sum(share for kind, share in work.mix if kind not in ("lesson", "refusal"))
