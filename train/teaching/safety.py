"""Families 10 to 12: refusals, lessons, and their mirror images, harmless questions that sound dangerous.

A refusal says no, and goes on with what protects. A lesson gives the idea, the need of permission, what one would
notice and what prevents it, and no command. A mirror image is answered fully. Intent makes the difference, not words.
"""

from collections.abc import Iterator

from train.records import Predicate, Record
from train.teaching import cvss, names
from train.teaching.author import Author, Draft, Part, Prose
from train.teaching.detection import analytics, watched_on
from train.teaching.knowledge import Link
from train.teaching.prose import closed, excerpt, plain
from train.teaching.relations import choose, short
from train.teaching.split import number
from train.teaching.weaknesses import classes

_VICTIMS = (
    "my neighbour's computer", "the company that dismissed me", "a hospital in my town", "my ex-partner's phone",
    "our competitor's servers", "the school's network", "a bank", "strangers on the internet", "the city's water works",
    "an account that is not mine", "somebody who owes me money", "a government office", "my flatmate's router",
)  # fmt: skip
_PERMISSION = (
    (
        "Only test systems that are yours, or whose owner has agreed in writing to scope, time and method; use "
        "machines that are set up for it, apart from everything else, and keep notes of what you do."
    ),
    (
        "Without the written consent of the owner this is an offence in most countries. Agree on scope and dates, work "
        "in an isolated lab, and tell the people who watch the alarms."
    ),
    (
        "You need the owner's permission in writing, a stated scope and a way back. A separate lab with nothing real "
        "in it is the right place to begin."
    ),
)
Rests = tuple[Part, list[Record], list[Link]]
_EXERCISES = 2  # of a technique: the lesson is the same for all of them
_FLAW_SHARE = 3  # of so many CVEs, one is refused and one is mirrored


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """The refusals, lessons and mirror images about a thing."""
    made: list[Draft | None] = []
    if record.kind == "technique":
        made = _technique(author, record)
    elif record.kind in {"malware", "tool"}:
        made = _software(author, record)
    elif record.kind == "attack_pattern":
        made = _pattern(author, record)
    elif record.kind == "cve" and number("safety", record.id) % _FLAW_SHARE == 0:
        made = _flaw(author, record)
    yield from (draft for draft in made if draft)


def victim(record: Record) -> str:
    """Whom an asker with bad intent names."""
    return _VICTIMS[number("victim", record.id) % len(_VICTIMS)]


def concept(record: Record, most: int = 3) -> str:
    """What a thing is, without any command."""
    return excerpt(record.text, most, 600, code=False)


def prevention(author: Author, record: Record, most: int = 4) -> Rests:
    """The mitigations of a technique as lines, with what each does."""
    fixes = choose(record, author.knowledge.into(record.id, Predicate.mitigates, "mitigation"), most)
    parts: list[str] = []
    for fix, link in fixes:
        said = excerpt(link.text, 1, 300, code=False) or excerpt(fix.text, 1, 300, code=False)
        if names.published(fix):
            parts += [f"\n- {names.name(fix, author.knowledge)}", *([": ", Prose(said)] if said else [])]
        elif said:
            parts += ["\n- ", Prose(said)]
    return tuple(parts), [fix for fix, _ in fixes if names.published(fix)], [link for _, link in fixes]


def noticing(author: Author, record: Record) -> Rests:
    """What gives a technique away, by the analytics of its catalogue."""
    for strategy, parts in analytics(author, record):
        lines: list[str] = []
        touched: list[Record] = [strategy]
        for analytic, _ in parts[:2]:
            text = excerpt(analytic.text, 2, 400, code=False)
            if text:
                lines += [f"\n- {watched_on(analytic)}: ", Prose(text)]
                touched.append(analytic)
        if lines:
            return tuple(lines), touched, [link for _, link in parts[:2]]
    return (), [], []


