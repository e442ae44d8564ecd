"""Family 8: statements to judge. Half of them hold, half of them are put in the negative, each by the digest."""

from collections.abc import Iterator
from dataclasses import dataclass

from train.records import Predicate, Record
from train.teaching import names
from train.teaching.author import Author, Draft
from train.teaching.choice import siblings
from train.teaching.knowledge import Link
from train.teaching.prose import listed
from train.teaching.split import may_name, number


@dataclass(frozen=True, slots=True)
class _Claim:
    """A relation as a statement; {a} is the subject of the pair, {b} the other thing, {c} the catalogue."""

    kind: str
    predicate: Predicate
    outward: bool
    other: str
    says: str
    denies: str
    instead: str  # what holds: {b} becomes a list


_CLAIMS = (
    _Claim("technique", Predicate.mitigates, False, "mitigation", "{c} names {b} as a mitigation of {a}.",
           "{b} is not among the mitigations that {c} names for {a}.", "The mitigations of {a} in {c} include {b}."),
    _Claim("technique", Predicate.in_tactic, True, "tactic", "{a} serves the tactic {b}.",
           "{a} does not serve the tactic {b}.", "In {c}, {a} serves {b}."),
    _Claim("group", Predicate.uses, True, "technique", "{c} ties the group {a} to {b}.",
           "{c} records no use of {b} by the group {a}.", "Among what {c} documents for {a} is {b}."),
    _Claim("malware", Predicate.uses, True, "technique", "{c} records {b} as behaviour of {a}.",
           "{c} does not record {b} for {a}.", "Among what {c} records for {a} is {b}."),
    _Claim("attack_pattern", Predicate.exploits, True, "weakness", "{a} exploits {b}.",
           "CAPEC does not connect {a} with {b}.", "CAPEC connects {a} with {b}."),
    _Claim("cve", Predicate.has_weakness, True, "weakness", "{a} is recorded with {b}.",
           "{b} is not the weakness recorded for {a}.", "For {a}, the recorded weakness is {b}."),
    _Claim("weakness", Predicate.child_of, True, "weakness", "In CWE, {a} is a child of {b}.",
           "{b} is not a parent of {a} in CWE.", "In CWE, {a} stands below {b}."),
)  # fmt: skip


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """One statement for each claim that can be made about a thing."""
    for claim in _CLAIMS:
        if claim.kind == record.kind:
            made = _judged(author, record, claim)
            if made:
                yield made


def _judged(author: Author, record: Record, claim: _Claim) -> Draft | None:
    knowledge = author.knowledge
    find = knowledge.out if claim.outward else knowledge.into
    found = find(record.id, claim.predicate, claim.other)
    named = [pair for pair in found if may_name(record, pair[0]) and names.published(pair[0])]
    if not named:
        return None
    holds, negative = (number(what, str(claim.predicate), record.id) % 2 == 0 for what in ("holds", "negative"))
    real = sorted(named, key=lambda pair: number("real", record.id, pair[0].id))[:3]
    other = real[0][0] if holds else _near(author, record, found, real)
    if other is None:
        return None
    a, c = names.name(record, knowledge), names.catalogue(record)
    b = names.name(other, knowledge)
    statement = (claim.denies if negative else claim.says).format(a=a, b=b, c=c)
    fact = claim.instead.format(a=a, b=listed(names.every([each for each, _ in real], knowledge)), c=c)
    if not holds:
        fact = f"{fact} No link to {b} is recorded."
    return author.draft(
        "truth.statement",
        record,
        {
            "statement": statement,
            "judged": "True" if holds != negative else "False",
            "fact": fact,
        },
        [other, *(each for each, _ in real)],
        [link for _, link in real],
        key=str(claim.predicate),
    )


def _near(
    author: Author, record: Record, found: list[tuple[Record, Link]], real: list[tuple[Record, Link]]
) -> Record | None:
    """Something like what holds, that does not hold."""
    known = {each.id for each, _ in found} | {record.id}
    names_known = {each.name for each, _ in found}
    thing = real[0][0]
    same = thing.facts.get("domain")
    near = siblings(author.knowledge, thing)
    near += (
        [each for each in author.knowledge.of(thing.kind) if each.facts.get("domain") == same] if len(near) < 4 else []
    )
    fit = [each for each in near if each.id not in known and each.name not in names_known and may_name(record, each)
           and names.published(each) and each.id.startswith(thing.id[:2])]  # fmt: skip
    return min(fit, key=lambda each: number("false", record.id, each.id), default=None)
