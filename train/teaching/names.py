"""What things are called in a sentence: their names with their ids, the nouns of their kinds, who publishes them."""

import re
from collections.abc import Iterable

from train.records import Predicate, Record
from train.teaching.knowledge import Knowledge
from train.teaching.prose import article

_NOUNS = {
    "cve": ("vulnerability", "the CVE List"),
    "weakness": ("weakness", "CWE"),
    "weakness_group": ("group of weaknesses", "CWE"),
    "attack_pattern": ("attack pattern", "CAPEC"),
    "tactic": ("tactic", "MITRE ATT&CK"),
    "technique": ("technique", "MITRE ATT&CK"),
    "mitigation": ("mitigation", "MITRE ATT&CK"),
    "group": ("threat group", "MITRE ATT&CK"),
    "campaign": ("campaign", "MITRE ATT&CK"),
    "malware": ("malware family", "MITRE ATT&CK"),
    "tool": ("tool", "MITRE ATT&CK"),
    "detection_strategy": ("detection strategy", "MITRE ATT&CK"),
    "analytic": ("analytic", "MITRE ATT&CK"),
    "data_source": ("data source", "MITRE ATT&CK"),
    "data_component": ("data component", "MITRE ATT&CK"),
    "asset": ("asset", "MITRE ATT&CK for ICS"),
    "case_study": ("case study", "MITRE ATLAS"),
    "defence": ("defensive technique", "MITRE D3FEND"),
    "exploited": ("exploited vulnerability", "CISA's catalogue of known exploited vulnerabilities"),
    "advisory": ("advisory", "CISA"),
    "requirement": ("requirement", "OWASP ASVS"),
    "rule": ("detection rule", "Sigma"),
    "exercise": ("exercise", "Atomic Red Team"),
}
GUIDES = {
    "owasp-cheatsheets": "the OWASP Cheat Sheet Series",
    "owasp-wstg": "the OWASP Web Security Testing Guide",
    "owasp-top10": "the OWASP Top 10",
    "owasp-llm-top10": "the OWASP Top 10 for LLM applications",
}
_DOMAINS = (("enterprise-attack", ""), ("ics-attack", " for ICS"), ("mobile-attack", " Mobile"))


def noun(record: Record) -> str:
    """The noun of its kind."""
    if record.kind == "technique" and "subtechnique" in record.facts:
        return "sub-technique"
    return _NOUNS.get(record.kind, ("page", ""))[0]


def catalogue(record: Record) -> str:
    """Who publishes it."""
    if record.kind == "guide":
        return GUIDES.get(record.id.partition(":")[0], "OWASP")
    if record.id.startswith("AML."):
        return "MITRE ATLAS"
    name = _NOUNS[record.kind][1]
    if name == "MITRE ATT&CK" and record.facts.get("domain"):
        name += next((more for domain, more in _DOMAINS if domain in record.facts["domain"]), "")
    return name


def published(record: Record) -> bool:
    """Whether its id is one that its publisher made for people to cite."""
    return "--" not in record.id and record.kind not in {"rule", "exercise", "guide"}


def bare(record: Record, knowledge: Knowledge) -> str:
    """Its name without its id; that of a sub-technique begins with its technique's."""
    if record.kind == "technique" and "subtechnique" in record.facts:
        parent = next(iter(knowledge.out(record.id, Predicate.child_of, "technique")), None)
        if parent:
            return f"{parent[0].name}: {record.name}"
    if record.kind == "guide":
        page, section = record.facts.get("page", ("",))[0], record.facts.get("section", ("",))[0]
        return f'"{page}", section "{section}"' if section and section != page else f'"{page}"'
    return " ".join(re.sub(r"^DEPRECATED:? ?", "", record.name).split()) or record.id


def name(record: Record, knowledge: Knowledge) -> str:
    """Its name with its id, as answers cite it."""
    if record.kind in {"cve", "nvd", "exploited"}:
        return record.id.partition(":")[2] or record.id
    if record.kind == "requirement":
        return record.id.replace("ASVS-", "ASVS ")
    if record.kind == "rule":
        return f'"{record.name}" (Sigma rule {record.id})'
    if record.kind == "exercise":
        return f'"{record.name}"'
    called = bare(record, knowledge)
    return f"{called} ({record.id})" if published(record) and called != record.id else called


def slots(record: Record, knowledge: Knowledge) -> dict[str, str]:
    """What every form may say of its subject."""
    kind = noun(record)
    return {
        "name": name(record, knowledge), "bare": bare(record, knowledge),
        "id": record.id.partition(":")[2] if record.kind in {"exploited", "nvd"} else record.id,
        "noun": kind, "a_noun": article(kind), "catalogue": catalogue(record),
    }  # fmt: skip


def every(records: Iterable[Record], knowledge: Knowledge) -> list[str]:
    """The names of several."""
    return [name(each, knowledge) for each in records]


_NAMED_BY = {
    **dict.fromkeys(("group", "campaign", "malware", "tool"), ("alias",)),
    **dict.fromkeys(("cve", "exploited"), ("vendor", "product")),
}


def public(knowledge: Knowledge) -> list[str]:
    """Names that stand in published catalogues: of groups and software with their aliases, of vendors and products."""
    found = {record.name for record in knowledge.of("group", "campaign", "malware", "tool")}
    for kind, facts in _NAMED_BY.items():
        for record in knowledge.of(kind):
            found |= {value for fact in facts for value in record.facts.get(fact, ())}
    return sorted(value for value in found if 3 <= len(value) <= 60)
