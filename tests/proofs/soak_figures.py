"""What an hour of load did to a tutor: slopes over its segments with their verdicts, sums, an SVG. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.bench.load_plot import Panel, draw
from tests.proofs.trend import Run, trend

Step = Mapping[str, Any]

WARM = 2  # segments of each run that no slope is drawn through: caches fill, replicas come
MIB = 2**20
# What is watched, by how many per cent an hour it may grow unless that is noise, and how it is read.
WATCHED: Mapping[str, tuple[float, Callable[[Step], float | None]]] = {
    "rss": (2.0, lambda step: step["total"]["rss"]),
    "pss": (2.0, lambda step: step["total"]["pss"]),
    "open files": (0.0, lambda step: step["total"]["files"]),
    "threads": (0.0, lambda step: step["total"]["threads"]),
    "first window, p50": (5.0, lambda step: step["row"]["first_ms"]["p50"]),
    "first window, p99": (5.0, lambda step: step["row"]["first_ms"]["p99"]),
    "to the end, p50": (5.0, lambda step: step["row"]["end_ms"]["p50"]),
}


def figures(capacity: Step, steps: Sequence[Step]) -> dict[str, Any]:
    """All of it. `holds` asks for every slope, an answer to nearly every question, and a log that lacks nothing."""
    outcomes, first = Counter[str](), steps[0]
    for step in steps:
        outcomes.update(step["row"]["outcomes"])
    questions, served = sum(outcomes.values()), outcomes["answered"] + outcomes["refused"]
    slopes = {name: _verdict(steps, read, limit) for name, (limit, read) in WATCHED.items()}
    unlogged = sum(step["checked"]["unlogged_bytes"] for step in steps)
    valid = all(step["checked"]["log_valid"] for step in steps)
    runs = len({step["run"] for step in steps})
    return {
        "capacity_per_s": capacity["capacity_per_s"], "capacity_rule": capacity["rule"], "rate": first["rate"],
        "mix": first["mix"], "minutes": round(sum(step["seconds"] for step in steps) / 60, 1),
        "segments": len(steps), "restarts": runs - 1, "questions": questions, "served": served,
        "served_share": round(served / questions, 4), "outcomes": dict(sorted(outcomes.items())),
        "bytes_received": sum(step["checked"]["bytes"] for step in steps), "unlogged_bytes": unlogged,
        "log_valid_after_each": valid, "segments_before_slopes": WARM, "slopes": slopes,
        "rss_by_kind": {kind: _verdict(steps, _of_kind(kind), 2.0) for kind in sorted(first["used"])},
        "disk": _disk(steps), "load_average": [step["load_average"] for step in steps],
        "first_ms": [step["row"]["first_ms"] for step in steps],
        "holds": all(each["holds"] for each in slopes.values()) and valid and not unlogged
        and served >= 0.98 * questions,
    }  # fmt: skip


def _of_kind(kind: str) -> Callable[[Step], float | None]:
    def read(step: Step) -> float | None:
        found = step["used"].get(kind)
        return None if found is None else found["rss"]

    return read


def _verdict(steps: Sequence[Step], read: Callable[[Step], float | None], limit: float) -> dict[str, Any]:
    """The slope through the segments after the first ones of each run; too few of them hold nothing."""
    found = trend(_runs(steps, read))
    if found is None:
        return {"holds": False, "because": f"fewer than {WARM + 4} segments of one run"}
    return {
        "at": _short(found.level), "per_hour": _short(found.per_hour), "per_hour_percent": round(found.percent, 2),
        "interval_95": [_short(found.low), _short(found.high)], "limit_percent": limit,
        "noise": found.low <= 0 <= found.high, "holds": found.is_within(limit),
    }  # fmt: skip


def _runs(steps: Sequence[Step], read: Callable[[Step], float | None]) -> list[Run]:
    runs: dict[str, list[tuple[float, float]]] = {}
    for step in steps:
        value = read(step)
        if value is not None:
            runs.setdefault(step["run"], []).append((step["at_s"] / 3600, value))
    return [run[WARM:] for run in runs.values()]


def _disk(steps: Sequence[Step]) -> dict[str, Any]:
    """Growth of the log is what it is for; of each run what came after its first segment."""
    grown, questions = Counter[str](), 0
    for before, after in pairwise(steps):
        if before["run"] == after["run"]:
            grown.update({name: after["disk"][name] - before["disk"][name] for name in after["disk"]})
            questions += after["asked"]
    each = (
        {f"{name}_bytes_per_question": round(value / questions) for name, value in grown.items()} if questions else {}
    )
    return dict(steps[-1]["disk"]) | each


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def picture(found: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """The SVG: latency, memory by kind of process, files and threads, over minutes of load."""
    minutes, at = list[float](), 0.0
    for step in steps:
        at += step["seconds"] / 60
        minutes.append(at)

    def line(read: Callable[[Step], float | None]) -> list[tuple[float, float]]:
        values = zip(minutes, map(read, steps), strict=True)
        return [(minute, float(value)) for minute, value in values if value]

    late = {name: line(read) for name, (_, read) in WATCHED.items() if name.startswith(("first", "to"))}
    biggest = sorted(steps[-1]["used"], key=lambda kind: -steps[-1]["used"][kind]["rss"])[:8]
    memory = {kind: [(x, y / MIB) for x, y in line(_of_kind(kind))] for kind in biggest}
    held = {name: line(WATCHED[name][1]) for name in ("open files", "threads")}
    across = "minutes"
    title = f"{found['minutes']:g} minutes at {found['rate']:g} questions/s, 70 % of capacity"
    note = f"{found['questions']} questions, {100 * found['served_share']:g} % served, restarts: {found['restarts']}"
    panels = [Panel("milliseconds", across, late, log=True), Panel("MiB of memory (RSS)", across, memory),
              Panel("of all processes together", across, held)]  # fmt: skip
    return draw(title, note, panels)
