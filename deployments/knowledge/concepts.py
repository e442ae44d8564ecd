"""What a question wants, by its words: the concepts of `concepts.toml`. No model, nothing learned."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

_WEIGHTS = {"exact": 5.0, "sure": 4.0, "noun": 3.0, "phrase": 2.0, "hint": 1.0}
PLAIN = 2.0  # the weight from which words ask for something rather than hint at it
_HEAD = 48  # characters in which a question says what it wants, before it goes into a description
_ASKED_FOR = re.compile(r"(?i)\b(?:which|what|whose|name|list|show|give me|every|all|any)\s+(?:the\s+)?(?:[\w&]+\s+)?$")


class Cue(NamedTuple):
    """Words that ask for a concept: where they stand in the text, and how plainly they speak."""

    concept: str
    start: int
    end: int
    weight: float


class Concepts:
    """The table of concepts, ready to read questions with. Use `Concepts.load`. Safe for several threads."""

    def __init__(self, readers: tuple[tuple[str, float, re.Pattern[str]], ...]) -> None:
        self._readers = readers

    @classmethod
    def load(cls) -> Self:
        """Read the table beside this file."""
        table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
        return cls(tuple(
            (concept, _WEIGHTS[plainness], re.compile(rf"(?i)(?<![a-z0-9])(?:{'|'.join(ways)})(?![a-z0-9])"))
            for concept, each in table.items()
            for plainness, ways in each.items()
        ))  # fmt: skip

    def cues(self, text: str) -> list[Cue]:
        """All words of a text that ask for something; right behind "which" or "list" they speak plainer."""
        return [
            Cue(concept, found.start(), found.end(), weight + _asked_for(text, found.start(), weight))
            for concept, weight, reader in self._readers
            for found in reader.finditer(text)
        ]


def heads(cues: Sequence[Cue]) -> Sequence[Cue]:
    """The cues at the head of a question, where any is plain: what follows there describes."""
    return [cue for cue in cues if cue.start < _HEAD and cue.weight >= PLAIN] or cues


def wanted(cues: Sequence[Cue]) -> dict[str, float]:
    """How plainly each concept is asked for: its plainest cue, and a little for further ones."""
    weights: dict[str, list[float]] = {}
    for cue in cues:
        weights.setdefault(cue.concept, []).append(cue.weight)
    return {concept: max(each) + 0.25 * min(len(each) - 1, 2) for concept, each in weights.items()}


def _asked_for(text: str, start: int, weight: float) -> bool:
    return weight >= PLAIN and _ASKED_FOR.search(text[max(start - 60, 0) : start]) is not None
