"""Exact look-up: an identifier to what the pack holds of it, and walks along links from there."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from deployments.knowledge import layout
from deployments.knowledge.identifiers import TITLES, Identifier
from deployments.knowledge.pack import Link, Pack, Thing
from deployments.knowledge.relations import Relation, Step

LIVE = "live"
_RECORDS_OF_CVES = ("", "KEV:", "NVD:")  # one CVE can have a record in each of three catalogues


class State(StrEnum):
    """What a pack knows of an identifier."""

    found = "found"  # a live record
    withdrawn = "withdrawn"  # its publisher rejected, revoked or deprecated it
    named = "named"  # no record of its own here, but records name it
    unknown = "unknown"  # well spelt, and nowhere in the pack


@dataclass(frozen=True, slots=True)
class Found:
    """What a pack knows of one identifier: its records, best first, and what took the place of a withdrawn one."""

    identifier: Identifier
    state: State
    things: tuple[Thing, ...] = ()
    successor: Thing | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A thing at the end of a walk, and what the feed says of the last link."""

    thing: Thing
    text: str


def look_up(pack: Pack, identifier: Identifier) -> Found:
    """What the pack knows of an identifier."""
    before = _RECORDS_OF_CVES if identifier.family == "cve" else ("",)
    held = [thing for thing in (pack.get(f"{prefix}{identifier.id}") for prefix in before) if thing]
    things = tuple(sorted(held, key=lambda each: (each.status != LIVE, each.status == layout.NAMED)))
    if not things:
        return Found(identifier, State.unknown)
    if things[0].status == LIVE:
        return Found(identifier, State.found, things)
    if things[0].status == layout.NAMED:
        return Found(identifier, State.named, things)
    return Found(identifier, State.withdrawn, things, successor(pack, things[0]))


def successor(pack: Pack, thing: Thing) -> Thing | None:
    """The live thing at the end of `revoked_by`, however many steps that takes."""
    seen = {thing.row}
    while True:
        after = [
            link.object for link in pack.out(thing.row) if link.predicate == "revoked_by" and link.object not in seen
        ]
        if not after:
            return thing if thing.status == LIVE else None
        thing = pack.thing(after[0])
        seen.add(thing.row)


def walk(pack: Pack, row: int, relation: Relation) -> list[Reached]:
    """What stands at the end of a relation's steps, each thing once, by id: live things, and CVEs that are named."""
    reached = {row: ""}
    for step in relation.steps:
        reached = dict(_next(pack, reached, step))
    found = [Reached(pack.thing(each), text) for each, text in reached.items()]
    return sorted(found, key=lambda each: each.thing.id)


def is_empty(pack: Pack, row: int, relation: Relation) -> bool:
    """Whether a thing has nothing of what a relation asks for."""
    return not (walk(pack, row, relation) if relation.steps else pack.thing(row).facts.get(relation.fact))


def _next(pack: Pack, reached: dict[int, str], step: Step) -> Iterator[tuple[int, str]]:
    for row in reached:
        for link in pack.out(row) if step.out else pack.into(row):
            other = link.object if step.out else link.subject
            if link.predicate == step.predicate and _fits(pack, other, step):
                yield other, link.text


def _fits(pack: Pack, row: int, step: Step) -> bool:
    kind, status = kind_of(pack, row), pack.status(row)
    if status not in {LIVE, layout.NAMED} or (status == layout.NAMED and kind != "cve"):
        return False
    return not step.kinds or kind in step.kinds


def kind_of(pack: Pack, row: int) -> str:
    """The kind of a thing; a CVE that is only named is one, too."""
    return pack.kind(row) or ("cve" if pack.thing(row).id.startswith("CVE-") else "")


def links_between(pack: Pack, one: int, two: int) -> list[Link]:
    """The links that join two things, in either direction."""
    there = [link for link in pack.out(one) if link.object == two]
    return there or [link for link in pack.out(two) if link.object == one]


def looked_in(pack: Pack, family: str) -> str:
    """Where an identifier of a family was looked for, as a clause: sources with the day that they reach."""
    titles = [f"{each['title']} (up to {each['latest']})" if each["latest"] else each["title"]
              for each in pack.manifest["sources"].values() if _holds(each["kinds"], family)]  # fmt: skip
    held = TITLES[family]
    return f"it was looked for in {held} of {', '.join(titles)}" if titles else f"no source of {held} is in this pack"


_KINDS = {
    "cve": {"cve", "exploited", "nvd"}, "cwe": {"weakness", "weakness_group"}, "capec": {"attack_pattern"},
    "software": {"malware", "tool"}, "detection": {"detection_strategy"}, "component": {"data_component"},
    "atlas": {"case_study"},
}  # fmt: skip


def _holds(kinds: dict[str, int], family: str) -> bool:
    return bool(_KINDS.get(family, {family}) & set(kinds))
