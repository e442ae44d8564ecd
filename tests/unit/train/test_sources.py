"""The register: nothing is ingested without licence, attribution, use and somebody who allowed it."""

import fnmatch
import json
import os
import re
from pathlib import Path

import pytest

from train import sources
from train.archives import is_archive
from train.errors import SourceError

REGISTER = sources.load()
GOOD = sources.REGISTER.read_text()
DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data")) / "knowledge"


def test_the_page_is_the_register() -> None:
    page = Path("docs/data-sources.md").read_text()
    for name, told in (("register", sources.table), ("notices", sources.notices)):
        begin, end = f"<!-- {name}: python -m train.sources -->", f"<!-- end of {name} -->"
        assert page.partition(begin)[2].partition(end)[0].strip() == told(REGISTER)


def test_the_command_prints_what_the_page_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert sources.main([]) == 0
    assert capsys.readouterr().out == f"{sources.table(REGISTER)}\n\n{sources.notices(REGISTER)}\n"


def test_licences_are_named_as_spdx_does() -> None:
    import cyclonedx.schema

    (names,) = Path(str(cyclonedx.schema.__file__)).parent.glob("_res/spdx.*schema.json")
    known = set(json.loads(names.read_text())["enum"])
    named = {name: source.licence for name, source in REGISTER.items() if not source.licence.startswith("LicenseRef-")}
    assert {name: licence for name, licence in named.items() if licence not in known} == {}


def test_share_alike_has_a_shard_of_its_own() -> None:
    shards = {source.licence.startswith("CC-BY-SA"): set() for source in REGISTER.values()}
    for source in REGISTER.values():
        shards[source.licence.startswith("CC-BY-SA")].add(source.shard)
    assert shards[True] == {"cc-by-sa"}
    assert "cc-by-sa" not in shards[False]


def test_what_is_dual_use_gives_no_answers() -> None:
    assert REGISTER["atomic"].allowed_use == ["seeds"]


@pytest.mark.parametrize("name", [name for name, source in REGISTER.items() if source.address])
def test_a_fetched_file_says_by_its_name_how_to_open_it(name: str) -> None:
    source = REGISTER[name]
    ending = "".join(Path(source.saved_as).suffixes[-2:])
    if source.members:
        assert is_archive(source.saved_as) or source.newest == "cve-releases"
    else:
        wanted = {"d3fend": ".ttl", "atlas": ".yaml", "atom": ".xml", "cwe": ".xml", "papers": ".csv"}
        assert wanted.get(source.parser, ".json") in ending


@pytest.mark.parametrize(
    ("name", "member", "wanted"),
    [
        ("cve", "cves/2026/0xxx/CVE-2026-0001.json", True),
        ("cve", "deltaCves/CVE-2026-0001.json", True),
        ("cve", "cves/deltaLog.json", False),
        ("cve", "cves/recent_activities.json", False),
        ("owasp-cheatsheets", "CheatSheetSeries-master/cheatsheets/CSRF_Cheat_Sheet.md", True),
        ("owasp-cheatsheets", "CheatSheetSeries-master/README.md", False),
        ("owasp-wstg", "wstg-master/document/4-Web_Application_Security_Testing/README.md", True),
        ("owasp-wstg", "wstg-master/CONTRIBUTING.md", False),
        ("owasp-top10", "Top10-master/2025/docs/en/A01_2025-Broken_Access_Control.md", True),
        ("owasp-top10", "Top10-master/2021/docs/de/A01_2021-Broken_Access_Control.md", False),
        ("owasp-llm-top10", "project-main/2_0_vulns/LLM01_PromptInjection.md", True),
        ("owasp-llm-top10", "project-main/2_0_vulns/_template.md", False),
        ("sigma", "rules/linux/x.yml", True),
        ("sigma", "rules-emerging-threats/2024/x.yml", True),
        ("sigma", "version.txt", False),
        ("atomic", "atomic-red-team-master/atomics/T1059.001/T1059.001.yaml", True),
        ("atomic", "atomic-red-team-master/atomics/Indexes/index.yaml", False),
        ("atomic", "atomic-red-team-master/atomics/T1610/src/pod.yaml", False),
        ("csaf", "CSAF-develop/csaf_files/OT/white/2024/icsa-24-004-02.json", True),
        ("csaf", "CSAF-develop/csaf_files/OT/white/cisa-csaf-ot-feed-tlp-white.json", False),
        ("csaf", "CSAF-develop/package.json", False),
    ],
)
def test_of_a_whole_repository_only_the_pages_are_meant(name: str, member: str, wanted: bool) -> None:
    assert any(fnmatch.fnmatchcase(member, pattern) for pattern in REGISTER[name].members) is wanted


