"""Of several things with one name, which is meant; and names that nothing bears."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Self

from deployments.knowledge.lookup import LIVE
from deployments.knowledge.pack import Pack, Thing
from deployments.knowledge.words import stems

Preference = tuple[bool, int, int, str]
_USUAL = "enterprise-attack"
_DOMAINS = (
    ("ics-attack", r"ics|industrial|scada|ot|plcs?|plants?|control systems?"),
    ("mobile-attack", r"mobile|android|ios|phones?|smartphones?|apps?"),
    ("ai", r"ai|ml|llms?|atlas|machine learning|models?|artificial intelligence"),
)
_KINDS = (
    ("technique", r"(?:sub-?)?techniques?|ttps?|att&ck"),
    ("tactic", r"tactics?|column"), ("mitigation", r"mitigations?"),
    ("group", r"groups?|actors?|gangs?|crew|apt"), ("campaign", r"campaigns?|operations?"),
    ("malware", r"malware|trojan|backdoor|ransomware|worm|implant|rat"), ("tool", r"tools?|utility"),
    ("weakness", r"cwe|weakness(?:es)?|flaws?"), ("attack_pattern", r"capec|attack patterns?|patterns?"),
    ("defence", r"d3fend|defensive"), ("rule", r"sigma|rules?"), ("requirement", r"asvs|requirements?"),
    ("asset", r"assets?"), ("detection_strategy", r"detection strateg(?:y|ies)"), ("case_study", r"case stud(?:y|ies)"),
    ("weakness_group", r"categor(?:y|ies)|groups? of weaknesses"), ("exploited", r"kev|catalogu?e"),
)  # fmt: skip
_SILENT = "mitre att ck attack enterprise matrix catalogue catalog owasp cisa known according entry record list name"
# words that tell nothing of which thing is meant
EVERYDAY = frozenset(
    stems(
        "someone somebody anyone anybody people person try attacker adversary intruder hacker criminal admin team"
        " company network system environment thing something place way case time know want need like look mean happen"
        " call nutshell short brief briefly simple simply beginner newcomer student class"
    )
)
_ORDER = ("technique", "weakness", "attack_pattern", "group", "malware", "tool", "campaign", "mitigation", "tactic",
          "weakness_group", "exploited", "defence", "asset", "case_study", "rule")  # fmt: skip
_CALLED = re.compile(
    r"\b(?:[Gg]roup|[Aa]ctor|[Mm]alware|[Tt]ool|[Cc]ampaign|[Rr]ansomware|[Tt]rojan|[Bb]ackdoor|[Pp]rogram|[Ff]amily"
    r"|[Oo]peration|[Tt]echnique|[Ii]mplant)\s+(?:called\s+|named\s+)?[\"'“]?((?:[A-Z][\w-]*\s?){1,4})"
)
_TOKEN = re.compile(r"[^\W_][\w-]*")


@dataclass(frozen=True, slots=True)
class Hints:
    """What a question says of the catalogue and the kind of thing that it means."""

    domains: frozenset[str]
    kinds: frozenset[str]
    words: frozenset[str]  # of the question that tell only this

    @classmethod
    def of(cls, question: str) -> Self:
        """The hints of a question."""
        domains = {name for name, pattern in _DOMAINS if _there(pattern, question)}
        kinds = {name for name, pattern in _KINDS if _there(pattern, question)}
        said = {
            word for _, pattern in (*_DOMAINS, *_KINDS) for found in _each(pattern, question) for word in stems(found)
        }
        return cls(frozenset(domains), frozenset(kinds), frozenset(said | set(stems(_SILENT))))

    def narrowed(self, kinds: frozenset[str]) -> frozenset[str]:
        """Of some kinds those that the question names; all where it names none of them."""
        return kinds & self.kinds or kinds


def beside(question: str, start: int, end: int) -> str:
    """The words right before and right behind a stretch of a question: "the mitigation X", "X (CAPEC)"."""
    before, after = re.search(r"[\w&-]+\W*$", question[:start]), re.match(r"\W*(?:in )?[\w&]+", question[end:])
    return " ".join(found.group() for found in (before, after) if found)


def in_domain(thing: Thing, hints: Hints) -> bool:
    """Whether a thing is of the domain that a question means: enterprise networks, unless it says otherwise."""
    domains = {"ai"} if thing.id.startswith("AML.") else set(thing.facts.get("domain", ())) or {_USUAL}
    return bool(domains & (hints.domains or {_USUAL}))


def preference(pack: Pack, row: int, hints: Hints) -> Preference:
    """A key: of the things with one name, the one with the smallest is meant."""
    thing = pack.thing(row)
    order = _ORDER.index(thing.kind) if thing.kind in _ORDER else len(_ORDER)
    fits = 2 * (thing.kind in hints.kinds) + in_domain(thing, hints)
    return (thing.status != LIVE, -fits, order, thing.id)


def unknown_names(
    question: str, mentioned: Collection[str], knows: Callable[[str], bool], *, plain: bool
) -> Iterator[str]:
    """What a question treats as the name of a thing, and no record has. mentioned: the names in it that some have;
    plain: a capital at the beginning makes a name, as where groups or programs are asked for."""
    called = [found[1].strip() for found in _CALLED.finditer(question)]
    for name in called:
        if (" " in name or not knows(name)) and not any(name in each or each in name for each in mentioned):
            yield name
    for place, found in enumerate(_TOKEN.finditer(question)):
        word = found.group()
        written = any(each.isupper() or each.isdigit() for each in word[1:]) or (
            plain and place > 0 and word[0].isupper()
        )
        if written and len(word) > 2 and not knows(word) and not any(word in each for each in (*called, *mentioned)):
            yield word


def _there(pattern: str, question: str) -> bool:
    return bool(next(_each(pattern, question), ""))


def _each(pattern: str, question: str) -> Iterator[str]:
    return (found.group() for found in re.finditer(rf"(?i)(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", question))
