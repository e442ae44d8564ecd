"""The safety gate on the guard's performance sheet: no measure may get worse than it was. No I/O."""

from collections.abc import Mapping
from typing import Any

SLACK = 0.005  # of a share; below what an interval on these row counts can tell


def regressions(before: Mapping[str, Any], after: Mapping[str, Any], digest: str) -> list[str]:
    """Why a sheet is refused, against the one before; `digest` is of the guard that ships beside it.

    A measure that is missing, that was not run any more, or whose aim was lowered counts as worse.
    """
    reasons = []
    if after.get("guard") != digest:
        reasons.append(f"the sheet is of guard {str(after.get('guard'))[:12]}, shipped is {digest[:12]}: measure anew")
    now = {row["measure"]: row for row in after["targets"]}
    for row in before["targets"]:
        reasons += _worse(row, now.get(row["measure"]))
    return reasons


def _worse(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> list[str]:
    name = old["measure"]
    if new is None:
        return [f"{name}: no longer measured"]
    if new["aim"] != old["aim"]:
        return [f"{name}: the aim was {old['aim']}, now {new['aim']}; change aims in a review of their own"]
    if old["value"] is None:
        return []
    if new["value"] is None:
        return [f"{name}: was {old['value']:.4f}, now not run"]
    gain = (new["value"] - old["value"]) * (1 if old["aim"].startswith("≥") else -1)
    if gain < -SLACK or (old["met"] and not new["met"]):
        return [f"{name}: {old['value']:.4f} before, {new['value']:.4f} now (aim {old['aim']})"]
    return []
