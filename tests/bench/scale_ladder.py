"""Where a graph stops growing: what one replica of each kind carries, and how busy each gets as people come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.bench.scale_costs import Costs, Settings, Size, Workload
from tests.bench.scale_parts import Scaling
from tests.bench.scale_run import Plan, Result, simulate
from tests.bench.scale_sizing import AMPLE, Objective, demands, log_rate, reachable, settings_of, sized

LEAST_RATE = 0.01  # answers a second: one in two minutes is no service
REMEDIES = {
    "model": "`max_replicas` of Model; a GPU; a larger batch (`max_ongoing_requests`, `streams`)",
    "stream": "more Models, or a longer `COALESCE_S` (deployments/coalescing.py)",
    "guard": "`max_replicas` of Guard",
    "gateway": "`gateways` and Redis ([limits](limits.md))",
    "knowledge": "`num_replicas` of Knowledge",
    "log": "`exchange_logs`, at most 64",
    "proxy": "`proxy_location: EveryNode`",
    "control": "cells: another tutor with logs of its own",
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One replica of a kind, always at work: CPU seconds of an answer, answers a second, people."""

    kind: str
    seconds: float
    answers_per_s: float
    users: float
    remedy: str


def ladder(costs: Costs, work: Workload, goal: Objective) -> list[Rung]:
    """Whichever kind ends first comes first. A Model carries as much as holds the objective, by simulation; a log, full
    commits; the one control log, as many Gateways as may ask it each second."""
    need, pilot = demands(costs, work)
    records = pilot.records_per_s / pilot.answers_per_s
    each = {kind: 1 / need[kind] for kind in ("proxy", "gateway", "guard", "knowledge", "stream")}
    each["log"] = log_rate(costs) / records
    each["model"] = model_rate(costs, work, reachable(goal, pilot))
    each["control"] = each["gateway"] / (costs.steps.tail_s + costs.hops.call_s / 2)
    lap_s = work.think_s + pilot.mean_s
    rungs = [
        Rung(kind, 1 / rate if rate else math.inf, rate, rate * lap_s, REMEDIES[kind]) for kind, rate in each.items()
    ]
    return sorted(rungs, key=lambda rung: rung.answers_per_s)


def sweep(costs: Costs, work: Workload, users: Sequence[int]) -> list[Result]:
    """One of each, and Models enough, for more and more people."""
    size = Size(models=AMPLE.models // 4)
    return [simulate(costs, size, Settings(), work, Plan(users=each, warm_s=60, measured_s=60)) for each in users]


def model_rate(costs: Costs, work: Workload, goal: Objective) -> float:
    """Answers a second of all kinds for which one Model is enough; 0 where it is not even for a few."""
    size = replace(AMPLE, models=1)
    settings = replace(settings_of(size, costs), streams=32 * costs.engine.slots)

    def holds(rate: float) -> bool:
        plan = Plan(rate=rate, warm_s=20, measured_s=max(40.0, 200 / rate))
        return goal.holds(simulate(costs, size, settings, work, plan))

    low = 0.25
    while not holds(low):
        low /= 2
        if low < LEAST_RATE:
            return 0.0
    high = 2 * low
    while holds(high):
        low, high = high, 2 * high
    while high / low > 1.1:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def followed(costs: Costs, work: Workload, users: int, most: int) -> Result:
    """Models that follow the load, from one on, as Serve's autoscaling does; people come all at once."""
    size = Size(gateways=AMPLE.gateways, guards=AMPLE.guards, libraries=AMPLE.libraries, logs=AMPLE.logs)
    settings = settings_of(replace(size, models=most), costs)
    plan = Plan(users=users, warm_s=400, measured_s=100)
    return simulate(costs, size, settings, work, plan, scaling=Scaling(most))


def whole(costs: Costs, work: Workload, goal: Objective, users: Sequence[int], most: int) -> list[dict[str, Any]]:
    """The same people in cells, one of which is simulated, and in one graph of as many replicas, simulated whole."""
    rows = []
    for people in users:
        cells = max(2, -(-people // most))
        cell = sized(costs, work, people // cells, goal)
        large = times(cell.size, cells)
        settings = replace(settings_of(large, costs), streams=cell.settings.streams * cells)
        found = simulate(costs, large, settings, work, Plan(users=people))
        rows.append({"users": people, "cells": cells, "cell": cell.found, "whole": found})
    return rows


def times(size: Size, cells: int) -> Size:
    """As many of each as so many cells have together."""
    names = ("gateways", "guards", "libraries", "models", "logs", "proxies")
    return Size(**{name: cells * getattr(size, name) for name in names})
