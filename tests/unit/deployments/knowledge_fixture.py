"""A small knowledge base, written as train.ingest writes one, and the pack that is made of it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from deployments.knowledge.knowledge import Knowledge
from train.packing.building import build
from train.records import Origin, Predicate, Record, Relation, Status, table

ENTERPRISE = {"domain": ("enterprise-attack",)}
DUMPS = "Adversaries may dump the memory of the Local Security Authority process LSASS to steal passwords of users."
THINGS: dict[str, list[Record]] = {
    "attack-enterprise": [
        Record("T1003", "technique", "OS Credential Dumping", "Adversaries may attempt to dump credentials.",
               facts=ENTERPRISE),
        Record("T1003.001", "technique", "LSASS Memory", DUMPS, facts=ENTERPRISE | {"platform": ("Windows",)}),
        Record("T1566", "technique", "Phishing", "Adversaries may send messages to gain access.", facts=ENTERPRISE),
        Record("T1552.001", "technique", "Credentials In Files", "Files may hold passwords.", facts=ENTERPRISE),
        Record("T1081", "technique", "Credentials in Files", "", Status.revoked, facts=ENTERPRISE),
        Record("M1017", "mitigation", "User Training", "Train users to notice attacks.", facts=ENTERPRISE),
        Record("M1043", "mitigation", "Credential Access Protection", "Protect secrets.", facts=ENTERPRISE),
        Record("DET0363", "detection_strategy", "Detection of Credential Dumping from LSASS", "", facts=ENTERPRISE),
        Record("G0016", "group", "APT29", "A threat group.", facts=ENTERPRISE | {"alias": ("APT29", "Cozy Bear")}),
        Record("S0002", "tool", "Mimikatz", "A credential dumper.", facts=ENTERPRISE),
        Record("TA0006", "tactic", "Credential Access", "Stealing names and passwords.", facts=ENTERPRISE),
    ],
    "attack-mobile": [Record("T1660", "technique", "Phishing", "On phones.", facts={"domain": ("mobile-attack",)})],
    "cwe": [
        Record("CWE-79", "weakness", "Improper Neutralization of Input ('Cross-site Scripting')",
               "The product does not neutralize input that is placed in a web page.",
               facts={"mitigation": ("Encode output.", "Validate input"), "consequence": ("Read data",)}),
        Record("CWE-74", "weakness", "Injection of Special Elements", "Broad."),
        Record("CWE-1", "weakness_group", "DEPRECATED: Location", "Not used any more.", Status.deprecated),
    ],
    "capec": [
        Record("CAPEC-63", "attack_pattern", "Cross-Site Scripting", "An earlier record of the same day."),
        Record("CAPEC-63", "attack_pattern", "Cross-Site Scripting", "Script in pages."),
    ],
    "cve": [
        Record("CVE-2024-0001", "cve", "", "A page of the product echoes input.", facts={"cvss_score": ("3.1 6.1",)}),
        Record("CVE-2024-0002", "cve", "", "Withdrawn by its CNA.", Status.rejected),
    ],
    "kev": [Record("KEV:CVE-2021-44228", "exploited", "Apache Log4j2 Remote Code Execution", "Log4Shell.",
                   facts={"due": ("2021-12-24",), "action": ("Update.",)})],
    "atomic": [Record("c7921449-8b62-4c4d-8a83-d9281ac0190b", "exercise", "Dump LSASS", "How to dump LSASS memory.")],
}  # fmt: skip
LINKS: dict[str, list[Relation]] = {
    "attack-enterprise": [
        Relation("T1003.001", Predicate.child_of, "T1003"),
        Relation("T1003.001", Predicate.in_tactic, "TA0006"),
        Relation("M1017", Predicate.mitigates, "T1003.001", "Train [admins](https://x) well.(Citation: Y)"),
        Relation("M1043", Predicate.mitigates, "T1003.001", "Use Credential Guard."),
        Relation("M1017", Predicate.mitigates, "T1566"),
        Relation("DET0363", Predicate.detects, "T1003.001"),
        Relation("G0016", Predicate.uses, "S0002"),
        Relation("G0016", Predicate.uses, "T1003.001"),
        Relation("S0002", Predicate.uses, "T1003.001"),
        Relation("T1081", Predicate.revoked_by, "T1552.001"),
    ],
    "cwe": [
        Relation("CWE-79", Predicate.child_of, "CWE-74"),
        Relation("CVE-2024-0001", Predicate.has_weakness, "CWE-79"),
        Relation("CVE-1999-0009", Predicate.has_weakness, "CWE-79", "an example"),
    ],
    "capec": [Relation("CAPEC-63", Predicate.exploits, "CWE-79")],
    "kev": [Relation("KEV:CVE-2021-44228", Predicate.about, "CVE-2021-44228"),
            Relation("CVE-2021-44228", Predicate.has_weakness, "CWE-74")],
    "atomic": [Relation("c7921449-8b62-4c4d-8a83-d9281ac0190b", Predicate.exercises, "T1003.001")],
}  # fmt: skip


def write_base(folder: Path) -> str:
    """The knowledge base as files; its place."""
    told, digests = {}, {}
    for source, records in THINGS.items():
        for name, items in (("records", records), ("relations", LINKS.get(source, [])), ("quarantine", [])):
            path = folder / name / source / "part.parquet"
            path.parent.mkdir(parents=True)
            first = 100 * (name == "relations")  # what an older record stated would be left out
            pq.write_table(table(name, [(each, _origin(source, first + i)) for i, each in enumerate(items)]), path)
            digests[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        kinds = {each.kind: 1 for each in records}
        told[source] = {"feeds": {}, "elements": len(records), "latest": "2026-01-02", "kinds": kinds}
    digest = hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"digest": digest, "sources": told, "files": digests}))
    return str(folder)


def _origin(source: str, place: int) -> Origin:
    return Origin(source, f"{source}.json", place, place + 1, hashlib.sha256(f"{source} {place}".encode()).hexdigest())


def make_pack(folder: Path, *, with_vectors: bool = False) -> Path:
    """The pack of the knowledge base, made below a folder."""
    root = str(folder / "base") if (folder / "base").exists() else write_base(folder / "base")
    return build(root, folder / "packs", lambda *_: None, letters if with_vectors else None, "letters")


def letters(text: str) -> np.ndarray:
    """A stand-in for the encoder: how often each pair of letters stands in a text, of length one."""
    found = np.zeros(384, np.float32)
    for one, two in zip(text.lower(), text.lower()[1:], strict=False):
        found[(ord(one) * 31 + ord(two)) % 384] += 1
    return found / max(float(np.linalg.norm(found)), 1.0)


def opened(folder: Path) -> Knowledge:
    """The pack, opened, words alone."""
    return Knowledge.open(make_pack(folder))
