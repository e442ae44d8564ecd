"""How many replicas so many people need, where the graph stops growing, and what that costs: simulated from measured
step costs. The model is told in docs/scaling.md.

    python -m tests.bench.scale [--users 1000,10000,...] [--engine embedded|gpu_8b] [--hops haproxy|default] [--json]
    python -m tests.bench.scale --calibrate        # measure the steps on this machine, write scale_costs.json
    python -m tests.bench.scale --check FILE       # predicted beside measured: tests.bench.load --json > FILE, or `log`
    python -m tests.bench.scale --fit FILE         # what a call between replicas costs, from the same file
    python -m tests.bench.scale --autoscale 4      # Models that follow the load, from one to four
    python -m tests.bench.scale --whole            # one large graph beside cells, for 1,000 and 10,000 people
    python -m tests.bench.scale --write            # docs/scaling.md between its markers, docs/scaling.svg
"""

import argparse
import datetime
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.bench import scale_check
from tests.bench.scale_costs import ENGINES, FILE, HOPS, Costs, Workload
from tests.bench.scale_drawing import draw
from tests.bench.scale_ladder import followed, ladder, sweep, whole
from tests.bench.scale_report import (
    blocks,
    costs_lines,
    fleet_lines,
    ladder_lines,
    scaled_lines,
    sweep_lines,
    whole_lines,
    written,
)
from tests.bench.scale_sizing import Objective, Prices, Row, Sized, fleet, sized

ROOT = Path(__file__).parents[2]
USERS = (1_000, 10_000, 100_000, 1_000_000)
WHOLE = (1_000, 10_000)
SWEPT = (50, 100, 200, 400, 700, 1400)
PARTS = ("gateway", "guard", "knowledge", "log", "engine")


