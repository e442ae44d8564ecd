"""What the graph can be asked: for a thing of some kind and what is wanted of it, the walk or the fact that answers.

A row of the table is a relation: whose (kinds), what is wanted (a concept of `concepts`), how to get there, and how it
is said. A walk goes along one or two links. Of rows for the same kind and concept, the first is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Step:
    """Along links of a predicate, from subject to object (`out`) or back, to things of these kinds; all where none."""

    predicate: str
    out: bool
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Relation:
    """One row. Either `steps` or `fact` says where the answer lies; `one`, `many`: how it is called, {} the subject."""

    concept: str
    kinds: frozenset[str]
    one: str
    many: str
    steps: tuple[Step, ...] = ()
    fact: str = ""


def _steps(path: str) -> tuple[Step, ...]:
    """ ">uses technique" along the links, "<uses group campaign" against them; several parted by a semicolon."""
    found = []
    for part in path.split(";"):
        head, *kinds = part.split()
        found.append(Step(head[1:], head[0] == ">", frozenset(kinds)))
    return tuple(found)


def _walk(concept: str, kinds: str, path: str, one: str, many: str = "") -> Relation:
    noun, of, rest = one.partition(" of ") if not many else (one, "", "")
    return Relation(concept, frozenset(kinds.split()), one, many or f"{_plural(noun)}{of}{rest}", _steps(path))


def _plural(noun: str) -> str:
    if noun.endswith("ness"):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def _fact(concept: str, kinds: str, fact: str, one: str, many: str = "") -> Relation:
    return Relation(concept, frozenset(kinds.split()), one, many or one, fact=fact)


_ACTORS = "group campaign malware tool case_study"
TABLE = (
    _walk("mitigation", "technique", "<mitigates mitigation", "mitigation of {}"),
    _walk("mitigation", "attack_pattern", "<mitigates mitigation", "mitigation of {}"),
    _fact("mitigation", "weakness", "mitigation", "mitigation of {}", "mitigations of {}"),
    _fact("mitigation", "exploited", "action", "action that CISA requires for {}"),
    _fact("mitigation", "advisory", "remedy", "remedy in {}", "remedies in {}"),
    _walk("defence", "technique", "<counters defence", "D3FEND technique that counters {}",
          "D3FEND techniques that counter {}"),
    _walk("rule", "technique", "<detects rule", "Sigma rule for {}", "Sigma rules for {}"),
    _walk("rule", "cve exploited", "<about rule", "Sigma rule about {}", "Sigma rules about {}"),
    _walk("component", "technique", "<detects detection_strategy;<part_of analytic", "analytic with log sources for {}",
          "analytics with log sources for {}"),
    _walk("detection", "technique", "<detects detection_strategy data_component", "detection strategy for {}",
          "detection strategies for {}"),
    _fact("detection", "weakness", "detection", "way to find {}", "ways to find {}"),
    _fact("detection", "rule", "logic", "detection logic of {}"),
    _walk("detection", "detection_strategy", "<part_of analytic", "analytic of {}"),
    _walk("component", "detection_strategy", "<part_of analytic", "analytic of {}"),
    _fact("component", "analytic", "log_source", "log source of {}", "log sources of {}"),
    _fact("component", "rule", "logsource", "log source of {}", "log sources of {}"),
    _walk("group", "technique", "<uses group", "group that uses {}", "groups that use {}"),
    _walk("group", "malware tool", "<uses group", "group that uses {}", "groups that use {}"),
    _walk("group", "campaign", ">attributed_to group", "group that {} is attributed to",
          "groups that {} is attributed to"),
    _walk("campaign", "technique malware tool", "<uses campaign", "campaign that used {}", "campaigns that used {}"),
    _walk("campaign", "group", "<attributed_to campaign", "campaign attributed to {}", "campaigns attributed to {}"),
    _walk("software", "technique", "<uses malware tool", "malware or tool that uses {}",
          "malware and tools that use {}"),
    _walk("software", "group campaign", ">uses malware tool", "malware or tool used by {}",
          "malware and tools used by {}"),
    _walk("case_study", "technique", "<uses case_study", "case study with {}", "case studies with {}"),
    _walk("tactic", "technique", ">in_tactic tactic", "tactic of {}"),
    _walk("subtechnique", "technique", "<child_of technique", "sub-technique of {}"),
    _walk("parent", "technique", ">child_of technique", "technique that {} is part of",
          "techniques that {} is part of"),
    _walk("asset", "technique", ">targets asset", "asset that {} is used against", "assets that {} is used against"),
    _walk("pattern", "technique", "<maps_to attack_pattern", "attack pattern that maps to {}",
          "attack patterns that map to {}"),
    _walk("technique", "mitigation", ">mitigates technique attack_pattern", "technique that {} mitigates",
          "techniques that {} mitigates"),
    _walk("technique", "defence", ">counters technique", "technique that {} counters", "techniques that {} counters"),
    _walk("technique", "detection_strategy data_component rule", ">detects technique", "technique that {} detects",
          "techniques that {} detects"),
    _walk("technique", _ACTORS, ">uses technique", "technique used by {}", "techniques used by {}"),
    _walk("technique", "tactic", "<in_tactic technique", "technique in the tactic {}", "techniques in the tactic {}"),
    _walk("technique", "asset", "<targets technique", "technique used against {}", "techniques used against {}"),
    _walk("technique", "attack_pattern", ">maps_to technique", "ATT&CK technique that {} maps to",
          "ATT&CK techniques that {} maps to"),
    _walk("technique", "weakness", "<exploits attack_pattern;>maps_to technique", "technique that can follow from {}",
          "techniques that can follow from {}"),
    _walk("subtechnique", "weakness attack_pattern defence", "<child_of", "more specific entry under {}",
          "more specific entries under {}"),
    _walk("parent", "weakness attack_pattern defence", ">child_of", "broader entry above {}",
          "broader entries above {}"),
    _walk("weakness", "cve", ">has_weakness weakness weakness_group", "weakness behind {}", "weaknesses behind {}"),
    _walk("weakness", "attack_pattern", ">exploits weakness", "weakness that {} exploits",
          "weaknesses that {} exploits"),
    _walk("weakness", "weakness_group", "<part_of weakness", "weakness in {}", "weaknesses in {}"),
    _walk("pattern", "weakness", "<exploits attack_pattern", "attack pattern that exploits {}",
          "attack patterns that exploit {}"),
    _walk("pattern", "cve", ">has_weakness weakness;<exploits attack_pattern", "attack pattern that fits {}",
          "attack patterns that fit {}"),
    _walk("cve", "weakness", "<has_weakness", "CVE with {}", "CVEs with {}"),
    _walk("cve", "advisory rule", ">about", "CVE that {} is about", "CVEs that {} is about"),
    _walk("before", "attack_pattern weakness", ">follows", "entry that can come before {}",
          "entries that can come before {}"),
    _walk("after", "attack_pattern weakness", "<follows", "entry that can come after {}",
          "entries that can come after {}"),
    _walk("advisory", "cve", "<about advisory", "advisory on {}", "advisories on {}"),
    _walk("exploited", "cve", "<about exploited", "entry on {} in the catalogue of known exploited vulnerabilities",
          "entries on {} in the catalogue of known exploited vulnerabilities"),
    _walk("successor", "technique group malware tool mitigation", ">revoked_by", "successor of {}"),
    _fact("severity", "cve nvd advisory", "cvss_score", "CVSS score of {}", "CVSS scores of {}"),
    _fact("severity", "attack_pattern", "severity", "typical severity of {}"),
    _fact("severity", "rule", "level", "level of {}"),
    _fact("severity", "requirement", "level", "level of {}"),
    _fact("vector", "cve nvd advisory", "cvss_vector", "CVSS vector of {}", "CVSS vectors of {}"),
    _fact("product", "cve exploited advisory", "product", "product affected by {}", "products affected by {}"),
    _fact("vendor", "cve exploited advisory", "vendor", "vendor affected by {}", "vendors affected by {}"),
    _fact("platform", "technique malware tool asset analytic data_component", "platform", "platform of {}",
          "platforms of {}"),
    _fact("alias", "group campaign malware tool asset", "alias", "name that {} goes by", "names that {} goes by"),
    _fact("alias", "defence", "synonym", "name that {} goes by", "names that {} goes by"),
    _fact("consequence", "weakness attack_pattern", "consequence", "consequence of {}", "consequences of {}"),
    _fact("prerequisite", "attack_pattern", "prerequisite", "prerequisite of {}", "prerequisites of {}"),
    _fact("skill", "attack_pattern", "skill", "skill that {} asks for", "skills that {} asks for"),
    _fact("likelihood", "attack_pattern weakness", "likelihood", "likelihood of {}"),
    _fact("added", "exploited", "added", "day on which {} was added to the catalogue"),
    _fact("due", "exploited", "due", "day by which {} was due"),
    _fact("ransomware", "exploited", "ransomware", "known use of {} in ransomware campaigns"),
    _fact("published", "cve paper advisory", "published", "day on which {} was published"),
    _fact("falsepositive", "rule", "false_positive", "known false positive of {}", "known false positives of {}"),
)  # fmt: skip


def _index() -> Mapping[tuple[str, str], Relation]:
    found: dict[tuple[str, str], Relation] = {}
    for relation in TABLE:
        for kind in relation.kinds:
            found.setdefault((kind, relation.concept), relation)
    return MappingProxyType(found)


BY_KIND = _index()


def kinds_with(concept: str) -> frozenset[str]:
    """The kinds of things of which a concept can be asked."""
    return frozenset(kind for kind, wanted in BY_KIND if wanted == concept)
