"""The knowledge base at answer time: `Knowledge.open(folder)`, then `answer`, `look_up`, `search`. Free of Ray.

One object for one pack, which never changes; `shelf` holds several and hands out the newest.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from deployments.knowledge import lookup
from deployments.knowledge.answering import Answer, answers
from deployments.knowledge.asking import TELLING, Asked, Asker
from deployments.knowledge.identifiers import find
from deployments.knowledge.lookup import Found
from deployments.knowledge.naming import EVERYDAY
from deployments.knowledge.pack import Pack, Thing
from deployments.knowledge.search import Encode, Hit, Search

NEAR = 0.45  # cosine from which a record is about a question
SHARE = 0.5  # of a question's telling words, by rarity, from which it is


class Knowledge:
    """Answers from one pack. Safe for several threads."""

    def __init__(self, pack: Pack, search: Search, encode: Encode | None = None) -> None:
        self.pack = pack
        self._search, self._asker = search, Asker(pack, search, encode)

    @classmethod
    def open(cls, folder: Path, encode: Encode | None = None, *, verify: bool = True) -> Self:
        """Open a pack. `encode`: a text to its vector; without it words alone decide. Raises PackError."""
        pack = Pack.open(folder, verify=verify)
        return cls(pack, Search.open(pack, encode), encode)

    @property
    def digest(self) -> str:
        """The name of the pack, for the record of what was answered."""
        return self.pack.digest

    @property
    def absent(self) -> dict[str, Any]:
        """The sources that may be answered from and that this pack does not hold, by name."""
        found: dict[str, Any] = self.pack.manifest["absent"]
        return found

    def look_up(self, text: str) -> list[Found]:
        """Each identifier of a text with what the pack knows of it."""
        return [lookup.look_up(self.pack, each) for each in find(text)]

    def ask(self, question: str) -> Asked:
        """How the graph understands a question."""
        return self._asker.ask(question)

    def told(self, asked: Asked) -> list[Answer]:
        """What the graph says to a question so understood; nothing where it is not for the graph."""
        return answers(self.pack, asked)

    def answer(self, question: str) -> list[Answer]:
        """What the graph says to a question."""
        return self.told(self.ask(question))

    def about(self, question: str, top: int) -> list[Thing]:
        """The records that a question is about: what it names, then what is near by meaning, or where that is not known
        by words."""
        named = [self.pack.thing(row) for row in self._asker.mentioned(question)[:1]]
        found = [thing for thing, hit in self.search(question, top) if self._is_about(question, thing, hit)]
        return [*named, *(each for each in found if each not in named)][:top]

    def _is_about(self, question: str, thing: Thing, hit: Hit) -> bool:
        if self._search.has_meaning(thing.kind):
            return hit.meaning >= NEAR
        return self._search.share(question, f"{thing.name} {thing.text}", EVERYDAY) >= SHARE

    def is_telling(self, word: str) -> bool:
        """Whether a word is rare enough to be a name wherever it stands."""
        return self._search.rarity(word) >= TELLING

    def search(self, question: str, top: int = 5, kinds: Collection[str] = ()) -> list[tuple[Thing, Hit]]:
        """The records that fit a question best, for the context of a model's answer."""
        return [(self.pack.thing(hit.row), hit) for hit in self._search.find(question, top, kinds)]
