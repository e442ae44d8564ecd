"""Family 7: questions with four options. The wrong ones are near the right one: siblings by tactic or parent."""

from collections.abc import Callable, Iterable, Iterator

from train.records import Predicate, Record
from train.teaching import names
from train.teaching.author import Author, Draft, Part, Prose
from train.teaching.knowledge import Knowledge
from train.teaching.prose import excerpt
from train.teaching.split import may_name, number
from train.teaching.weaknesses import classes, reason

LETTERS = "ABCD"


def siblings(knowledge: Knowledge, record: Record) -> list[Record]:
    """Things of the same kind below the same parent, else in the same tactic, drawn by digest; not its own line."""
    line = {record.id}
    found: dict[str, Record] = {}
    for parent, _ in knowledge.out(record.id, Predicate.child_of, record.kind):
        line |= {parent.id, *(above.id for above, _ in knowledge.out(parent.id, Predicate.child_of))}
        found |= {each.id: each for each, _ in knowledge.into(parent.id, Predicate.child_of, record.kind)}
    line |= {each.id for each, _ in knowledge.into(record.id, Predicate.child_of)}
    near = _drawn(record, found.values(), line)
    if len(near) < 3:
        for tactic, _ in knowledge.out(record.id, Predicate.in_tactic):
            found |= {each.id: each for each, _ in knowledge.into(tactic.id, Predicate.in_tactic, record.kind)}
        near += _drawn(record, found.values(), line | {each.id for each in near})
    return near


def _drawn(record: Record, found: Iterable[Record], without: Iterable[str] | set[str]) -> list[Record]:
    skipped = set(without)
    fit = [each for each in found if each.id not in skipped and may_name(record, each) and each.name != record.name]
    return sorted(fit, key=lambda each: number("sibling", record.id, each.id))


def options(subject: Record, form: str, right: str, wrong: list[str]) -> dict[str, Part]:
    """Four options in an order that the subject's digest gives, and which letter is right."""
    place = number("letter", form, subject.id) % len(LETTERS)
    given = [*wrong[:place], right, *wrong[place:]]
    lines = "\n".join(f"{letter}) {option}" for letter, option in zip(LETTERS, given, strict=True))
    return {"options": lines, "letter": LETTERS[place], "right": right}


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """The questions that can be asked about a thing."""
    for make in _MAKERS.get(record.kind, ()):
        made = make(author, record)
        if made:
            yield made


def _by_text(author: Author, record: Record) -> Draft | None:
    text = excerpt(record.text, 2, 500)
    wrong = siblings(author.knowledge, record)[:3]
    told = record.name.lower() in text.lower() or record.id in text
    if len(wrong) < 3 or not text or told or not names.published(record):
        return None
    called = names.every([record, *wrong], author.knowledge)
    broader = [each for each, _ in author.knowledge.out(record.id, Predicate.in_tactic) if may_name(record, each)][:1]
    why = f" Its tactic is {names.name(broader[0], author.knowledge)}." if broader else ""
    return author.draft(
        "choice.by_text",
        record,
        {"text": Prose(text), "why": why, **options(record, "by_text", called[0], called[1:])},
        [*wrong, *broader],
    )


def _identifier(author: Author, record: Record) -> Draft | None:
    wrong = siblings(author.knowledge, record)[:3]
    if len(wrong) < 3 or not names.published(record) or number("identifier", record.id) % 3:
        return None
    return author.draft(
        "choice.identifier", record, options(record, "identifier", record.id, [each.id for each in wrong]), wrong
    )


def _tactic(author: Author, record: Record) -> Draft | None:
    knowledge = author.knowledge
    tactics = knowledge.out(record.id, Predicate.in_tactic, "tactic")
    if not tactics or number("tactic", record.id) % 2:
        return None
    tactic, link = tactics[number("which tactic", record.id) % len(tactics)]
    inside = {each.id for each, _ in knowledge.into(tactic.id, Predicate.in_tactic)}
    domain = record.facts.get("domain")
    others = (
        each for each in knowledge.of("technique") if each.facts.get("domain") == domain and each.id not in inside
    )
    placed = (each for each in others if knowledge.out(each.id, Predicate.in_tactic))
    wrong = _drawn(record, placed, {record.id})[:3]
    if len(wrong) < 3:
        return None
    called = names.every([record, *wrong], knowledge)
    return author.draft(
        "choice.tactic",
        record,
        {"tactic": names.name(tactic, knowledge), "why": "", **options(record, "tactic", called[0], called[1:])},
        [tactic, *wrong],
        [link],
    )


def _mitigation(author: Author, record: Record) -> Draft | None:
    knowledge = author.knowledge
    right = knowledge.into(record.id, Predicate.mitigates, "mitigation")
    if not right:
        return None
    fix, link = right[number("fix", record.id) % len(right)]
    known = {each.id for each, _ in right}
    near: dict[str, Record] = {}
    for sibling in siblings(knowledge, record):
        near |= {each.id: each for each, _ in knowledge.into(sibling.id, Predicate.mitigates, "mitigation")}
    wrong = [each for each in _drawn(record, near.values(), known) if each.name != fix.name][:3]
    if len(wrong) < 3:
        return None
    called = names.every([fix, *wrong], knowledge)
    said = excerpt(link.text, 1, 300)
    why: Part = (" ", Prose(said)) if said else ""
    return author.draft(
        "choice.mitigation",
        record,
        {"why": why, **options(record, "mitigation", called[0], called[1:])},
        [fix, *wrong],
        [link],
    )


def _flaw(author: Author, record: Record) -> Draft | None:
    found, text = classes(author, record), excerpt(record.text, 4, 600)
    if len(found) != 1 or not text or found[0][0].id in text:
        return None
    right, link = found[0]
    wrong = siblings(author.knowledge, right)
    wrong = sorted(wrong[:8], key=lambda each: number("flaw", record.id, each.id))[:3]
    if len(wrong) < 3:
        return None
    called = names.every([right, *wrong], author.knowledge)
    return author.draft(
        "choice.flaw",
        record,
        {"text": Prose(text), "why": (" ", *reason([right])), **options(record, "flaw", called[0], called[1:])},
        [right, *wrong],
        [link],
    )


_Maker = Callable[[Author, Record], Draft | None]
_MAKERS: dict[str, tuple[_Maker, ...]] = {
    "technique": (_by_text, _tactic, _mitigation, _identifier),
    "weakness": (_by_text, _identifier),
    "attack_pattern": (_by_text, _identifier),
    "defence": (_by_text,),
    "cve": (_flaw,),
}
