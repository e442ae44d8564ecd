"""Rows made of several: honest conversations, and one bad turn among honest ones or in the middle of prose.

Single questions do not teach what a window over a whole conversation looks like: without these rows several turns on
end look like the overrides that hide among many questions.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from train.guard_rows import DUAL_USE, EDUCATIONAL, HARMFUL, NAMES, OTHER_HARM, Row

_MOST_WORDS = 88  # what one window holds
_SECURITY = ("written/defenders", "written/exchanges", "written/pairs", "voices/educational", "secbench", "feeds/")
_COUNTS = {"honest": 1800, "dual_use": 500, "harmful": 700, "other_harm": 300, "override": 700, "hidden": 600}


def _words(row: Row) -> int:
    return len(row.text.split())


class _Pool:
    """Training rows by label; benign ones also by whether they are about security."""

    def __init__(self, rows: Sequence[Row], rng: random.Random) -> None:
        plain = [row for row in rows if row.language == "english" and _words(row) <= 45]
        benign = [row for row in plain if row.label == NAMES[EDUCATIONAL]]
        self.security = [row for row in benign if row.source.startswith(_SECURITY)]
        self.everyday = [row for row in benign if not row.source.startswith(_SECURITY)]
        self.bad = {
            name: [row for row in plain if row.label == name and _words(row) <= 35]
            for name in (NAMES[DUAL_USE], NAMES[HARMFUL], NAMES[OTHER_HARM], "override")
        }
        self.prose = [row.text for row in rows if row.label == NAMES[EDUCATIONAL] and 60 <= _words(row) <= 400]
        self._rng = rng

    def turns(self, room: int) -> list[str]:
        """Two to seven honest turns on one subject that fit into so many words."""
        source = self.security if self._rng.random() < 0.6 else self.everyday
        found: list[str] = []
        for row in self._rng.choices(source, k=self._rng.randint(2, 7)):
            room -= _words(row)
            if room < 0:
                break
            found.append(row.text)
        return found


def joined(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """New training rows out of training rows; none when these are too few to draw from."""
    pool = _Pool(rows, rng)
    if not (pool.security and pool.everyday and pool.prose and all(pool.bad.values())):
        return
    for _ in range(_COUNTS["honest"]):
        yield Row(_spoken(pool.turns(_MOST_WORDS), rng), EDUCATIONAL, 0, "joined/honest")
    for name, rows_of in pool.bad.items():
        for _ in range(_COUNTS[name]):
            bad = rng.choice(rows_of)
            turns = pool.turns(_MOST_WORDS - _words(bad))
            turns.insert(rng.randint(0, len(turns)), bad.text)
            yield replace(bad, text=_spoken(turns, rng), source=f"joined/{name}", pair="")
    for _ in range(_COUNTS["hidden"]):
        bad = rng.choice(pool.bad[rng.choice((NAMES[HARMFUL], "override"))])
        yield replace(bad, text=_hidden(bad.text, rng.choice(pool.prose), rng), source="joined/hidden", pair="")


def _spoken(turns: Sequence[str], rng: random.Random) -> str:
    return rng.choice(("\n", "\n", " ")).join(turns)


def _hidden(ask: str, prose: str, rng: random.Random) -> str:
    """The ask between two pieces of prose, anywhere in the window."""
    room = _MOST_WORDS - len(ask.split())
    words = prose.split()[:room]
    cut = rng.randint(0, len(words))
    return f"{' '.join(words[:cut])} {ask} {' '.join(words[cut:])}".strip()
