"""Which things a text calls by name. Names are looked up by hash, every run of up to MOST words at once."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np

from deployments.knowledge import layout
from deployments.knowledge.pack import Pack
from deployments.knowledge.words import ASKING, name_key, words

MOST = 14  # words of the longest name that is looked for
_TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of a text (code points), and the things that it may name. weight: how rare its words are."""

    start: int
    end: int
    rows: tuple[int, ...]
    weight: float


class _Token(NamedTuple):
    start: int
    end: int
    words: tuple[str, ...]


class Names:
    """The names of a pack. commonness: in how many documents a word stands. Safe for several threads."""

    def __init__(self, pack: Pack, commonness: Callable[[str], int]) -> None:
        table = pack.names()
        self._hashes = table.column("hash").to_numpy()
        self._keys, self._rows = table.column("key"), table.column("row")
        self._commonness, self._documents = commonness, len(pack)

    def find(self, text: str) -> list[Mention]:
        """The mentions of a text, also those that overlap; the weightiest first."""
        tokens = [_Token(found.start(), found.end(), tuple(words(found.group()))) for found in _TOKEN.finditer(text)]
        runs = list(_runs(tokens))
        if not runs:
            return []
        hashes = np.array([layout.name_hash(key) for _, _, key in runs], np.uint64)
        places = np.searchsorted(self._hashes, hashes)
        here = np.flatnonzero(self._hashes[np.minimum(places, len(self._hashes) - 1)] == hashes)
        found = [self._mention(text, *runs[each], int(places[each])) for each in here.tolist()]
        return sorted((each for each in found if each), key=lambda each: (-each.weight, each.start))

    def _mention(self, text: str, first: _Token, last: _Token, key: str, place: int) -> Mention | None:
        rows = []
        while place < len(self._hashes) and self._keys[place].as_py() == key:
            rows.append(self._rows[place].as_py())
            place += 1
        said = text[first.start : last.end]
        counts = [self._commonness(word) for word in words(said)]
        if said.lower() in ASKING:
            return None
        weight = sum(log((1 + self._documents) / (1 + count)) for count in counts)
        return Mention(first.start, last.end, tuple(dict.fromkeys(rows)), weight) if rows else None


def _runs(tokens: list[_Token]) -> Iterator[tuple[_Token, _Token, str]]:
    for start in range(len(tokens)):
        parts: list[str] = []
        for token in tokens[start : start + MOST]:
            parts += token.words
            if token.words:
                yield tokens[start], token, name_key(parts)
