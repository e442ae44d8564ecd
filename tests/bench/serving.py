"""What guard, log and graph cost over the bare engine: tokens per second, time to the first window, CPU time.

    python -m tests.bench.serving [--json] [--figure FILE] [--rounds 1] [--questions 16] [--tokens 48]
        [--streams 1 4 8] [--plain]

In both runs the engine has one core; guard, graph and clients have the other. The bare engine runs before the graph and
after it, so that a machine that changes is seen; of several rounds the table has medians, and every round's ratio. What
the guard's models take is measured alone and taken off the added time, since it is work that was asked for, not the
graph's. `--plain` starts the graph without HAProxy and the other settings of deployments/throughput.py. Another row has
the newest knowledge pack of this machine, if there is one.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployments import embedded
from tests.bench import serving_drawing, serving_graph
from tests.bench.load_figures import percentile
from tests.bench.load_place import newest_pack
from tests.bench.serve_as_it_comes import AS_IT_COMES
from tests.bench.serving_asked import MODEL_CORE, OTHER_CORE, QUESTIONS, Stretch
from tests.serve.conftest import MODELS, ROOT

TARGETS = {"tokens_per_s_ratio": 0.92, "added_p50_ms": 15.0, "added_p99_ms": 50.0}


def measure(count: int, tokens: int, streams: Sequence[int], env: dict[str, str], rounds: int) -> dict[str, Any]:
    """All of it, as one JSON-able object."""
    folder = embedded.prepare(MODELS, print).path
    bares, graphs = [_bare(folder, count, tokens, streams)], []
    taken = _alone("guard", str(folder), OTHER_CORE, count, tokens, given=json.dumps(bares[0]["first_windows"]))
    guard = {int(number): ms for number, ms in taken["took_ms"].items()}
    for _ in range(rounds):
        with serving_graph.started(None, **env) as place:
            graphs.append(serving_graph.measure(place, count, tokens, streams))
        bares.append(_bare(folder, count, tokens, streams))
    told = [
        [_row(*each, guard) for each in zip(before["stretches"], after["stretches"], graph, strict=True)]
        for (before, after), graph in zip(itertools.pairwise(bares), graphs, strict=True)
    ]
    return {
        "rows": [together(rows) for rows in zip(*told, strict=True)],
        "rounds": rounds,
        "retrieval": _with_retrieval(count, tokens, streams, env),
        "guard_ms": _quantiles(guard.values()),
        "questions": count,
        "tokens": tokens,
        "settings": env or "deployments/throughput.py",
        "load_average": os.getloadavg()[0],
    }


def _bare(folder: Path, count: int, tokens: int, streams: Sequence[int]) -> dict[str, Any]:
    return _alone("engine", str(folder), MODEL_CORE, count, tokens, *streams)


def _alone(*arguments: object, given: str = "") -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.serving_bare", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, input=given, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _with_retrieval(count: int, tokens: int, streams: Sequence[int], env: dict[str, str]) -> list[dict[str, Any]] | str:
    """Its prompts are longer and some answers come from records alone, so it stands beside no bare engine."""
    pack = newest_pack()
    if pack is None:
        return "not run: no knowledge pack"
    with serving_graph.started(pack, **env) as place:
        return [_told(each) for each in serving_graph.measure(place, count, tokens, streams)]


def _row(
    before: dict[str, Any], after: dict[str, Any], graph: dict[str, Any], guard: dict[int, float]
) -> dict[str, Any]:
    bares = [Stretch.from_json(each) for each in (before, after)]
    rate = statistics.mean(each.tokens_per_s for each in bares)
    told = _told(graph)
    bare = {name: statistics.mean(each.first_ms(percent) for each in bares) for name, percent in PERCENTS.items()}
    own = _quantiles(guard.values())
    added = {f"added_{name}_ms": told["first_ms"][name] - bare[name] - own[name] for name in PERCENTS}
    return told | added | {
        "bare_tokens_per_s": [each.tokens_per_s for each in bares], "bare_first_ms": bare,
        "tokens_per_s_ratio": told["tokens_per_s"] / rate, "bare_cpu_ms_per_request": before["cpu_ms"],
    }  # fmt: skip


def together(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One row of several rounds' for the same streams: their medians, and every round's ratio."""
    ratios = sorted(row["tokens_per_s_ratio"] for row in rows)
    whole = {"streams": rows[0]["streams"], "failed": sum(row["failed"] for row in rows), "ratios": ratios}
    return _middle(rows) | whole


