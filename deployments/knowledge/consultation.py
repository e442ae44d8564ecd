"""What the knowledge base says to one question, as the Gateway gets it: an answer of the graph, or records to read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.knowledge.answering import Answer, Outcome
from deployments.knowledge.asking import How
from deployments.knowledge.following import followed
from deployments.knowledge.knowledge import Knowledge
from deployments.knowledge.pack import Thing
from deployments.knowledge.plain import neutral

READ = 3  # records at most that a model is given
_PASSAGE = 2000  # characters of a record's text, in whole lines where it has some


@dataclass(frozen=True, slots=True)
class Source:
    """One record that an answer rests on. digest: SHA-256 of the bytes that it was read from."""

    id: str
    title: str
    url: str
    licence: str
    digest: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A record's own words, for the context of a model. Whoever wrote them is not trusted."""

    source: Source
    text: str


@dataclass(frozen=True, slots=True)
class Consultation:
    """outcome: what the graph's own answer `text` says; None where it has none. plain: the question with the names of
    things taken out, empty unless that is worth a second look. sources: all that `text` cites."""

    pack: str
    outcome: Outcome | None = None
    text: str = ""
    plain: str = ""
    sources: tuple[Source, ...] = ()
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a pack holds and what it could: sources by name, with licence and notice; titles of those it has not."""

    pack: str | None = None
    vectors: bool = False
    sources: Mapping[str, Mapping[str, Any]] | None = None
    absent: Mapping[str, str] | None = None


def consult(knowledge: Knowledge, question: str, before: str = "") -> Consultation:
    """Ask the graph first; what it has no answer to is searched for. before: the question that this one follows."""
    question = followed(knowledge, question, before)
    asked = knowledge.ask(question)
    answers = knowledge.told(asked)
    if not answers or all(_says_nothing(knowledge, each) for each in answers):
        found = tuple(_passage(knowledge, each) for each in knowledge.about(question, READ))
        return Consultation(knowledge.digest, passages=found)
    text = "\n\n".join(each.text for each in answers)
    return Consultation(knowledge.digest, _outcome(answers), text, neutral(question, asked), _cited(knowledge, answers))


def holdings(knowledge: Knowledge) -> Holdings:
    """What this pack holds."""
    manifest = knowledge.pack.manifest
    told = ("title", "licence", "licence_url", "attribution", "citation", "latest")
    sources = {name: {key: each[key] for key in told} for name, each in manifest["sources"].items()}
    absent = {name: each["title"] for name, each in manifest["absent"].items()}
    return Holdings(knowledge.digest, bool(manifest["vectors"]), sources, absent)


def unknown(knowledge: Knowledge, text: str) -> list[str]:
    """The identifiers of a text that the pack does not hold, each once."""
    return list(dict.fromkeys(each.identifier.id for each in knowledge.look_up(text) if each.state == "unknown"))


def _says_nothing(knowledge: Knowledge, answer: Answer) -> bool:
    """Whether a record has not what is asked, and is perhaps not even meant: its name is one everyday word."""
    thing = knowledge.pack.get(answer.subject)
    if answer.outcome is not Outcome.empty or answer.how is not How.name or thing is None:
        return False
    return thing.name.isalpha() and not knowledge.is_telling(thing.name)


def _outcome(answers: list[Answer]) -> Outcome:
    """What is known of any part of a question outweighs what is not."""
    return min((each.outcome for each in answers), key=list(Outcome).index)


def _cited(knowledge: Knowledge, answers: list[Answer]) -> tuple[Source, ...]:
    ids = dict.fromkeys(name for each in answers for sentence in each.sentences for name in sentence.cites)
    return tuple(_source(knowledge, thing) for thing in map(knowledge.pack.get, ids) if thing)


def _source(knowledge: Knowledge, thing: Thing) -> Source:
    licence = knowledge.pack.manifest["sources"].get(thing.source, {}).get("licence", "")
    page = thing.facts.get("page", ())[:1]  # of a guide, whose sections have names such as "Introduction"
    title = " ".join(": ".join(dict.fromkeys((*page, thing.name))).split())
    return Source(thing.id, title or thing.id, thing.url, licence, thing.sha256)


def _passage(knowledge: Knowledge, thing: Thing) -> Passage:
    return Passage(_source(knowledge, thing), thing.text[:_PASSAGE].rpartition("\n")[0] or thing.text[:_PASSAGE])
