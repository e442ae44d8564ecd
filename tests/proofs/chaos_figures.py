"""Figures of chaos out of the journal's steps and what clients heard. Pure."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.proofs.chaos_checker import WRONG, is_clean
from tests.proofs.chaos_heard import Heard

COUNTED = ("questions", "answers_good", "bytes_received", "receipts", "exchanges", "windows", "interrupted", "faults")
NEVER_S = 1e9
Step = Mapping[str, Any]


def checked(steps: Sequence[Step]) -> list[Step]:
    """Steps up to each run's last check: what the clients of a run that was broken off held after that is gone."""
    last = {step["run"]: at for at, step in enumerate(steps) if "checked" in step}
    return [step for at, step in enumerate(steps) if at <= last.get(step["run"], -1)]


def faults_of(steps: Iterable[Step], setting: str) -> int:
    """How many faults a setting has had."""
    return sum("fault" in step and step["setting"] == setting for step in steps)


def outcome(one: Heard) -> str:
    """A client's answer in a word."""
    if one.is_good:
        return "good"
    if one.status != 200:
        return f"{one.status} {_code(one)}".strip() if one.status else one.failure or "nothing came"
    return "broken off" if one.failure or not one.is_whole else "no receipt"


def rates(heard: Iterable[Heard], faults: Sequence[Step]) -> dict[str, dict[str, int]]:
    """Outcomes of questions that lived in a fault or before the first good answer after it, and of all others."""
    spans = [(step["begin"], step["begin"] + step["lasts_s"] + (step["back_s"] or NEVER_S)) for step in faults]
    found: dict[str, Counter[str]] = {"during": Counter(), "outside": Counter()}
    for one in heard:
        hit = any(begin <= one.ended_at and one.intended_at <= end for begin, end in spans)
        found["during" if hit else "outside"][outcome(one)] += 1
    return {place: dict(sorted(counted.items())) for place, counted in found.items()}


def figures(steps: Sequence[Step]) -> dict[str, Any]:
    """Sums over all runs; of each run's checks the last, which holds all that its clients had until then."""
    steps = checked(steps)
    checks = [step for step in steps if "checked" in step]
    last = {step["run"]: step for step in checks}.values()
    total, wrong = Counter[str](), Counter[str]()
    for step in last:
        total.update({name: step["checked"].get(name, 0) for name in COUNTED})
        wrong.update({name: step["checked"][name] for name in WRONG})
    injected = [step for step in steps if "fault" in step]
    return {
        "faults_injected": len(injected),
        "runs": len(last),
        "checks": len(checks),
        "every_check_clean": all(is_clean(step["checked"]) for step in checks),
        "log_valid": all(step["checked"]["log_valid"] for step in checks),
        **{name: wrong[name] for name in WRONG},
        **{name: total[name] for name in COUNTED},
        "never_back": [f"{step['setting']}: {step['fault']}" for step in injected if step["back_s"] is None],
        "missed": [f"{step['setting']}: {step['missed']}" for step in steps if "missed" in step],
        "not_run": sorted({why for step in steps for why in step.get("not_run", ())}),
        "settings": {name: _setting([step for step in injected if step["setting"] == name],
                                    [step for step in last if step["setting"] == name])
                     for name in dict.fromkeys(step["setting"] for step in injected)},
    }  # fmt: skip


def _setting(injected: Sequence[Step], last: Iterable[Step]) -> dict[str, Any]:
    """One setting: answers during and outside faults, and each kind of fault."""
    outcomes: dict[str, Counter[str]] = {"during": Counter(), "outside": Counter()}
    for step in last:
        for place, counted in step["outcomes"].items():
            outcomes[place].update(counted)
    kinds: dict[str, list[Step]] = defaultdict(list)
    for step in injected:
        kinds[step["fault"]].append(step)
    return {
        "faults": len(injected),
        "first_good_answer_s": _spread([step["back_s"] for step in injected]),
        "answers": {place: dict(counted) | {"share_good": _share(counted)} for place, counted in outcomes.items()},
        "kinds": {kind: {"faults": len(those), "lasts_s": round(those[0]["lasts_s"]),
                         "first_good_answer_s": _spread([step["back_s"] for step in those])}
                  for kind, those in sorted(kinds.items())},
    }  # fmt: skip


def _spread(seconds: Sequence[float | None]) -> dict[str, float | None]:
    """The middle and the most; None where nothing came back."""
    ordered = sorted(each for each in seconds if each is not None)
    if not ordered:
        return {"p50": None, "max": None}
    return {"p50": ordered[len(ordered) // 2], "max": ordered[-1]}


def _share(counted: Mapping[str, int]) -> float | None:
    whole = sum(counted.values())
    return round(counted.get("good", 0) / whole, 4) if whole else None


def _code(one: Heard) -> str:
    try:
        return str(json.loads(one.body)["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return ""
