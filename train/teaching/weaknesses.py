"""Family 3: from a vulnerability to its weakness with the reason, and along the mappings to techniques and defences."""

from collections.abc import Iterator
from typing import NamedTuple

from train.records import Predicate, Record
from train.teaching import names
from train.teaching.author import Author, Draft, Part, Prose
from train.teaching.knowledge import Link
from train.teaching.prose import closed, excerpt, listed
from train.teaching.relations import choose
from train.teaching.split import may_name, number

_FEEDS = {"cve": "the CVE record", "kev": "CISA's catalogue of exploited vulnerabilities", "nvd": "the NVD",
          "csaf": "an advisory of CISA"}  # fmt: skip
_LONGEST = 900  # characters of a description that is put in a question


class Step(NamedTuple):
    """One arrow of a chain: to what, where that is said, and how to put it."""

    record: Record
    link: Link
    how: str


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """What a CVE is an example of; where a weakness leads."""
    made: list[Draft | None] = []
    if record.kind == "cve":
        made = [*_classified(author, record), _long_path(author, record)]
    elif record.kind == "weakness":
        made = [_path(author, record), _example(author, record)]
    yield from (draft for draft in made if draft)


def classes(author: Author, record: Record) -> list[tuple[Record, Link]]:
    """The weaknesses of a CVE, those of the most telling source: its own record first."""
    found = author.knowledge.out(record.id, Predicate.has_weakness, "weakness")
    own = [pair for pair in found if pair[1].origin.source == "cve"]
    return own or [pair for pair in found if pair[1].origin.source in _FEEDS]


def _classified(author: Author, record: Record) -> Iterator[Draft | None]:
    found = classes(author, record)
    description = excerpt(record.text, 6, _LONGEST)
    if not found or len(found) > 3:
        return
    records, links = [each for each, _ in found], [link for _, link in found]
    known: dict[str, Part] = {
        "class": listed(names.every(records, author.knowledge)), "reason": reason(records),
        "assigner": _FEEDS[links[0].origin.source],
    }  # fmt: skip
    if description and not any(each.id in description for each in records):
        yield author.draft("weakness.classify", record, {"description": Prose(description), **known}, records, links)
    if number("which", record.id) % 3 == 0:
        yield author.draft("weakness.which", record, known, records, links)


def reason(records: list[Record]) -> Part:
    """What the weaknesses mean, by their own descriptions."""
    parts: list[str] = []
    for record in records:
        text = excerpt(record.text, 1, 400)
        if text:
            head = f"{record.id} means: " if len(records) > 1 else "It means: "
            parts += [" " if parts else "", head, Prose(text)]
    return tuple(parts)


def _example(author: Author, record: Record) -> Draft | None:
    found = author.knowledge.examples(record.id)
    if not found:
        return None
    link = found[number("example", record.id) % len(found)]
    text = closed(link.text)
    case = Record(link.other, "cve", "", "")  # it need not be in the CVE List that is held
    return author.draft("weakness.example", record, {"text": Prose(text), "case": link.other}, [case], [link])


def chain(author: Author, weakness: Record, subject: Record) -> list[Step]:
    """Weakness to attack pattern to technique, where published mappings lead that far; the digest picks the way."""
    ways: list[list[Step]] = []
    for pattern, link in author.knowledge.into(weakness.id, Predicate.exploits, "attack_pattern"):
        for technique, other in author.knowledge.out(pattern.id, Predicate.maps_to, "technique"):
            if may_name(subject, pattern) and may_name(subject, technique):
                ways.append([Step(pattern, link, "The attack pattern {} exploits it"),
                             Step(technique, other, "CAPEC maps this to the ATT&CK technique {}")])  # fmt: skip
    ways.sort(key=lambda way: number(subject.id, *(step.record.id for step in way)))
    return ways[0] if ways else []


def _told(author: Author, start: tuple[Record, str], steps: list[Step]) -> Part:
    """The chain as numbered lines, each with the first sentence of what is said there."""
    parts: list[str] = []
    for place, (thing, how) in enumerate([start, *((step.record, step.how) for step in steps)], 1):
        text = excerpt(thing.text, 1, 300)
        line = f"{place}. {how.format(names.name(thing, author.knowledge))}"
        parts += (
            [f"{chr(10) if parts else ''}{line}. ", Prose(text)] if text else [f"{chr(10) if parts else ''}{line}."]
        )
    return tuple(parts)


def _path(author: Author, record: Record) -> Draft | None:
    steps = chain(author, record, record)
    if not steps:
        return None
    return author.draft(
        "weakness.path",
        record,
        {
            "chain": _told(author, (record, "The weakness is {}"), steps),
            "ends": names.name(steps[-1].record, author.knowledge),
        },
        [step.record for step in steps],
        [step.link for step in steps],
    )


def _long_path(author: Author, record: Record) -> Draft | None:
    found = classes(author, record)
    steps = chain(author, found[0][0], record) if len(found) == 1 else []
    if not steps:
        return None
    whole = [Step(found[0][0], found[0][1], "Its weakness is {}"), *steps]
    fixes = choose(record, author.knowledge.into(steps[-1].record.id, Predicate.mitigates, "mitigation"), 1)
    if not fixes:
        return None
    whole += [Step(fix, link, "ATT&CK names the mitigation {}") for fix, link in fixes]
    return author.draft(
        "weakness.long_path",
        record,
        {
            "chain": _told(author, (record, "The vulnerability is {}"), whole),
            "ends": names.name(whole[-1].record, author.knowledge),
        },
        [step.record for step in whole],
        [step.link for step in whole],
    )
