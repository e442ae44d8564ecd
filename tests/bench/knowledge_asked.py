"""Questions with their answers, made from a knowledge base by SQL alone: nothing here knows a pack or how it is asked.

Subjects are things that the teaching set holds out (`train.teaching.split`), or of the kinds that it counts as common
ground. Which subject meets which wording is drawn by digest, so every run asks the same.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.records import Record
from train.teaching.split import COMMON, number, side

WORDINGS = Path(__file__).with_name("knowledge_questions.toml")
# form -> predicate, whether the subject of the question is the link's subject, kinds at the other end
FORMS: Mapping[str, tuple[str, bool, str]] = {
    "technique.mitigation": ("mitigates", False, "mitigation"),
    "technique.detection": ("detects", False, "detection_strategy data_component"),
    "technique.group": ("uses", False, "group"),
    "technique.software": ("uses", False, "malware tool"),
    "technique.tactic": ("in_tactic", True, "tactic"),
    "technique.subtechnique": ("child_of", False, "technique"),
    "mitigation.technique": ("mitigates", True, "technique"),
    "group.technique": ("uses", True, "technique"),
    "group.software": ("uses", True, "malware tool"),
    "malware.technique": ("uses", True, "technique"),
    "malware.group": ("uses", False, "group"),
    "campaign.group": ("attributed_to", True, "group"),
    "weakness.pattern": ("exploits", False, "attack_pattern"),
    "weakness.parent": ("child_of", True, "weakness"),
    "weakness.cve": ("has_weakness", False, "cve"),
    "attack_pattern.weakness": ("exploits", True, "weakness"),
    "attack_pattern.technique": ("maps_to", True, "technique"),
    "cve.weakness": ("has_weakness", True, "weakness weakness_group"),
    "defence.technique": ("counters", True, "technique"),
    "rule.technique": ("detects", True, "technique"),
    "asset.technique": ("targets", False, "technique"),
}
MOST = 200  # answers longer than this are not asked for
_SAME = {"adversaries": "attackers", "adversary": "attacker", "credentials": "logins", "credential": "login",
         "obtain": "get hold of", "utilize": "use", "leverage": "use", "execute": "run", "malicious": "hostile",
         "product": "application", "input": "data", "victim": "target", "attempt": "try", "gain": "get",
         "information": "details", "remote": "distant", "conduct": "carry out", "collect": "gather"}  # fmt: skip
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)|\(Citation:[^)]*\)|`|\*|<[^>]+>")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom, in which way (identifier, name, description), and all ids that answer it."""

    text: str
    form: str
    way: str
    subject: str
    expected: frozenset[str]


class Base:
    """The things and links of a knowledge base, read with SQL."""

    def __init__(self, root: str) -> None:
        from train.knowledge import open_base

        with open_base(root) as base:
            rows = base.sql("select id, kind, name, text, facts, status from latest where kind <> 'exercise' "
                            "order by status = 'live' desc, modified desc, source").fetchall()  # fmt: skip
            self.links: list[tuple[str, str, str]] = base.sql("select subject, predicate, object from links").fetchall()
        self.things: dict[str, tuple[str, str, str, Any, str]] = {}
        for name, *rest in rows:
            self.things.setdefault(name, tuple(rest))
        self.called: dict[str, set[str]] = defaultdict(set)
        for name, (_, title, _, _, status) in self.things.items():
            if status == "live":
                self.called[_key(title)].add(name)
        self.parents = {one: two for one, predicate, two in self.links if predicate == "child_of"}

    def kind(self, name: str) -> str:
        """The kind of a live thing; of a CVE also where it has no record."""
        found = self.things.get(name)
        if found is None:
            return "cve" if name.startswith("CVE-") else ""
        return found[0] if found[4] == "live" else ""

    def held_out(self, name: str) -> bool:
        """Whether no row of the teaching set is about this thing, or it is common ground."""
        kind, title, text, _, _ = self.things[name]
        return kind in COMMON or side(Record(name, kind, title, text)) == "test"

    def name(self, name: str) -> str:
        """What people call a thing, with its catalogue where several go by the name; empty where it has none."""
        kind, title, _, facts, _ = self.things[name]
        parent = self.things.get(self.parents.get(name, ""))
        if len(self.called[_key(title)]) == 1 or kind in {"rule", "cve"}:
            return "" if kind == "cve" else title
        if kind == "technique" and parent and "." in name:
            return f"{parent[1]}: {title}{self._domain(name, facts)}"
        noun = {"weakness": " (CWE)", "attack_pattern": " (CAPEC)", "technique": " technique",
                "mitigation": " mitigation", "malware": " malware", "defence": " (D3FEND)"}.get(kind, "")  # fmt: skip
        return f"{title}{noun}{self._domain(name, facts)}"

    def _domain(self, name: str, facts: Any) -> str:
        domains = dict(facts or {}).get("domain", [])
        words = {"ics-attack": " in ATT&CK for ICS", "mobile-attack": " in ATT&CK Mobile"}
        if name.startswith("AML."):
            return " in ATLAS"
        return "" if "enterprise-attack" in domains else next((words[each] for each in domains if each in words), "")

    def description(self, name: str, start: int = 0) -> str:
        """Some words of what a record says, other ones than its publisher's where there are, none of its name."""
        _, title, text, _, _ = self.things[name]
        sentences = re.split(r"(?<=[.!?])\s+", " ".join(_LINK.sub(r"\1", text or "").split()))
        own = {_key(word) for word in re.findall(r"\w+", title)}
        said = [
            word for word in re.findall(r"[\w'/-]+", " ".join(sentences[start : start + 2])) if _key(word) not in own
        ]
        said = [_SAME.get(word.lower(), word) for word in said[:22]]
        return re.sub(r"^(?:attackers|an attacker|the application|this) (?:may |might |can )?(?:try to )?", "",
                      " ".join(said), flags=re.IGNORECASE)  # fmt: skip

    def answers(self, form: str) -> dict[str, frozenset[str]]:
        """Every subject of a form with all that answers it."""
        predicate, outward, kinds = FORMS[form]
        found: dict[str, set[str]] = defaultdict(set)
        for one, said, two in self.links:
            subject, other = (one, two) if outward else (two, one)
            if said == predicate and self.kind(subject) == form.partition(".")[0] and self.kind(other) in kinds.split():
                found[subject].add(other)
        return {name: frozenset(each) for name, each in sorted(found.items()) if len(each) <= MOST}


