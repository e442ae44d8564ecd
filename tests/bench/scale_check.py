"""What the model predicts beside what was measured: points of the load benchmark, and the log's own of docs/proof."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench.load import SETTLE_S
from tests.bench.scale_costs import Costs, Settings, Size, Workload
from tests.bench.scale_kernel import Clock, Process, percentile
from tests.bench.scale_parts import Log
from tests.bench.scale_run import Plan, Result, simulate

SERVED = 0.98
FITS = 3
LOG_PROOF = Path(__file__).parents[2] / "docs/proof/log.json"
KINDS = {"Gateway": "gateway", "Guard": "guard", "Knowledge": "knowledge", "Model": "engine", "AuditLog": "log",
         "proxy": "proxy"}  # fmt: skip


def against_load(found: Mapping[str, Any], costs: Costs, model: str = "records") -> list[dict[str, Any]]:
    """Each rate of a `python -m tests.bench.load --json` object, predicted as one graph whose processes share the
    machine's processors. `model` is what the model's questions are here: after `records`, or alone."""
    return [{"rate": row["rate"]} | _pairs(row, _predicted(found, row, costs, model)) for row in found["rows"]]


def call_cost(found: Mapping[str, Any], costs: Costs, model: str = "records") -> tuple[float, float]:
    """What a call between replicas costs if the Gateway's CPU per request is to be what was measured, and the rate at
    which it was: the highest that was served, where what a process takes at rest counts least."""
    row = max((each for each in found["rows"] if each["served_share"] >= SERVED), key=lambda each: float(each["rate"]))
    measured, call_s = row["cpu_ms_per_request"]["Gateway"] / 1000, costs.hops.call_s
    for _ in range(FITS):  # not a straight line: whose window comes late logs its request by itself
        tried = [replace(costs, hops=replace(costs.hops, call_s=each)) for each in (call_s, 2 * call_s)]
        once, twice = (_gateway_s(_predicted(found, row, each, model)) for each in tried)
        call_s *= max(0.1, 1 + (measured - once) / (twice - once))
    return call_s, row["rate"]


def _gateway_s(said: Result) -> float:
    return said.busy["gateway"] / max(1, said.answered)


def _predicted(found: Mapping[str, Any], row: Mapping[str, Any], costs: Costs, model: str) -> Result:
    mix = tuple((model if kind == "model" else kind, share) for kind, share in _shares(found).items())
    most = found["max_tokens"]
    work = replace(Workload(mix=mix), tokens=float(most), tokens_sigma=0.0, most_tokens=most)
    rate = row["offered_per_s"]  # what came, by chance, at the rate that the row is named after
    plan = Plan(rate=rate, warm_s=SETTLE_S, measured_s=max(found["seconds_each"], 100 / rate))
    return simulate(costs, Size(), Settings(), work, plan, cores=found["cpus"])


def _shares(found: Mapping[str, Any]) -> dict[str, float]:
    """Who answered what share of the questions at rates that were served; some asked of the model a record answers."""
    said = Counter[str]()
    for row in found["rows"]:
        if row["served_share"] >= SERVED:
            said.update(row["answered_by"])
    return {kind: count / said.total() for kind, count in said.items()}


def _pairs(row: Mapping[str, Any], said: Result) -> dict[str, dict[str, float | None]]:
    """Name to predicted, measured and the error as a share of what was measured."""
    predicted = {"completed/s": said.answers_per_s, "tokens/s": said.tokens_per_s, "served": 1 - said.refused}
    measured = {"completed/s": row["completed_per_s"], "tokens/s": row["tokens_per_s"], "served": row["served_share"]}
    for name, three in (("first", said.first), ("end", said.end)):
        for at, seconds in zip(("p50", "p95", "p99"), three, strict=True):
            predicted[f"{name} {at} ms"] = 1000 * seconds
            measured[f"{name} {at} ms"] = row[f"{name}_ms"][at]
    busy = dict(said.busy)
    busy["engine"] += busy["stream"]
    for theirs, ours in KINDS.items():
        if theirs in row["cpu_ms_per_request"]:
            predicted[f"CPU ms, {theirs}"] = 1000 * busy[ours] / max(1, said.answered)
            measured[f"CPU ms, {theirs}"] = row["cpu_ms_per_request"][theirs]
    return {name: pair(predicted[name], measured[name]) for name in predicted}


def pair(predicted: float, measured: float | None) -> dict[str, float | None]:
    """Both, and how far the prediction is off."""
    return {"predicted": predicted, "measured": measured, "error": predicted / measured - 1 if measured else None}


def against_log(costs: Costs, path: Path = LOG_PROOF) -> list[dict[str, Any]]:
    """The log alone: clients that append one record each and wait, by commit interval and number of clients."""
    rows = []
    for row in json.loads(path.read_text())["rates"]:
        if row["system"] in ("log, 0 ms", "log, 20 ms"):
            interval_s = 0.0 if row["system"] == "log, 0 ms" else 0.020
            rate, p50_s = log_alone(costs, row["clients"], interval_s)
            both = {"records/s": pair(rate, row["records_per_s"]), "p50 ms": pair(1000 * p50_s, row["p50_ms"])}
            rows.append({"system": row["system"], "clients": row["clients"]} | both)
    return rows


def log_alone(costs: Costs, clients: int, interval_s: float, seconds: float = 10.0) -> tuple[float, float]:
    """Records a second and the median until durable."""
    clock, took = Clock(), list[float]()
    alone = replace(costs, steps=replace(costs.steps, carry_s=0.0))
    log = Log(clock, alone, replace(Settings(), interval_s=interval_s))

    def client() -> Process:
        while True:
            sent = clock.now
            yield log.append(1).wait
            took.append(clock.now - sent)

    for _ in range(clients):
        clock.start(client())
    clock.run(seconds)
    return log.records / seconds, percentile(sorted(took), 0.5)


def check_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines: predicted, measured, error."""
    lines = []
    for row in rows:
        head = ", ".join(f"{name} {value}" for name, value in row.items() if not isinstance(value, dict))
        lines.append(f"{head}{'predicted':>{max(1, 46 - len(head))}}{'measured':>12}{'error':>9}")
        for name, each in row.items():
            if isinstance(each, dict):
                measured = "-" if each["measured"] is None else f"{each['measured']:,.1f}"
                error = "-" if each["error"] is None else f"{100 * each['error']:+.0f} %"
                lines.append(f"  {name:32}{each['predicted']:12,.1f}{measured:>12}{error:>9}")
    return lines
