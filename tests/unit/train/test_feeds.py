"""Each format, an element as its publisher writes it: the fields that teaching and retrieval use arrive."""

import json
from pathlib import Path

import pytest

from train.archives import Limits, read_range
from train.convert import File, convert
from train.feeds.table import FEEDS
from train.records import FACTS, Aside, BadRecord, Item, Record, Relation, Status


def read(parser: str, text: str, folder: Path, name: str = "feed", source: str = "s") -> list[Item]:
    """All items of a feed that lies in one file, each checked to stand where it says."""
    (folder / name).write_text(text)
    items = []
    for made in convert(File(folder / name, name, source), FEEDS[parser], Limits()):
        assert made.bad is None, made.bad
        origin = made.origin
        assert len(read_range(folder, origin.member, origin.start, origin.end)) == origin.end - origin.start
        items += made.items
    return items


def records(items: list[Item]) -> dict[str, Record]:
    return {item.id: item for item in items if isinstance(item, Record)}


def triples(items: list[Item]) -> set[tuple[str, str, str]]:
    return {(item.subject, str(item.predicate), item.object) for item in items if isinstance(item, Relation)}


def test_cve_5_2_with_an_adp_container(tmp_path: Path) -> None:
    text = json.dumps({
        "dataType": "CVE_RECORD", "dataVersion": "5.2",
        "cveMetadata": {"cveId": "CVE-2026-0102", "state": "PUBLISHED", "assignerShortName": "acme",
                        "datePublished": "2026-02-17T19:14:32.901Z", "dateUpdated": "2026-03-13T18:18:17.669Z"},
        "containers": {
            "cna": {
                "title": "Autofill without consent",
                "descriptions": [{"lang": "es", "value": "Uno"}, {"lang": "en-US", "value": "A page  may fill."}],
                "affected": [{"vendor": "Acme", "product": "Browser"}, {"vendor": "n/a", "product": "n/a"}],
                "problemTypes": [{"descriptions": [{"cweId": "CWE-79", "description": "CWE-79 XSS"}]}],
                "references": [{"url": "https://example.com/a"}],
                "metrics": [{"cvssV3_1": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:N/A:N",
                                          "baseScore": 4.3, "baseSeverity": "MEDIUM"}}],
            },
            "adp": [{"metrics": [{"other": {"type": "ssvc", "content": {"options": [{"Exploitation": "none"}]}}}],
                     "problemTypes": [{"descriptions": [{"description": "see CWE-20 for more"}]}]}],
        },
    })  # fmt: skip
    items = read("cve", text, tmp_path)
    record = records(items)["CVE-2026-0102"]
    assert (record.name, record.text, record.status) == ("Autofill without consent", "A page may fill.", Status.live)
    assert record.facts["vendor"] == ("Acme",)
    assert record.facts["product"] == ("Browser",)
    assert record.facts["cvss_score"] == ("CVSS:3.1 4.3",)
    assert record.facts["severity"] == ("MEDIUM",)
    assert record.facts["ssvc"] == ("Exploitation: none",)
    assert triples(items) == {("CVE-2026-0102", "has_weakness", "CWE-79"), ("CVE-2026-0102", "has_weakness", "CWE-20")}


def test_a_rejected_cve_keeps_its_reason(tmp_path: Path) -> None:
    text = json.dumps({"cveMetadata": {"cveId": "CVE-2021-47377", "state": "REJECTED"},
                       "containers": {"cna": {"rejectedReasons": [{"lang": "en", "value": "Gone."}]}}})  # fmt: skip
    record = records(read("cve", text, tmp_path))["CVE-2021-47377"]
    assert (record.status, record.text) == (Status.rejected, "Gone.")


def test_nvd_names_its_own_analysis(tmp_path: Path) -> None:
    entry = {"id": "CVE-2026-0102", "vulnStatus": "Analyzed", "descriptions": [{"lang": "en", "value": "T"}],
             "weaknesses": [{"description": [{"value": "NVD-CWE-noinfo"}, {"value": "CWE-200"}]}],
             "metrics": {"cvssMetricV2": [{"cvssData": {"vectorString": "AV:N/AC:L/Au:N/C:P/I:N/A:N",
                                                        "baseScore": 5.0}}]}}  # fmt: skip
    for parser, text in (("nvd", json.dumps(entry)), ("nvd-api", json.dumps({"vulnerabilities": [{"cve": entry}]}))):
        items = read(parser, text, tmp_path)
        assert records(items)["NVD:CVE-2026-0102"].facts["cvss_vector"] == ("CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:N/A:N",)
        assert triples(items) == {("NVD:CVE-2026-0102", "about", "CVE-2026-0102"),
                                  ("CVE-2026-0102", "has_weakness", "CWE-200")}  # fmt: skip


