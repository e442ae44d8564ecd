"""What one turn of the loop changed: circle.md, from the reports that its steps left."""

import json
from pathlib import Path
from typing import Any

from train.challenger.report import Challenge, Measure
from train.circle.turning import campaign

SHARES = {"guard_bypass": "guard bypass", "end_to_end": "end to end", "false_refusals": "false refusals"}


def tell(home: Path) -> str:
    """The page. Raises TrainError, OSError where a step left no report."""
    found = Challenge.read(home / "challenge" / "challenge.json")
    return "\n".join([*_what_was_done(home), *_the_verdict(found), *_the_tutor(home), *_side_by_side(found)]) + "\n"


def _what_was_done(home: Path) -> list[str]:
    attacked = _report(home, "attack")["figures"]
    learnt = json.loads((home / "feedback" / "feedback.json").read_text())["files"]
    harmful, harmless = attacked["guard_bypass"], attacked["false_refusals"]
    return [
        "# One turn of the loop",
        "",
        f"Attacked with {harmful['n']} harmful and {harmless['n']} harmless attempts; {harmful['hits']} got past it.",
        f"Scripts reviewed them (`means: scripted`). {learnt['guard_rows.jsonl']['rows']} rows were learnt from,",
        f"{learnt['regression.jsonl']['rows']} bypasses frozen.",
        "",
    ]


def _the_verdict(found: Challenge) -> list[str]:
    said = "was promoted" if found.passed else "was refused"
    return [f"The challenger {said}.", *(f"- {why}" for why in found.reasons), ""]


def _the_tutor(home: Path) -> list[str]:
    before, after = (_report(home, name)["figures"] for name in ("before", "after"))
    rows = [f"| {label} | {_share(before[name])} | {_share(after[name])} |" for name, label in SHARES.items()]
    title = "On the running tutor, held-out seeds in held-out disguises:"
    return [title, "", "| | before | after |", "|---|---|---|", *rows, ""]


def _side_by_side(found: Challenge) -> list[str]:
    head = ["| measure | items | champion | challenger | difference, 95 % |", "|---|---|---|---|---|"]
    return ["Champion and challenger on the same texts:", "", *head, *map(_measure, found.measures)]


def _report(home: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((campaign(home / name) / "report.json").read_text())
    return found


def _share(told: dict[str, Any]) -> str:
    return f"{told['hits']} of {told['n']}"


def _measure(one: Measure) -> str:
    change = one.difference
    return (
        f"| {one.name} | {one.n} | {one.champion.value:.4f} | {one.challenger.value:.4f} "
        f"| {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}] |"
    )
