"""A knowledge base of a few dozen things, written as train.ingest writes one; names and texts are made up."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq

from train.records import Origin, Predicate, Record, Relation, Status, table

_ATTACK, _MITIGATES = {"domain": ("enterprise-attack",)}, Predicate.mitigates
_VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"
TECHNIQUES = range(1, 13)


def _technique(number: int) -> Record:
    text = (
        f"Adversaries may abuse [Thing {number}](https://attack.mitre.org/x) to run things.(Citation: Somebody 2020) "
        "They may type <code>thing --run</code> to do so. This is known to happen on many systems."
    )
    return Record(f"T10{number:02d}", "technique", f"Thing Abuse {number}", text, version="1.0",
                  facts=_ATTACK | {"platform": ("Windows", "Linux")})  # fmt: skip


def _weakness(number: int) -> Record:
    facts = {
        "mitigation": (f"Implementation: Check every value of the form {number} before it is used.",),
        "consequence": ("Integrity: Modify Memory", "Availability: DoS: Crash, Exit, or Restart"),
        "abstraction": ("Base",),
    }
    text = f"The product reads values of the form {number} without a check, so that others can change what it does."
    return Record(f"CWE-{number}", "weakness", f"Unchecked Form {number}", text, facts=facts)


def _cve(number: int) -> Record:
    facts = {
        "cvss_vector": (_VECTOR,),
        "cvss_score": ("CVSS:3.1 6.1",),
        "severity": ("MEDIUM",),
        "product": (f"Product {number}",),
        "vendor": ("Vendor",),
    }
    text = f"Product {number} before 1.2.{number} does not check values, so remote attackers can change pages."
    return Record(f"CVE-2021-{1000 + number}", "cve", "", text, facts=facts)


def records() -> dict[str, list[Record]]:
    """By source."""
    attack = [_technique(number) for number in TECHNIQUES]
    attack += [
        Record("T1001.001", "technique", "Sub Abuse", "Adversaries may abuse a part of the thing to run others.",
               facts=_ATTACK | {"subtechnique": ("true",), "platform": ("Windows",)}),
        Record("TA0001", "tactic", "First Access", "The adversary is trying to get into the network of others.",
               facts=_ATTACK),
        Record("TA0002", "tactic", "Second Step", "The adversary is trying to go on from there.", facts=_ATTACK),
        *(Record(f"M10{n:02d}", "mitigation", f"Measure {n}", f"Do the measure {n} on every system that you have.",
                 facts=_ATTACK) for n in range(1, 7)),
        Record("G0001", "group", "Busy Bees", "[Busy Bees](https://attack.mitre.org/g) is a threat group that is known "
               "for abuse of things.", facts=_ATTACK | {"alias": ("Busy Bees", "Bees")}),
        Record("S0001", "malware", "BeeWare", "[BeeWare](https://attack.mitre.org/s) is malware that opens a way back.",
               facts=_ATTACK | {"alias": ("BeeWare",), "platform": ("Windows",)}),
        Record("DET0001", "detection_strategy", "Detection of Thing Abuse", "", facts=_ATTACK),
        Record("AN0001", "analytic", "Analytic 0001", "Correlates the start of the thing with writes to its folder.",
               facts=_ATTACK | {"platform": ("Windows",), "log_source": ("WinEventLog:Sysmon: EventCode=1",),
                                "mutable": ("TimeWindow: How far apart the two may be in time.",)}),
        Record("T1099", "technique", "Old Abuse", "An old way that has been merged.", Status.revoked,
               facts=_ATTACK),
    ]  # fmt: skip
    rule = Record(
        "11111111-2222-4333-8444-555555555555", "rule", "Thing Started From Office", "Detects the start of the thing "
        "by an office program, which is rarely meant.", modified="2024-01-01",
        facts={"level": ("high",), "logsource": ("category: process_creation", "product: windows"),
               "logic": ("selection:\n  Image|endswith: \\thing.exe\ncondition: selection\n",),
               "false_positive": ("Administrators who test things",), "author": ("Jo Doe",)},
    )  # fmt: skip
    patterns = [
        Record(f"CAPEC-{n}", "attack_pattern", f"Form Trick {n}", f"An adversary sends a value of the form {n} to make "
               "the program do what it should not.", facts={"abstraction": ("Standard",)}) for n in range(1, 6)
    ]  # fmt: skip
    advice = Record("course-of-action--00000000-0000-4000-8000-000000000001", "mitigation", "coa-1-0",
                    "Check all values that come from outside before use.")  # fmt: skip
    return {
        "attack-enterprise": attack,
        "capec": [*patterns, advice],
        "cwe": [_weakness(n) for n in range(100, 108)]
        + [Record("CWE-99", "weakness", "DEPRECATED: Old Form", "This entry was merged.", Status.deprecated)],
        "cve": [_cve(n) for n in range(30)]
        + [Record("CVE-2021-1900", "cve", "", "This candidate was withdrawn by its assigner.", Status.rejected)],
        "kev": [Record("KEV:CVE-2021-1001", "exploited", "Product 1 Unchecked Form Vulnerability",
                       "Product 1 does not check values, which lets attackers change pages.",
                       facts={"vendor": ("Vendor",), "product": ("Product 1",), "added": ("2022-01-03",),
                              "due": ("2022-01-24",), "action": ("Apply updates per vendor instructions.",),
                              "ransomware": ("Known",)})],
        "sigma": [rule],
        "atomic": [Record("99999999-2222-4333-8444-555555555555", "exercise", "Start the thing", "Starts it.")],
        "d3fend": [Record("D3-TH", "defence", "Thing Hardening", "Removing from the thing what is not needed to run.")],
        "owasp-cheatsheets": [
            Record("owasp-cheatsheets:cheatsheets/Form#checks-10", "guide", "Checks", "Every value from outside is to "
                   "be checked on the server. A check in the browser alone can be left out by anybody who wishes.",
                   facts={"page": ("Form Checks",), "section": ("Checks",)}),
        ],
    }  # fmt: skip


def relations() -> dict[str, list[Relation]]:
    """By source."""
    attack = [Relation(f"T10{n:02d}", Predicate.in_tactic, f"TA000{1 + n % 2}") for n in TECHNIQUES]
    attack += [
        Relation("M1001", _MITIGATES, f"T10{n:02d}", f"Measure 1 keeps thing {n} from being used.") for n in TECHNIQUES
    ]
    attack += [Relation(f"M100{2 + n % 5}", _MITIGATES, f"T10{n:02d}", "It limits who may use it.") for n in TECHNIQUES]
    attack += [
        Relation("T1001.001", Predicate.child_of, "T1001"),
        Relation("T1001.001", Predicate.in_tactic, "TA0001"),
        *(Relation("G0001", Predicate.uses, f"T10{n:02d}", "Busy Bees used it once.") for n in TECHNIQUES),
        Relation("G0001", Predicate.uses, "S0001"),
        *(Relation("S0001", Predicate.uses, f"T10{n:02d}") for n in (1, 2, 3)),
        Relation("DET0001", Predicate.detects, "T1001"),
        Relation("AN0001", Predicate.part_of, "DET0001"),
        Relation("T1099", Predicate.revoked_by, "T1001"),
    ]
    return {
        "attack-enterprise": attack,
        "capec": [
            *(Relation(f"CAPEC-{n}", Predicate.exploits, f"CWE-{100 + n}") for n in range(1, 6)),
            *(Relation(f"CAPEC-{n}", Predicate.child_of, "CAPEC-1") for n in range(2, 6)),
            *(Relation(f"CAPEC-{n}", Predicate.maps_to, f"T10{n:02d}") for n in range(1, 4)),
            Relation("course-of-action--00000000-0000-4000-8000-000000000001", _MITIGATES, "CAPEC-1"),
        ],
        "cwe": [
            *(Relation(f"CWE-{n}", Predicate.child_of, "CWE-100") for n in range(101, 108)),
            Relation("CVE-2005-0001", Predicate.has_weakness, "CWE-101", "a program trusts a value from a form"),
        ],
        "cve": [
            Relation(f"CVE-2021-{1000 + n}", Predicate.has_weakness, f"CWE-{101 + n % 5}", "said") for n in range(30)
        ],
        "kev": [Relation("KEV:CVE-2021-1001", Predicate.about, "CVE-2021-1001")],
        "sigma": [Relation("11111111-2222-4333-8444-555555555555", Predicate.detects, "T1001")],
        "atomic": [Relation("99999999-2222-4333-8444-555555555555", Predicate.exercises, "T1001")],
        "d3fend": [Relation("D3-TH", Predicate.counters, "T1001", "acts on the thing")],
    }


def write(root: Path) -> Path:
    """The knowledge base in a folder."""
    files: dict[str, str] = {}
    for name, by_source in (("records", records()), ("relations", relations())):
        for source, items in by_source.items():
            path = root / name / source / "part.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(table(name, [(item, _origin(source, item)) for item in items]), path)
            files[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    (root / "manifest.json").write_text(json.dumps({"digest": "d" * 64, "files": files, "sources": {}}))
    return root


def _origin(source: str, item: Record | Relation) -> Origin:
    said = repr(item).encode()
    return Origin(source, f"{source}/feed.json", 0, len(said), hashlib.sha256(said).hexdigest())
