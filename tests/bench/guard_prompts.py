"""The texts that every guard is asked about: held-out attacks and lessons, as many of each source as there are."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from train.guard_rows import Row

ATTACKS = ("override", "harmful")
BENIGN = "educational"
SPEED = "speed"
NOT_PROMPTS = frozenset({"feeds/passages"})  # prose that is judged as an answer
SPEED_CHARS = range(250, 331)  # of English: about 64 tokens of MiniLM
SEED = 7


@dataclass(frozen=True, slots=True)
class Prompt:
    """One text. group: override, harmful, educational or speed; unseen: our training saw nothing of its source."""

    text: str
    group: str
    source: str
    unseen: bool


def chosen(rows: Sequence[Row], most: int, speed: int) -> list[Prompt]:
    """Half benign, a quarter of each attack, mixed; then the prompts for speed. The same rows give the same prompts."""
    rng = random.Random(SEED)  # noqa: S311 reproducible, not secret
    asked = [row for row in rows if row.source not in NOT_PROMPTS]
    shares = {BENIGN: most // 2} | dict.fromkeys(ATTACKS, most // 4)
    judged = [
        Prompt(row.text, group, row.source, row.split == "test")
        for group, share in shares.items()
        for row in balanced([row for row in asked if row.label == group], share, rng)
    ]
    rng.shuffle(judged)
    timed = [row for row in asked if len(row.text) in SPEED_CHARS and row.language == "english" and row.text.isascii()]
    return judged + [Prompt(row.text, SPEED, row.source, row.split == "test") for row in balanced(timed, speed, rng)]


def balanced(rows: Sequence[Row], most: int, rng: random.Random) -> list[Row]:
    """At most `most` rows, one of each source in turn, so that no large source decides alone."""
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[row.source].append(row)
    for held in by_source.values():
        rng.shuffle(held)
    return [row for turn in _turns([by_source[name] for name in sorted(by_source)]) for row in turn][:most]


def _turns(lists: Sequence[Sequence[Row]]) -> Iterator[list[Row]]:
    return ([row for row in turn if row is not None] for turn in zip_longest(*lists))
