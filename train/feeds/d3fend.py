"""MITRE D3FEND (Turtle): defensive techniques, and which ATT&CK techniques they counter.

The ontology says on which digital artifact a defence acts and on which an attack acts; a defence counters an attack
that acts on the same artifact. No inference over classes is made beyond that.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from train.feeds.cut import Piece
from train.feeds.fields import facts, prose
from train.feeds.read import Known, Place
from train.records import Aside, BadRecord, Item, Predicate, Record, Relation

_SPACE = "http://d3fend.mitre.org/ontologies/d3fend.owl#"
_PREFIXES = f"""@prefix : <{_SPACE}> .
@prefix d3f: <{_SPACE}> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
_DEFENCE = re.compile(rb'd3fend-id "D3-')  # D3A- are methods of analysis, which defend against nothing
_NAMED = re.compile(rb"\s*(?:d3f)?:[\w-]+(?:\.[\w-]+)*\s")


@dataclass(frozen=True, slots=True)
class _Term:
    """One subject of the ontology: literals by predicate, other subjects by predicate; restrictions are resolved."""

    name: str
    literals: Mapping[str, list[str]] = field(default_factory=dict)
    links: Mapping[str, list[str]] = field(default_factory=dict)

    def one(self, predicate: str) -> str:
        return next(iter(self.literals.get(predicate, [])), "")


def _local(iri: object) -> str:
    return re.split(r"[#/]", str(iri))[-1]


def _term(data: bytes) -> _Term | None:
    """The subject of a statement; None where it is no term of the ontology. Raises BadRecord."""
    if not _NAMED.match(data):
        return None
    import rdflib
    from rdflib.plugins.parsers.notation3 import BadSyntax

    graph = rdflib.Graph()
    try:
        graph.parse(data=_PREFIXES + data.decode("utf-8"), format="turtle")
    except (BadSyntax, ValueError, AttributeError, IndexError) as error:
        raise BadRecord(f"expected a Turtle statement, got {str(error)[:120]!r}") from error
    subjects = {each for each in graph.subjects() if isinstance(each, rdflib.URIRef)}
    if len(subjects) != 1:
        raise BadRecord(f"expected one subject, got {len(subjects)}")
    subject = subjects.pop()
    literals: dict[str, list[str]] = defaultdict(list)
    links: dict[str, list[str]] = defaultdict(list)
    for predicate, value in sorted(graph.predicate_objects(subject)):
        if isinstance(value, rdflib.Literal):
            literals[_local(predicate)].append(str(value))
        elif isinstance(value, rdflib.URIRef):
            links[_local(predicate)].append(_local(value))
        else:
            acts, thing = graph.value(value, rdflib.OWL.onProperty), graph.value(value, rdflib.OWL.someValuesFrom)
            if acts is not None and isinstance(thing, rdflib.URIRef):
                links[_local(acts)].append(_local(thing))
    return _Term(_local(subject), literals, links)


_STRUCTURE = frozenset({"type", "subClassOf", "seeAlso", "isDefinedBy", "subPropertyOf", "domain", "range", "inverseOf",
                        "enables", "kb-reference", "sameAs", "equivalentClass", "disjointWith"})  # fmt: skip


def learn(pieces: Iterator[Piece]) -> Known:
    """Defences' ids by term, and for each artifact the defences that act on it, with the verb."""
    ids: dict[str, str] = {}
    acting: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for piece in pieces:
        if not _DEFENCE.search(piece.data):
            continue
        try:
            term = _term(piece.data)
        except (BadRecord, RecursionError):
            continue
        if term and term.one("d3fend-id"):
            ids[term.name] = term.one("d3fend-id")
            for verb, things in term.links.items():
                if verb not in _STRUCTURE:
                    for thing in things:
                        acting[thing].append((ids[term.name], verb))
    return {"ids": ids, "acting": dict(acting)}


def read(data: bytes, place: Place) -> Iterator[Item]:
    """A defence and its place among the others; or what counters an ATT&CK technique."""
    if data.startswith(b"@"):
        yield Aside("prefix")
        return
    if not _DEFENCE.search(data) and b"attack-id" not in data:
        yield Aside("term of the ontology")
        return
    term = _term(data)
    if term is None or not (term.one("d3fend-id") or term.one("attack-id")):
        yield Aside("term of the ontology")
    elif term.one("d3fend-id"):
        yield from _defence(term, place)
    else:
        yield Aside("ATT&CK technique, whose own feed describes it")
        for verb, things in term.links.items():
            for thing in things if verb not in _STRUCTURE else ():
                for defence, does in place.known["acting"].get(thing, []):
                    said = f"{does} {thing}, which the attack {verb}"
                    yield Relation(defence, Predicate.counters, term.one("attack-id"), said)


def _defence(term: _Term, place: Place) -> Iterator[Item]:
    name = term.one("d3fend-id")
    acts = [f"{verb} {thing}" for verb, things in term.links.items() if verb not in _STRUCTURE for thing in things]
    yield Record(
        name, "defence", prose(term.one("label")) or term.name, prose(term.one("definition")),
        url=f"https://d3fend.mitre.org/technique/d3f:{term.name}/",
        facts=facts(synonym=[*term.literals.get("synonym", []), *term.literals.get("altLabel", [])],
                    artifact=acts, how=term.one("kb-article")),
    )  # fmt: skip
    for parent in term.links.get("subClassOf", []):
        if parent in place.known["ids"]:
            yield Relation(name, Predicate.child_of, place.known["ids"][parent])
