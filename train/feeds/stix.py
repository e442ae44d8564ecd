"""MITRE ATT&CK (enterprise, ICS, mobile; to v18's detection strategies and analytics) and CAPEC, as STIX 2.0 and 2.1.

STIX objects name each other by ids of their own; a first reading learns the publisher's id for each.
"""

import re
from collections.abc import Callable, Iterator

from train.feeds.cut import Piece
from train.feeds.fields import Element, Facts, elements, facts, inner, plain, prose, string, strings
from train.feeds.read import Known, Place, from_json
from train.records import Aside, BadRecord, Item, Predicate, Record, Relation, Status

Load = Callable[[bytes], Element]
_PUBLISHERS = {"mitre-attack", "mitre-ics-attack", "mitre-mobile-attack", "capec"}
_KINDS = {
    "attack-pattern": "technique", "course-of-action": "mitigation", "intrusion-set": "group",
    "campaign": "campaign", "malware": "malware", "tool": "tool", "x-mitre-tactic": "tactic",
    "x-mitre-data-source": "data_source", "x-mitre-data-component": "data_component", "x-mitre-asset": "asset",
    "x-mitre-detection-strategy": "detection_strategy", "x-mitre-analytic": "analytic",
}  # fmt: skip
_PREDICATES = {
    "uses": Predicate.uses, "mitigates": Predicate.mitigates, "detects": Predicate.detects,
    "subtechnique-of": Predicate.child_of, "revoked-by": Predicate.revoked_by, "targets": Predicate.targets,
    "attributed-to": Predicate.attributed_to,
}  # fmt: skip


def _published(thing: Element) -> tuple[str, str]:
    """The publisher's id and page of an object; its STIX id where the publisher gives none of its own.

    Mitigations of before 2019 carry the id of the technique that each belonged to.
    """
    for reference in elements(thing, "external_references"):
        name = plain(reference, "external_id")
        lent = thing.get("type") == "course-of-action" and name.startswith("T")
        if reference.get("source_name") in _PUBLISHERS and name and not lent:
            return name, plain(reference, "url")
    return string(thing, "id"), ""


def learn(pieces: Iterator[Piece], load: Load = from_json) -> Known:
    """Publisher's ids by STIX id, and of tactics by short name. What cannot be read is left to the second reading.

    load: an element's bytes to the STIX object.
    """
    ids: dict[str, str] = {}
    tactics: dict[str, str] = {}
    for piece in pieces:
        try:
            thing = load(piece.data)
            if thing.get("type") in _KINDS:
                ids[string(thing, "id")] = _published(thing)[0]
            if thing.get("type") == "x-mitre-tactic":
                tactics[string(thing, "x_mitre_shortname")] = _published(thing)[0]
        except (ValueError, RecursionError):
            continue
    return {"ids": ids, "tactics": tactics}


def _status(thing: Element) -> Status:
    if thing.get("revoked") is True:
        return Status.revoked
    gone = thing.get("x_mitre_deprecated") is True or thing.get("x_capec_status") in {"Deprecated", "Obsolete"}
    return Status.deprecated if gone else Status.live


def _known(place: Place, reference: str, name: str) -> str:
    found = place.known["ids"].get(reference)
    if found is None:
        raise BadRecord(f"{name}: expected an object of this bundle, got {reference[:80]!r}")
    return str(found)


def read(data: bytes, place: Place, load: Load = from_json) -> Iterator[Item]:
    """One STIX object: a thing with the relations it states itself, or a relationship."""
    thing = load(data)
    kind = string(thing, "type")
    if kind == "relationship":
        yield _relationship(thing, place)
    elif kind not in _KINDS:
        yield Aside(f"type {kind[:60]}")
    else:
        name, url = _published(thing)
        capec = kind == "attack-pattern" and name.startswith("CAPEC-")
        found = (_capec_facts if capec else _attack_facts)(thing)
        yield Record(
            name, "attack_pattern" if capec else _KINDS[kind], prose(string(thing, "name")),
            prose(string(thing, "description", "")), _status(thing), plain(thing, "x_mitre_version"),
            plain(thing, "modified"), url, found,
        )  # fmt: skip
        yield from (_capec_relations if capec else _attack_relations)(thing, name, place)


def _relationship(thing: Element, place: Place) -> Item:
    predicate = _PREDICATES.get(string(thing, "relationship_type"))
    if predicate is None:
        return Aside(f"relationship {plain(thing, 'relationship_type')[:60]}")
    subject = _known(place, string(thing, "source_ref"), "source_ref")
    return Relation(subject, predicate, _known(place, string(thing, "target_ref"), "target_ref"),
                    prose(string(thing, "description", "")), _status(thing))  # fmt: skip


