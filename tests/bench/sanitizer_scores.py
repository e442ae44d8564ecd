"""What a sanitizer is worth on labelled rows: characters masked, spans typed. Any system's spans will do."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from train.sanitizer_data import Example

Span = tuple[int, int, str]
Find = Callable[[str], Iterable[Span]]


@dataclass
class Counts:
    """Sums over rows. Characters without blanks; typed spans by their exact ends; misses and false masks as text."""

    rows: int = 0
    hit: int = 0
    false: int = 0
    missed: int = 0
    typed_hit: int = 0
    typed_false: int = 0
    typed_missed: int = 0
    misses: Counter[str] = field(default_factory=Counter)
    falses: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """Precision, recall and F1, and the commonest mistakes."""
        return {
            "rows": self.rows,
            "mask_precision": ratio(self.hit, self.hit + self.false),
            "mask_recall": ratio(self.hit, self.hit + self.missed),
            "typed_f1": ratio(2 * self.typed_hit, 2 * self.typed_hit + self.typed_false + self.typed_missed),
            "misses": self.misses.most_common(15),
            "falses": self.falses.most_common(15),
        }


def ratio(part: float, whole: float) -> float:
    """A share to four digits; 1 where there is nothing to share."""
    return round(part / whole, 4) if whole else 1.0


def count(rows: Sequence[Example], find: Find, masked: frozenset[str]) -> Counts:
    """Compare a system's spans with the labels. masked: labels that the policy masks; others do not count."""
    sums = Counts()
    for row in rows:
        gold = {span for span in row.spans if span[2] in masked}
        got = {span for span in find(row.text) if span[2] in masked}
        there, here = _characters(row.text, gold), _characters(row.text, got)
        sums.rows += 1
        sums.hit += len(there & here)
        sums.false += len(here - there)
        sums.missed += len(there - here)
        sums.typed_hit += len(gold & got)
        sums.typed_false += len(got - gold)
        sums.typed_missed += len(gold - got)
        sums.misses.update(_told(row.text, gold, here))
        sums.falses.update(_told(row.text, got, there))
    return sums


def _characters(text: str, spans: Iterable[Span]) -> set[int]:
    return {i for start, end, _ in spans for i in range(start, end) if not text[i].isspace()}


def _told(text: str, spans: Iterable[Span], other: set[int]) -> list[str]:
    return [f"{label}: {text[s:e]}" for s, e, label in spans if _characters(text, [(s, e, label)]) - other]