def _technique(author: Author, record: Record) -> list[Draft | None]:
    text = concept(record)
    prevent, fixes, links = prevention(author, record)
    if not text or not prevent:
        return []
    called = names.catalogue(record)
    protect = (f"Against {names.name(record, author.knowledge)}, {called} names these mitigations:", *prevent)
    made = [
        author.draft("refuse.technique", record, {"victim": victim(record), "protect": protect}, fixes, links, "refuse")
    ]
    notice, seen, more = noticing(author, record)
    if not notice:
        return made
    slots: dict[str, Part] = {
        "concept": Prose(text), "permission": _PERMISSION[number("permission", record.id) % len(_PERMISSION)],
        "notice": notice, "prevent": prevent,
    }  # fmt: skip
    touched, joined = [*fixes, *seen], [*links, *more]
    made.append(author.draft("benign.technique", record, slots, touched, joined))
    made.append(author.draft("lesson.technique", record, slots, touched, joined, "teach"))
    exercises = author.knowledge.into(record.id, Predicate.exercises, "exercise")
    for exercise, link in sorted(exercises, key=lambda pair: number("exercise", pair[0].id))[:_EXERCISES]:
        made.append(
            author.draft(
                "lesson.exercise",
                record,
                {"exercise": exercise.name, **slots},
                [exercise, *touched],
                [link, *joined],
                "teach",
                exercise.id,
            )
        )
    return made


def _software(author: Author, record: Record) -> list[Draft | None]:
    text = excerpt(record.text, 2, 500)
    used = choose(record, author.knowledge.out(record.id, Predicate.uses, "technique"), 6)
    if not text or not used:
        return []
    techniques, links = [each for each, _ in used], [link for _, link in used]
    lines = "".join(f"\n- {name}" for name in names.every(techniques, author.knowledge))
    made = [author.draft("benign.software", record, {"concept": Prose(text), "techniques": lines}, techniques, links)]
    if record.kind == "malware" and number("refuse", record.id) % 2 == 0:
        protect = ("Behaviour to watch for:", lines)
        made.append(
            author.draft(
                "refuse.software", record, {"victim": victim(record), "protect": protect}, techniques, links, "refuse"
            )
        )
    return made


def _pattern(author: Author, record: Record) -> list[Draft | None]:
    text = concept(record)
    prevent, _, links = prevention(author, record)
    flaws = choose(record, author.knowledge.out(record.id, Predicate.exploits, "weakness"), 4)
    if not text or not prevent or not flaws:
        return []
    weak, more = [each for each, _ in flaws], [link for _, link in flaws]
    slots: dict[str, Part] = {
        "concept": Prose(text), "permission": _PERMISSION[number("permission", record.id) % len(_PERMISSION)],
        "notice": "".join(f"\n- {name}" for name in names.every(weak, author.knowledge)), "prevent": prevent,
    }  # fmt: skip
    protect = ("CAPEC recommends:", *prevent)
    return [
        author.draft("benign.pattern", record, slots, weak, [*links, *more]),
        author.draft("lesson.pattern", record, slots, weak, [*links, *more], "teach"),
        author.draft("refuse.technique", record, {"victim": victim(record), "protect": protect}, [], links, "refuse"),
    ]


def _flaw(author: Author, record: Record) -> list[Draft | None]:
    text = excerpt(record.text, 3, 500, code=False)
    prevent, touched, links = _remedy(author, record)
    if not text or not prevent:
        return []
    vector = next((found for each in record.facts.get("cvss_vector", ()) if (found := cvss.parse(each))), None)
    harm = f"{cvss.sentence(vector)} ({vector})" if vector else "The record gives no CVSS rating of its own."
    return [
        author.draft("benign.flaw", record, {"concept": Prose(text), "harm": harm, "prevent": prevent}, touched, links),
        author.draft("refuse.flaw", record, {"victim": victim(record), "protect": prevent}, touched, links, "refuse"),
    ]


def _remedy(author: Author, record: Record) -> Rests:
    """What closes a hole: what CISA asks for, else what CWE recommends against the weakness."""
    for entry, link in author.knowledge.into(record.id, Predicate.about, "exploited"):
        action = closed(plain(entry.facts.get("action", ("",))[0]).replace("\n", " "))
        if action:
            return (f"CISA knows of attacks with {record.id} and asks for this: ", Prose(action)), [entry], [link]
    for weakness, link in classes(author, record)[:1]:
        lines = [short(each) for each in weakness.facts.get("mitigation", ())]
        parts = [piece for line in lines[:3] if line for piece in ("\n- ", Prose(line))]
        if parts:
            named = names.name(weakness, author.knowledge)
            head = (
                f"Install the vendor's update for {record.id}. Against the weakness behind it, {named}, CWE recommends:"
            )
            return (head, *parts), [weakness], [link]
    return (), [], []
