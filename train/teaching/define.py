"""Family 1: what a thing is, from the first sentences of its published text and the facts beside it."""

from collections.abc import Iterator

from train.records import Predicate, Record
from train.teaching import names
from train.teaching.author import Author, Draft, Part, Prose
from train.teaching.prose import closed, excerpt, listed
from train.teaching.split import may_name

_FORMS = {
    **dict.fromkeys(("technique", "tactic", "weakness", "attack_pattern", "mitigation", "defence", "data_component",
                     "asset", "weakness_group"), "concept"),
    "group": "actor", "campaign": "actor", "malware": "software", "tool": "software", "cve": "flaw", "guide": "guide",
    "requirement": "requirement", "case_study": "case_study",
}  # fmt: skip
_NO_CONTENT = frozenset(
    {"references", "reference", "links", "tools", "contents", "contributors", "authors", "acknowledgements", "credits",
     "changelog", "resources", "list", "of", "mapped", "cwes", "related", "controls"}
)  # fmt: skip
_LEVELS = {
    "1": "Level 1: it holds for every application.",
    "2": "Level 2: it holds for applications that handle sensitive data, and above.",
    "3": "Level 3: it holds for applications that need the highest assurance.",
}


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """At most one pair: the definition."""
    form = _FORMS.get(record.kind)
    if form is None or _contentless(record) or not (record.kind == "guide" or names.published(record)):
        return
    text = excerpt(record.text, 3)
    if not text or (record.kind == "guide" and len(text) < 120):
        return
    if record.kind == "weakness":
        text = f"{text} {excerpt(record.facts.get('extended', ('',))[0], 1, 400)}".strip()
    more, others = _more(author, record)
    made = author.draft(f"define.{form}", record, {"text": Prose(text), "more": more, **_extra(record)}, others)
    if made:
        yield made


def _contentless(record: Record) -> bool:
    words = record.name.lower().replace("-", " ").split()
    return record.kind == "guide" and (not words or set(words) <= _NO_CONTENT)


def _extra(record: Record) -> dict[str, Part]:
    if record.kind != "requirement":
        return {}
    return {
        "chapter": record.facts["chapter"][0], "section": record.facts["section"][0],
        "level": _LEVELS.get(record.facts.get("level", ("",))[0], ""),
    }  # fmt: skip


def _more(author: Author, record: Record) -> tuple[Part, list[Record]]:
    """Facts as sentences with a blank before them, and the things that they name."""
    facts, others, said = record.facts, [], []
    if record.kind in {"technique", "weakness", "attack_pattern"}:
        predicate = Predicate.in_tactic if record.kind == "technique" else Predicate.child_of
        broader = [each for each, _ in author.knowledge.out(record.id, predicate) if may_name(record, each)][:3]
        if broader:
            others = broader
            called = listed(names.every(broader, author.knowledge))
            said.append(
                f"{'It serves the tactic' if record.kind == 'technique' else 'It is a case of'} {called}."
                if len(broader) == 1 or record.kind != "technique"
                else f"It serves the tactics {called}."
            )
    platforms = [each for each in facts.get("platform", ()) if each not in {"None", "PRE", "Not Language-Specific"}]
    if platforms and record.kind in {"technique", "malware", "tool"}:
        said.append(f"Platforms: {listed(platforms)}.")
    also = [each for each in facts.get("alias", ()) if each != record.name]
    if also:
        said.append(f"It is also called {listed(also[:6], 'or')}.")
    if record.kind == "cve" and facts.get("product"):
        said.append(_affected(record))
    return "".join(f" {each}" for each in said), others


def _affected(record: Record) -> str:
    products = record.facts["product"]
    shown = listed(products[:4]) if len(products) <= 4 else f"{', '.join(products[:4])} and {len(products) - 4} more"
    vendors = record.facts.get("vendor", ())
    return closed(f"Affected, according to the record: {shown}{f' by {vendors[0]}' if len(vendors) == 1 else ''}")
