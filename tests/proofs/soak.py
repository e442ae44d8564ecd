"""`make prove soak`: an hour at 70 % of what the tutor serves. Nothing it holds grows but its log; nothing slows down.

The capacity is measured first, as `tests.bench.load` does, on a tutor of its own. Each rate of that search is a step of
the journal, and then each segment of five minutes. A run that was cut off goes on with a fresh tutor, and the figures
say so.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from app import cleanup
from tests.bench import load, load_place
from tests.bench.load_figures import row
from tests.bench.load_log import Shown, check
from tests.bench.load_place import Place
from tests.bench.load_processes import clocked, total, used
from tests.bench.load_run import drive
from tests.bench.load_schedule import schedule
from tests.load_client import Heard
from tests.proofs.soak_figures import figures, picture
from tests.serve.conftest import ROOT

SHARE = 0.7
SEGMENT_S = 300.0
SVG = ROOT / "docs" / "proof" / "soak.svg"


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


class Climb:
    """The search for the capacity, kept in the proof's journal."""

    def __init__(self, journal: Steps) -> None:
        self._journal = journal
        self.rows: list[dict[str, Any]] = [step["at_rate"] for step in journal.steps if "at_rate" in step]
        self.shown: list[Shown] = []

    def note(self, heard: Heard) -> None:
        """Keep what was shown."""
        self.shown.append(Shown.of(heard))

    def add(self, row: dict[str, Any]) -> None:
        """Keep a rate that is done."""
        self.rows.append(row)
        self._journal.add({"at_rate": row})


def soak(journal: Steps, count: int) -> dict[str, Any]:
    """`count` segments."""
    plan, pack = load.Plan(), load_place.newest_pack()
    if not any("capacity_per_s" in step for step in journal.steps):
        with load_place.own("embedded", pack) as place:
            climbed = load.measure(place, Climb(journal), plan)
        if climbed["capacity_per_s"] is None:
            raise RuntimeError("expected a rate that this machine can serve, found none")
        journal.add({name: climbed[name] for name in ("capacity_per_s", "rule", "seconds_each", "log", "tutor")})
    capacity = next(step for step in journal.steps if "capacity_per_s" in step)
    done = [step for step in journal.steps if "segment" in step]
    if len(done) < count:
        with load_place.own("embedded", pack) as place:
            rate = round(SHARE * float(capacity["capacity_per_s"]), 3)
            run_on(place, plan, rate, SEGMENT_S, len(done) + 1, count, journal.add)
    done = [step for step in journal.steps if "segment" in step]
    found = figures(capacity, done) | {
        "tutor": capacity["tutor"],
        "climb": [_brief(each) for each in Climb(journal).rows],
    }
    SVG.parent.mkdir(parents=True, exist_ok=True)
    SVG.write_text(picture(found, done))
    return found


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    names = (
        "rate",
        "offered_per_s",
        "completed_per_s",
        "served_share",
        "first_ms",
        "tokens_per_s",
        "cpu_ms_per_request",
    )
    return {name: found[name] for name in names}


def run_on(
    place: Place, plan: load.Plan, rate: float, seconds: float, first: int, last: int,
    add: Callable[[dict[str, Any]], None],
) -> None:  # fmt: skip
    """Segments `first` to `last` on one tutor, each handed to `add` when its texts were looked for in the log."""
    run, began = secrets.token_hex(4), time.monotonic()
    asyncio.run(load_place.warm(place, plan.warming(), lambda _: None))
    for number in range(first, last + 1):
        about = {"segment": number, "run": run, "rate": rate, "mix": dict(plan.mix)}
        add(about | asyncio.run(segment(place, plan, rate, seconds, seed=number, began=began)))


async def segment(
    place: Place, plan: load.Plan, rate: float, seconds: float, *, seed: int, began: float
) -> dict[str, Any]:
    """One stretch of load, and what the tutor holds after its last answer; at_s: seconds since `began` then."""
    shown = list[Shown]()
    arrivals = schedule(rate, seconds, len(place.keys), seed=seed, mix=plan.mix, max_tokens=plan.max_tokens)
    before = os.getloadavg()[0]
    async with clocked(place.processes) as spent:
        heard = await drive(place.tutor, place.keys, arrivals, lambda one: shown.append(Shown.of(one)))
    start = heard[0].intended_at - arrivals[0].at_s
    held = await asyncio.to_thread(lambda: used(place.processes()))
    if not held or not place.home:
        raise RuntimeError("expected a tutor on this machine, it has ended: a second run goes on with another")
    return {
        "seconds": seconds,
        "at_s": round(time.monotonic() - began, 1),
        "asked": len(heard),
        "row": row(heard, rate, (start, start + seconds), spent),
        "used": {kind: asdict(each) for kind, each in held.items()},
        "total": total(held),
        "disk": disk(place.home),
        "load_average": round(before, 2),
        "checked": await asyncio.to_thread(check, place.home / "audit", place.home / "keys", shown),
    }


def disk(home: Path) -> dict[str, int]:
    """Bytes of the exchange logs, of everything else in the home, and of Ray's temporary folder."""
    logs = sum(_size(folder) for folder in (home / "audit").glob("exchange-*"))
    run = cleanup.load(home)
    return {"exchange_logs": logs, "rest_of_home": _size(home) - logs, "ray": _size(Path(run.temp)) if run else 0}


def _size(folder: Path) -> int:
    """Of all files below a folder; links are not followed, and what is gone meanwhile counts nothing."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
        except OSError:
            continue
    return found
