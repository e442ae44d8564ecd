"""What the guards said, counted: caught and wrongly blocked, milliseconds, the aim; and the printed table."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.guard_peers import OURS, Reading, Run
from tests.bench.guard_prompts import ATTACKS, BENIGN, SPEED, Prompt
from train.guard_measures import share

BESIDE = "stackone-defender"
AIM_X_CPU = 0.7
FALSE_POSITIVES = 0.01
SPENT = ("wall_p50_ms", "wall_p99_ms", "cpu_p50_ms")
AT_1 = "at_1_percent_fpr"

Judged = Sequence[tuple[Prompt, Reading]]


def figures(prompts: Sequence[Prompt], runs: Mapping[str, Run]) -> dict[str, Any]:
    """All figures by guard, and the aims. A prompt that a guard failed on is counted as failed and nowhere else."""
    guards = {name: _guard(prompts, run) for name, run in runs.items()}
    if BESIDE in runs:
        for name, run in runs.items():
            guards[name]["x_cpu"] = {
                "speed": _ratio(prompts, run, runs[BESIDE], SPEED),
                "judged": _ratio(prompts, run, runs[BESIDE], *ATTACKS, BENIGN),
            }
    return {"guards": guards, "aims": list(_aims(guards)), "caught_" + AT_1: _by_source(prompts, runs)}


def limit(benign: Sequence[float], false_positives: float = FALSE_POSITIVES) -> float:
    """The score that at most this share of benign texts exceeds."""
    return sorted(benign, reverse=True)[int(false_positives * len(benign))]


def rank(values: Sequence[float], part: float) -> float:
    """A percentile by nearest rank."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def _guard(prompts: Sequence[Prompt], run: Run) -> dict[str, Any]:
    pairs = list(zip(prompts, run.readings, strict=True))
    judged = [(prompt, reading) for prompt, reading in pairs if reading.error is None]
    threshold = _threshold(judged)
    groups = {name: [pair for pair in judged if pair[0].group == name] for name in (*ATTACKS, BENIGN, SPEED)}
    return {
        "packages": run.packages,
        "failed": [reading.error for _, reading in pairs if reading.error is not None],
        "threshold_" + AT_1: threshold,
        **{
            name: _shares(groups[name], threshold)
            | {"unseen": _shares([pair for pair in groups[name] if pair[0].unseen], threshold)}
            for name in (*ATTACKS, BENIGN)
        },
        "speed": _times(groups[SPEED]),
        "judged": _times([pair for name in (*ATTACKS, BENIGN) for pair in groups[name]]),
    }


def _threshold(judged: Judged) -> float | None:
    """The limit that this guard's own benign scores set; None for one that gives no scores."""
    benign = [reading.score for prompt, reading in judged if prompt.group == BENIGN and reading.score is not None]
    return limit(benign) if benign else None


def _by_source(prompts: Sequence[Prompt], runs: Mapping[str, Run]) -> dict[str, dict[str, int | None]]:
    """Per group and source how many texts there are, and how many each guard finds above its threshold."""
    texts = Counter((prompt.group, prompt.source) for prompt in prompts if prompt.group != SPEED)
    found: dict[str, dict[str, int | None]] = {", ".join(key): {"texts": texts[key]} for key in sorted(texts)}
    for name, run in runs.items():
        judged = [pair for pair in zip(prompts, run.readings, strict=True) if pair[1].error is None]
        threshold = _threshold(judged)
        for key in texts:
            held = [pair for pair in judged if (pair[0].group, pair[0].source) == key]
            found[", ".join(key)][name] = _counts(held, threshold)[AT_1]
    return found


def _counts(judged: Judged, threshold: float | None) -> dict[str, int | None]:
    readings = [reading for _, reading in judged]
    above = [r for r in readings if threshold is not None and r.score is not None and r.score > threshold]
    return {
        "n": len(readings),
        AT_1: None if threshold is None else len(above),
        "default": sum(reading.blocked for reading in readings),
        "lesson": sum(reading.lesson for reading in readings),
    }


def _shares(judged: Judged, threshold: float | None) -> dict[str, Any]:
    counts = _counts(judged, threshold)
    of = counts.pop("n") or 0
    return {name: None if count is None else share(count, of).plain() for name, count in counts.items()}


