"""All of the data folder ingested: every element is accounted for, by counts that are made another way."""

import csv
import gzip
import io
import json
import os
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from train import accounts, ingest, knowledge

DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data")) / "knowledge"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="not run: no data (5 tests)")


def opened(name: str) -> bytes:
    (path,) = DATA.glob(name)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def files_in(name: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(opened(name))) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive.getmembers() if m.isfile()}  # type: ignore[union-attr]


def sections(pages: dict[str, bytes]) -> int:
    """Headings of level 1 and 2 outside of code, and what stands before the first; other files count as one."""
    total = 0
    for text in pages.values():
        bare = re.sub(r"^(```|~~~).*?^\1", "", text.decode(), flags=re.MULTILINE | re.DOTALL)
        first = not re.match(r"#{1,2} ", bare)
        total += len(re.findall(r"^#{1,2} ", bare, re.MULTILINE)) + first
    return total


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("all")
    assert ingest.main(["--from", str(DATA), "--out", str(out), "--num-workers", "0"]) == 0
    return out


def test_the_sums_match_the_feeds(base: Path) -> None:
    told = accounts.read(str(base))["sources"]
    for source in told.values():
        assert sum(source["outcomes"].values()) == source["elements"]
    counted = {name: source["elements"] for name, source in told.items()}

    def array(name: str, key: str) -> int:
        return len(json.loads(opened(name))[key])

    assert counted["attack-enterprise"] == array("attack/enterprise*", "objects") == 24_771
    assert counted["attack-ics"] == array("attack/ics*", "objects")
    assert counted["attack-mobile"] == array("attack/mobile*", "objects")
    assert counted["capec"] == array("capec/*.zst", "objects")
    kev = json.loads(opened("kev/*ties.json.gz"))
    assert counted["kev"] == len(kev["vulnerabilities"]) == kev["count"]
    assert counted["owasp-asvs"] == array("owasp/*5.0.0_en.flat.json.gz", "requirements")
    with zipfile.ZipFile(next(DATA.glob("cve/*.zip"))) as archive:
        assert counted["cve"] == len(archive.namelist()) + 1
    assert told["cve"]["outcomes"] == {"live": 5_987, "rejected": 14}
    catalogue = opened("cwe/*.xml.zst")
    assert counted["cwe"] == len(re.findall(rb"<(?:Weakness|Category|View) ID=", catalogue))
    assert counted["csaf"] == len(files_in("csaf/*"))
    assert counted["sigma"] == len(files_in("sigma/*"))
    assert told["atomic"]["kinds"]["exercise"] == len(
        {row["Test GUID"] for row in csv.DictReader(io.StringIO(opened("atomic-red-team/*.csv.gz").decode()))}
    )
    assert counted["llm-papers"] == len(list(csv.reader(io.StringIO(opened("papers/*.csv.gz").decode(), newline=""))))
    assert counted["atlas"] == len(re.findall(rb"^ *- id: AML\.\S+\n +name: ", opened("atlas/*"), re.MULTILINE))
    assert {name: s["outcomes"]["quarantined"] for name, s in told.items() if "quarantined" in s["outcomes"]} == {
        "llm-papers": 2
    }
    pages = files_in("owasp/cheatsheets*")
    others = [name for name in pages if not name.startswith("cheatsheets/")]
    sheets = {name: text for name, text in pages.items() if name not in others}
    assert counted["owasp-cheatsheets"] == sections(sheets) + len(others)


def test_the_fields_that_teaching_uses_lose_nothing(base: Path) -> None:
    kept = {row["id"]: row for row in knowledge.ask(str(base), "select * from cves").to_pylist()}
    weak = {
        (r["subject"], r["object"]) for r in knowledge.ask(str(base), "from relations where source = 'cve'").to_pylist()
    }
    with zipfile.ZipFile(next(DATA.glob("cve/*.zip"))) as archive:
        for name in archive.namelist():
            record: dict[str, Any] = json.loads(archive.read(name))
            about, cna = record["cveMetadata"], record["containers"]["cna"]
            row = kept[about["cveId"]]
            for text in [d["value"] for d in cna.get("descriptions", []) if d["lang"].lower().startswith("en")]:
                assert re.sub(r"\s+", "", text) in re.sub(r"\s+", "", row["text"])
            vectors = re.findall(
                r'"vectorString": ?"([^"]+)"', json.dumps({k: v for k, v in cna.items() if k == "metrics"})
            )
            assert set(vectors) <= set(row["cvss_vectors"] or [])
            for problem in cna.get("problemTypes", []):
                for each in problem["descriptions"]:
                    if re.fullmatch(r"CWE-[1-9]\d*", each.get("cweId", "")):
                        assert (row["id"], each["cweId"]) in weak
    bundle = json.loads(opened("attack/enterprise*"))["objects"]
    texts = {
        row["text"] for row in knowledge.ask(str(base), "from records where source = 'attack-enterprise'").to_pylist()
    }
    bare = {re.sub(r"\s+", "", text) for text in texts}
    described = [
        o for o in bundle if o["type"] in {"attack-pattern", "course-of-action", "malware", "x-mitre-analytic"}
    ]
    assert all(re.sub(r"\s+", "", o.get("description", "")) in bare for o in described)
    uses = sum(o.get("relationship_type") == "uses" for o in bundle)
    assert knowledge.ask(
        str(base), "select count(*) n from relations where source = 'attack-enterprise' and predicate = 'uses'"
    ).to_pylist() == [{"n": uses}]


def test_every_origin_leads_back_to_its_bytes(base: Path) -> None:
    import hashlib

    from train.archives import read_range

    question = 'select member, start, "end", sha256 from records using sample 40 rows (reservoir, 7)'
    for row in knowledge.ask(str(base), question).to_pylist():
        data = read_range(DATA, row["member"], row["start"], row["end"])
        assert hashlib.sha256(data).hexdigest() == row["sha256"], row


def test_the_sanitizer_can_reach_no_identifier_in_any_text(base: Path) -> None:
    from guards import sanitize_rules

    form = re.compile(
        r"\b(?:CVE-\d{4}-\d{4,}|CWE-\d+|CAPEC-\d+|(?:AML\.)?T\d{4}(?:\.\d{3})?|TA\d{4}|M\d{4}|[GS]\d{4})\b"
    )
    seen = 0
    for row in knowledge.ask(str(base), "select text from records").to_pylist():
        kept = sanitize_rules.kept(row["text"])
        for found in form.finditer(row["text"]):
            seen += 1
            assert any(a <= found.start() and found.end() <= b for a, b in kept), found.group()
    assert seen > 6000


def test_a_package_says_what_the_publisher_says(base: Path, tmp_path: Path) -> None:
    """Every object and relation of ATT&CK Enterprise, as far as the package goes; texts are cut short in it."""
    (tmp_path / "none").mkdir()
    given = ["--from", str(tmp_path / "none"), "--only", "attack-enterprise", "--out", str(tmp_path / "kb")]
    assert ingest.main([*given, "--num-workers", "0"]) == 0

    def asked(root: Path, question: str) -> set[tuple[str, ...]]:
        found = knowledge.ask(str(root), f"{question} where source = 'attack-enterprise'").to_pylist()
        return {tuple(row.values()) for row in found}

    links = "select subject, predicate, object, status from relations"
    assert asked(tmp_path / "kb", links) == asked(base, links)
    things = "select id, kind, name, url, status from records"
    differ = asked(tmp_path / "kb", things) ^ asked(base, things)
    assert {(kind, status) for _, kind, _, _, status in differ} == {
        ("data_component", "live"),
        ("data_component", "deprecated"),
    }
    assert len(differ) == 6
