"""From the log to the files of `train.feedback`: made anew each time, but for the regression set, which only grows."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guards.policy import Policy
from train.errors import DatasetError
from train.learning import cases, folder, lessons, preferences, regression, taught
from train.learning.asking import Ask
from train.learning.regression import Bypass

ROWS = (taught.NAME, preferences.NAME, regression.NAME)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make. heads: signed checkpoints by log, no newer than what is asked; means: whose labels count."""

    ask: Ask
    heads: dict[str, str]
    out: Path
    means: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class Made:
    """Every file by name; the number of rows of each that has rows; what is in none, or left one, by reason.

    day: of the newest exchange, or "" for none.
    """

    files: dict[str, bytes]
    rows: dict[str, int]
    left_out: dict[str, Counter[str]]
    day: str


def build(wanted: Wanted, say: Say) -> dict[str, Any]:
    """Make the files and the summary, and put them into the folder; the summary. Raises DatasetError, OSError.

    Where nothing changed the folder keeps its bytes, so the summary's heads are those at which this was first so.
    """
    earlier = folder.summary(wanted.out)
    _require_same_log(earlier, wanted.heads)
    made = _make(wanted, say)
    told = _told(made, wanted)
    if earlier is not None and _without_heads(earlier) == _without_heads(told):
        told = earlier
    folder.sweep(wanted.out)
    for name, data in made.files.items():
        folder.put(wanted.out, name, data)
    folder.put(wanted.out, folder.SUMMARY, folder.document(told))
    return told


def _make(wanted: Wanted, say: Say) -> Made:
    frozen = folder.read(wanted.out, regression.NAME, Bypass)
    regression.require_whole(frozen)
    say(f"asking the log; {len(frozen)} bypasses are known")
    found = cases.gather(wanted.ask, wanted.means, [row.about for row in frozen])
    say(f"{len(found.cases)} exchanges have a verdict")
    kept = regression.kept(frozen, found.opened)
    bypasses = regression.extended(kept, found.cases)
    never = frozenset(row.digest for row in bypasses if row.held_out)
    never |= {case.name for case in found.cases if case.held_out}
    policy = Policy.load()
    left_out: dict[str, Counter[str]] = {name: Counter() for name in ROWS} | {"verdicts": found.left_out}
    left_out[regression.NAME]["forgotten"] = len(frozen) - len(kept)
    rows = taught.rows(found.cases, never, left_out[taught.NAME])
    pairs = preferences.rows(found.cases, never, policy, left_out[preferences.NAME])
    gaps = lessons.gaps(wanted.ask, found.cases, policy)
    files = {
        taught.NAME: folder.lines(rows), preferences.NAME: folder.lines(pairs),
        regression.NAME: folder.lines(bypasses), lessons.NAME: folder.document(gaps),
    }  # fmt: skip
    counts = {taught.NAME: len(rows), preferences.NAME: len(pairs), regression.NAME: len(bypasses)}
    newest = max((case.exchange.ts for case in found.cases), default=None)
    return Made(files, counts, left_out, newest.date().isoformat() if newest else "")


def _told(made: Made, wanted: Wanted) -> dict[str, Any]:
    files = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        | ({"rows": made.rows[name]} if name in made.rows else {})
        for name, data in made.files.items()
    }
    left_out = {
        what: {why: many for why, many in counts.items() if many} for what, counts in made.left_out.items() if +counts
    }
    return {
        "format": 1, "files": files, "left_out": left_out,
        "means": sorted(wanted.means), "newest": made.day, "read_at": wanted.heads,
    }  # fmt: skip


def _without_heads(told: dict[str, Any]) -> str:
    return json.dumps(told | {"read_at": None}, sort_keys=True)


def _require_same_log(earlier: dict[str, Any] | None, heads: dict[str, str]) -> None:
    """Another log holds none of the known texts: they would all be forgotten."""
    known = set(earlier["read_at"]) if earlier else set()
    if not known <= heads.keys():
        raise DatasetError(
            f"{folder.SUMMARY}: expected the log that these files came from, {', '.join(sorted(known))}, "
            f"got {', '.join(sorted(heads))}; choose another --out"
        )
