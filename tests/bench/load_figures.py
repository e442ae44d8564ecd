"""What a stretch of load says: percentiles, rates, who answered; the capacity, and which rate to try next. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.load_client import Heard

SERVED = 0.98  # share of the questions that capacity asks for
BEHIND = 0.05  # share of the questions by which more may be open at the end than at the beginning
FEW = 4  # more open than before is chance
BOUND_S = 5.0  # to the first window, for 99 of 100
PERCENTILES = (50, 95, 99)
CLOSE = 1.15  # how near each other a rate that holds and one that does not end the search
LEAST_RATE = 0.05


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The nearest rank: the smallest value that at least `percent` of 100 are not above; None of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else None


def latency(seconds: Iterable[float | None]) -> dict[str, float | None]:
    """p50, p95 and p99 in milliseconds; what never came is left out and counted elsewhere."""
    known = [value * 1000 for value in seconds if value is not None]
    return {f"p{percent}": _round(percentile(known, percent)) for percent in PERCENTILES}


def row(
    heard: Sequence[Heard], rate: float, window: tuple[float, float], cpu_s: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """The figures of one rate. window: the moments between which a question had to be meant to leave to count here.

    completed_per_s counts what ended within the window, whenever it had left; open is how many were meant to have left
    and had not ended when it began, and when it ended; tokens and windows are of all of `heard`
    over the time to the last end. cpu_s is what each kind of process spent on all of `heard`.
    """
    begin, end = window
    seconds = end - begin
    counted = [one for one in heard if begin <= one.intended_at < end]
    served = [one for one in counted if one.is_served]
    ended = [one for one in heard if one.is_served and one.ended_at is not None and begin <= one.ended_at < end]
    stretch = max((one.ended_at or 0 for one in heard), default=end) - min(
        (one.intended_at for one in heard), default=0
    )
    late = [one.sent_at - one.intended_at for one in counted if one.sent_at is not None]
    return {
        "rate": rate,
        "seconds": round(seconds, 1),
        "offered": len(counted),
        "offered_per_s": _round(len(counted) / seconds, 3),
        "completed_per_s": _round(len(ended) / seconds, 3),
        "open": [_open(heard, begin), _open(heard, end)],
        "served_share": _round(len(served) / len(counted), 4) if counted else None,
        "first_ms": latency(one.first_s for one in served),
        "end_ms": latency(one.end_s for one in served),
        "tokens_per_s": _round(sum(one.tokens for one in heard) / stretch),
        "windows_per_s": _round(sum(one.windows for one in heard) / stretch),
        "outcomes": dict(sorted(Counter(one.outcome for one in counted).items())),
        "codes": dict(sorted(Counter(one.code for one in counted if one.code).items())),
        "failures": dict(sorted(Counter(one.failure for one in counted if one.failure).items())),
        "answered_by": dict(sorted(Counter(answered_by(one) for one in served).items())),
        "kinds": {kind: _of_a_kind(served, kind) for kind in sorted({one.kind for one in counted})},
        "sent_late_ms_p99": _round(percentile(late, 99) * 1000) if late else None,  # type: ignore[operator]
        "cpu_ms_per_request": {
            name: _round(1000 * spent / len(heard), 2) for name, spent in sorted((cpu_s or {}).items()) if heard
        },
    }


def _open(heard: Sequence[Heard], at: float) -> int:
    return sum(one.intended_at < at and (one.ended_at is None or one.ended_at >= at) for one in heard)


def answered_by(heard: Heard) -> str:
    """graph, model (with records or alone), lesson, refusal."""
    if heard.action in {"TEACH", "REFUSE"}:
        return {"TEACH": "lesson", "REFUSE": "refusal"}[heard.action]
    return "graph" if heard.by == "graph" else "model"


def _of_a_kind(served: Sequence[Heard], kind: str) -> dict[str, Any]:
    ours = [one for one in served if one.kind == kind]
    return {"served": len(ours), "first_ms": latency(one.first_s for one in ours),
            "end_ms": latency(one.end_s for one in ours)}  # fmt: skip


def holds(found: Mapping[str, Any], bound_s: float = BOUND_S) -> bool:
    """Whether a rate is within capacity: enough was served, the first windows came in time, and no backlog grew."""
    p99, (before, after) = found["first_ms"]["p99"], found["open"]
    keeps_up = after - before <= max(FEW, BEHIND * found["offered"])
    served = bool(found["offered"]) and found["served_share"] >= SERVED
    return served and keeps_up and p99 is not None and p99 <= bound_s * 1000


def capacity(rows: Sequence[Mapping[str, Any]], bound_s: float = BOUND_S) -> float | None:
    """The highest rate that holds below every one that does not; None when none does."""
    broken = min((each["rate"] for each in rows if not holds(each, bound_s)), default=math.inf)
    return max((each["rate"] for each in rows if holds(each, bound_s) and each["rate"] < broken), default=None)


def next_rate(rows: Sequence[Mapping[str, Any]], bound_s: float = BOUND_S, *, start: float = 0.5) -> float | None:
    """Which rate to try: twice as much until it breaks, half as much until it holds, then between; None at the end."""
    if not rows:
        return start
    broken = min((each["rate"] for each in rows if not holds(each, bound_s)), default=None)
    best = capacity(rows, bound_s)
    if broken is None:
        return 2 * float(best or start)
    if best is None:
        return broken / 2 if broken / 2 >= LEAST_RATE else None
    return round(math.sqrt(best * broken), 3) if broken / best > CLOSE else None


def _round(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)
