"""Names and teaching prose out of the security feeds, for the guard's training questions."""

import csv
import gzip
import io
import json
import random
import re
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import yaml
import zstandard


@dataclass(frozen=True, slots=True)
class Feeds:
    """words: slot name to the names that fill it; passages: paragraphs of defensive text, 40 to 700 characters."""

    words: dict[str, list[str]]
    passages: list[str]


def _opened(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())


def _members(path: Path, suffix: str) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(_opened(path))) as archive:
        return {
            member.name: file.read().decode("utf-8", "replace")
            for member in archive.getmembers()
            if member.name.endswith(suffix) and (file := archive.extractfile(member))
        }


def _paragraphs(markdown: str) -> list[str]:
    prose = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    found = [re.sub(r"\s+", " ", part).strip() for part in prose.split("\n\n")]
    return [text[:700] for text in found if len(text) >= 80 and text[0].isalpha()]


def _attack(folder: Path) -> tuple[list[str], list[str]]:
    bundle = json.loads(_opened(folder / "attack" / "enterprise-attack-18.1.stix20.json.zst"))
    live = [o for o in bundle["objects"] if not o.get("revoked") and not o.get("x_mitre_deprecated")]
    names = [o["name"] for o in live if o["type"] == "attack-pattern"]
    texts = [
        o["description"] for o in live if o["type"] in {"attack-pattern", "course-of-action"} and "description" in o
    ]
    plain = [re.sub(r"\(Citation:[^)]*\)|\]\([^)]*\)|[\[<]/?(?:code>)?", "", text) for text in texts]
    return names, [part for text in plain for part in _paragraphs(text)[:2]]


def _cwe(folder: Path) -> tuple[list[str], list[str]]:
    root = ElementTree.fromstring(_opened(folder / "cwe" / "cwec_v4.14.xml.zst"))  # noqa: S314 a local, digested file
    space = {"c": root.tag[1 : root.tag.index("}")]}
    weaknesses = root.findall(".//c:Weakness", space)
    names = [f"CWE-{w.get('ID')}: {w.get('Name')}" if i % 2 else f"{w.get('Name')}" for i, w in enumerate(weaknesses)]
    texts = ["".join(d.itertext()).strip() for w in weaknesses for d in w.findall("c:Description", space)]
    return names, [text[:700] for text in texts if len(text) >= 40]


def _cve(folder: Path, rng: random.Random) -> list[str]:
    texts = []
    with zipfile.ZipFile(folder / "cve" / "2024-10-24_slice_CVEs.zip") as archive:
        for name in rng.sample(sorted(archive.namelist()), 300):
            record = json.loads(archive.read(name)) if name.endswith(".json") else {}
            found = record.get("containers", {}).get("cna", {}).get("descriptions", [])
            texts += [d["value"][:700] for d in found if d.get("lang", "").startswith("en")]
    return texts


def read(folder: Path, rng: random.Random) -> Feeds:
    """Read the feeds of a data folder; KEV, CWE, ATT&CK, Sigma, OWASP and Atomic Red Team must be there."""
    techniques, attack_prose = _attack(folder)
    weaknesses, cwe_prose = _cwe(folder)
    kev = json.loads(_opened(folder / "kev" / "known_exploited_vulnerabilities.json.gz"))["vulnerabilities"]
    atomics = csv.DictReader(io.StringIO(_opened(folder / "atomic-red-team" / "index.csv.gz").decode()))
    sigma = [
        yaml.safe_load(text.split("\n---")[0])
        for text in _members(folder / "sigma" / "sigma-rules.tar.zst", ".yml").values()
    ]
    guides = _members(folder / "owasp" / "wstg.tar.zst", ".md")
    checks = [re.sub(r"^[\d.]+-|\.md$", "", name.rsplit("/", 1)[-1]).replace("_", " ") for name in guides]
    sheets = _members(folder / "owasp" / "cheatsheets.tar.zst", ".md")
    passages = [
        *rng.sample(attack_prose, 500),
        *rng.sample(cwe_prose, 300),
        *_cve(folder, rng),
        *rng.sample([part for text in sheets.values() for part in _paragraphs(text)], 1000),
    ]
    words = {
        "technique": techniques,
        "cwe": weaknesses,
        "cve": [k["cveID"] for k in kev] + [k["vulnerabilityName"] for k in kev],
        "product": [f"{k['vendorProject']} {k['product']}" for k in kev],
        "rule": [rule["title"] for rule in sigma if isinstance(rule, dict) and "title" in rule],
        "test": [row["Test Name"] for row in atomics],
        "check": [name for name in checks if name != "README"],
    }
    return Feeds(words, passages)
