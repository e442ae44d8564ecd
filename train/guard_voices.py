"""Questions made from sentence templates and the names in the feeds: what no public set has."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from train import guard_feeds
from train.guard_rows import DUAL_USE, EDUCATIONAL, HARMFUL, UNKNOWN, Row

_MADE = (
    ("educational", EDUCATIONAL, 0, 1600),
    ("dual_use", DUAL_USE, 0, 1300),
    ("harmful", HARMFUL, 0, 1000),
    ("everyday", EDUCATIONAL, 0, 600),
    ("override_benign", EDUCATIONAL, 0, 350),
    ("override_attack", UNKNOWN, 1, 500),
)


class Voices:
    """Fills the sentence templates; the same draws for every class, so wording does not give the class away."""

    def __init__(self, feeds: guard_feeds.Feeds, rng: random.Random) -> None:
        self._words: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("guard_voices.yaml").read_text())
        self._words |= feeds.words
        self._rng = rng

    def say(self, kind: str) -> str:
        """One filled sentence of a kind, as people type."""
        return self.typed(re.sub(r"\{(\w+?)2?\}", lambda slot: self._pick(slot.group(1)), self._pick(kind)))

    def typed(self, text: str) -> str:
        """The sentence with or without opening and ending, in the case and with the stops that people use."""
        text = self._pick("open") + text + self._pick("close")
        text = text[:1].upper() + text[1:] if self._rng.random() < 0.7 else text
        if self._rng.random() < 0.2:
            text = text.lower()
        return text.rstrip("?.!") if self._rng.random() < 0.15 else text

    def rows(self) -> Iterator[Row]:
        """All made rows, and the minimal pairs, each typed in a few ways."""
        for kind, intent, override, count in _MADE:
            for _ in range(count):
                yield Row(self.say(kind), intent, override, f"voices/{kind}")
        for triple in self._words["triples"]:
            for intent, text in enumerate(triple):
                yield from (Row(self.typed(text), intent, 0, "voices/pairs") for _ in range(4))

    def _pick(self, kind: str) -> str:
        return str(self._rng.choice(self._words[kind]))