def predict(
    costs: Costs, work: Workload, users: Sequence[int], most: int, goal: Objective, prices: Prices
) -> list[Row]:
    """A row for each number of people. Cells of at most `most` people are alike, so one of each size is simulated."""
    cells: dict[int, Sized] = {}
    for people in users:
        one = min(people, most)
        if one not in cells:
            cells[one] = sized(costs, work, one, goal)
    return [fleet(costs, work, people, cells[min(people, most)], prices) for people in users]


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed, drawn and written."""
    work, goal = _workload(given), Objective(first_p99_s=given.first_p99)
    prices = Prices(given.core_hour, given.gpu_hour)
    found: dict[str, Any] = {"workload": work, "objective": goal, "prices": prices, "hops": given.hops, "fleet": {}}
    for engine in given.engine:
        costs = Costs.load(given.costs, given.hops, engine)
        found["fleet"][engine] = predict(costs, work, given.users, given.cell, goal, prices)
    found["ladder"] = {name: ladder(costs, work, goal) for name, costs in _variants(given).items()}
    last = Costs.load(given.costs, given.hops, given.engine[-1])
    found["sweep"] = sweep(last, work, SWEPT)
    if given.write:
        found["whole"] = whole(last, work, goal, WHOLE, given.cell)
    return found


def _variants(given: argparse.Namespace) -> dict[str, Costs]:
    """Each engine, and what other hops would do to the last one."""
    made = {f"{engine}, {given.hops}": Costs.load(given.costs, given.hops, engine) for engine in given.engine}
    other = next(hops for hops in HOPS if hops != given.hops)
    made[f"{given.engine[-1]}, {other}"] = Costs.load(given.costs, other, given.engine[-1])
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    numbers = lambda text: [int(float(each)) for each in text.split(",")]  # noqa: E731
    parser.add_argument("--users", type=numbers, default=list(USERS), metavar="N,...", help="people at a time")
    parser.add_argument("--engine", type=_engines, default=list(ENGINES), metavar="NAME,...", help=", ".join(ENGINES))
    parser.add_argument("--hops", choices=HOPS, default="haproxy", help="settings of Ray Serve")
    parser.add_argument("--cell", type=int, default=5_000, help="people of one cell at most")
    parser.add_argument("--first-p99", type=float, default=2.0, help="seconds to the first window for 99 of 100")
    parser.add_argument("--think", type=float, default=60.0, help="seconds between an answer and the next question")
    parser.add_argument("--tokens", type=float, default=180.0, help="mean of an answer by the model")
    parser.add_argument("--core-hour", type=float, default=0.05, help="price of a processor for an hour")
    parser.add_argument("--gpu-hour", type=float, default=4.0, help="price of a GPU for an hour")
    parser.add_argument("--costs", type=Path, default=FILE, help="file of step costs")
    parser.add_argument("--calibrate", type=_parts, nargs="?", const=PARTS, metavar="PART,...", help=", ".join(PARTS))
    parser.add_argument("--models", type=Path, default=ROOT / "var/models")
    parser.add_argument("--packs", type=Path, default=ROOT / "var/packs")
    parser.add_argument("--check", metavar="FILE", help="a JSON line of tests.bench.load, or `log`")
    parser.add_argument(
        "--fit", metavar="FILE", help="write the cost of a call that fits a JSON line of tests.bench.load"
    )
    parser.add_argument("--check-model", choices=("records", "model"), default="records", help="what its model reads")
    parser.add_argument("--whole", action="store_true", help="one graph beside cells")
    parser.add_argument("--autoscale", type=int, metavar="MOST", help="Models that follow the load, from one to MOST")
    parser.add_argument("--write", action="store_true", help="the tables of docs/scaling.md, and its drawing")
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    return parser


def _workload(given: argparse.Namespace) -> Workload:
    return replace(Workload(), think_s=given.think, tokens=given.tokens)


def _engines(text: str) -> list[str]:
    return _some(text, ENGINES)


def _parts(text: str) -> list[str]:
    return _some(text, PARTS)


def _some(text: str, names: Sequence[str]) -> list[str]:
    if unknown := set(text.split(",")) - set(names):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(names)}, came {', '.join(sorted(unknown))}")
    return [name for name in names if name in text.split(",")]


def _plain(value: object) -> object:
    return asdict(value)  # type: ignore[call-overload]


def _calibrated(given: argparse.Namespace) -> tuple[Any, list[str]]:
    from tests.bench.scale_calibrate import calibrate

    calibrate(given.costs, given.models, given.packs, given.calibrate)
    return json.loads(given.costs.read_text()), [f"written: {given.costs}"]


def _fitted(given: argparse.Namespace) -> tuple[Any, list[str]]:
    costs = Costs.load(given.costs, given.hops, "embedded")
    call_s, rate = scale_check.call_cost(_last_line(given.fit), costs, given.check_model)
    told = json.loads(given.costs.read_text())
    today = datetime.datetime.now(datetime.UTC).date()
    origin = (
        f"python -m tests.bench.scale --fit, {today}: the Gateway's CPU per request of tests.bench.load at {rate:g}/s"
    )
    told["hops"][given.hops]["call_s"] |= {"value": float(f"{call_s:.4g}"), "from": origin}
    given.costs.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return call_s, [f"a call between replicas: {1000 * call_s:.2f} ms; written: {given.costs}"]


def _checked(given: argparse.Namespace) -> tuple[Any, list[str]]:
    costs = Costs.load(given.costs, given.hops, "embedded")
    if given.check == "log":
        found = scale_check.against_log(costs)
    else:
        found = scale_check.against_load(_last_line(given.check), costs, given.check_model)
    return found, scale_check.check_table(found)


def _last_line(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text().splitlines()[-1])
    return found


def _followed(given: argparse.Namespace) -> tuple[Any, list[str]]:
    costs = Costs.load(given.costs, given.hops, given.engine[0])
    found = followed(costs, _workload(given), given.users[0], given.autoscale)
    return found, scaled_lines(found)


def _whole(given: argparse.Namespace) -> tuple[Any, list[str]]:
    costs = Costs.load(given.costs, given.hops, given.engine[-1])
    found = whole(costs, _workload(given), Objective(given.first_p99), WHOLE, given.cell)
    return found, whole_lines(found)


def _predicted(given: argparse.Namespace) -> tuple[Any, list[str]]:
    found = measure(given)
    lines = [*fleet_lines(found), "", *ladder_lines(found), "", *sweep_lines(found)]
    if given.write:
        document, told = ROOT / "docs/scaling.md", json.loads(given.costs.read_text())
        parts = blocks(found) | {"costs": "\n".join(costs_lines(told))}
        document.write_text(written(document.read_text(), parts))
        (ROOT / "docs/scaling.svg").write_text(draw(found))
        lines.append("written: docs/scaling.md, docs/scaling.svg")
    return found, lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; see the module."""
    given = _parser().parse_args(arguments)
    began = time.perf_counter()
    ways = ((given.calibrate, _calibrated), (given.fit, _fitted), (given.check, _checked), (given.autoscale, _followed),
            (given.whole, _whole), (True, _predicted))  # fmt: skip
    found, lines = next(way for asked, way in ways if asked)(given)
    print("\n".join(lines))
    print(f"took {time.perf_counter() - began:.0f} s")
    if given.json:
        print(json.dumps(found, default=_plain))
    return 0


if __name__ == "__main__":
    sys.exit(main())
