"""What is asked: the items of an evaluation, and how they are chosen from a teaching set and public sets.

An item is chosen by the digest of its id, so that the same sets and profile give the same items everywhere, and a
larger profile holds the smaller one. The suite's digest covers the items and the version of the rules that judge them.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from deployments.chat import SYSTEM, Turn

RULES = (
    1  # to be raised with every change to what counts as right, so that old answers' verdicts are not mixed with new
)

Kind = Literal["write", "weigh", "pick"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to ask a model.

    measure: what it counts for, `relations.cvss`. kind: write an answer, weigh (the likelihood of `reference`) or pick
    (the likeliest letter). form, subject: of the row it comes from. new_ask: the way to ask is held out too. start: how
    the answer is made to begin. tokens: the longest answer; temperature and seed: how it is drawn.
    """

    id: str
    measure: str
    kind: Kind
    question: str
    reference: str = ""
    form: str = ""
    subject: str = ""
    new_ask: bool = False
    start: str = ""
    tokens: int = 0
    temperature: float = 0.0
    seed: int = 0

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation as the product begins it."""
        return Turn("system", SYSTEM), Turn("user", self.question)

    @property
    def family(self) -> str:
        """The measure without its part, `relations`."""
        return self.measure.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Suite:
    """All items of an evaluation, by id; `dataset` is the teaching set's digest."""

    items: tuple[Item, ...]
    dataset: str
    dropped: int = 0  # public questions with several right letters, or without one

    @property
    def digest(self) -> str:
        """SHA-256 over the items and the version of the rules."""
        told: list[Any] = [RULES, *(asdict(item) for item in self.items)]
        return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Profile:
    """How many items each measure gets. `drawn`: sampled answers to each canary's prompt, beside the greedy one."""

    name: str
    relations: int
    refusals: int
    lessons: int
    benign: int
    public: int
    weighed: int
    general: int
    picked: int
    drawn: int


PROFILES = {
    "smoke": Profile("smoke", 2, 2, 2, 2, 2, 4, 4, 4, 1),
    "quick": Profile("quick", 26, 40, 24, 32, 24, 80, 40, 40, 1),
    "full": Profile("full", 80, 135, 80, 120, 100, 400, 200, 250, 4),
}


def first(found: Iterable[tuple[str, T]], count: int) -> list[T]:
    """`count` of all, as chance would draw them but the same each time: by digest of their ids."""
    ranked = sorted(found, key=lambda pair: hashlib.sha256(pair[0].encode()).digest())
    return [each for _, each in ranked[:count]]


def suite(items: Sequence[Item], dataset: str, dropped: int = 0) -> Suite:
    """A suite in the order of measures and ids; raises ValueError when two items share an id."""
    ordered = tuple(sorted(items, key=lambda item: (item.measure, item.id)))
    if len({item.id for item in ordered}) != len(ordered):
        raise ValueError("expected items of different ids, got some twice")
    return Suite(ordered, dataset, dropped)
