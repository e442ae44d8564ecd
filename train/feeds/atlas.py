"""MITRE ATLAS (YAML): tactics, techniques and mitigations of attacks on AI systems, and case studies."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import yaml

from train.feeds.cut import DEEPEST, Piece, too_long
from train.feeds.fields import Element, element, elements, facts, identifier, inner, plain, prose, string, strings
from train.feeds.read import Place, from_yaml
from train.records import BadRecord, Item, Predicate, Record, Relation

_LISTS = frozenset({"tactics", "techniques", "mitigations", "case-studies"})


def cut(stream: BinaryIO, most: int) -> Iterator[Piece]:
    """Each entry of a list named tactics, techniques, mitigations or case-studies that is not inside another entry.

    The lines from an entry's dash to the next one's. The file is read whole: `most` is for all of it.
    """
    text = stream.read(most * 4 + 1)
    if len(text) > most * 4:
        yield Piece(0, len(text), reason=too_long(most * 4))
        return
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    try:
        for first, last in _entries(text):
            start, end = starts[first], len(text) if last is None else starts[last]
            yield Piece(start, end, text[start:end])
    except (yaml.YAMLError, BadRecord, IndexError) as error:
        yield Piece(0, len(text), reason=f"the YAML cannot be read: {str(error)[:200]}")


def _entries(text: bytes) -> Iterator[tuple[int, int | None]]:
    """First line and line after the last of each entry, from the parser's events."""
    path: list[Any] = []  # of open collections: the key they stand under
    key: str | None = None
    begun: int | None = None
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line if event.start_mark else 0
        listed = len(path) > 1 and path[-1] in _LISTS and not any(each in _LISTS for each in path[:-1])
        if isinstance(event, yaml.CollectionStartEvent):
            if listed:
                if begun is not None:
                    yield begun, line
                begun = line
            path.append(key)
            key = None
            if len(path) > DEEPEST:
                raise BadRecord(f"expected at most {DEEPEST} levels of nesting, got more")
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = path.pop()
            if begun is not None and closed in _LISTS and not any(each in _LISTS for each in path):
                yield begun, line if line > begun else None
                begun = None
            key = None
        elif isinstance(event, yaml.ScalarEvent):
            key = event.value if event.value in _LISTS else None


def read(data: bytes, _: Place) -> Iterator[Item]:
    """One entry and its relations."""
    listed = from_yaml(data)
    if not isinstance(listed, list) or len(listed) != 1:
        raise BadRecord("expected one entry of a list")
    entry = element(listed[0])
    name = identifier(string(entry, "id"), r"AML\.(?:TA|T|M|CS)\d{4}(?:\.\d{3})?")
    kind = {"case-study": "case_study"}.get(plain(entry, "object-type"), plain(entry, "object-type"))
    if kind not in {"tactic", "technique", "mitigation", "case_study"}:
        raise BadRecord(f"object-type: expected one that ATLAS has, got {kind[:60]!r}")
    folder = {"tactic": "tactics", "technique": "techniques", "mitigation": "mitigations"}.get(kind, "studies")
    text = string(entry, "summary" if kind == "case_study" else "description")
    parent = plain(entry, "subtechnique-of")
    more = (
        facts(actor=plain(entry, "actor"), target=plain(entry, "target"),
              step=[plain(step, "description") for step in elements(entry, "procedure")])
        if kind == "case_study"
        else facts(domain="ai", **({"subtechnique": "true"} if parent else {}))
    )  # fmt: skip
    yield Record(name, kind, prose(string(entry, "name")), prose(text), modified=plain(entry, "modified_date"),
                 url=f"https://atlas.mitre.org/{folder}/{name}", facts=more)  # fmt: skip
    yield from _relations(entry, name, parent)


def _relations(entry: Element, name: str, parent: str) -> Iterator[Relation]:
    for tactic in strings(entry, "tactics"):
        yield Relation(name, Predicate.in_tactic, tactic)
    if parent:
        yield Relation(name, Predicate.child_of, parent)
    other = plain(inner(entry, "ATT&CK-reference"), "id")
    if other:
        yield Relation(name, Predicate.maps_to, other)
    for use in elements(entry, "techniques"):
        yield Relation(name, Predicate.mitigates, string(use, "id"), prose(plain(use, "use")))
    for step in elements(entry, "procedure"):
        yield Relation(name, Predicate.uses, string(step, "technique"), prose(plain(step, "description")))