@pytest.mark.parametrize(
    "field",
    ["title", "address", "licence", "licence_url", "attribution", "citation", "allowed_use", "authorised_by",
     "authorised_on", "rhythm", "parser", "files"],
)  # fmt: skip
def test_a_source_without_a_field_is_refused_by_name(field: str, tmp_path: Path) -> None:
    kev = re.search(r"^\[kev\]\n(?:.+\n)+", GOOD, re.MULTILINE)
    assert kev
    for value in ("", f'{field} = ""', f'{field} = "  "', f"{field} = []", f"{field} = [' ']", f"{field} = 7"):
        text = re.sub(rf"^{field} = .*$", value, kev[0], flags=re.MULTILINE)
        path = tmp_path / "sources.toml"
        path.write_text(text)
        with pytest.raises(SourceError, match=rf"^kev: {field}"):
            sources.load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("2026-11-28", "2999-01-01"), "authorised_on: .*expected a day that has come"),
        (('"training", "retrieval"', '"training", "sale"'), "allowed_use"),
        (('parser = "kev"', 'parser = "pickle"'), "parser: .*expected one of"),
        (("https://www.cisa.gov/sites/default/files/feeds", "http://www.cisa.gov/feeds"), "address"),
        (('rhythm = "daily"', 'rhythm = "daily"\ncolour = "red"'), "colour"),
        (("authorised_on = 2026-11-28", 'authorised_on = "yesterday"'), "authorised_on: .*got 'yesterday'"),
        (('saved_as = "known', 'saved_as = "../known'), "saved_as: .*got '../known"),
        (('saved_as = "known_exploited_vulnerabilities.json"\n', ""), "saved_as: expected a file name, got none"),
        (
            ('feeds/known_exploited_vulnerabilities.json"]', 'feeds/k.json", "https://www.cisa.gov/l.json"]'),
            "saved_as: expected {n} in it for several addresses",
        ),
        (('rhythm = "daily"', 'rhythm = "daily"\nnewest = "cve-releases"'), "within: expected"),
        (('rhythm = "daily"', 'rhythm = "daily"\nnewest = "guess"'), "newest"),
        (("files = [", "files = 7 #"), "files: .*got '7'"),
    ],
)
def test_a_wrong_field_is_refused_with_what_came(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    kev = re.search(r"^\[kev\]\n(?:.+\n)+", GOOD, re.MULTILINE)
    assert kev
    path = tmp_path / "sources.toml"
    path.write_text(kev[0].replace(*change))
    with pytest.raises(SourceError, match=f"^kev: {said}"):
        sources.load(path)


@pytest.mark.parametrize("text", ["[kev", "kev = 1", "[kev]", "\xff"])
def test_what_is_no_register_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match="expected"):
        sources.load(path)
    with pytest.raises(SourceError, match="expected"):
        sources.load(tmp_path / "none.toml")


def test_every_missing_field_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text("[x]\n")
    with pytest.raises(SourceError) as caught:
        sources.load(tmp_path / "sources.toml")
    assert str(caught.value).count("expected it, got none") == 12


def test_the_digest_is_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(GOOD)
    assert sources.digest(tmp_path / "sources.toml") == sources.digest()
    (tmp_path / "sources.toml").write_text(GOOD + "\n")
    assert sources.digest(tmp_path / "sources.toml") != sources.digest()


def test_every_file_of_the_feeds_has_one_place_in_the_register() -> None:
    if not DATA.is_dir():
        pytest.skip("not run: no data (1 test)")
    register = sources.load()
    for path in DATA.rglob("*"):
        if path.is_file():
            name = path.relative_to(DATA).as_posix()
            read = [each for each, source in register.items() if source.matches(name)]
            passed = [e for e, s in register.items() if any(fnmatch.fnmatchcase(name, p) for p in s.passed_over)]
            assert len(read) + len(passed) == 1, (name, read, passed)