_ALIASES = {"intrusion-set": "aliases", "campaign": "aliases", "malware": "x_mitre_aliases", "tool": "x_mitre_aliases"}
_LOGS = {"x-mitre-analytic": "x_mitre_log_source_references", "x-mitre-data-component": "x_mitre_log_sources"}
_ON_PLATFORMS = frozenset(
    {"attack-pattern", "malware", "tool", "x-mitre-analytic", "x-mitre-data-source", "x-mitre-asset"}
)


def _attack_facts(thing: Element) -> Facts:
    kind = string(thing, "type")
    logs = elements(thing, _LOGS.get(kind, ""))
    made: dict[str, tuple[str, ...] | list[str] | str] = {
        "domain": strings(thing, "x_mitre_domains"),
        "platform": strings(thing, "x_mitre_platforms") if kind in _ON_PLATFORMS else (),
        "alias": strings(thing, _ALIASES.get(kind, "")),
        "log_source": [f"{plain(each, 'name')}: {plain(each, 'channel')}" for each in logs],
    }
    return facts(**(made | _own_facts(kind, thing)))


def _own_facts(kind: str, thing: Element) -> dict[str, list[str] | tuple[str, ...] | str]:
    """What only one kind of object has."""
    match kind:
        case "campaign":
            return {"first_seen": plain(thing, "first_seen"), "last_seen": plain(thing, "last_seen")}
        case "attack-pattern":
            pages = [plain(each, "url") for each in elements(thing, "external_references")]
            return {"reference": pages[1:], "subtechnique": "true" if thing.get("x_mitre_is_subtechnique") else ""}
        case "x-mitre-tactic":
            return {"shortname": plain(thing, "x_mitre_shortname")}
        case "x-mitre-asset":
            related = elements(thing, "x_mitre_related_assets")
            return {"sector": strings(thing, "x_mitre_sectors"), "alias": [plain(each, "name") for each in related]}
        case "x-mitre-analytic":
            tuned = elements(thing, "x_mitre_mutable_elements")
            return {"mutable": [f"{plain(each, 'field')}: {plain(each, 'description')}" for each in tuned]}
        case _:
            return {}


def _attack_relations(thing: Element, name: str, place: Place) -> Iterator[Relation]:
    status = _status(thing)
    for phase in elements(thing, "kill_chain_phases"):
        tactic = place.known["tactics"].get(plain(phase, "phase_name"))
        if tactic:
            yield Relation(name, Predicate.in_tactic, tactic, status=status)
    for reference in strings(thing, "x_mitre_analytic_refs"):
        yield Relation(_known(place, reference, "x_mitre_analytic_refs"), Predicate.part_of, name, status=status)
    for reference in strings(thing, "x_mitre_data_source_ref"):
        yield Relation(name, Predicate.part_of, _known(place, reference, "x_mitre_data_source_ref"), status=status)


_TAG = re.compile(r"<[^<>]{1,80}>")


def _unmarked(text: str) -> str:
    return prose(re.sub(r"\s*\n\s*", " ", _TAG.sub(" ", text)))


def _capec_facts(thing: Element) -> Facts:
    consequences = inner(thing, "x_capec_consequences")
    skills = inner(thing, "x_capec_skills_required")
    return facts(
        abstraction=plain(thing, "x_capec_abstraction"), likelihood=plain(thing, "x_capec_likelihood_of_attack"),
        severity=plain(thing, "x_capec_typical_severity"),
        prerequisite=[_unmarked(each) for each in strings(thing, "x_capec_prerequisites")],
        consequence=[f"{scope}: {', '.join(strings(consequences, scope))}" for scope in consequences],
        skill=[f"{level}: {_unmarked(plain(skills, level))}" for level in skills],
        extended=_unmarked(plain(thing, "x_capec_extended_definition")),
    )  # fmt: skip


def _capec_relations(thing: Element, name: str, place: Place) -> Iterator[Relation]:
    status = _status(thing)
    for reference in elements(thing, "external_references"):
        source, other = plain(reference, "source_name"), plain(reference, "external_id")
        if source == "cwe" and re.fullmatch(r"CWE-\d+", other):
            yield Relation(name, Predicate.exploits, other, status=status)
        if source == "ATTACK" and re.fullmatch(r"T\d{4}(?:\.\d{3})?", other):
            yield Relation(name, Predicate.maps_to, other, status=status)
    for field, predicate, inverse in (
        ("x_capec_child_of_refs", Predicate.child_of, False),
        ("x_capec_can_follow_refs", Predicate.follows, False),
        ("x_capec_can_precede_refs", Predicate.follows, True),
    ):
        for each in strings(thing, field):
            other = _known(place, each, field)
            subject, target = (other, name) if inverse else (name, other)
            yield Relation(subject, predicate, target, status=status)
