"""From rows of the teaching set to preferences, as many on the one side as on the other.

A tuning that only rewards refusing makes a model that refuses everything: so each refusal has its mirror image.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from train.errors import DatasetError
from train.lora.dataset import Conversation
from train.preference.bank import Bank
from train.preference.pair import SIDES, Pair, Side

LESSONS = 4  # one pair in so many is about a lesson, where there are rows enough


def choose(rows: Sequence[Conversation], most: int) -> dict[str, list[Conversation]]:
    """The rows of each family to make at most `most` pairs of; rows are in the order of their ids, which are digests.

    Raises DatasetError where a side has no row. Ways to ask that are held out, and canaries, stay out.
    """
    by_family: dict[str, list[Conversation]] = {"refuse": [], "benign": [], "lesson": []}
    for row in rows:
        if row.family in by_family and row.template_split != "test" and not row.canary:
            by_family[row.family].append(row)
    if not by_family["refuse"] or not by_family["benign"]:
        found = {family: len(those) for family, those in by_family.items()}
        raise DatasetError(f"expected rows of families refuse and benign, to tune both sides alike; found {found}")
    side = max(1, most // 2)
    lessons = by_family["lesson"][: side // LESSONS]
    mirrored = min(len(by_family["refuse"]), len(by_family["benign"]), side - len(lessons))
    return {
        "refuse": by_family["refuse"][:mirrored],
        "benign": by_family["benign"][:mirrored],
        "lesson": lessons[: max(mirrored, 1)],
    }


def build(chosen: Mapping[str, Sequence[Conversation]], bank: Bank, sampled: Mapping[str, str]) -> list[Pair]:
    """The pairs of the rows; `sampled` holds answers of the model that go along with a harmful question, by row id."""
    pairs: list[Pair] = []
    for row in chosen["refuse"]:
        told = sampled.get(row.id)
        pairs.append(_pair(row, "refuse", "refuse/model" if told else "refuse/bank", told or bank.opening(row.id)))
    pairs += [_pair(row, "answer", "benign/bank", bank.refusal(row.id)) for row in chosen["benign"]]
    for row in chosen["lesson"]:
        pairs.append(_pair(row, "refuse", "lesson/bare", bank.shortcut(row.id)))
        pairs.append(_pair(row, "answer", "lesson/flat", bank.refusal(row.id)))
    return pairs


def balanced(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs with as many of each side, the last ones of the longer side left out; raises DatasetError for none."""
    by_side: dict[Side, list[Pair]] = {side: [pair for pair in pairs if pair.side == side] for side in SIDES}
    fewest = min(len(those) for those in by_side.values())
    if not fewest:
        counts = {side: len(those) for side, those in by_side.items()}
        raise DatasetError(f"expected pairs of both sides that fit, found {counts}; allow more tokens by --length")
    return [pair for side in SIDES for pair in by_side[side][:fewest]]


def counts(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    """How many pairs of each side, and of each origin in it."""
    found = Counter((pair.side, pair.origin) for pair in pairs)
    told: dict[str, dict[str, int]] = {}
    for side in SIDES:
        own = {origin: many for (whose, origin), many in sorted(found.items()) if whose == side}
        told[side] = {"pairs": sum(own.values()), **own}
    return told


def _pair(row: Conversation, side: Side, origin: str, rejected: str) -> Pair:
    return Pair(row.id, side, origin, row.split, row.turns[:-1], row.turns[-1].content, rejected)
