"""A question to a typed query: which thing, which relation. By identifiers, by names, and by search at last.

A question that is neither about a relation nor about one thing gives none; it is the model's, with what search finds.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from deployments.knowledge.concepts import PLAIN, Concepts, Cue, heads, wanted
from deployments.knowledge.describing import Describer
from deployments.knowledge.identifiers import Identifier, find
from deployments.knowledge.lookup import LIVE, Found, State, is_empty, kind_of, look_up, successor
from deployments.knowledge.masking import masked
from deployments.knowledge.mentions import Mention, Names
from deployments.knowledge.naming import EVERYDAY, Hints, Preference, beside, in_domain, preference, unknown_names
from deployments.knowledge.pack import Pack
from deployments.knowledge.pairs import Pair, pair
from deployments.knowledge.relations import BY_KIND, Relation
from deployments.knowledge.search import Encode, Search, asked
from deployments.knowledge.wishes import Wishes

_DEFINES = re.compile(
    r"(?i)\b(?:what (?:is|are|was|were)|what's|explain|describe|define|definition|summar\w+|tell (?:me|us) about"
    r"|meaning|means?|who (?:is|are)|overview|identifier|which id|id of|what do you know)\b"
)
LONGEST = 600  # characters of a question
TELLING = 4.0  # rarity of a name from which it is no everyday word
_NAMING = 25  # words of a question that may be about a name which nothing bears
_MENTIONS = 12  # names that are looked at, the rarest
_NEXT = 40  # characters at most between two wishes in one breath
_COVER, _WRITTEN = 0.45, 0.15  # share of a question that a name must make up; of one written as its publisher does
_WHOLE = 0.65  # the share of a name of which nothing is asked but what it is
_IDENTIFIES = re.compile(  # "it" is the name: which entry of a catalogue bears it
    r"(?i)\b(?:(?:which|what)\s+(?:[\w&-]+\s+)?(?:cwe|capec|att&ck|technique|weakness|(?:attack )?pattern|tactic"
    r"|group|mitigation|entry|id|identifier|number)\s+(?:is|means)\s+(?:the |an? )?it"
    r"|(?:id|identifier|number) (?:of|for|has))\b"
)
_CALLED = {
    "malware": "software",
    "tool": "software",
    "attack_pattern": "pattern",
    "weakness_group": "weakness",
    "exploited": "cve",
    "detection_strategy": "detection",
    "rule": "rule",
}  # kinds that concepts call otherwise
_AND = re.compile(r"\W*(?:\w+\W+)?(?:and|or|as well as)\W+(?:\w+\W+){0,2}")  # between two things asked in one breath
_OF_NAMES = frozenset({"technique", "software", "group", "campaign", "alias"})  # wanted of what somebody has named


class How(StrEnum):
    """By what the thing of a query was found."""

    identifier = "identifier"
    name = "name"
    search = "search"


@dataclass(frozen=True, slots=True)
class Query:
    """A thing, and what is asked of it: a relation, or None for the thing itself. also: other things so called."""

    row: int
    relation: Relation | None
    how: How
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the graph understands it. unknown: names that no record bears; pair: two things that it joins.

    named: where the things stand that it is about, half-open, in code points; cues: all words that ask for something.
    """

    identifiers: tuple[Found, ...]
    queries: tuple[Query, ...]
    unknown: tuple[str, ...] = ()
    pair: Pair | None = None
    named: tuple[tuple[int, int], ...] = ()
    cues: tuple[Cue, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """A question with all that was read off it once."""

    text: str
    identifiers: tuple[Identifier, ...]
    mentions: tuple[Mention, ...]
    cues: tuple[Cue, ...]
    hints: Hints


class Asker:
    """Reads questions against one pack. Safe for several threads."""

    def __init__(self, pack: Pack, search: Search, encode: Encode | None = None) -> None:
        self._pack, self._search = pack, search
        self._wishes = Wishes(encode) if encode else None
        self._names, self._concepts = Names(pack, search.commonness), Concepts.load()
        self._describer = Describer(pack, search)

    def ask(self, question: str) -> Asked:
        """What a question asks of the graph; no queries where it asks nothing that the graph can answer.

        Only the first LONGEST characters are read: what is longer holds a text, and its question is the model's.
        """
        read = self._read(question[:LONGEST])
        wide = [each for each in read.mentions if any(_within(one, each) for one in read.identifiers)]
        if read.identifiers and not wide:
            return self._by_identifier(read)
        both = pair(self._pack, read.text, (), read.mentions)
        found = Asked((), (), pair=both, named=both.spans, cues=read.cues) if both else self._by_name(read)
        if found:
            return found
        unknown = self._unknown(read)
        if unknown or any(self._cover(read, each) >= _WHOLE for each in read.mentions):
            return Asked((), (), unknown)  # what is named has not what is asked, and nothing else is meant
        meant = self._describer.named_by(read.text, read.hints)
        if meant is not None:
            return Asked((), (Query(meant, None, How.search),))
        near = self._describer.find(read.text, read.cues, read.hints)
        return Asked((), (Query(near[0], near[1], How.search),) if near else ())

    def mentioned(self, question: str) -> list[int]:
        """The rows of what a question names in several words, whatever it asks; of namesakes the one meant."""
        read = self._read(question[:LONGEST])
        named = [each for each in read.mentions if each.weight >= TELLING and " " in question[each.start : each.end]]
        return [min(map(self._current, each.rows), key=lambda row: preference(self._pack, row, read.hints))
                for each in named]  # fmt: skip

    def _read(self, question: str) -> _Read:
        mentions = self._names.find(question)[:_MENTIONS]
        cues = self._concepts.cues(question)
        return _Read(question, tuple(find(question)), tuple(mentions), tuple(cues), Hints.of(question))

    def _unknown(self, read: _Read) -> tuple[str, ...]:
        """Names that no record bears, where the question is about them."""
        plain = {each for each, weight in wanted(read.cues).items() if weight >= PLAIN}
        if len(read.text.split()) > _NAMING or not (_DEFINES.search(read.text) or _OF_NAMES & plain):
            return ()
        said = [read.text[each.start : each.end] for each in read.mentions]
        return tuple(unknown_names(read.text, said, self._search.knows, plain=bool(_OF_NAMES & plain)))

    def _by_identifier(self, read: _Read) -> Asked:
        found = tuple({each.id: look_up(self._pack, each) for each in read.identifiers}.values())
        around = masked(read.text, [(each.start, each.end) for each in read.identifiers])
        queries = [
            query
            for each in found
            if each.state is not State.unknown
            for query in self._queries(around, [thing.row for thing in each.things], How.identifier)
        ]
        both = pair(self._pack, read.text, read.identifiers, read.mentions)
        rows = {thing.row for each in found for thing in each.things}
        beside = [each for each in read.mentions if not rows.isdisjoint(each.rows)]  # "T1003 (OS Credential Dumping)"
        named = {(each.start, each.end) for each in read.identifiers} | {(one.start, one.end) for one in beside}
        named |= set(both.spans if both else ())
        return Asked(found, tuple(queries), pair=both, named=tuple(sorted(named)), cues=read.cues)

    def _queries(self, around: str, rows: Sequence[int], how: How, also: tuple[int, ...] = ()) -> list[Query]:
        """The relations that the words around a thing ask for; rows are its records, the first that has one answers."""
        for relation in self._relations(around, {kind_of(self._pack, row) for row in rows}):
            fit = [row for row in rows if kind_of(self._pack, row) in relation.kinds]
            row = next((row for row in fit if not is_empty(self._pack, row, relation)), fit[0])
            return [Query(row, each, how, also) for each in (relation, *self._second(around, row, relation))]
        return [Query(rows[0], None, how, also)]

    def _relations(self, around: str, kinds: Iterable[str], least: float = 0) -> list[Relation]:
        """What is asked of things of these kinds, the plainest first; empty where the thing itself is asked for."""
        kinds = sorted(kinds)
        open_to = {relation.concept: relation for kind in kinds for relation in _of(kind)}
        cues = [cue for cue in self._concepts.cues(around) if cue.concept in open_to]
        asks = wanted(heads(cues) if least else cues)
        if _DEFINES.search(around) or self._other(around, kinds):
            least = max(least, PLAIN)
        plain = [(weight, open_to[each]) for each, weight in asks.items() if weight >= least]
        if self._wishes and not any(weight >= PLAIN for weight, _ in plain):
            meant = self._wishes.nearest(around, open_to)
            plain += [(PLAIN, open_to[meant])] if meant in open_to else []
        return [relation for _, relation in sorted(plain, key=lambda each: -each[0])]

    def _other(self, around: str, kinds: Sequence[str]) -> bool:
        """Whether a question plainly wants what things of these kinds have not; then no hint is taken for its wish."""
        own = {_CALLED.get(kind, kind) for kind in kinds} | {
            relation.concept for kind in kinds for relation in _of(kind)
        }
        return any(cue.weight >= PLAIN and cue.concept not in own for cue in self._concepts.cues(around))

    def _second(self, around: str, row: int, first: Relation) -> list[Relation]:
        """A second thing that is asked in one breath: "detect and prevent"."""
        cues = [cue for cue in self._concepts.cues(around) if cue.weight >= PLAIN]
        pairs = [(one.concept, two.concept) for one in cues for two in cues
                 if one.end < two.start < one.end + _NEXT and _AND.fullmatch(around[one.end : two.start])]  # fmt: skip
        near = [each for both in pairs if first.concept in both for each in both]
        kind = kind_of(self._pack, row)
        found = [
            BY_KIND[kind, each] for each in dict.fromkeys(near) if each != first.concept and (kind, each) in BY_KIND
        ]
        return found[:1]

    def _by_name(self, read: _Read) -> Asked | None:
        """The thing whose name makes up most of the question, and of which can be asked what is asked."""
        for mention in read.mentions:
            cover = self._cover(read, mention)
            if cover < (_WRITTEN if self._as_written(read.text, mention) else _COVER):
                continue
            queries = self._named(read, mention, cover)
            if queries:
                return Asked((), tuple(queries), named=((mention.start, mention.end),), cues=read.cues)
        return None

    def _named(self, read: _Read, mention: Mention, cover: float) -> list[Query]:
        """What is asked of the thing of this name that is meant; nothing where the words ask for nothing."""
        question, hints = read.text, read.hints
        close = Hints.of(beside(question, mention.start, mention.end))
        around = masked(question, [(mention.start, mention.end)])
        rows = [
            row
            for row in map(self._current, mention.rows)
            if not close.kinds or kind_of(self._pack, row) in close.kinds
        ]
        rows = rows or list(map(self._current, mention.rows))
        which = [row for row in rows if kind_of(self._pack, row) in hints.kinds]
        if which and _IDENTIFIES.search(around):
            best = sorted(rows, key=lambda row: (row not in which, preference(self._pack, row, hints)))
            return [Query(best[0], None, How.name, tuple(best[1:]))]
        for relation in self._relations(
            around, {kind_of(self._pack, row) for row in rows}, 0 if cover >= _COVER else PLAIN
        ):
            fit = [row for row in rows if kind_of(self._pack, row) in relation.kinds]
            best = sorted(fit, key=lambda row: self._order(row, relation, hints))
            return self._queries(around, best[:1], How.name, tuple(best[1:]))
        if (cover >= _WHOLE and _DEFINES.search(around)) or not around.strip(" ?!.\"'"):
            best = sorted(rows, key=lambda row: preference(self._pack, row, hints))
            return [Query(best[0], None, How.name, tuple(best[1:]))]
        return []

    def _order(self, row: int, relation: Relation, hints: Hints) -> tuple[bool, bool, Preference]:
        apart = not in_domain(self._pack.thing(row), hints)
        return (apart, is_empty(self._pack, row, relation), preference(self._pack, row, hints))

    def _current(self, row: int) -> int:
        """The thing that took the place of a withdrawn one, or the thing itself."""
        after = successor(self._pack, self._pack.thing(row)) if self._pack.status(row) != LIVE else None
        return after.row if after else row

    def _as_written(self, question: str, mention: Mention) -> bool:
        """Whether a name is written as its publisher writes it, and not only because a sentence begins with it."""
        said = question[mention.start : mention.end]
        upper = said != said.lower() and (mention.start > 0 or " " in said)
        return upper and any(said in self._pack.thing(row).name for row in mention.rows)

    def _cover(self, read: _Read, mention: Mention) -> float:
        """The share of a question's telling words, by rarity, that a name makes up."""
        spans = [(mention.start, mention.end), *((cue.start, cue.end) for cue in read.cues)]
        spans += [found.span() for found in _DEFINES.finditer(read.text)]
        rest = asked(masked(read.text, spans))
        around = sum(self._search.rarity(word) for word in rest if word not in read.hints.words | EVERYDAY)
        return mention.weight / (mention.weight + around) if mention.weight else 0.0


def _of(kind: str) -> list[Relation]:
    return [relation for (each, _), relation in BY_KIND.items() if each == kind]


def _within(identifier: Identifier, mention: Mention) -> bool:
    """Whether an identifier is only a part of a name, as in the title of a rule."""
    inside = mention.start <= identifier.start and identifier.end <= mention.end
    return inside and mention.end - mention.start > identifier.end - identifier.start
