"""How much of each family the set has, and that it does not teach to refuse.

Refusals are at most 15 % of the rows, and for each there is a harmless question that sounds dangerous and is answered.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from train.teaching.author import Draft
from train.teaching.rows import Row
from train.teaching.split import number

SHARES = {
    "define": 0.15, "relation": 0.15, "weakness": 0.12, "detection": 0.10, "choice": 0.10, "benign": 0.075,
    "refuse": 0.06, "lesson": 0.055, "cvss": 0.06, "truth": 0.06, "exploited": 0.04, "unknown": 0.03,
}  # fmt: skip
REPLAY = 0.15  # of the whole set, where a file for it is given
REFUSALS = 0.15
_Item = TypeVar("_Item")


def quota(family: str, size: int, replay: bool) -> int:
    """The most rows of a family in a set of this size."""
    rest = 1 - REPLAY if replay else 1.0
    return int(size * (REPLAY if family == "replay" else SHARES[family] * rest))


def trim(drafts: Sequence[Draft], size: int) -> list[Draft]:
    """At most so many drafts: families by their shares, and within a family its forms as evenly as they allow."""
    families: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        families[draft.family].append(draft)
    kept = families.pop("canary", [])
    room = max(0, size - len(kept))
    for family in sorted(families):
        kept += evenly(families[family], quota(family, room, "replay" in families), _form, _rank)
    return kept


def _form(draft: Draft) -> str:
    return draft.phrasing.id.partition("/")[0]


def _rank(draft: Draft) -> int:
    return number("kept", draft.phrasing.id, *draft.objects)


def evenly(
    items: Sequence[_Item], most: int, group: Callable[[_Item], str], rank: Callable[[_Item], int]
) -> list[_Item]:
    """At most so many items. Each group has an equal share; what a small one leaves goes to the larger ones."""
    groups: dict[str, list[_Item]] = defaultdict(list)
    for item in items:
        groups[group(item)].append(item)
    kept: list[_Item] = []
    waiting = sorted(groups, key=lambda name: (len(groups[name]), name))
    for place, name in enumerate(waiting):
        share = (most - len(kept)) // (len(waiting) - place)
        kept += sorted(groups[name], key=rank)[:share]
    return kept


def settle(rows: Sequence[Row]) -> list[Row]:
    """The rows without the refusals that are too many, in their order. Which ones leave is decided by their ids."""
    refusals = sorted(row["id"] for row in rows if row["verdict"] == "refuse")
    mirrors = sum(row["family"] == "benign" for row in rows)
    others = len(rows) - len(refusals)
    most = min(mirrors, int(REFUSALS * others / (1 - REFUSALS)))
    kept = set(refusals[:most])
    return [row for row in rows if row["verdict"] != "refuse" or row["id"] in kept]
