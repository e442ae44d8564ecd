"""A row and a record followed back to the bytes of their feeds."""

import gzip
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from train import ingest, trace
from train.teaching.rows import SCHEMA

FEED = b'{"vulnerabilities": [{"cveID": "CVE-2024-0001"}]}'
PAGE = b"# A page\n\nWith some text.\n"
CVE = {"dataType": "CVE_RECORD", "dataVersion": "5.1", "cveMetadata": {"cveId": "CVE-2024-0002", "state": "PUBLISHED"},
       "containers": {"cna": {"descriptions": [{"lang": "en", "value": "It falls."}]}}}  # fmt: skip


def origin(source: str, member: str, whole: bytes, start: int, end: int) -> dict[str, Any]:
    digest = hashlib.sha256(whole[start:end]).hexdigest()
    return {"source": source, "member": member, "start": start, "end": end, "sha256": digest}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Feeds, plain in gzip and as members of an archive, and rows that rest on bytes of them."""
    (tmp_path / "feeds" / "kev").mkdir(parents=True)
    (tmp_path / "feeds" / "kev" / "kev.json.gz").write_bytes(gzip.compress(FEED))
    with zipfile.ZipFile(tmp_path / "feeds" / "pages.zip", "w") as archive:
        archive.writestr("other.md", b"nothing")
        archive.writestr("docs/page.md", PAGE)
    blank = dict.fromkeys(SCHEMA.names, "x") | {"messages": [], "canary": False, "object_ids": [], "source": []}
    kev = origin("kev", "kev/kev.json.gz", FEED, 21, 47)
    page = origin("owasp-wstg", "pages.zip!docs/page.md", PAGE, 10, 25)
    rows = {
        "both": [kev, page], "own": [], "changed": [kev | {"start": 20}], "gone": [kev | {"member": "kev/other.json"}],
        "talk": [page | {"source": "replay"}], "outside": [kev | {"member": "../secret"}],
    }  # fmt: skip
    told = [
        blank | {"id": name, "credits": ["Jo Doe"] if name == "both" else [], "origins": found}
        for name, found in rows.items()
    ]
    (tmp_path / "rows" / "open").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(told, schema=SCHEMA), tmp_path / "rows" / "open" / "part-0000.parquet")
    (tmp_path / "secret").write_bytes(FEED)
    return tmp_path


def command(folder: Path, name: str, *, verify: bool = True) -> int:
    more = ["--from", str(folder / "feeds")] if verify else []
    return trace.main([name, "--rows", str(folder / "rows"), *more])


def test_a_row_is_followed_to_each_of_its_sources(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "both") == 0
    printed = capsys.readouterr().out
    assert "license x\nauthors to be named: Jo Doe\n1. kev: CISA" in printed
    assert "licence     CC0-1.0, https://" in printed
    assert "2. owasp-wstg: OWASP Web Security Testing Guide" in printed
    assert "attribution OWASP" in printed
    assert "member      pages.zip!docs/page.md" in printed
    assert "bytes       10 to 25 (15)" in printed
    assert hashlib.sha256(b"With some text.").hexdigest() in printed
    assert printed.count("digest      matches") == 2


def test_without_feeds_nothing_is_said_of_the_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "changed", verify=False) == 0
    printed = capsys.readouterr().out
    assert "sha256" in printed
    assert "digest  " not in printed


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("changed", "differs: these bytes have "),
        ("gone", "cannot be read: kev/other.json: expected a file of this name"),
        ("outside", "cannot be read: ../secret: expected a file of this name"),
    ],
)
def test_bytes_that_are_not_those_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    assert command(folder, name) == 1
    assert f"digest      {said}" in capsys.readouterr().out


def test_rows_without_a_source_of_the_register_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "own") == 0
    assert "rests on no source: made of our own words" in capsys.readouterr().out
    assert command(folder, "talk") == 0
    printed = capsys.readouterr().out
    assert "1. replay: not in the register of sources" in printed
    assert "licence     x\n" in printed


def test_an_unknown_row_or_place_is_told_apart_from_a_changed_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(folder, "nobody") == 2
    assert "trace: nobody: expected the id of a row in " in capsys.readouterr().err
    assert trace.main(["both", "--rows", str(folder / "nowhere")]) == 2
    assert "expected a teaching set or a knowledge base, found neither" in capsys.readouterr().err


def test_a_record_of_a_knowledge_base_is_followed_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feeds, base = folder / "real", str(folder / "kb")
    (feeds / "cve").mkdir(parents=True)
    for name in ("one", "two"):
        with zipfile.ZipFile(feeds / "cve" / f"{name}.zip", "w") as archive:
            archive.writestr("cves/2024/0xxx/CVE-2024-0002.json", json.dumps(CVE))
    assert ingest.main(["--from", str(feeds), "--only", "cve", "--out", base, "--num-workers", "0"]) == 0
    assert trace.main(["CVE-2024-0002", "--rows", base, "--from", str(feeds)]) == 0
    printed = capsys.readouterr().out
    assert "CVE-2024-0002: kind cve, status live" in printed
    assert printed.count("member      cve/") == printed.count("digest      matches") == 2
    (feeds / "cve" / "two.zip").unlink()
    assert trace.main(["CVE-2024-0002", "--rows", base, "--from", str(feeds)]) == 1
