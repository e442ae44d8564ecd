"""What identifies leaves, what teaches stays. With the shipped weights."""

import json
import re
from pathlib import Path

import pytest

from guards import sanitize, sanitize_rules
from guards.sanitize import Policy, Sanitizer
from guards.tagger import CLASSES


@pytest.fixture(scope="module")
def rules() -> Sanitizer:
    return Sanitizer.load(b"key", model=False)


@pytest.fixture(scope="module")
def whole() -> Sanitizer:
    return Sanitizer.load(b"key")


@pytest.mark.parametrize(
    "text",
    [
        "CVE-2024-12345 is an instance of CWE-79, see CAPEC-63, T1059.001, TA0002, M1036, AML.T0051 and D3-NTA.",
        "Windows 10.0.19041.1, Chrome 91.0.4472.77, FortiOS before 7.4.0.12, firmware 1.0.0.33, version 11.2.200.5.",
        "affects versions 10.1.2.3, 10.1.2.4 and 10.22.33.44 of the product, and OID 1.3.6.1.4.1",
        "Use 192.0.2.7, 198.51.100.9, 203.0.113.1, 2001:db8::1, 127.0.0.1, 10.0.0.5, 192.168.1.1 and 8.8.8.8.",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 md5 d41d8cd98f00b204e9800998ecf8427e",
        "hxxps://evil[.]com/a was seen, and evil[.]org",
        "see https://nvd.nist.gov/vuln/detail/CVE-2024-1 and https://attack.mitre.org/techniques/T1059/ or example.com",
        "mail security@vendor.com or jane@example.org",
        "open config.php, main.c, index.html, setup.py and System.IO in mod_rewrite.so",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H on 2024-10-24T12:00:00Z",
    ],
)
def test_defensive_values_stay(text: str, rules: Sanitizer, whole: Sanitizer) -> None:
    assert rules.clean(text).text == text
    assert whole.clean(text).text == text


@pytest.mark.parametrize(
    ("text", "label", "gone"),
    [
        ("The client 185.220.101.34 connected", "IP", "185.220.101.34"),
        ("from 2a00:1450:4001:82a::200e to here", "IP", "2a00:1450"),
        ("look at https://bad-site.ru/login?x=1 now", "URL", "https://bad-site.ru"),
        ("mail jane.doe@acme-corp.de please", "EMAIL", "jane.doe"),
        ("host dc01.corp.northgate.local answers", "HOST", "northgate"),
        ("card 4539 1488 0343 6467 was used", "CARD", "4539 1488"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN", "3704"),
        ("AWS_KEY=AKIAQYLPMN5HFIQR7XYA in the log", "SECRET", "AKIAQYLPMN5HFIQR7XYA"),
        ("password = 'Tr0ub4dor&3x!'", "SECRET", "Tr0ub4dor"),
        ("postgres://app:s3cr3tPw9@db/x", "SECRET", "s3cr3tPw9"),
        ("then run Invoke-Mimikatz -DumpCreds or sekurlsa::logonpasswords", "EXPLOIT_FUNCTION", "Mimikatz"),
    ],
)
def test_what_has_a_form_is_found_by_it(text: str, label: str, gone: str, rules: Sanitizer) -> None:
    made = rules.clean(text)
    assert gone not in made.text
    assert label in {name for _, _, name in made.spans}


def test_people_firms_and_addresses_are_found_by_what_they_are(whole: Sanitizer) -> None:
    text = (
        "Ticket 8: Agnieszka Kowalczyk of Harborgate Dental Ltd lives at 12 Mill Lane, Leeds LS1 4AB and is locked out."
    )
    made = whole.clean(text)
    for gone in ("Agnieszka", "Kowalczyk", "Harborgate", "Mill Lane"):
        assert gone not in made.text
    assert {"PERSON", "ORGANIZATION", "ADDRESS"} <= {label for _, _, label in made.spans}
    assert "is locked out" in made.text


def test_public_names_stay_and_more_can_be_given() -> None:
    text = "Hoppenstedt Widgets reported that Microsoft fixed it."
    assert "Microsoft" in Sanitizer.load(b"key").clean(text).text
    assert "Hoppenstedt Widgets" in Sanitizer.load(b"key", ["Hoppenstedt Widgets"]).clean(text).text


def test_the_same_value_is_the_same_placeholder_under_the_same_key(rules: Sanitizer) -> None:
    text = "a@acme.de wrote to B@acme.de, then A@ACME.DE again"
    first, second, third = re.findall(r"\[EMAIL-[0-9a-f]{6}\]", rules.clean(text).text)
    assert first == third != second
    assert first not in Sanitizer.load(b"other", model=False).clean(text).text


def test_networks_stay_together_in_the_documentation_ranges(rules: Sanitizer) -> None:
    made = rules.clean("81.2.69.142 then 81.2.69.160 then 93.184.216.34").text
    one, two, _ = re.findall(r"\d+\.\d+\.\d+\.\d+", made)
    assert one.rpartition(".")[0] == two.rpartition(".")[0]
    assert (one.rpartition(".")[2], two.rpartition(".")[2]) == ("142", "160")
    assert all(each.startswith(("192.0.2.", "198.51.100.", "203.0.113.")) for each in (one, two))


def test_the_policy_names_every_label_that_can_be_found() -> None:
    policy = Policy.load()
    assert set(CLASSES) - {"O"} <= set(policy.acts)
    assert set(policy.acts.values()) <= {"placeholder", "map", "defang", "keep"}
    assert sanitize_rules.PLACEHOLDER.fullmatch("[PERSON-0a1b2c]")


def test_the_list_of_exploit_functions_names_its_sources() -> None:
    text = (Path("guards") / "exploit_names.txt").read_text()
    sections = re.split(r"\n\n# ", text)[1:]
    assert len(sections) >= 5
    for section in sections:
        assert "http" in section.splitlines()[0] or "documentation" in section.splitlines()[0]
        assert len(section.splitlines()) > 5


def test_the_command_answers_line_by_line(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "text": "mail jane.doe@acme-corp.de"},
        {"id": "b", "text": ""},
        {"id": 3},
        [],
        {"id": 4, "text": "ok"},
    ]
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_text("\n".join([*map(json.dumps, rows), "{"]) + "\n")
    assert sanitize.main([str(source), str(target), "--rules-only"]) == 1
    out = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in out] == [1, "b", None, None, 4, None]
    assert out[0]["spans"] == [[5, 26, "EMAIL"]]
    assert [row["line"] for row in out if "error" in row] == [3, 4, 6]
    assert sanitize.main([str(tmp_path / "none"), str(target), "--rules-only"]) == 2
    (tmp_path / "key").touch()
    assert sanitize.main([str(source), str(target), "--rules-only", "--key-file", str(tmp_path / "key")]) == 2
    source.write_text(json.dumps(rows[0]) + "\n")
    assert sanitize.main([str(source), str(target)]) == 0