def test_cwe_with_relations_and_nested_xhtml(tmp_path: Path) -> None:
    text = """<?xml version="1.0"?><Weakness_Catalog xmlns="http://cwe.mitre.org/cwe-7"
    xmlns:xhtml="http://www.w3.org/1999/xhtml"><Weaknesses><Weakness ID="79" Name="XSS" Abstraction="Base"
    Status="Draft"><Description>Input is
      not neutralised.</Description><Extended_Description><xhtml:p>It happens when:</xhtml:p><xhtml:ul>
      <xhtml:li>one &amp; <xhtml:b>two</xhtml:b></xhtml:li></xhtml:ul></Extended_Description>
    <Related_Weaknesses><Related_Weakness Nature="ChildOf" CWE_ID="74" View_ID="1000"/>
    <Related_Weakness Nature="ChildOf" CWE_ID="74" View_ID="1003"/>
    <Related_Weakness Nature="CanPrecede" CWE_ID="494" View_ID="1000"/></Related_Weaknesses>
    <Potential_Mitigations><Mitigation><Phase>Design</Phase><Description>Encode.</Description></Mitigation>
    </Potential_Mitigations><Observed_Examples><Observed_Example><Reference>CVE-2021-25926</Reference>
    <Description>A page.</Description></Observed_Example></Observed_Examples><Related_Attack_Patterns>
    <Related_Attack_Pattern CAPEC_ID="63"/></Related_Attack_Patterns></Weakness></Weaknesses><Categories>
    <Category ID="1" Name="Old" Status="Deprecated"><Summary>Gone.</Summary><Relationships>
    <Has_Member CWE_ID="79" View_ID="1"/></Relationships></Category></Categories></Weakness_Catalog>"""
    items = read("cwe", text, tmp_path)
    record = records(items)["CWE-79"]
    assert record.text == "Input is not neutralised."
    assert record.facts["extended"] == ("It happens when:\none & two",)
    assert record.facts["mitigation"] == ("Design: Encode.",)
    assert records(items)["CWE-1"].status is Status.deprecated
    assert triples(items) == {
        ("CWE-79", "child_of", "CWE-74"), ("CWE-494", "follows", "CWE-79"),
        ("CVE-2021-25926", "has_weakness", "CWE-79"), ("CAPEC-63", "exploits", "CWE-79"),
        ("CWE-79", "part_of", "CWE-1"),
    }  # fmt: skip


def stix(
    kind: str, number: int, name: str | None = None, source: str = "mitre-attack", **more: object
) -> dict[str, object]:
    references = [{"source_name": source, "external_id": name}] if name else []
    return {
        "type": kind,
        "id": f"{kind}--{number}",
        "name": f"{kind} {number}",
        "external_references": references,
        **more,
    }


def test_attack_18_with_detection_strategies(tmp_path: Path) -> None:
    def joined(kind: str, one: str, two: str, **more: object) -> dict[str, object]:
        return {"type": "relationship", "relationship_type": kind, "source_ref": one, "target_ref": two, **more}

    objects = [
        joined("detects", "x-mitre-detection-strategy--1", "attack-pattern--1"),
        joined("mitigates", "course-of-action--1", "attack-pattern--1", description="So."),
        joined("uses", "malware--1", "attack-pattern--1"),
        joined("revoked-by", "attack-pattern--2", "attack-pattern--1"),
        joined("derived-from", "malware--1", "malware--1"),
        stix("attack-pattern", 1, "T1003", description="Dump.", x_mitre_platforms=["Linux"],
             kill_chain_phases=[{"phase_name": "credential-access"}]),
        stix("attack-pattern", 2, "T1208", revoked=True),
        stix("x-mitre-tactic", 1, "TA0006", x_mitre_shortname="credential-access"),
        stix("x-mitre-detection-strategy", 1, "DET0001", x_mitre_analytic_refs=["x-mitre-analytic--1"]),
        stix("x-mitre-analytic", 1, "AN0001", x_mitre_log_source_references=[{"name": "auditd", "channel": "execve"}],
             x_mitre_mutable_elements=[{"field": "Window", "description": "How long"}]),
        stix("course-of-action", 1, "M1001"), stix("course-of-action", 2, "T1003", x_mitre_deprecated=True),
        stix("malware", 1, "S0001", x_mitre_aliases=["a", "b"]), stix("identity", 1),
    ]  # fmt: skip
    items = read("stix", json.dumps({"type": "bundle", "objects": objects}), tmp_path)
    found = records(items)
    assert found["T1003"].facts["platform"] == ("Linux",)
    assert found["T1208"].status is Status.revoked
    assert found["course-of-action--2"].status is Status.deprecated  # its id was lent by the technique
    assert found["AN0001"].facts == {"log_source": ("auditd: execve",), "mutable": ("Window: How long",)}
    assert triples(items) == {
        ("DET0001", "detects", "T1003"), ("M1001", "mitigates", "T1003"), ("S0001", "uses", "T1003"),
        ("T1208", "revoked_by", "T1003"), ("T1003", "in_tactic", "TA0006"), ("AN0001", "part_of", "DET0001"),
    }  # fmt: skip
    assert [item.reason for item in items if isinstance(item, Aside)] == ["relationship derived-from", "type identity"]


