"""The banks of phrasings: TOML files with, for each form of a pair, several ways to ask and to answer it.

A file is a family, a table in it a form. The object's id picks among them, so the same set comes out every time.
"""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from train.errors import KnowledgeError
from train.teaching.split import number

FEWEST = 8  # ways to ask, for each form


class BadPhrasing(KnowledgeError):
    """A bank that lacks a form, or has too few ways to ask it."""


@dataclass(frozen=True, slots=True)
class Phrasing:
    """One way to ask and one to answer, with slots in braces. held_out ones are for tests of generalisation."""

    id: str
    ask: str
    answer: str
    held_out: bool


@dataclass(frozen=True, slots=True)
class Form:
    """All the ways of one form. The last way to ask is held out."""

    name: str
    asks: tuple[str, ...]
    answers: tuple[str, ...]

    def pick(self, key: str) -> Phrasing:
        """The way for this object."""
        ask = number("ask", self.name, key) % len(self.asks)
        answer = number("answer", self.name, key) % len(self.answers)
        held = ask == len(self.asks) - 1
        return Phrasing(f"{self.name}/{ask}.{answer}", self.asks[ask], self.answers[answer], held)


@cache
def forms() -> Mapping[str, Form]:
    """Every form by FAMILY.FORM."""
    made: dict[str, Form] = {}
    for file in sorted(resources.files("train.teaching").joinpath("phrasings").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            family = file.name.removesuffix(".toml")
            for name, bank in tomllib.loads(file.read_text(encoding="utf-8")).items():
                made[f"{family}.{name}"] = _form(f"{family}.{name}", bank)
    return made


def form(name: str) -> Form:
    """A form; raises BadPhrasing where there is none."""
    if name not in forms():
        raise BadPhrasing(f"expected a form in the banks of phrasings, got {name!r}")
    return forms()[name]


def _form(name: str, bank: Mapping[str, list[str]]) -> Form:
    asks, answers = tuple(bank.get("asks", ())), tuple(bank.get("answers", ()))
    if len(set(asks)) < FEWEST or not answers:
        raise BadPhrasing(f"{name}: expected {FEWEST} asks and an answer, got {len(set(asks))} and {len(answers)}")
    for template in (*asks, *answers):
        list(string.Formatter().parse(template))  # ValueError for a brace that is not closed
    return Form(name, asks, answers)
