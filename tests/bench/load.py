"""How many questions a second a tutor serves, and what waiting costs on the way there.

    python -m tests.bench.load [--json] [--svg FILE] [--journal FILE] [--rates 1,2] [--seconds 120] [--mix graph=4,...]
    python -m tests.bench.load --home var                  # a tutor that runs on this machine
    python -m tests.bench.load --url https://... --key ... # any tutor: only what its clients see
    python -m tests.bench.load --graph scripted            # the application alone: model and guard scripted, no pack

Open loop: questions leave by a seeded Poisson process whether or not others were answered, and latency counts from the
moment that a question was meant to leave. Rates rise until one does not hold, then close in on the highest that does: a
rate at which ever more questions are open does not, however well the first of them fare.
Each question's fate is a line of the journal; with a journal that is kept, a run that was cut off goes on. At the end
the log is verified, and every byte of text that a client received is looked for in it. Client and tutor share the
machine's processors: `clients` beside the tutor's processes tells how much of them the client took.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.bench import load_figures, load_place
from tests.bench.load_figures import BOUND_S, SERVED
from tests.bench.load_log import Shown, check
from tests.bench.load_place import GRAPHS, Place
from tests.bench.load_processes import clocked
from tests.bench.load_run import drive
from tests.bench.load_schedule import MIX, QUESTIONS, read_mix, schedule
from tests.bench.load_table import curves, table
from tests.load_client import Asked, Heard, Tutor
from tests.serve.conftest import ROOT

JOURNAL = ROOT / "var" / "bench" / "load.jsonl"
SETTLE_S = 30.0  # of each rate, before anything counts: answers of the rate before are gone, and ours have piled up


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a tutor: seconds that count at each rate, the mix, tokens at most of an answer, the bound."""

    seconds: float = 120.0
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)
    max_tokens: int = 48
    bound_s: float = BOUND_S
    seed: int = 1
    settle_s: float = SETTLE_S

    def warming(self) -> list[Asked]:
        """One question of each kind."""
        return [Asked(kind, QUESTIONS[kind][0], self.max_tokens) for kind, share in self.mix.items() if share]


class Notes(Protocol):
    """What a run keeps: the rows of the rates that are done, and what was shown to whom."""

    rows: list[dict[str, Any]]
    shown: list[Shown]

    def note(self, heard: Heard) -> None: ...

    def add(self, row: dict[str, Any]) -> None: ...


