"""What the tutor is asked over HTTP, with what answers it: relations, invented identifiers, free questions.

Expected answers of relations come from the base by SQL (`knowledge_asked`). Free questions and the third set of
wordings stand in answers_questions.toml; they may be read while something is mended, the `fresh` ones may not.
"""

import fnmatch
import re
import tomllib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import knowledge_asked
from tests.bench.knowledge_asked import FORMS, Base, Question
from train.knowledge import open_base
from train.teaching.split import COMMON, number

FILE = Path(__file__).with_name("answers_questions.toml")
WORDINGS = ("fresh", "third", "tuned")
COUNTS = {"relations": 500, "invented": 100, "free": 100}
SIGMA = 10  # of 100 invented ones: rules, which have no number but a UUID


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. expected: the ids that answer it, all of them for a relation, any of them for a free question;
    kinds: what a relation asks for; names: words, any of which a free answer may say instead of an id."""

    group: str
    text: str
    way: str
    subject: str = ""
    expected: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()


class Known:
    """What the base holds: kinds of things, and which identifiers are real."""

    def __init__(self, base: Base, root: str) -> None:
        self._base = base
        self._ids = set(base.things) | {end for link in base.links for end in (link[0], link[2])}
        with open_base(root) as opened:
            rows = opened.sql("select text from latest union all select text from links").fetchall()
        self._texts = "\n".join(text for (text,) in rows if text)

    def kind(self, name: str) -> str:
        """The kind of a live thing, else empty."""
        return self._base.kind(name)

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def is_quoted(self, name: str) -> bool:
        """Whether some record's own text speaks of it, as one of a group does of a CVE that is not here."""
        return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self._texts))


def relations(base: Base, which: str, count: int) -> list[Ask]:
    """Half by identifier, two fifths by name, a tenth by description."""
    return [_relation(each) for each in knowledge_asked.relations(base, which, count, _file(which))]


def _relation(question: Question) -> Ask:
    kinds = frozenset(FORMS[question.form][2].split())
    return Ask("relations", question.text, question.way, question.subject, question.expected, kinds)


def held_out(base: Base, asks: Sequence[Ask]) -> int:
    """About how many of the questions no row of the teaching set can have been; the rest is common ground."""
    return sum(base.things[each.subject][0] not in COMMON for each in asks)


def invented(base: Base, which: str, count: int) -> list[Ask]:
    """Identifiers that nobody gave out: nine tenths of numbered catalogues, the rest Sigma rules."""
    rules = count * SIGMA // 100
    made = knowledge_asked.invented(base, which, count - rules, _file(which))
    wordings = knowledge_asked.wordings(which, _file(which))["invented"]
    asks = [Ask("invented", each.text, _family(each.subject), each.subject) for each in made]
    for turn in range(rules):
        name = str(uuid.UUID(int=number(which, "rule", str(turn)) << 64 | number(which, "half", str(turn)), version=4))
        text = wordings[turn % len(wordings)].replace("{x}", f"the Sigma rule {name}")
        asks.append(Ask("invented", text, "Sigma", name))
    return asks


def _family(name: str) -> str:
    return name.partition("-")[0] if "-" in name else "ATLAS" if name.startswith("AML") else "ATT&CK"


def free(base: Base, count: int) -> list[Ask]:
    """As learners ask. way: `told`, where a record says it; `worded`, where records must be put into words."""
    rows = tomllib.loads(FILE.read_text())["free"]
    pairs = zip(rows["told"], rows["worded"], strict=True)
    asks = [_free(base, way, *row) for pair in pairs for way, row in zip(("told", "worded"), pair, strict=True)]
    return asks[:count]


def _free(base: Base, way: str, text: str, cites: str, names: str) -> Ask:
    expected = frozenset(name for each in cites.split() for name in _matching(base, each))
    return Ask("free", text, way, expected=expected, names=tuple(filter(None, names.split("|"))))


def _matching(base: Base, pattern: str) -> Iterable[str]:
    return fnmatch.filter(base.things, pattern) if "*" in pattern else (pattern,)


def _file(which: str) -> Path:
    return FILE if which == "third" else knowledge_asked.WORDINGS
