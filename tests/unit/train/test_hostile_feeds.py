"""A feed that wants to harm: nothing leaves its folder, nothing takes the memory, nothing stops the others."""

import gzip
import io
import json
import random
import resource
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from train.archives import ArchiveError, Limits, members, read_range
from train.convert import File, Made, convert, outcome
from train.feeds.table import FEEDS
from train.records import Quarantined, Record

GOOD = {
    "cve": json.dumps(
        {"cveMetadata": {"cveId": "CVE-2024-0001", "state": "PUBLISHED"},
         "containers": {"cna": {"descriptions": [{"lang": "en", "value": "A flaw."}]}}}),
    "stix": json.dumps({"objects": [{"type": "tool", "id": "tool--1", "name": "x", "external_references": [
        {"source_name": "mitre-attack", "external_id": "S0001"}]}]}),
    "kev": json.dumps({"vulnerabilities": [{"cveID": "CVE-2024-0001", "vulnerabilityName": "n", "vendorProject": "v",
                       "product": "p", "shortDescription": "s", "dateAdded": "2024-01-01", "requiredAction": "a"}]}),
    "cwe": '<Weakness_Catalog xmlns="http://cwe.mitre.org/cwe-7"><Weakness ID="79" Name="XSS" Status="Stable">'
           "<Description>Bad.</Description></Weakness></Weakness_Catalog>",
    "csaf": json.dumps({"document": {"title": "t", "tracking": {"id": "icsa-24-001"}}}),
    "atlas": "matrices:\n- tactics:\n  - id: AML.TA0001\n    name: n\n    description: d\n    object-type: tactic\n",
    "d3fend": ':A a :B ;\n    :d3fend-id "D3-A" ;\n    :definition "x" .\n',
    "markdown": "# Page\n\nLong enough to be a section of a guide, I should think.\n",
    "asvs": json.dumps({"requirements": [{"req_id": "V1.1.1", "chapter_name": "c", "section_name": "s",
                        "req_description": "d", "L": "1"}]}),
    "sigma": "title: t\nid: 6b2066c8-3dc7-4db7-9db0-6cc1d7b0dde9\ndetection:\n  a: 1\n",
    "atomic": "attack_technique: T1003\natomic_tests:\n- name: n\n  auto_generated_guid: "
              "6b2066c8-3dc7-4db7-9db0-6cc1d7b0dde9\n",
    "atom": '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>http://arxiv.org/abs/2202.12139v1</id>'
            "<title>t</title></entry></feed>",
    "papers": "Title,Article link\na,b\n",
    "nvd": json.dumps({"id": "CVE-2024-0001", "vulnStatus": "Analyzed"}),
}  # fmt: skip
NAMES = {"markdown": "page.md", "sigma": "r.yml", "atomic": "t.yaml"}
SMALL = Limits(element=50_000, member=300_000, file=2_000_000, members=50)


def converted(path: Path, parser: str, limits: Limits = SMALL, name: str | None = None) -> list[Made]:
    return list(convert(File(path, name or path.name, "s"), FEEDS[parser], limits))


def written(folder: Path, parser: str, data: bytes) -> Path:
    path = folder / NAMES.get(parser, "feed")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("parser", sorted(GOOD))
def test_every_format_reads_a_good_element_and_outlives_mutations(parser: str, tmp_path: Path) -> None:
    good = GOOD[parser].encode()
    found = converted(written(tmp_path, parser, good), parser)
    assert any(isinstance(item, Record) for made in found for item in made.items), found
    rng = random.Random(parser)  # noqa: S311 - reproducible
    strange = [b"", b"\0", b"[", b"{" * 3000, b"]", b'"', b"null", b"1e999", b"\xff\xfe", b"<", b"&", b"- " * 3000,
               b"9" * 5000, b"\\ud800", b"---\n", b"[]", b"{}", b'"' * 3, b"&a *a",
               b"!!python/object:os.system x"]  # fmt: skip
    for _ in range(120):
        data = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            at, cut = rng.randrange(len(data) + 1), rng.choice([0, 0, 1, 5, 30])
            data[at : at + cut] = rng.choice(strange)
        for made in converted(written(tmp_path, parser, bytes(data)), parser):
            assert outcome(made)
            assert made.bad is None or made.bad.reason


@pytest.mark.parametrize("parser", sorted(set(GOOD) - {"markdown", "papers", "d3fend"}))
def test_wrong_types_are_quarantined_with_a_reason(parser: str, tmp_path: Path) -> None:
    good = GOOD[parser]
    for old in ('"CVE-2024-0001"', '"n"', '"t"', '"V1.1.1"', '"x"', ": n\n", ": t\n", "AML.TA0001", "T1003",
                'Name="XSS"', "http://arxiv.org/abs/2202.12139v1"):  # fmt: skip
        if old in good:
            new = {'"': "[7]", ":": ": [7]\n"}.get(old[0], "7")
            found = converted(written(tmp_path, parser, good.replace(old, new).encode()), parser)
            assert any(isinstance(made.bad, Quarantined) for made in found), (old, found)


