"""The CWE catalogue (XML, schema cwe-7): weaknesses, categories and views."""

import re
from collections.abc import Iterator
from typing import Any

from train.feeds.cut_xml import tree
from train.feeds.fields import facts, identifier, prose
from train.feeds.read import Place
from train.records import BadRecord, Item, Predicate, Record, Relation, Status

NAMES = ("Weakness", "Category", "View")
_PREFIXES = {"xhtml": "http://www.w3.org/1999/xhtml", "xsi": "http://www.w3.org/2001/XMLSchema-instance"}
_BLOCKS = {"p", "li", "div", "br", "ul", "ol", "tr", "Description", "Extended_Description"}
_INVERSE = {"ChildOf": (Predicate.child_of, False), "CanFollow": (Predicate.follows, False),
            "CanPrecede": (Predicate.follows, True)}  # fmt: skip


def local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


def text(node: Any) -> str:
    """What a node says, its XHTML paragraphs and list items as lines; one line where it has none."""
    parts: list[str] = []
    for event, each in _walk(node):
        if event == "start":
            parts += ["\n" if local(each.tag) in _BLOCKS else "", re.sub(r"\s+", " ", each.text or "")]
        else:
            parts += ["\n" if local(each.tag) in _BLOCKS else "", re.sub(r"\s+", " ", each.tail or "")]
    lines = (prose(line) for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _walk(node: Any) -> Iterator[tuple[str, Any]]:
    """Starts and ends of a node and all below it, without its own tail."""
    yield "start", node
    waiting = [(node, iter(node))]
    while waiting:
        child = next(waiting[-1][1], None)
        if child is None:
            ended, _ = waiting.pop()
            if waiting:
                yield "end", ended
        else:
            yield "start", child
            waiting.append((child, iter(child)))


def _texts(node: Any, path: str) -> list[str]:
    return [text(each) for each in node.findall("/".join(f"{{*}}{part}" for part in path.split("/")))]


def _joined(node: Any, path: str, parts: tuple[str, ...]) -> list[str]:
    """Each node at `path` as "A, B: C": its parts before the last, a colon, the last."""
    found = []
    for each in node.findall("/".join(f"{{*}}{part}" for part in path.split("/"))):
        values = [", ".join(v for v in _texts(each, part) if v) for part in parts]
        found.append(": ".join(value for value in values if value))
    return found


def read(data: bytes, _: Place) -> Iterator[Item]:
    """A weakness, category or view, and its relations."""
    node = tree(data, _PREFIXES)
    kind = local(node.tag)
    name = identifier(f"CWE-{node.get('ID', '')}", r"CWE-[1-9]\d{0,4}")
    title = node.get("Name", "")
    if not title:
        raise BadRecord(f"{name}: expected a Name, got none")
    status = Status.deprecated if node.get("Status") in {"Deprecated", "Obsolete"} else Status.live
    url = f"https://cwe.mitre.org/data/definitions/{name[4:]}.html"
    dates = _texts(node, "Content_History/Modification/Modification_Date")
    dates += _texts(node, "Content_History/Submission/Submission_Date")
    modified = max(dates, default="")
    if kind != "Weakness":
        said = (_texts(node, "Summary") + _texts(node, "Objective"))[:1]
        yield Record(name, "weakness_group", title, "".join(said), status, modified=modified, url=url,
                     facts=facts(abstraction=kind))  # fmt: skip
        for member in (*node.findall("{*}Relationships/{*}Has_Member"), *node.findall("{*}Members/{*}Has_Member")):
            yield Relation(f"CWE-{member.get('CWE_ID')}", Predicate.part_of, name, status=status)
        return
    yield Record(name, "weakness", title, "".join(_texts(node, "Description")), status, modified=modified, url=url,
                 facts=_facts(node))  # fmt: skip
    yield from _relations(node, name, status)


def _facts(node: Any) -> dict[str, tuple[str, ...]]:
    platforms = [each.get("Name") or each.get("Class") or "" for each in node.findall("{*}Applicable_Platforms/*")]
    return facts(
        abstraction=node.get("Abstraction", ""), extended=_texts(node, "Extended_Description"),
        consequence=_joined(node, "Common_Consequences/Consequence", ("Scope", "Impact")),
        mitigation=_joined(node, "Potential_Mitigations/Mitigation", ("Phase", "Description")),
        detection=_joined(node, "Detection_Methods/Detection_Method", ("Method", "Description")),
        platform=[each for each in platforms if not each.startswith("Not ")],
        likelihood=_texts(node, "Likelihood_Of_Exploit"), usage=_texts(node, "Mapping_Notes/Usage"),
    )  # fmt: skip


def _relations(node: Any, name: str, status: Status) -> Iterator[Relation]:
    seen = set()
    for each in node.findall("{*}Related_Weaknesses/{*}Related_Weakness"):
        predicate, inverse = _INVERSE.get(each.get("Nature", ""), (None, False))
        other = f"CWE-{each.get('CWE_ID')}"
        if predicate and (predicate, other) not in seen:
            seen.add((predicate, other))
            subject, thing = (other, name) if inverse else (name, other)
            yield Relation(subject, predicate, thing, status=status)
    for each in node.findall("{*}Related_Attack_Patterns/{*}Related_Attack_Pattern"):
        yield Relation(f"CAPEC-{each.get('CAPEC_ID')}", Predicate.exploits, name, status=status)
    for example in node.findall("{*}Observed_Examples/{*}Observed_Example"):
        cve = "".join(_texts(example, "Reference"))
        if re.fullmatch(r"CVE-\d{4}-\d{4,}", cve):
            said = "".join(_texts(example, "Description"))
            yield Relation(cve, Predicate.has_weakness, name, said, status)