class Journal:
    """JSON lines: each question's fate, and the row of each rate that is done."""

    def __init__(self, path: Path, *, keep: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not keep:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else ()
        self.rows: list[dict[str, Any]] = [json.loads(line)["row"] for line in lines if line.startswith('{"row": ')]
        self.shown: list[Shown] = []  # of this run: what an earlier tutor's clients saw was for that tutor's log
        self._path = path

    def note(self, heard: Heard) -> None:
        """Keep what one client heard."""
        self.shown.append(Shown.of(heard))
        self._write(heard.to_json())

    def add(self, row: dict[str, Any]) -> None:
        """Keep a rate that is done."""
        self.rows.append(row)
        self._write({"row": row})

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")


async def at_rate(place: Place, journal: Notes, rate: float, plan: Plan) -> dict[str, Any]:
    """One rate: settle, measure, and wait for the last answer."""
    seed = plan.seed * 1_000_003 + round(rate * 1000)
    whole_s = plan.settle_s + plan.seconds
    arrivals = schedule(rate, whole_s, len(place.keys), seed=seed, mix=plan.mix, max_tokens=plan.max_tokens)
    async with clocked(place.processes) as spent:
        heard = await drive(place.tutor, place.keys, arrivals, journal.note)
    if not heard:
        raise ValueError(f"expected questions in {whole_s:g} s at {rate:g}/s, got none: measure for longer")
    began = heard[0].intended_at - arrivals[0].at_s
    return load_figures.row(heard, rate, (began + plan.settle_s, began + whole_s), spent)


async def climb(place: Place, journal: Notes, plan: Plan, rates: Sequence[float] = ()) -> float | None:
    """Measure the rates that are given, or rising ones until the capacity is known, which is returned."""
    while True:
        done = {row["rate"] for row in journal.rows}
        left = [rate for rate in rates if rate not in done]
        rate = (left[0] if left else None) if rates else load_figures.next_rate(journal.rows, plan.bound_s)
        if rate is None:
            return load_figures.capacity(journal.rows, plan.bound_s)
        row = await at_rate(place, journal, rate, plan)
        journal.add(row)
        print(f"{rate:g}/s: served {row['served_share']}, first window p99 {row['first_ms']['p99']} ms", flush=True)


def measure(place: Place, journal: Notes, plan: Plan, rates: Sequence[float] = ()) -> dict[str, Any]:
    """All of it, as one JSON-able object; `log` is None where the log is not on this machine."""
    before = os.getloadavg()[0]

    async def measured() -> float | None:
        await load_place.warm(place, plan.warming())
        return await climb(place, journal, plan, rates)

    found = asyncio.run(measured())
    log = check(place.log, place.home / "keys", journal.shown) if place.log and place.home else None
    rule = f"at least {100 * SERVED:g} % served, first window p99 at most {plan.bound_s:g} s, no backlog that grows"
    about = {"seconds_each": plan.seconds, "mix": dict(plan.mix), "max_tokens": plan.max_tokens, "seed": plan.seed}
    return about | {
        "capacity_per_s": found, "rule": rule, "bound_s": plan.bound_s, "people": len(place.keys), "rows": journal.rows,
        "log": log, "tutor": place.ready(), "cpus": os.cpu_count(), "load_average_before": before,
    }  # fmt: skip


@contextmanager
def tutor(given: argparse.Namespace) -> Iterator[Place]:
    """The tutor that the arguments name."""
    if given.home:
        yield load_place.here(
            given.home, given.url or load_place.url_of(given.home), given.model or GRAPHS["embedded"][1]
        )
    elif given.url:
        yield Place(Tutor.at(given.url, given.model or GRAPHS["embedded"][1]), given.key, given.url)
    else:
        env = dict(each.split("=", 1) for each in given.env)
        with load_place.own(given.graph, given.pack or load_place.newest_pack(), **env) as place:
            yield place


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    parser.add_argument("--svg", type=Path, help="where to draw latency and throughput against the rate")
    parser.add_argument("--journal", type=Path, help="a file that is kept: what is done there is not done again")
    parser.add_argument("--rates", type=lambda text: [float(each) for each in text.split(",")], default=[])
    parser.add_argument("--seconds", type=float, default=120.0, help="at each rate")
    parser.add_argument("--mix", type=read_mix, default=dict(MIX), help="e.g. graph=4,model=4,lesson=1,refusal=1")
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--bound", type=float, default=BOUND_S, help="seconds to the first window for 99 of 100")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="of a tutor that runs on this machine")
    parser.add_argument("--url", help="of a running tutor")
    parser.add_argument(
        "--key", action="append", default=[], help="of somebody who accepted its terms; may be repeated"
    )
    parser.add_argument("--model", help="the model's name at a running tutor")
    parser.add_argument("--graph", choices=sorted(GRAPHS), default="embedded", help="of a tutor of its own")
    parser.add_argument(
        "--pack", type=Path, help="knowledge pack of a tutor of its own; without it the newest in var/packs"
    )
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for a tutor of its own")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table, with --json one object last. Exit 1 when the log is not valid or lacks what a client received."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.url and not given.home and not given.key:
        parser.error("--url needs --key, or --home of the tutor on this machine")
    plan = Plan(given.seconds, given.mix, given.max_tokens, given.bound, given.seed)
    journal = Journal(given.journal or JOURNAL, keep=given.journal is not None)
    began = time.monotonic()
    with tutor(given) as place:
        found = measure(place, journal, plan, given.rates) | {"took_s": round(time.monotonic() - began)}
    print("\n".join(table(found)))
    if given.svg:
        given.svg.write_text(curves(found, f"A tutor under load, {found['cpus']} processors"))
    if given.json:
        print(json.dumps(found))
    log = found["log"]
    return 0 if log is None or (log["log_valid"] and not log["unlogged_bytes"]) else 1


if __name__ == "__main__":
    sys.exit(main())
