"""Models that come with the load and go with it: a timeline of load, replicas and latency; and what a second one gives.

    python -m tests.bench.autoscaling [--json] [--figure FILE] [--low 1] [--high 6] [--seconds 60] [--tokens 24]
    python -m tests.bench.autoscaling --replicas [--json] [--streams 8] [--tokens 24]

First few clients ask, then many, then few again, each part as long as `--seconds`, on a tutor whose Models Serve scales
within seconds (tests/serve/autoscaling.py). `--replicas` measures answers per second with one Model and with two, each
on a core of its own; all the rest of the graph and the clients share the cores with them.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import autoscaling_drawing
from tests.bench.load_figures import percentile
from tests.bench.nodes import is_whole, measure
from tests.bench.serving_asked import pin
from tests.serve.autoscaling import MODELS, PUSHED, Timeline
from tests.serve.clients import Clients, Kept
from tests.serve.conftest import Running, start, stop

MODULE = "tests.serve.autoscaling"
STREAMED_S = 20.0  # of a measured stretch, after as long a warm-up


def timeline(low: int, high: int, seconds: float, tokens: int) -> dict[str, Any]:
    """Load up, load down; moments are seconds from the beginning."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        running = start(Path(folder), module=MODULE, **PUSHED)  # type: ignore[arg-type]
        try:
            running.wait_ready()
            began, kept, parts = time.monotonic(), list[Kept](), list[dict[str, Any]]()
            with Timeline(running) as seen:
                for clients in (low, high, low):
                    parts.append({"at_s": time.monotonic() - began, "clients": clients})
                    with Clients(running, clients, (tokens,)) as asking:
                        time.sleep(seconds)
                    kept += asking.kept
            ended = time.monotonic() - began
        finally:
            stop(running)
    return {
        "parts": parts,
        "seconds": ended,
        "models": [{"at_s": at - began, "models": count} for at, count in seen.points],
        "answers": [
            {"at_s": one.asked_at - began, "took_s": one.ended_at - one.asked_at, "good": is_whole(one)} for one in kept
        ],
    }


def replicas(streams: int, tokens: int) -> list[dict[str, Any]]:
    """Answers and tokens per second with one Model and with more, each on its core as far as there are some."""
    return [_with_models(count, streams, tokens) for count in range(1, MODELS + 1)]


def _with_models(count: int, streams: int, tokens: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        running = start(Path(folder), module=MODULE, AUTOSCALING_MODELS=str(count))
        try:
            running.wait_ready()
            cores = _apart(running)
            found = measure(running, streams, tokens, STREAMED_S)
        finally:
            stop(running)
    return {"models": count, "cores": cores} | found


def _apart(running: Running) -> int:
    """One core for each Model; how many different ones these are."""
    cores = sorted(os.sched_getaffinity(0))
    taken = {pid: cores[number % len(cores)] for number, pid in enumerate(running.pids("Model"))}
    for pid, core in taken.items():
        pin(pid, core)
    return len(set(taken.values()))


def show(found: dict[str, Any]) -> str:
    """What the timeline says, part by part."""
    lines = [f"{'from s':>8}{'clients':>9}{'Models':>9}{'answers':>9}{'p50 s':>8}{'p99 s':>8}{'failed':>8}"]
    ends = [part["at_s"] for part in found["parts"][1:]] + [found["seconds"]]
    for part, end in zip(found["parts"], ends, strict=True):
        answers = [one for one in found["answers"] if part["at_s"] <= one["at_s"] < end]
        models = sorted({one["models"] for one in found["models"] if part["at_s"] <= one["at_s"] < end})
        took = [one["took_s"] for one in answers if one["good"]]
        ran = "-".join(map(str, models))
        p50, p99 = percentile(took, 50) or 0.0, percentile(took, 99) or 0.0
        failed = sum(not one["good"] for one in answers)
        lines.append(
            f"{part['at_s']:>8.0f}{part['clients']:>9}{ran:>9}{len(answers):>9}{p50:>8.1f}{p99:>8.1f}{failed:>8}"
        )
    return "\n".join(lines)


def show_replicas(rows: Sequence[dict[str, Any]]) -> str:
    """Answers per second against Models."""
    lines = [f"{'Models':>7}{'cores':>7}{'streams':>9}{'answers/s':>11}{'against one':>13}{'p50 s':>8}{'failed':>8}"]
    for row in rows:
        gain = row["answers_per_s"] / rows[0]["answers_per_s"] if rows[0]["answers_per_s"] else 0.0
        lines.append(
            f"{row['models']:>7}{row['cores']:>7}{row['streams']:>9}{row['answers_per_s']:>11.2f}{gain:>13.2f}"
            f"{row['took_p50_s'] or 0:>8.1f}{row['failed']:>8}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and with --json one object last."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.autoscaling", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--replicas", action="store_true")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--low", type=int, default=1)
    parser.add_argument("--high", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--tokens", type=int, default=24)
    given = parser.parse_args(arguments)
    if given.replicas:
        rows = replicas(given.streams, given.tokens)
        print(show_replicas(rows))
        found: dict[str, Any] = {"replicas": rows}
    else:
        found = timeline(given.low, given.high, given.seconds, given.tokens)
        print(show(found))
        if given.figure:
            given.figure.write_text(autoscaling_drawing.draw(found))
    if given.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
