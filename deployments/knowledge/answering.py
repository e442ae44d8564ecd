"""A query to an answer in plain words, each sentence with the records that it rests on.

What is said here is the graph's alone. A model may word it anew, and must not add to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from deployments.knowledge.asking import Asked, How, Query
from deployments.knowledge.lookup import Found, Reached, State, links_between, looked_in, walk
from deployments.knowledge.pack import Pack, Thing
from deployments.knowledge.pairs import Pair
from deployments.knowledge.quoting import beginning
from deployments.knowledge.relations import Relation
from guards.records import statements

TOLD = 12  # things of a list that get a sentence of their own; the rest is named
NAMESAKES = 5  # other things of the same name that are told
MOST = 200  # things of a list at all
_QUOTE = 240  # characters of what a feed says on a link
_BARE = {"cve", "exploited", "nvd", ""}  # their ids are their names


class Outcome(StrEnum):
    """What an answer can say."""

    known = "known"  # it is here
    empty = "empty"  # the thing is known, and nothing of what was asked of it
    withdrawn = "withdrawn"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, and the ids of the records that support it."""

    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the graph says. things: the ids that were asked for, all of them; how: by what their subject was found."""

    outcome: Outcome
    sentences: tuple[Sentence, ...]
    subject: str = ""
    concept: str = ""
    things: tuple[str, ...] = ()
    how: How | None = None

    @property
    def text(self) -> str:
        """All sentences, each with its records in brackets."""
        return "\n".join(
            f"{each.text} [{', '.join(each.cites)}]" if each.cites else each.text for each in self.sentences
        )


def answers(pack: Pack, asked: Asked) -> list[Answer]:
    """What the pack says to a question: unknown and withdrawn identifiers first, then one answer for each query."""
    found = [_unknown(pack, each) for each in asked.identifiers if each.state is State.unknown]
    found += [_unknown_name(pack, name) for name in asked.unknown]
    found += [_withdrawn(each) for each in asked.identifiers if each.state is State.withdrawn]
    gone = {thing.row for each in asked.identifiers if each.state is State.withdrawn for thing in each.things}
    if asked.pair and not gone & {asked.pair.one, asked.pair.two}:
        return [*found, _joined(pack, asked.pair)]
    return found + [_answer(pack, each) for each in asked.queries if each.row not in gone]


def called(thing: Thing) -> str:
    """What a thing is called in a sentence: its name with its id."""
    name = " ".join(thing.name.split())
    if thing.kind in _BARE or not name:
        return (
            f"{thing.id.rpartition(':')[2]} ({name})"
            if name and thing.kind == "exploited"
            else thing.id.rpartition(":")[2]
        )
    return name if "--" in thing.id else f"{name} ({thing.id})"


def _unknown(pack: Pack, found: Found) -> Answer:
    name = found.identifier.id
    text = f"{name} is not known here; {looked_in(pack, found.identifier.family)}."
    return Answer(Outcome.unknown, (Sentence(text),), name, how=How.identifier)


def _unknown_name(pack: Pack, name: str) -> Answer:
    titles = ", ".join(each["title"] for each in pack.manifest["sources"].values())
    return Answer(
        Outcome.unknown, (Sentence(f'No record here bears the name "{name}"; looked for in {titles}.'),), name
    )


def _withdrawn(found: Found) -> Answer:
    thing = found.things[0]
    name = f"{called(thing)} is {thing.status}: its publisher withdrew it."
    sentences = [Sentence(name, (thing.id,))]
    if found.successor:
        sentences.append(Sentence(f"{called(found.successor)} took its place.", (thing.id, found.successor.id)))
    elif thing.text:
        sentences.append(Sentence(_quoted(thing.text), (thing.id,)))
    things = (found.successor.id,) if found.successor else ()
    return Answer(Outcome.withdrawn, tuple(sentences), thing.id, "successor", things, How.identifier)


def _joined(pack: Pack, both: Pair) -> Answer:
    """What joins two things; that nothing does, where a question is for yes or no."""
    one, two = pack.thing(both.one), pack.thing(both.two)
    if not both.joined:
        text = f"The knowledge base records no link between {called(one)} and {called(two)}."
        return Answer(Outcome.empty, (Sentence(text, (one.id, two.id)),), one.id, "link")
    sentences = []
    for link in links_between(pack, one.row, two.row):
        subject, other = (one, two) if link.subject == one.row else (two, one)
        text = f"{called(subject)} {link.predicate.replace('_', ' ')} {called(other)}."
        said = " ".join(part for part in (text, _quoted(link.text)) if part)
        sentences.append(Sentence(said, (subject.id, other.id)))
    return Answer(Outcome.known, tuple(sentences), one.id, "link", (two.id,))


def _answer(pack: Pack, query: Query) -> Answer:
    thing, relation = pack.thing(query.row), query.relation
    if relation is None:
        found = Answer(Outcome.known, tuple(_defined(pack, thing)), thing.id, "definition", (thing.id,), query.how)
    elif relation.fact:
        found = _told(thing, relation, query)
    else:
        found = _listed(thing, relation, query, walk(pack, query.row, relation)[:MOST])
    return replace(found, sentences=(*found.sentences, *_namesakes(pack, query)))


def _namesakes(pack: Pack, query: Query) -> Iterator[Sentence]:
    """What else bears the name that was asked for, so that nobody takes one for the other."""
    others = [pack.thing(row) for row in query.also[:NAMESAKES]]
    if others:
        names = ", ".join(called(each) for each in others)
        yield Sentence(f"Others of that name, not meant here: {names}.", tuple(each.id for each in others))


def _defined(pack: Pack, thing: Thing) -> list[Sentence]:
    if not thing.kind:
        return [Sentence(f"{thing.id} has no record of its own here; other records name it.", (thing.id,))]
    noun = thing.kind.replace("_", " ")
    catalogue = pack.manifest["sources"][thing.source]["title"]
    head = f"{called(thing)} is {'an' if noun[0] in 'aeiou' else 'a'} {noun} in {catalogue}."
    return [
        Sentence(head, (thing.id,)),
        *([Sentence(_quoted(thing.text, 2 * _QUOTE), (thing.id,))] if thing.text else []),
    ]


def _told(thing: Thing, relation: Relation, query: Query) -> Answer:
    values = thing.facts.get(relation.fact, ())
    if not values:
        return _empty(thing, relation, query)
    head = _head(len(values), relation, thing)
    sentences = [head, *(Sentence(_closed(" ".join(value.split())), (thing.id,)) for value in values[:TOLD])]
    return Answer(Outcome.known, tuple(sentences), thing.id, relation.concept, (thing.id,), query.how)


def _listed(thing: Thing, relation: Relation, query: Query, reached: Sequence[Reached]) -> Answer:
    if not reached:
        return _empty(thing, relation, query)
    sentences = [_head(len(reached), relation, thing)]
    for each in reached[:TOLD]:
        said = _quoted(each.text or (each.thing.text if "--" in each.thing.id else ""))
        sentences.append(
            Sentence(f"{called(each.thing)}: {said}" if said else f"{called(each.thing)}.", (each.thing.id,))
        )
    rest = [each.thing for each in reached[TOLD:]]
    if rest:
        sentences.append(Sentence(f"And {', '.join(map(called, rest))}.", tuple(each.id for each in rest)))
    things = tuple(each.thing.id for each in reached)
    return Answer(Outcome.known, tuple(sentences), thing.id, relation.concept, things, query.how)


def _head(count: int, relation: Relation, thing: Thing) -> Sentence:
    words = (relation.one if count == 1 else relation.many).format(called(thing))
    many, one = (f"these {count}", "this") if relation.fact else (str(count), "one")
    return Sentence(f"The knowledge base records {one if count == 1 else many} {words}:", (thing.id,))


def _empty(thing: Thing, relation: Relation, query: Query) -> Answer:
    text = f"The knowledge base records no {relation.one.format(called(thing))}."
    return Answer(Outcome.empty, (Sentence(text, (thing.id,)),), thing.id, relation.concept, (), query.how)


def _quoted(text: str, most: int = _QUOTE) -> str:
    """The first sentences of what a feed says, as plain text; whole sentences where one ends in time.

    Only what states something or advises: whoever writes a record may address its reader, but not through us.
    """
    return _closed(beginning(" ".join(statements(text, advice=True)), most))


def _closed(text: str) -> str:
    return text if not text or text[-1] in ".!?:…" else f"{text}."
