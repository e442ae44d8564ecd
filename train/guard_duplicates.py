"""Near-duplicates among rows, by MinHash over word triples: what must stand on one side, and what has leaked."""

import re
from collections.abc import Iterable, Sequence

from datasketch import MinHash, MinHashLSH

from train.duplicates import sketch

_PERMUTATIONS = 64


def _signature(text: str) -> MinHash:
    words = re.findall(r"\w+", text.lower())[:400] or [text]
    return sketch(words, 3, _PERMUTATIONS)


class Sketches:
    """MinHash signatures of texts, made once per text and kept."""

    def __init__(self) -> None:
        self._kept: dict[str, MinHash] = {}

    def of(self, text: str) -> MinHash:
        """The signature of a text, 64 permutations over its first 400 words."""
        if text not in self._kept:
            self._kept[text] = _signature(text)
        return self._kept[text]


def clusters(texts: Sequence[str], sketches: Sketches, similarity: float = 0.5) -> list[int]:
    """A cluster number per text: texts that a chain of near-duplicates joins share one, the smallest index in it."""
    index = MinHashLSH(threshold=similarity, num_perm=_PERMUTATIONS)
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, text in enumerate(texts):
        for j in index.query(sketches.of(text)):
            low, high = sorted((root(i), root(j)))
            parent[high] = low
        index.insert(i, sketches.of(text))
    return [root(i) for i in range(len(texts))]


def leaked(train: Sequence[str], held_out: Iterable[str], sketches: Sketches, similarity: float = 0.7) -> set[int]:
    """Indices of training texts that are near-duplicates of a held-out text: the contamination check."""
    index = MinHashLSH(threshold=similarity, num_perm=_PERMUTATIONS)
    for i, text in enumerate(dict.fromkeys(held_out)):
        index.insert(i, sketches.of(text))
    return {i for i, text in enumerate(train) if index.query(sketches.of(text))}
