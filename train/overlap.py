"""How much of an evaluation set a training row holds: ids, runs of 13 words, Jaccard similarity. Knows no files.

Similarity is exact, not estimated: an inverted index of all shingles of the items gives the size of every overlap. It
counts word 3-grams, of question against question and of whole row against whole item, so that a short question is found
even where long options or a long answer stand beside it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from train.duplicates import normal
from train.evaluation_sets import Item

if TYPE_CHECKING:
    import numpy as np

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]

RUN = 13  # words
SHINGLE = 3  # words
SIMILARITY = 0.5
# a letter of a script that is written without spaces counts as a word
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
# ASCII, so that an id ends where a Chinese word begins
_ID = re.compile(r"\b(?:CVE-\d{4}-\d{4,}|CWE-\d+|CAPEC-\d+|(?:AML\.)?(?:TA?|M)\d{4}(?:\.\d{3})?)\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class RowText:
    """What is compared of a training row."""

    id: str
    question: str
    whole: str
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Touch:
    """One test that found an item in a row. evidence: the id, the words, or the similarity."""

    set: str
    item: str
    test: str  # one of TESTS
    evidence: str


# A CVE that an item names, a shared run of words, one that both have from a published text, likeness; these remove a
# row. Another id that an item names is reported only: the weakness or technique is common ground, not the question.
CVE, WORDS, PUBLIC, LIKE, NAMED = "cve", "13-gram", "13-gram of a public text", "jaccard", "id"
TESTS = (CVE, WORDS, PUBLIC, LIKE, NAMED)


@dataclass(frozen=True, slots=True)
class Compared:
    """A row with all that it touches, and for each set how like its nearest item is."""

    id: str
    touches: tuple[Touch, ...]
    nearest: dict[str, float]

    @property
    def removed(self) -> bool:
        """Whether the row must not be trained on."""
        return any(touch.test != NAMED for touch in self.touches)


def grams(text: str, size: int, *, whole: bool = False) -> dict[int, str]:
    """The runs of so many words by their 64-bit xxHash; whole: a shorter text is a run, too."""
    import xxhash

    words = _WORD.findall(normal(text))
    last = len(words) - size + 1
    runs = (" ".join(words[i : i + size]) for i in range(max(last, 1 if whole and words else 0)))
    return {xxhash.xxh3_64_intdigest(run.encode("utf-8", "surrogatepass")): run for run in runs}


def ids(text: str) -> set[str]:
    """The published ids in a text."""
    return set(_ID.findall(text))


class Postings:
    """Which documents hold which hash."""

    def __init__(self, documents: Iterable[Iterable[int]]) -> None:
        import numpy as np

        arrays = [np.fromiter(document, dtype=np.uint64) for document in documents]
        self.sizes = np.array([len(each) for each in arrays], dtype=np.int64)
        hashes = np.concatenate([np.empty(0, np.uint64), *arrays])
        order = np.argsort(hashes, kind="stable")
        self.documents = np.repeat(np.arange(len(arrays), dtype=np.int32), self.sizes)[order]
        self.keys, self.starts = np.unique(hashes[order], return_index=True)
        self.starts = np.append(self.starts, len(hashes))

    def known(self, hashes: Iterable[int]) -> "Hashes":
        """Those of the hashes that some document holds."""
        import numpy as np

        asked = np.fromiter(hashes, dtype=np.uint64)
        at = np.minimum(np.searchsorted(self.keys, asked), max(len(self.keys) - 1, 0))
        return asked[self.keys[at] == asked] if len(self.keys) else asked[:0]

    def holders(self, known: "Hashes") -> "np.ndarray[Any, np.dtype[np.int32]]":
        """The documents that hold these known hashes, one entry for each hash they hold."""
        import numpy as np

        at = np.searchsorted(self.keys, known)
        parts = [self.documents[self.starts[i] : self.starts[i + 1]] for i in at]
        return np.concatenate(parts) if parts else self.documents[:0]


@dataclass(slots=True)
class Index:
    """The items of all sets, to be asked about row after row. A plain object, so that it can be sent to workers."""

    items: Sequence[Item]
    similarity: float = SIMILARITY
    public: set[int] = field(default_factory=set)
    _sets: list[str] = field(init=False)
    _named: dict[str, list[int]] = field(init=False)
    _runs: Postings = field(init=False)
    _questions: Postings = field(init=False)
    _wholes: Postings = field(init=False)

    def __post_init__(self) -> None:
        self._sets = sorted({item.set for item in self.items})
        self._named = {}
        for number, item in enumerate(self.items):
            for name in ids(item.whole):
                self._named.setdefault(name, []).append(number)
        self._runs = Postings(grams(item.whole, RUN) for item in self.items)
        self._questions = Postings(grams(item.question, SHINGLE, whole=True) for item in self.items)
        self._wholes = Postings(grams(item.whole, SHINGLE, whole=True) for item in self.items)

    def publish(self, texts: Iterable[str]) -> None:
        """Runs of words in these texts are public: a row and an item that share one may both quote it."""
        for text in texts:
            self.public.update(self._runs.known(grams(text, RUN)).tolist())

    def compare(self, row: RowText) -> Compared:
        """All that the row touches."""
        nearest: dict[str, tuple[float, int]] = {}
        for text, postings in ((row.question, self._questions), (row.whole, self._wholes)):
            self._near(text, postings, nearest)
        like = [
            Touch(name, self.items[number].id, LIKE, f"{share:.3f}")
            for name, (share, number) in sorted(nearest.items())
            if share >= self.similarity
        ]
        touches = (*self._ids(row), *self._shared(row), *like)
        return Compared(row.id, touches, {name: share for name, (share, _) in sorted(nearest.items())})

    def _ids(self, row: RowText) -> list[Touch]:
        found: dict[tuple[str, str], Touch] = {}
        for name in sorted(ids(" ".join((row.whole, *row.objects)))):
            test = CVE if name.startswith("CVE-") else NAMED
            for number in self._named.get(name, ()):
                item = self.items[number]
                found.setdefault((item.set, test), Touch(item.set, item.id, test, name))
        return list(found.values())

    def _shared(self, row: RowText) -> list[Touch]:
        """For each set one shared run of words, one that is not public before one that is."""
        said = grams(row.whole, RUN)
        found: dict[str, Touch] = {}
        known = self._runs.known(said)
        for run in sorted(known.tolist(), key=lambda each: (each in self.public, said[each])):
            for number in self._runs.holders(known[known == run]):
                item = self.items[int(number)]
                test = PUBLIC if run in self.public else WORDS
                found.setdefault(item.set, Touch(item.set, item.id, test, said[run]))
        return [found[name] for name in sorted(found)]

    def _near(self, text: str, postings: Postings, nearest: dict[str, tuple[float, int]]) -> None:
        import numpy as np

        said = grams(text, SHINGLE, whole=True)
        numbers, shared = np.unique(postings.holders(postings.known(said)), return_counts=True)
        shares = shared / (len(said) + postings.sizes[numbers] - shared)
        for at in np.argsort(shares, kind="stable"):  # the largest last, so that it is what is kept
            name, share = self.items[int(numbers[at])].set, float(shares[at])
            if share >= nearest.get(name, (0.0, 0))[0]:
                nearest[name] = share, int(numbers[at])