def _middle(values: Sequence[Any]) -> Any:
    """The median of numbers, and of what holds numbers part by part."""
    if isinstance(values[0], dict):
        shared = [name for name in values[0] if all(name in each for each in values)]
        return {name: _middle([each[name] for each in values]) for name in shared}
    if isinstance(values[0], list):
        return [_middle(each) for each in zip(*values, strict=True)]
    return statistics.median(values)


PERCENTS = {"p50": 50, "p99": 99}


def _told(measured: dict[str, Any]) -> dict[str, Any]:
    stretch = Stretch.from_json(measured)
    return {
        "streams": stretch.streams, "tokens_per_s": stretch.tokens_per_s, "failed": stretch.failed,
        "first_ms": {name: stretch.first_ms(percent) for name, percent in PERCENTS.items()},
        "cpu_ms_per_request": measured["cpu_ms_per_request"],
    }  # fmt: skip


def _quantiles(values: Any) -> dict[str, float]:
    found = list(values)
    return {name: percentile(found, percent) or 0.0 for name, percent in PERCENTS.items()}


def show(found: dict[str, Any]) -> str:
    """The table."""
    own = found["guard_ms"]
    asked = f"{found['questions']} questions, {found['tokens']} tokens"
    guard = f"guard alone p50 {own['p50']:.0f} ms, p99 {own['p99']:.0f} ms"
    rates = f"{'streams':>8}{'bare tok/s':>20}{'graph tok/s':>12}{'ratio':>7}"
    firsts = f"{'bare first':>12}{'graph first':>12}{'added p50':>11}{'added p99':>11}"
    lines = [f"{asked}; {guard}; load {found['load_average']:.1f}", f"{rates}{firsts}{'failed':>8}"]
    for row in found["rows"]:
        bare = "/".join(f"{rate:.1f}" for rate in row["bare_tokens_per_s"])
        lines.append(
            f"{row['streams']:>8}{bare:>20}{row['tokens_per_s']:>12.1f}{row['tokens_per_s_ratio']:>7.2f}"
            f"{row['bare_first_ms']['p50']:>12.0f}{row['first_ms']['p50']:>12.0f}{row['added_p50_ms']:>11.0f}"
            f"{row['added_p99_ms']:>11.0f}{row['failed']:>8}"
        )
    if found["rounds"] > 1:
        lines += [f"ratio in {found['rounds']} rounds, {row['streams']} streams: "
                  + ", ".join(f"{ratio:.3f}" for ratio in row["ratios"]) for row in found["rows"]]  # fmt: skip
    lines += _retrieval_lines(found["retrieval"])
    for row in found["rows"]:
        used = sorted(row["cpu_ms_per_request"].items(), key=lambda pair: -pair[1])
        lines.append(
            f"CPU ms a request, {row['streams']} streams: " + ", ".join(f"{kind} {ms:.0f}" for kind, ms in used)
        )
    return "\n".join(lines)


def _retrieval_lines(rows: list[dict[str, Any]] | str) -> list[str]:
    if isinstance(rows, str):
        return [f"with a knowledge pack: {rows}"]
    return [
        f"with a knowledge pack, {row['streams']} streams: {row['tokens_per_s']:.1f} tok/s, first window p50 "
        f"{row['first_ms']['p50']:.0f} ms, p99 {row['first_ms']['p99']:.0f} ms, {row['failed']} failed"
        for row in rows
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and with --json one object last."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--questions", type=int, default=len(QUESTIONS), choices=range(1, 1000), metavar="N")
    parser.add_argument("--rounds", type=int, default=1, choices=range(1, 100), metavar="N")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args(arguments)
    found = measure(given.questions, given.tokens, given.streams, AS_IT_COMES if given.plain else {}, given.rounds)
    print(show(found))
    if given.figure:
        given.figure.write_text(serving_drawing.draw(found, TARGETS))
    if given.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