def test_capec_leads_to_weaknesses_and_techniques(tmp_path: Path) -> None:
    pattern = stix("attack-pattern", 1, "CAPEC-87", "capec", x_capec_status="Draft",
                   x_capec_child_of_refs=["attack-pattern--2"], x_capec_can_precede_refs=["attack-pattern--2"],
                   x_capec_consequences={"Authorization": ["Bypass"]},
                   x_capec_skills_required={"Low": "<p>Few.</p>"})  # fmt: skip
    pattern["external_references"] += [{"source_name": "cwe", "external_id": "CWE-425"},
                                       {"source_name": "ATTACK", "external_id": "T1083"}]  # type: ignore[operator]  # fmt: skip
    items = read("stix", json.dumps({"objects": [pattern, stix("attack-pattern", 2, "CAPEC-115", "capec")]}), tmp_path)
    assert records(items)["CAPEC-87"].kind == "attack_pattern"
    assert records(items)["CAPEC-87"].facts["skill"] == ("Low: Few.",)
    assert triples(items) == {
        ("CAPEC-87", "exploits", "CWE-425"), ("CAPEC-87", "maps_to", "T1083"), ("CAPEC-87", "child_of", "CAPEC-115"),
        ("CAPEC-115", "follows", "CAPEC-87"),
    }  # fmt: skip


def test_atlas_entries_and_not_the_lists_within(tmp_path: Path) -> None:
    text = """---
id: ATLAS
matrices:
- id: ATLAS
  tactics:
  - id: AML.TA0002
    name: Reconnaissance
    description: 'Look

      around.'
    object-type: tactic
    ATT&CK-reference:
      id: TA0043
  techniques:
  - id: AML.T0000.001
    name: Search
    description: d
    object-type: technique
    subtechnique-of: AML.T0000
    tactics:
    - AML.TA0002
  mitigations:
  - id: AML.M0000
    name: Limit
    description: d
    object-type: mitigation
    techniques:
    - id: AML.T0000.001
      use: so
case-studies:
- id: AML.CS0000
  name: Evasion
  object-type: case-study
  summary: s
  procedure:
  - tactic: AML.TA0002
    technique: AML.T0000.001
    description: They looked.
"""
    items = read("atlas", text, tmp_path)
    assert list(records(items)) == ["AML.TA0002", "AML.T0000.001", "AML.M0000", "AML.CS0000"]
    assert triples(items) == {
        ("AML.TA0002", "maps_to", "TA0043"), ("AML.T0000.001", "in_tactic", "AML.TA0002"),
        ("AML.T0000.001", "child_of", "AML.T0000"), ("AML.M0000", "mitigates", "AML.T0000.001"),
        ("AML.CS0000", "uses", "AML.T0000.001"),
    }  # fmt: skip


