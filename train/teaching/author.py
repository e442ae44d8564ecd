"""How a pair is written down: a form, what it is about, what fills its slots, and what it rests on."""

import json
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from train.records import Origin, Record
from train.teaching import names
from train.teaching.knowledge import Knowledge, Link
from train.teaching.phrasing import Phrasing, form
from train.teaching.split import row_side


class Prose(str):
    """A published text in a slot. It goes through the sanitizer before it is used; all else is ours or a name."""

    __slots__ = ()


_BLANKS = re.compile(r"[ \t]+\n")  # before a list, whose lines begin with their line break


class Verbatim(Prose):
    """A published text that is of use only as it is, like a rule's logic: a pair with a changed one is left out."""

    __slots__ = ()


_KINDS: tuple[type[str], ...] = (str, Prose, Verbatim)

Part = str | tuple[str, ...]
"""What fills a slot: a string, or pieces that are put one after the other, Prose among them."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A pair before its texts are sanitized."""

    family: str
    phrasing: Phrasing
    slots: Mapping[str, Part]
    objects: tuple[str, ...]
    origins: tuple[Origin, ...]
    verdict: str
    side: str
    version: str
    uri: str
    credits: tuple[str, ...] = ()

    def texts(self) -> Iterable[str]:
        """The published texts in it."""
        for part in self.slots.values():
            yield from (str(piece) for piece in _pieces(part) if isinstance(piece, Prose))

    def holds(self, clean: Mapping[str, str]) -> bool:
        """Whether what is of use only unchanged is unchanged."""
        pieces = (piece for part in self.slots.values() for piece in _pieces(part) if isinstance(piece, Verbatim))
        return all(clean[str(piece)] == piece for piece in pieces)

    def said(self, clean: Mapping[str, str]) -> tuple[str, str]:
        """Question and answer, with the clean text in place of each published one."""
        filled = {
            name: "".join(clean[str(piece)] if isinstance(piece, Prose) else piece for piece in _pieces(part))
            for name, part in self.slots.items()
        }
        ask, answer = (each.format(**filled).strip() for each in (self.phrasing.ask, self.phrasing.answer))
        return _BLANKS.sub("\n", ask), _BLANKS.sub("\n", answer)

    def dump(self) -> str:
        """As JSON, for the way between processes."""
        slots = {
            name: [[_KINDS.index(type(each)), each] for each in _pieces(part)] for name, part in self.slots.items()
        }
        return json.dumps(asdict(self) | {"slots": slots}, ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> Self:
        """What dump gave."""
        told: dict[str, Any] = json.loads(text)
        slots = {name: tuple(_KINDS[kind](text) for kind, text in pieces) for name, pieces in told.pop("slots").items()}
        phrasing, origins = Phrasing(**told.pop("phrasing")), tuple(Origin(**each) for each in told.pop("origins"))
        fixed: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in told.items()
        }
        return cls(phrasing=phrasing, origins=origins, slots=slots, **fixed)


def _pieces(part: Part) -> tuple[str, ...]:
    return (part,) if isinstance(part, str) else part


class Author:
    """Writes drafts about the things of a knowledge base."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge

    def draft(
        self,
        name: str,
        subject: Record,
        slots: Mapping[str, Part],
        others: Iterable[Record] = (),
        links: Iterable[Link] = (),
        verdict: str = "answer",
        key: str = "",
    ) -> Draft | None:
        """A pair of the form about subject, resting on the others and the links; None where it would mix sides.

        To the slots come those of `names.slots`. key tells apart several pairs of the same form about the same thing.
        """
        phrasing = form(name).pick(f"{subject.id}/{key}")
        touched = list({each.id: each for each in (subject, *others)}.values())
        where = row_side(touched)
        if where is None:
            return None
        templates = (phrasing.ask, phrasing.answer)
        used = {field for each in templates for _, field, _, _ in string.Formatter().parse(each) if field}
        filled: dict[str, Part] = {**names.slots(subject, self.knowledge), **slots}
        described = (self.knowledge.origin(each.id) for each in touched)
        origins = dict.fromkeys([*(each for each in described if each), *(link.origin for link in links)])
        return Draft(
            name.partition(".")[0], phrasing, {field: filled[field] for field in sorted(used)},
            tuple(each.id for each in touched), tuple(origins), verdict, where,
            subject.version or subject.modified, subject.url, _credits(touched),
        )  # fmt: skip


def _credits(records: Iterable[Record]) -> tuple[str, ...]:
    """The authors of rules: their licence wants them named wherever a rule is passed on."""
    return tuple(sorted({author for each in records if each.kind == "rule" for author in each.facts.get("author", ())}))
