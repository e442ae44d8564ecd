"""Detection rules (Sigma) and the names of exercises for them (Atomic Red Team), both YAML."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import yaml

from train.feeds.fields import element, elements, facts, identifier, inner, plain, prose, string, strings
from train.feeds.read import Place, from_yaml
from train.records import Aside, BadRecord, Item, Predicate, Record, Relation, Status

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)")
_CVE = re.compile(r"cve[.-](\d{4})[.-](\d{4,})")


def _yaml(place: Place) -> bool:
    return PurePosixPath(place.member.rpartition("!")[2]).suffix in {".yml", ".yaml"}


def read_sigma(data: bytes, place: Place) -> Iterator[Item]:
    """A Sigma rule, the techniques it detects and the CVEs it is about."""
    if not _yaml(place):
        yield Aside("no rule")
        return
    rule = element(from_yaml(data))
    if "detection" not in rule and "correlation" not in rule:
        yield Aside("part of a collection of rules")
        return
    name = identifier(string(rule, "id"), _UUID)
    state = plain(rule, "status")
    source = inner(rule, "logsource")
    status = Status.deprecated if state in {"deprecated", "unsupported"} else Status.live
    logic = yaml.safe_dump(rule.get("detection") or rule.get("correlation"), sort_keys=False, width=110)
    yield Record(
        name, "rule", prose(string(rule, "title")), prose(string(rule, "description", "")), status,
        modified=plain(rule, "modified") or plain(rule, "date"),
        facts=facts(level=plain(rule, "level"), state=state, logic=logic, author=plain(rule, "author"),
                    logsource=[f"{key}: {plain(source, key)}" for key in source],
                    false_positive=strings(rule, "falsepositives"), date=plain(rule, "date"),
                    reference=strings(rule, "references")),
    )  # fmt: skip
    for tag in strings(rule, "tags"):
        if found := _TECHNIQUE.fullmatch(tag.lower()):
            yield Relation(name, Predicate.detects, found[1].upper(), status=status)
        if found := _CVE.fullmatch(tag.lower()):
            yield Relation(name, Predicate.about, f"CVE-{found[1]}-{found[2]}", status=status)


def read_atomic(data: bytes, place: Place) -> Iterator[Item]:
    """The tests of one technique: names and purposes. Their commands are attack steps and are not taken."""
    if not _yaml(place):
        yield Aside("no test")
        return
    page = element(from_yaml(data))
    technique = identifier(string(page, "attack_technique"), r"T\d{4}(?:\.\d{3})?")
    tests = list(elements(page, "atomic_tests"))
    if not tests:
        raise BadRecord("atomic_tests: expected at least one test, got none")
    for test in tests:
        name = identifier(string(test, "auto_generated_guid"), _UUID)
        yield Record(
            name, "exercise", prose(string(test, "name")), prose(string(test, "description", "")),
            url=f"https://www.atomicredteam.io/atomic-red-team/atomics/{technique}",
            facts=facts(platform=strings(test, "supported_platforms"),
                        executor=plain(inner(test, "executor"), "name")),
        )  # fmt: skip
        yield Relation(name, Predicate.exercises, technique)