def bomb(kind: str, folder: Path) -> Path:
    path = folder / {"zip": "b.zip", "gz": "b.json.gz", "zst": "b.json.zst", "tar": "b.tar.zst"}[kind]
    zeros = b"0" * 40_000_000
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("b.json", zeros)
            archive.writestr("good.json", GOOD["cve"])
    elif kind == "gz":
        path.write_bytes(gzip.compress(zeros))
    elif kind == "zst":
        path.write_bytes(zstandard.compress(zeros))
    else:
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as archive:
            info = tarfile.TarInfo("b.json")
            info.size = len(zeros)
            archive.addfile(info, io.BytesIO(zeros))
        path.write_bytes(zstandard.compress(sink.getvalue()))
    return path


@pytest.mark.parametrize("kind", ["zip", "gz", "zst", "tar"])
def test_a_bomb_ends_in_quarantine(kind: str, tmp_path: Path) -> None:
    path = bomb(kind, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = converted(path, "cve")
    assert any(made.bad and "limits allow" in made.bad.reason for made in found)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB
    if kind == "zip":
        assert [outcome(made) for made in found] == ["quarantined", "live"]


def test_names_in_archives_lead_nowhere(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = inside / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../escaped.json", "/etc/escaped.json", "..\\..\\escaped.json", "cves/good.json"):
            archive.writestr(name, GOOD["cve"])
    found = converted(path, "cve")
    assert [outcome(made) for made in found] == ["live"] * 4
    assert sorted(each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*")) == ["inside", "inside/a.zip"]
    for member in ("../secret", "/etc/passwd", "a.zip!missing"):
        with pytest.raises(ArchiveError):
            read_range(inside, member, 0, 10)


def test_links_and_devices_in_a_tar_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for kind, name in (
            (tarfile.SYMTYPE, "l"),
            (tarfile.LNKTYPE, "h"),
            (tarfile.CHRTYPE, "c"),
            (tarfile.FIFOTYPE, "f"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert list(members(path, "a.tar", SMALL)) == []


def test_too_many_members_end_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(60):
            archive.writestr(str(number), b"{}")
    assert [made.bad.reason for made in converted(path, "cve") if made.bad] == [
        "a.zip: expected at most 50 members, got 60"
    ]


def test_a_hundred_megabytes_of_string_cost_one_element(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    entry = json.loads(GOOD["kev"])["vulnerabilities"][0]
    with path.open("w") as file:
        file.write('{"vulnerabilities": [' + json.dumps(entry) + ', {"cveID": "')
        for _ in range(100):
            file.write("x" * (1 << 20))
        file.write('"}, ' + json.dumps(entry) + "]}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert [outcome(made) for made in converted(path, "kev", Limits())] == ["live", "quarantined", "live"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE r [<!ENTITY a "' + "x" * 1000 + '"><!ENTITY b "&a;&a;&a;&a;">]><feed><entry>&b;</entry></feed>',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><feed><entry><id>&a;</id></entry></feed>',
        '<?xml version="1.0"?><!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd"><feed><entry/></feed>',
    ],
)
def test_xml_entities_are_refused(text: str, tmp_path: Path) -> None:
    found = converted(written(tmp_path, "atom", text.encode()), "atom")
    assert len(found) == 1
    assert found[0].bad
    assert "document type" in found[0].bad.reason


def test_an_archive_cut_short_keeps_what_came_before(tmp_path: Path) -> None:
    whole = tmp_path / "whole.tar"
    with tarfile.open(whole, "w") as archive:
        for number in range(20):
            data = GOOD["cve"].replace("0001", f"{1000 + number}").encode()
            info = tarfile.TarInfo(f"{number}.json")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes(zstandard.ZstdCompressor(write_content_size=False).compress(whole.read_bytes())[:-40])
    ends = [outcome(made) for made in converted(cut, "cve")]
    assert ends[-1] == "quarantined"
    broken = tmp_path / "broken.tar"
    broken.write_bytes(whole.read_bytes()[: 512 * 9 + 100])
    ends = [outcome(made) for made in converted(broken, "cve")]
    assert "live" in ends
    assert ends[-1] == "quarantined"
    for name in ("not.zip", "not.tar.gz", "not.json.gz", "not.tar"):
        (tmp_path / name).write_bytes(b"neither this nor that")
        assert [outcome(made) for made in converted(tmp_path / name, "cve")] == ["quarantined"]
