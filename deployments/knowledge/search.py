"""Search over a pack: by words (BM25), by meaning where the pack has vectors, and both orders fused into one."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from deployments.knowledge import layout
from deployments.knowledge.pack import Pack
from deployments.knowledge.words import ASKING, fold, stem, words

DEPTH = 50  # places of each order that are fused
# Reciprocal rank fusion (Cormack, Clarke, Buettcher, SIGIR 2009): share / (RANK + place) of each order. Its usual RANK,
# 60, lets what both orders have further down overtake what one has on top.
RANK, WORDS, MEANING = 5, 1.0, 0.7
Encode = Callable[[str], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A thing that search found. words: BM25; meaning: cosine, 0 without vectors; score: what hits are ordered by."""

    row: int
    score: float
    words: float
    meaning: float


class Search:
    """Use `Search.open`. Safe for several threads."""

    def __init__(self, pack: Pack, index: Any, encode: Encode | None) -> None:
        self._index, self._encode = index, encode
        self._documents, self._kinds = pack.array(layout.DOCUMENTS), pack.array(layout.KINDS)
        self._vectors: _Vectors | None = None
        if pack.manifest["vectors"] and encode:
            self._vectors = _Vectors(pack, self._kinds, self._documents)

    @classmethod
    def open(cls, pack: Pack, encode: Encode | None = None) -> Self:
        """Map the index of a pack. Without `encode`, or in a pack without vectors, words alone decide."""
        from bm25s import BM25

        index = BM25.load(pack.folder / layout.LEXICAL, mmap=True, show_progress=False)
        index.unique_token_ids_set = frozenset()  # bm25s makes it for queries of numbers, which there are none of here
        return cls(pack, index, encode)

    def knows(self, word: str) -> bool:
        """Whether any document has this word, in any of its forms."""
        return all(stem(each) in self._index.vocab_dict for each in words(word))

    def commonness(self, word: str) -> int:
        """In how many documents a word stands, in any of its forms."""
        number = self._index.vocab_dict.get(stem(word))
        if number is None:
            return 0
        start, end = self._index.scores["indptr"][number : number + 2]
        return int(end - start)

    def rarity(self, word: str) -> float:
        """How much a word tells: the logarithm of how many documents there are to each that has it."""
        return log((1 + len(self._documents)) / (1 + self.commonness(word)))

    def has_meaning(self, kind: str) -> bool:
        """Whether records of this kind have vectors that can be asked."""
        return self._vectors is not None and kind in layout.EMBEDDED

    def share(self, query: str, text: str, beside: Collection[str] = ()) -> float:
        """The share of a query's telling words, by rarity, that a text has; words `beside` do not count.

        0 where it has fewer than two of them: one word alone may mean anything.
        """
        held = set(asked(text))
        weights = {word: self.rarity(word) for word in asked(query) if word not in beside}
        shared = [weight for word, weight in weights.items() if word in held]
        return sum(shared) / sum(weights.values()) if len(shared) > 1 else 0.0

    def find(self, query: str, top: int = 5, kinds: Collection[str] = ()) -> list[Hit]:
        """The things that fit a query best; of these kinds where any is given."""
        by_words = self._by_words(query, kinds)
        by_meaning = self._vectors.order(self._encode(query), kinds) if self._vectors and self._encode else {}
        fused: dict[int, float] = {}
        for share, order in ((WORDS, by_words), (MEANING, by_meaning)):
            for place, row in enumerate(order):
                fused[row] = fused.get(row, 0.0) + share / (RANK + place)
        best = sorted(fused, key=lambda row: (-fused[row], row))[:top]
        return [Hit(row, fused[row], by_words.get(row, 0.0), by_meaning.get(row, 0.0)) for row in best]

    def _by_words(self, query: str, kinds: Collection[str]) -> dict[int, float]:
        known = [self._index.vocab_dict.get(word) for word in asked(query)]
        numbers = [each for each in known if each is not None]
        if not numbers:
            return {}
        scores = self._index.get_scores_from_ids(numbers)
        if kinds:
            scores = np.where(np.isin(self._kinds, _codes(kinds)), scores, 0)
        places = _top(scores, DEPTH)
        return {int(self._documents[place]): float(scores[place]) for place in places if scores[place] > 0}


def asked(query: str) -> list[str]:
    """The words of a query that search goes by."""
    return [stem(word) for word in words(fold(query)) if word not in ASKING]


def _codes(kinds: Iterable[str]) -> list[int]:
    return [layout.SEARCHED.index(kind) for kind in kinds if kind in layout.SEARCHED]


def _top(scores: NDArray[Any], count: int) -> list[int]:
    """The places of the largest scores, best first; of equal ones the earlier."""
    places = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
    return sorted(places.tolist(), key=lambda place: (-scores[place], place))


class _Vectors:
    """The vectors of a pack: 8 bits each with a scale. Those of one kind stand together, so a kind is a slice."""

    _BLOCK = 1024  # vectors that are unpacked at a time, so that they stay in the processor's cache

    def __init__(self, pack: Pack, kinds: Any, documents: Any) -> None:
        self._numbers, self._scales, self._rows = (
            pack.array(name) for name in (layout.VECTORS, layout.SCALES, layout.VECTOR_ROWS)
        )
        codes = np.asarray(kinds)[np.searchsorted(documents, self._rows)]
        edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)] if len(codes) else [0]
        self._slices = {int(codes[start]): (start, end) for start, end in pairwise(edges)}

    def order(self, vector: NDArray[np.float32], kinds: Collection[str]) -> dict[int, float]:
        """Rows and cosines of the nearest, nearest first."""
        wanted = [self._slices[code] for code in _codes(kinds or layout.SEARCHED) if code in self._slices]
        found = [
            (self._numbers[at : min(at + self._BLOCK, end)].astype(np.float32) @ vector
             * self._scales[at : min(at + self._BLOCK, end)], self._rows[at : min(at + self._BLOCK, end)])
            for start, end in wanted for at in range(start, end, self._BLOCK)
        ]  # fmt: skip
        if not found:
            return {}
        near, rows = (np.concatenate(each) for each in zip(*found, strict=True))
        return {int(rows[place]): float(near[place]) for place in _top(near, DEPTH)}