def _times(judged: Judged) -> dict[str, float | None]:
    wall = [reading.wall_ms for _, reading in judged]
    cpu = [reading.cpu_ms for _, reading in judged]
    parts = ((wall, 0.5), (wall, 0.99), (cpu, 0.5))
    found = [round(rank(values, part), 4) if values else None for values, part in parts]
    return dict(zip(SPENT, found, strict=True))


def _ratio(prompts: Sequence[Prompt], run: Run, beside: Run, *groups: str) -> float | None:
    """CPU time for all prompts of these groups beside the other's, on what both answered."""
    both = [
        (mine.cpu_ms, theirs.cpu_ms)
        for prompt, mine, theirs in zip(prompts, run.readings, beside.readings, strict=True)
        if prompt.group in groups and mine.error is None and theirs.error is None
    ]
    mine, theirs = (math.fsum(column) for column in zip(*both, strict=True)) if both else (0.0, 0.0)
    return round(mine / theirs, 4) if theirs else None


def _aims(guards: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = {"speed": "prompts of about 64 tokens", "judged": "attacks and benign texts"}
    for part, name in names.items():
        figure = guards.get(OURS, {}).get("x_cpu", {}).get(part)
        if figure is not None:
            met = figure <= AIM_X_CPU
            yield {"aim": f"CPU time beside {BESIDE}, {name}", "figure": figure, "at_most": AIM_X_CPU, "met": met}


def table(found: dict[str, Any]) -> Iterator[str]:
    """The lines to print."""
    yield from (f"{name:14}{value}" for name, value in found["machine"].items())
    yield "texts         " + ", ".join(f"{count} {name}" for name, count in found["texts"].items())
    yield from (f"before {name:28}load average {load:5.2f}" for name, load in found["before"].items())
    yield f"{'':28}{'overrides caught, %':^34}{'harmful asks caught, %':^34}{'benign':>15}{'about 64 tokens, ms':^39}"
    columns = f"{'at 1 % FPR':>17}{'default':>17}" * 2 + f"{'blocked, %':>15}"
    yield f"{'':28}{columns}{'p50':>9}{'p99':>9}{'CPU p50':>9}{'x CPU':>9}"
    for name, row in found["guards"].items():
        caught = "".join(f"{_percent(row[group][part]):>17}" for group in ATTACKS for part in (AT_1, "default"))
        spent = [*(row["speed"][column] for column in SPENT), row.get("x_cpu", {}).get("speed")]
        yield f"{name:28}{caught}{_percent(row[BENIGN]['default']):>15}" + "".join(f"{_ms(ms):>9}" for ms in spent)
    yield from (f"not run: {name}: {reason}" for name, reason in found["not_run"].items())
    yield from _remarks(found["guards"])
    for row in found["aims"]:
        aim = f"aim <= {row['at_most']:g}"
        yield f"{'met' if row['met'] else 'NOT met':8}{row['aim']:68}{row['figure']:8.2f}  {aim}"


def _remarks(guards: dict[str, Any]) -> Iterator[str]:
    yield f"x CPU: CPU time beside {BESIDE}. At 1 % FPR, of sources of which {OURS}'s training saw nothing:"
    for name, row in guards.items():
        unseen = ", ".join(f"{group} {_percent(row[group]['unseen'][AT_1])}" for group in ATTACKS)
        yield f"{name:28}{unseen}"
    for name, row in guards.items():
        lessons = {group: row[group]["lesson"] for group in (*ATTACKS, BENIGN)}
        if any(found["count"] for found in lessons.values()):
            said = ", ".join(f"{group} {_percent(found)}" for group, found in lessons.items())
            yield f"{name}, neither blocked nor answered, a lesson first: {said}"
        if row["failed"]:
            yield f"{name}: failed on {len(row['failed'])} texts, the first with {row['failed'][0]}"


def _percent(found: dict[str, float] | None) -> str:
    """A share with its interval; a dash where there is nothing to tell."""
    if found is None or not found["of"]:
        return "-"
    return f"{100 * found['share']:.1f} ({100 * found['low']:.0f} to {100 * found['high']:.0f})"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
