"""What a teaching set says of itself: counts, and whether it is balanced as promised."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from train.teaching.families import FAMILIES
from train.teaching.rows import Row


def of(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts by everything that one may want to choose rows by."""
    verdicts = Counter(row["verdict"] for row in rows)
    families = Counter(row["family"] for row in rows)
    return {
        "rows": len(rows),
        "families": {name: families.get(name, 0) for name in FAMILIES},
        "empty": [name for name in FAMILIES if not families.get(name)],
        "forms": _counted(row["template_id"].partition("/")[0] for row in rows),
        "sources": _counted(name for row in rows for name in row["source"]),
        "licenses": _counted(row["license"] for row in rows),
        **{name + "s": _counted(row[name] for row in rows) for name in ("shard", "verdict", "split", "template_split")},
        "family_splits": {
            name: _counted(row["split"] for row in rows if row["family"] == name)
            for name in FAMILIES
            if families.get(name)
        },
        "canaries": sum(row["canary"] for row in rows),
        "refusal_share": round(verdicts["refuse"] / max(1, len(rows)), 4),
        "mirrors_per_refusal": round(families["benign"] / max(1, verdicts["refuse"]), 3),
        "replay_share": round(families["replay"] / max(1, len(rows)), 4),
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def table(told: dict[str, Any]) -> str:
    """The report for people."""
    lines = [f"{told['rows']} rows"]
    for title in ("families", "sources", "shards", "verdicts", "splits", "template_splits"):
        counts = told[title]
        width = max(map(len, counts), default=0)
        lines += ["", title.replace("_", " "), *(f"  {name:<{width}}  {count:>7}" for name, count in counts.items())]
    mirrors = f"{told['mirrors_per_refusal']:.2f} mirror images for each"
    lines.append(f"\nrefusals {told['refusal_share']:.1%} (at most 15 %), {mirrors}")
    lines.append(f"replay {told['replay_share']:.1%}; {told['canaries']} canaries")
    if "replay" in told["empty"]:
        lines.append("replay is empty: no file was given with --replay")
    if "texts" in told:
        changes = ", ".join(f"{label} {count}" for label, count in told["texts"]["changes"].items()) or "nothing"
        unique, different = told["texts"]["unique"], told["texts"]["changed"]
        lines.append(f"{unique} published texts, {different} changed by the sanitizer: {changes}")
        lines.append("left out: " + ", ".join(f"{count} ({why})" for why, count in told["left_out"].items()))
    return "\n".join(lines)