def test_d3fend_counters_what_acts_on_the_same_artifact(tmp_path: Path) -> None:
    text = """@prefix : <http://d3fend.mitre.org/ontologies/d3fend.owl#> .
:ProcessAnalysis a owl:Class ; rdfs:label "Process Analysis" ; :d3fend-id "D3-PA" ; :definition "Looks. At it." ;
    rdfs:subClassOf :Detection, [ a owl:Restriction ; owl:onProperty :analyzes ; owl:someValuesFrom :Process ] .
:FileAnalysis a owl:Class ; :d3fend-id "D3-FA" ; rdfs:subClassOf :ProcessAnalysis .
:T1055 a owl:Class ; :attack-id "T1055" ;
    rdfs:subClassOf [ a owl:Restriction ; owl:onProperty :modifies ; owl:someValuesFrom :Process ] .
:Process a owl:Class ; rdfs:label "Process" .
"""
    items = read("d3fend", text, tmp_path)
    assert records(items)["D3-PA"].text == "Looks. At it."
    assert triples(items) == {("D3-PA", "counters", "T1055"), ("D3-FA", "child_of", "D3-PA")}


def test_sigma_rules_keep_their_logic(tmp_path: Path) -> None:
    text = """title: Dump
id: 6b2066c8-3dc7-4db7-9db0-6cc1d7b0dde9
status: deprecated
logsource: {product: windows, category: process_creation}
detection: {selection: {Image|endswith: 'x.exe'}, condition: selection}
tags: [attack.credential-access, attack.t1003.001, cve.2021-44228, CVE.2021.1]
level: high
"""
    items = read("sigma", text, tmp_path, "r.yml")
    rule = records(items)["6b2066c8-3dc7-4db7-9db0-6cc1d7b0dde9"]
    assert rule.status is Status.deprecated
    assert "condition: selection" in rule.facts["logic"][0]
    assert rule.facts["logsource"] == ("product: windows", "category: process_creation")
    assert {(p, o) for _, p, o in triples(items)} == {("detects", "T1003.001"), ("about", "CVE-2021-44228")}


def test_atomic_tests_come_without_their_commands(tmp_path: Path) -> None:
    text = """attack_technique: T1003
atomic_tests:
- name: Dump
  auto_generated_guid: dcebead7-6c28-4b4b-bf3c-79deb1b1fc7f
  supported_platforms: [windows]
  executor: {name: command_prompt, command: do-harm.exe}
"""
    items = read("atomic", text, tmp_path, "t.yaml")
    assert "do-harm" not in str(items)
    assert triples(items) == {("dcebead7-6c28-4b4b-bf3c-79deb1b1fc7f", "exercises", "T1003")}


def test_guides_become_sections_with_their_page(tmp_path: Path) -> None:
    body = "enough words to be worth a record of their own, I think"
    text = f"# SQL Injection\n\n{body}\n\n## Defences\n\n```\n# not a heading\n```\n{body}\n\n## Empty\n"
    items = read("markdown", text, tmp_path, "SQL_Injection_Cheat_Sheet.md", "owasp-cheatsheets")
    found = list(records(items).values())
    assert [(each.name, each.facts.get("page"), each.facts.get("section")) for each in found] == [
        ("SQL Injection", ("SQL Injection Cheat Sheet",), None),
        ("Defences", ("SQL Injection Cheat Sheet",), ("Defences",)),
    ]
    assert found[0].url == "https://cheatsheetseries.owasp.org/cheatsheets/SQL_Injection_Cheat_Sheet.html"


def test_papers_of_both_kinds(tmp_path: Path) -> None:
    atom = """<feed xmlns="http://www.w3.org/2005/Atom"><title>q</title><entry>
    <id>http://arxiv.org/abs/2202.12139v1</id><title>Testing
      Models</title><summary>We test.</summary><author><name>A B</name></author><category term="cs.SE"/>
    <link href="https://arxiv.org/pdf/2202.12139v1" title="pdf"/></entry></feed>"""
    paper = records(read("atom", atom, tmp_path))["arXiv:2202.12139"]
    assert (paper.name, paper.version, paper.facts["category"]) == ("Testing Models", "v1", ("cs.SE",))
    rows = 'Title,Author,Description,Article link\n"One, two","A\nB",Says,https://example.com\n'
    (listed,) = records(read("papers", rows, tmp_path)).values()
    assert (listed.name, listed.facts["author"], listed.url) == ("One, two", ("A B",), "https://example.com")


def test_a_record_is_of_a_known_kind_with_known_facts() -> None:
    with pytest.raises(BadRecord, match="kind of record"):
        Record("x", "thing", "n", "t")
    with pytest.raises(BadRecord, match="expected facts of paper"):
        Record("x", "paper", "n", "t", facts={"colour": ("red",)})
    with pytest.raises(BadRecord, match="printable"):
        Record("x\n", "paper", "n", "t")
    assert all(names for names in FACTS.values())
