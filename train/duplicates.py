"""Duplicates among texts, exact and near ones. Of texts that are alike the one with the smallest id stays.

Signing is the costly part and needs one text alone, so workers do it (`signature`); which rows fall is decided in one
place (`dropped`) from signatures only, half a kilobyte for each text however long it is.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from train.errors import KnowledgeError

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
SIMILARITY = 0.8
_WORDS = 5  # of a shingle
_BANDS = (16, 8)  # of so many values each: 95 % of pairs at 0.8 meet in one, 99.9 % at 0.9
_SEED, _SCHEME = 7, "affine32"
_EXACT = 32  # bytes of the digest that a signature begins with


class TwiceGiven(KnowledgeError):
    """Two rows with one id: which of them a caller would drop could not be told."""


def normal(text: str) -> str:
    """NFKC, casefold, white space collapsed: what exact duplicates agree in."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def shingles(words: Sequence[str], size: int) -> set[str]:
    """All runs of so many words; of a shorter text the whole."""
    return {" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))}


def sketch(words: Sequence[str], size: int, permutations: int) -> "MinHash":
    """MinHash over the shingles of words."""
    from datasketch import MinHash

    made = MinHash(num_perm=permutations, seed=_SEED, scheme=_SCHEME)
    made.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in shingles(words, size)])
    return made


def signature(text: str) -> bytes:
    """All that `dropped` needs of a text: SHA-256 of its normal form, and MinHash over its word 5-grams."""
    said = normal(text)
    values: bytes = sketch(re.findall(r"\w+", said) or [said], _WORDS, PERMUTATIONS).hashvalues.astype("<u4").tobytes()
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest() + values


def dropped(signed: Iterable[tuple[str, bytes]], similarity: float = SIMILARITY) -> dict[str, str]:
    """For each text that is to go, by id, the one that stays for it. The order in which they are given is no matter.

    Texts are looked at in the order of their ids; one goes when it equals one that stays, or when the estimated
    Jaccard similarity to one is at least `similarity`; a second run drops nothing. Both are estimates: of 128 values
    the similarity is known to 0.04 or so, and a pair that meets in no band (1 in 20 at 0.8, most below 0.6) stays.
    """
    order = sorted(signed)
    for (name, _), (following, _) in pairwise(order):
        if name == following:
            raise TwiceGiven(f"expected every id once, got {name[:80]!r} twice")
    stays = _Stays([data for _, data in order], similarity)
    found = {i: stays.take(i) for i in range(len(order))}
    return {order[i][0]: order[j][0] for i, j in found.items() if i != j}


def duplicates(texts: Iterable[tuple[str, str]], similarity: float = SIMILARITY) -> dict[str, str]:
    """`dropped` for (id, text) pairs, signed one by one as they come."""
    return dropped(((name, signature(text)) for name, text in texts), similarity)


class _Stays:
    """The texts that stay, as signatures that one can ask for likeness."""

    def __init__(self, signatures: Sequence[bytes], similarity: float) -> None:
        import numpy as np
        from datasketch import MinHashLSH

        self._exact = [data[:_EXACT] for data in signatures]
        values = b"".join(data[_EXACT:] for data in signatures)
        self._values: Any = np.frombuffer(values, dtype="<u4").reshape(-1, PERMUTATIONS)
        self._similarity = similarity
        self._index = MinHashLSH(num_perm=PERMUTATIONS, params=_BANDS)
        self._seen: dict[bytes, int] = {}

    def take(self, i: int) -> int:
        """The number of the text that stays for text i: i itself unless an earlier one is like it."""
        from datasketch import LeanMinHash

        same = self._seen.get(self._exact[i])
        if same is not None:
            return same
        lean = LeanMinHash(seed=_SEED, scheme=_SCHEME, hashvalues=self._values[i])
        near = sorted(self._index.query(lean))
        if near:
            alike = (self._values[near] == self._values[i]).mean(axis=1) >= self._similarity
            if alike.any():
                return int(near[int(alike.argmax())])
        self._index.insert(i, lean)
        self._seen[self._exact[i]] = i
        return i