def wordings(which: str, file: Path = WORDINGS) -> dict[str, list[str]]:
    """`tuned` or `fresh` wordings by form; another file has others."""

    def leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
        for name, value in table.items():
            if isinstance(value, dict):
                yield from leaves(value, (*path, name))
            elif name == which:
                yield ".".join(path), value

    return dict(leaves(tomllib.loads(file.read_text())))


def relations(base: Base, which: str, count: int = 500, file: Path = WORDINGS) -> list[Question]:
    """Half by identifier, two fifths by name, a tenth by description alone."""
    asks = wordings(which, file)
    shares = {"identifier": count // 2, "name": count * 2 // 5, "description": count // 10}
    return [question for way, share in shares.items() for question in _asked(base, asks, way, share, which)]


def _asked(base: Base, asks: Mapping[str, list[str]], way: str, share: int, which: str) -> list[Question]:
    prefix = "described." if way == "description" else ""
    forms = [form for form in FORMS if prefix + form in asks]
    pools = {form: _subjects(base, form, way, which) for form in forms}
    forms = [form for form in forms if pools[form]]
    found: list[Question] = []
    for turn in range(share):
        form = forms[turn % len(forms)]
        subject, expected = pools[form][turn // len(forms) % len(pools[form])]
        ways = asks[prefix + form]
        words = ways[number(which, way, form, subject, str(turn)) % len(ways)]
        said = subject if way == "identifier" else base.name(subject) if way == "name" else ""
        text = words.replace("{x}", said).replace("{d}", base.description(subject) if way == "description" else "")
        found.append(Question(text, form, way, subject, expected))
    return found


def _subjects(base: Base, form: str, way: str, which: str) -> list[tuple[str, frozenset[str]]]:
    answers = base.answers(form)
    fit = [name for name in answers if name in base.things and base.held_out(name) and "--" not in name]
    fit = [name for name in fit if way != "name" or base.name(name)]
    fit = [name for name in fit if way != "description" or len(base.description(name)) > 60]
    return [(name, answers[name]) for name in sorted(fit, key=lambda name: number(which, way, form, name))]


def descriptions(base: Base, which: str, count: int = 200) -> list[Question]:
    """Held-out things by a later part of their texts, for search: the name does not stand there."""
    kinds = (
        "technique",
        "attack_pattern",
        "weakness",
        "group",
        "malware",
        "guide",
        "defence",
        "rule",
        "campaign",
        "cve",
    )
    pool = {kind: [name for name, each in sorted(base.things.items()) if each[0] == kind and each[4] == "live"
                   and base.held_out(name) and len(base.description(name)) > 80] for kind in kinds}  # fmt: skip
    asks, found = wordings(which)["described.search"], []
    for turn in range(count):
        kind = kinds[turn % len(kinds)]
        names = sorted(pool[kind], key=lambda name: number(which, "search", name))
        name = names[turn // len(kinds) % len(names)]
        words = asks[number(which, name) % len(asks)].replace("{d}", base.description(name))
        found.append(Question(words, f"search.{kind}", "description", name, frozenset({name})))
    return found


def natural() -> list[Question]:
    """Questions as people speak; expected are the things that they may mean."""
    asks = tomllib.loads(WORDINGS.read_text())["natural"]["asks"]
    return [Question(text, concept, "natural", "", frozenset(subjects.split())) for text, concept, subjects in asks]


def invented(base: Base, which: str, count: int = 100, file: Path = WORDINGS) -> list[Question]:
    """Well-spelt identifiers that are not in the base, close to real ones and far from them."""
    asks, found, turn = wordings(which, file)["invented"], [], 0
    known = set(base.things) | {end for link in base.links for end in (link[0], link[2])}
    while len(found) < count:
        seed = number(which, "invented", str(turn))
        made = (f"CVE-{2005 + seed % 20}-{1000 + (seed >> 9) % 90000}", f"CWE-{1500 + seed % 8000}",
                f"CAPEC-{720 + seed % 3000}", f"T{1700 + seed % 7000}", f"T{1003 + seed % 500}.{20 + seed % 900:03d}",
                f"M{1060 + seed % 700}", f"G{1100 + seed % 8000}", f"S{1400 + seed % 8000}",
                f"AML.T{1000 + seed % 8000}", f"DET{1000 + seed % 8000}", f"TA{4000 + seed % 5000}")  # fmt: skip
        name, turn = made[turn % len(made)], turn + 1
        if name not in known:
            found.append(
                Question(asks[seed % len(asks)].replace("{x}", name), "invented", "identifier", name, frozenset())
            )
    return found


def _key(word: str | None) -> str:
    return re.sub(r"[^a-z0-9]+", " ", (word or "").lower()).strip().rstrip("s")


def sample(questions: Sequence[Question], count: int) -> list[Question]:
    """Some of the questions, drawn by digest."""
    return sorted(questions, key=lambda each: number("sample", each.text))[:count]
