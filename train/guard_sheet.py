"""The guard's performance sheet as data: what `train.evaluate_guard` measures, ready for JSON."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from guards.verdict import Action
from train.guard_judging import Judge
from train.guard_measures import Judged, calibration_error, rates, reliability
from train.guard_mutations import DISGUISES
from train.guard_rows import Row
from train.guard_targets import Found
from train.guard_unseen import PLAIN

Json = dict[str, Any]

_LONG_WORDS = 6000  # about 8,000 tokens of teaching prose

# Misses are quoted only from sets whose licence allows it.
_QUOTABLE = (
    "written/",
    "cse_",
    "cysecbench",
    "advbench",
    "catqa",
    "harmbench",
    "clinc150",
    "self_instruct",
    "secbench",
)


def per_source(rows: Sequence[Judged]) -> Json:
    """Shares of REFUSE and TEACH of every source and label, with 95 % intervals."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for row in rows:
        groups[f"{row.source}: {row.label}"].append(row)
    return {name: rates(group) for name, group in sorted(groups.items())}


def targets(found: Sequence[Found]) -> list[Json]:
    """Each measure with its aim."""
    return [
        {
            "measure": f.name, "aim": f"{'≥' if f.at_least else '≤'} {f.aim:g}", "of": f.of, "met": f.met,
            "value": None if f.value is None else round(f.value, 4),
            "interval": None if f.interval is None else [round(end, 4) for end in f.interval],
        }
        for f in found
    ]  # fmt: skip


def curves(rows: Sequence[Judged]) -> Json:
    """Reliability of both heads on held-out clusters, with the expected calibration error."""
    harm = [row for row in rows if row.label != "override"]
    meant = reliability([r.scores.harm for r in harm], [r.label in {"harmful", "other_harm"} for r in harm])
    forced = reliability([r.scores.override for r in rows], [r.label == "override" for r in rows])
    return {
        "harm": {"curve": meant, "error": round(calibration_error(meant), 4)},
        "override": {"curve": forced, "error": round(calibration_error(forced), 4)},
    }


def evasion(judge: Judge, rows: Sequence[Row], most: int = 100) -> Json:
    """Refused share per disguise, of harmful asks, overrides and benign questions of at most 300 characters.

    ms: median milliseconds of a check of these benign questions; what it is above plain, the further views cost.
    """
    rng = random.Random(11)  # noqa: S311 reproducible, not secret
    short = [row for row in rows if len(row.text) <= 300 and row.language == "english"]
    rng.shuffle(short)
    chosen = {label: [r for r in short if r.label == label][:most] for label in ("harmful", "override", "educational")}
    table: Json = {}
    for name in ("plain", *DISGUISES):
        table[name] = {}
        for label, group in chosen.items():
            texts = [row.text if name == "plain" else DISGUISES[name](row.text, rng) for row in group]
            judged = [judge.judge(row, text) for row, text in zip(group, texts, strict=True)]
            table[name][label] = rates(judged)["refuse"]
        table[name]["ms"] = round(median(judge.milliseconds(texts)), 2) if texts else None
    return table


def languages(rows: Sequence[Judged]) -> Json:
    """Rates of translated attacks per left-out language, beside those of the plain English ones."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for row in rows:
        if row.source in {PLAIN, f"{PLAIN}_multilingual"}:
            groups[row.language].append(row)
    return {name: rates(group) for name, group in sorted(groups.items())}


def latency(judge: Judge, texts: Sequence[str], prose: Sequence[str], repeats: int = 3) -> Json:
    """Milliseconds per whole check of plain prompts of about 64 tokens; the best of the repeats of each.

    long: the same for one text of about 8,000 tokens made of prose.
    """
    judge.milliseconds(texts[:5])
    runs = [judge.milliseconds(texts) for _ in range(repeats)]
    best = sorted(min(times) for times in zip(*runs, strict=True))
    words = " ".join(prose).split()[:_LONG_WORDS]
    long = min(judge.milliseconds([" ".join(words)] * repeats))
    return {
        "n": len(best),
        "p50": round(median(best), 2),
        "p99": round(best[int(0.99 * len(best))], 2),
        "long": round(long),
        "long_words": len(words),
    }


def misses(rows: Sequence[Judged], most: int = 6) -> Json:
    """The most confident errors per label: attacks that were allowed, benign texts that were refused."""
    found: Json = {}
    for label in ("educational", "dual_use", "harmful", "other_harm", "override"):
        wrong = Action.ALLOW if label in {"harmful", "other_harm", "override"} else Action.REFUSE
        bad = [r for r in rows if r.label == label and r.action is wrong and r.source.startswith(_QUOTABLE)]
        bad.sort(key=lambda row: row.risk, reverse=wrong is Action.REFUSE)
        found[label] = [{"source": r.source, "risk": r.risk, "text": _short(r.text)} for r in bad[:most]]
    return found


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 140 else f"{line[:139]}…"


def line(name: str, found: Mapping[str, Mapping[str, float]]) -> str:
    """One line of the printed table."""
    refused, taught = found["refuse"], found["teach"]
    return (
        f"{name:44}{refused['of']:6.0f}{100 * refused['share']:9.1f}"
        f"  [{100 * refused['low']:.1f}, {100 * refused['high']:.1f}]{100 * taught['share']:9.1f}"
    )
