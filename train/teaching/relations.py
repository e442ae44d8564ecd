"""Family 2: how things stand to each other, in both directions. A long list is cut, and the answer says of how many."""

from collections.abc import Iterator
from dataclasses import dataclass

from train.records import Predicate, Record
from train.teaching import names
from train.teaching.author import Author, Draft, Part, Prose
from train.teaching.knowledge import Link
from train.teaching.prose import closed, excerpt, listed, plain, sentences
from train.teaching.split import may_name, number

MOST = 8  # things that an answer names
_SENTENCE = 300  # the longest that is quoted of what a feed says on a relation
_EXPLAINED = 4  # up to so many, the feed's own words on each are given


@dataclass(frozen=True, slots=True)
class _Question:
    """A form, for subjects of these kinds: what stands at the other end of the predicate, and in which direction."""

    form: str
    subjects: frozenset[str]
    predicate: Predicate
    outward: bool
    objects: tuple[str, ...]


def _ask(form: str, subjects: str, predicate: Predicate, objects: str, outward: bool = True) -> _Question:
    return _Question(f"relation.{form}", frozenset(subjects.split()), predicate, outward, tuple(objects.split()))


_IN = False
_QUESTIONS = (
    _ask("mitigations", "technique", Predicate.mitigates, "mitigation", _IN),
    _ask("mitigated", "mitigation", Predicate.mitigates, "technique"),
    _ask("group_techniques", "group campaign", Predicate.uses, "technique"),
    _ask("group_software", "group campaign", Predicate.uses, "malware tool"),
    _ask("software_users", "malware tool", Predicate.uses, "group", _IN),
    _ask("software_techniques", "malware tool", Predicate.uses, "technique"),
    _ask("technique_users", "technique", Predicate.uses, "group", _IN),
    _ask("tactic_techniques", "tactic", Predicate.in_tactic, "technique", _IN),
    _ask("technique_tactics", "technique", Predicate.in_tactic, "tactic"),
    _ask("parts", "technique", Predicate.child_of, "technique", _IN),
    _ask("weakness_parent", "weakness", Predicate.child_of, "weakness"),
    _ask("weakness_patterns", "weakness", Predicate.exploits, "attack_pattern", _IN),
    _ask("pattern_weaknesses", "attack_pattern", Predicate.exploits, "weakness"),
    _ask("pattern_techniques", "attack_pattern", Predicate.maps_to, "technique"),
    _ask("countered", "defence", Predicate.counters, "technique"),
    _ask("defences", "technique", Predicate.counters, "defence", _IN),
    _ask("asset_techniques", "asset", Predicate.targets, "technique", _IN),
    _ask("campaign_group", "campaign", Predicate.attributed_to, "group"),
)
_GUIDANCE = (("weakness_fixes", "weakness", "mitigation"), ("weakness_harm", "weakness", "consequence"))


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """A pair for each question that the thing can be asked and has an answer to."""
    for question in _QUESTIONS:
        if record.kind in question.subjects and names.published(record):
            made = _answer(author, record, question)
            if made:
                yield made
    yield from _guidance(author, record)


def linked(author: Author, record: Record, question: _Question) -> list[tuple[Record, Link]]:
    """What stands at the other end, all of it."""
    find = author.knowledge.out if question.outward else author.knowledge.into
    return [pair for pair in find(record.id, question.predicate, *question.objects) if names.published(pair[0])]


def choose(record: Record, found: list[tuple[Record, Link]], most: int = MOST) -> list[tuple[Record, Link]]:
    """Those that a row about the record may name, at most so many: drawn by digest, in the order of their ids."""
    fit = sorted((pair for pair in found if may_name(record, pair[0])), key=lambda p: number(record.id, p[0].id))
    return sorted(fit[:most], key=lambda pair: pair[0].id)


def _answer(author: Author, record: Record, question: _Question) -> Draft | None:
    found = linked(author, record, question)
    named = choose(record, found)
    if not named:
        return None
    entries = listing(author, named)
    return author.draft(
        question.form,
        record,
        {"list": entries, "then": "\n\n" if "\n- " in "".join(entries) else " ", **endings(len(found), len(named))},
        [each for each, _ in named],
        [link for _, link in named],
    )


def endings(count: int, shown: int) -> dict[str, Part]:
    """A count and the word endings that follow from it."""
    one = count == 1
    return {
        "count": "one" if one else str(count), "Count": "One" if one else str(count),
        "s": "" if one else "s", "es": "" if one else "es", "verb_s": "s" if one else "", "are": "is" if one else "are",
        "shown": "" if shown == count else f", of which {'here is one' if shown == 1 else f'here are {shown}'}",
    }  # fmt: skip


def listing(author: Author, named: list[tuple[Record, Link]]) -> Part:
    """Names in the sentence, or as lines; a few of them with what the feed says about each."""
    called = names.every([each for each, _ in named], author.knowledge)
    said = [excerpt(link.text, 1, _SENTENCE) if len(named) <= _EXPLAINED else "" for _, link in named]
    if any(said):
        parts: list[str] = []
        for name, text in zip(called, said, strict=True):
            parts += [f"\n- {name}: " if text else f"\n- {name}", Prose(text)] if text else [f"\n- {name}"]
        return tuple(parts) if len(named) > 1 else (f"{called[0]}.", " ", Prose(said[0]))
    if len(called) <= 3:
        return f"{listed(called)}."
    return "".join(f"\n- {each}" for each in called)


def _guidance(author: Author, record: Record) -> Iterator[Draft]:
    for form, kind, fact in _GUIDANCE:
        lines = [short(value) for value in record.facts.get(fact, ())] if record.kind == kind else []
        yield from _lines(author, record, form, [line for line in lines if line])
    if record.kind == "attack_pattern":
        found = author.knowledge.into(record.id, Predicate.mitigates, "mitigation")
        lines = [closed(excerpt(each.text, 1, _SENTENCE) or plain(each.text).split("\n")[0][:300]) for each, _ in found]
        yield from _lines(author, record, "pattern_fixes", [line for line in lines if len(line) < 300], found)


def _lines(
    author: Author, record: Record, form: str, lines: list[str], found: list[tuple[Record, Link]] | None = None
) -> Iterator[Draft]:
    if lines:
        parts = [piece for line in lines[:5] for piece in ("\n- ", Prose(line))]
        made = author.draft(
            f"relation.{form}", record, {"guidance": ("- ", *parts[1:])}, [], [link for _, link in found or []]
        )
        if made:
            yield made


def short(value: str, most: int = 2) -> str:
    """A fact of the form "Phase: text", its text cut to the first sentences."""
    head, colon, rest = value.partition(": ")
    if not colon:
        return closed(plain(value).replace("\n", " "))
    text = " ".join(sentences(plain(rest).split("\n")[0])[:most])
    return closed(f"{head}: {text}") if text and len(text) < 500 else ""
