"""Lineage: both papers hold before the libraries of their formats, never change, and the record is taken by a log."""

import asyncio
import hashlib
import json
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app.auth import Role
from app.settings import Limits
from audit import verify
from audit.client import AuditClient
from audit.record import Kind
from tests.unit.app.conftest import World
from train import accounts, croissant, describe, ingest, lineage, mlbom
from train.described import BadDescription, Column, DataFile, DataSource, Described, Model, Parent, Table, combined
from train.teaching import store
from train.teaching.rows import SCHEMA

KEV = {"cveID": "CVE-2024-0001", "vulnerabilityName": "Flaw", "vendorProject": "Acme", "product": "Anvil",
       "shortDescription": "It falls.", "dateAdded": "2024-01-02", "dueDate": "2024-01-23", "requiredAction": "Patch.",
       "knownRansomwareCampaignUse": "Known", "notes": "", "cwes": ["CWE-79"]}  # fmt: skip
SANITIZER = "5" * 64


def described(path: str = "open/part-0000.parquet", sha256: str = "a" * 64) -> Described:
    parts = (Column("role", "string", "Who"), Column("content", "string", "What"))
    columns = (Column("id", "string", "Its id"), Column("messages", "", "What is said", many=True, parts=parts))
    return Described(
        "a-set", "2025.11.13", "Some rows.", "2025-11-13", "Apache-2.0 AND LicenseRef-CWE-TOU",
        (Table("rows", (DataFile(path, sha256, 1234, 2),), columns, "id"),),
        (
            DataSource("kev", "KEV", "CC0-1.0", "https://example.org/l", "https://example.org/kev", "CISA", "0" * 64),
            DataSource("replay", "Talk", "LicenseRef-CWE-TOU", "", "", "", "3" * 64),
        ),
        (Parent("base", "1" * 64, "CC0-1.0"),),
        (Model("sanitizer", "1", "Apache-2.0", "4" * 64, "token-classification"),),
        {"dataBiases": "Some.", "personalSensitiveInformation": "None."},
    )  # fmt: skip


class OneName:
    """Of JSONPath as much as our documents use: the name of one member."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find(self, value: dict[str, Any]) -> list[types.SimpleNamespace]:
        return [types.SimpleNamespace(value=value[self.name])]


@pytest.fixture
def mlcroissant(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The format's own library. What it reads JSON files with cannot be installed from a wheel."""
    stand_in = types.ModuleType("jsonpath_rw")
    stand_in.parse, stand_in.lexer = OneName, types.ModuleType("lexer")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jsonpath_rw", stand_in)
    import absl.logging
    import mlcroissant

    # else its log handler closes what was stderr during this test, whenever logging is set up anew
    absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__
    return mlcroissant


def loaded(mlcroissant: Any, path: Path) -> Any:
    """The dataset of a Croissant file that has neither errors nor warnings."""
    dataset = mlcroissant.Dataset(jsonld=str(path))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    return dataset


def require_valid_bom(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A knowledge base as train.ingest makes it, and rows and report as train.pairs writes them."""
    feeds, base, rows = tmp_path / "feeds", tmp_path / "kb", tmp_path / "rows"
    (feeds / "kev").mkdir(parents=True)
    entries = {"vulnerabilities": [KEV, {**KEV, "cveID": 7}]}
    (feeds / "kev" / "known_exploited_vulnerabilities.json").write_text(json.dumps(entries))
    told = ["--from", str(feeds), "--only", "kev", "--out", str(base), "--num-workers", "0", "--tolerate", "0.6"]
    assert ingest.main(told) == 0
    origin = {"source": "kev", "member": "kev/x.json", "start": 0, "end": 9, "sha256": "0" * 64}
    messages = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
    row = dict.fromkeys(SCHEMA.names, "x") | {
        "messages": messages, "origins": [origin], "canary": False, "shard": "open",
        **{name: ["x"] for name in ("object_ids", "source", "credits")},
    }  # fmt: skip
    report = {
        "files": store.write(str(rows), [row]), "knowledge": accounts.read(str(base))["digest"],
        "sanitizer": SANITIZER, "sources": {"kev": 1}, "licenses": {"CC0-1.0": 1, "CC0-1.0 AND Apache-2.0": 2},
    }  # fmt: skip
    store.put_json(str(rows), "report.json", report)
    return base, rows


def test_the_croissant_file_holds_before_its_library_and_its_rows_can_be_read_by_it(
    mlcroissant: Any, tmp_path: Path
) -> None:
    rows = [{"id": "1", "messages": [{"role": "user", "content": "Hello"}]}, {"id": "2", "messages": []}]
    (tmp_path / "open").mkdir()
    path = tmp_path / "open" / "part-0000.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    lineage.write(tmp_path, described(sha256=hashlib.sha256(path.read_bytes()).hexdigest()))
    dataset = loaded(mlcroissant, tmp_path / "croissant.json")
    first, second = dataset.records("rows")
    assert first["rows/id"] == b"1"
    assert first["rows/messages"] == [{"rows/messages/role": b"user", "rows/messages/content": b"Hello"}]
    assert second["rows/id"] == b"2"
    assert dataset.metadata.data_biases == ["Some."]
    assert dataset.metadata.date_published.date().isoformat() == "2025-11-13"


def test_the_bill_of_materials_holds_before_its_schema_and_names_everything() -> None:
    text = mlbom.document(described())
    require_valid_bom(text)
    told = json.loads(text)
    root = told["metadata"]["component"]
    assert (root["type"], root["hashes"][0]["content"]) == ("data", described().digest)
    assert [each["hashes"][0]["content"] for each in root["components"]] == ["a" * 64]
    assert root["licenses"] == [{"expression": "Apache-2.0 AND LicenseRef-CWE-TOU"}]
    parts = {each["bom-ref"]: each for each in told["components"]}
    assert sorted(parts) == ["dataset:base", "model:sanitizer", "source:kev", "source:replay"]
    assert parts["source:kev"]["licenses"] == [{"license": {"id": "CC0-1.0"}}]
    assert parts["dataset:base"]["licenses"] == [{"license": {"id": "CC0-1.0"}}]
    assert parts["source:replay"]["licenses"] == [{"expression": "LicenseRef-CWE-TOU"}]
    assert parts["model:sanitizer"]["type"] == "machine-learning-model"
    assert parts["model:sanitizer"]["modelCard"]["modelParameters"]["task"] == "token-classification"
    (needs,) = (each for each in told["dependencies"] if each["ref"] == "dataset:a-set")
    assert needs["dependsOn"] == sorted(parts)


@pytest.mark.parametrize("date", ["2025-11-13", ""])
def test_neither_clock_nor_chance_has_a_part_in_the_papers(monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    one = replace(described(), date=date)
    first = croissant.document(one), mlbom.document(one)
    monkeypatch.setattr("cyclonedx.model.bom._get_now_utc", lambda: pytest.fail("asked the clock"))
    monkeypatch.setattr("cyclonedx.model.bom.uuid4", lambda: pytest.fail("asked chance"))
    assert (croissant.document(one), mlbom.document(one)) == first
    require_valid_bom(first[1])
    assert ("timestamp" in json.loads(first[1])["metadata"]) == bool(date)
    other = replace(one, tables=described(sha256="b" * 64).tables)
    assert json.loads(mlbom.document(other))["serialNumber"] != json.loads(first[1])["serialNumber"]


def test_a_teaching_set_is_described_by_what_lies_beside_it(made: tuple[Path, Path], mlcroissant: Any) -> None:
    base, rows = made
    assert lineage.main(["--knowledge", str(base), "--rows", str(rows)]) == 0
    papers = [(rows / name).read_bytes() for name in ("croissant.json", "ml-bom.cdx.json")]
    assert lineage.main(["--knowledge", str(base), "--rows", str(rows)]) == 0
    assert papers == [(rows / name).read_bytes() for name in ("croissant.json", "ml-bom.cdx.json")]
    require_valid_bom(papers[1].decode())
    (record,) = loaded(mlcroissant, rows / "croissant.json").records("rows")
    assert record["rows/origins"][0]["rows/origins/sha256"] == b"0" * 64
    told = describe.teaching_set(str(rows), str(base))
    assert [each.name for each in told.tables[0].columns] == SCHEMA.names
    assert all(each.told != each.name for each in told.tables[0].columns)
    (source,) = told.sources
    feeds = accounts.read(str(base))["sources"]["kev"]["feeds"]
    assert (source.name, source.digest) == ("kev", combined(feeds))
    assert told.licence == "Apache-2.0 AND CC0-1.0"
    assert told.parents == (Parent("preceptor-knowledge-base", accounts.read(str(base))["digest"], "CC0-1.0"),)
    assert [each.name for each in told.models] == ["preceptor-sanitizer", "all-MiniLM-L6-v2"]
    assert told.models[0].digest == SANITIZER
    assert "not compared with evaluation sets" in told.responsible["dataPreprocessingProtocol"]
    report = json.loads((rows / "report.json").read_text())
    store.put_json(str(rows), "report.json", report | {"contamination": {"sets": {}}})
    said = describe.teaching_set(str(rows), str(base)).responsible["dataPreprocessingProtocol"]
    assert "so are rows that overlap with evaluation sets" in said


def test_a_knowledge_base_is_described_table_by_table(made: tuple[Path, Path], mlcroissant: Any) -> None:
    base, _ = made
    assert lineage.main(["--knowledge", str(base)]) == 0
    require_valid_bom((base / "ml-bom.cdx.json").read_text())
    (bad,) = loaded(mlcroissant, base / "croissant.json").records("quarantine")
    assert b"cveID: expected a string" in bad["quarantine/reason"]
    told = describe.knowledge_base(str(base))
    assert [(each.name, sum(file.rows for file in each.files)) for each in told.tables] == [
        ("quarantine", 1), ("records", 1), ("relations", 2),
    ]  # fmt: skip
    assert told.digest == accounts.read(str(base))["digest"]


def test_rows_of_another_knowledge_base_are_not_described(
    made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    base, rows = made
    report = json.loads((rows / "report.json").read_text())
    store.put_json(str(rows), "report.json", report | {"knowledge": "f" * 64})
    assert lineage.main(["--knowledge", str(base), "--rows", str(rows)]) == 2
    assert "expected the knowledge base ffff" in capsys.readouterr().err
    store.put_json(str(rows), "report.json", report | {"sources": {"kev": 1, "replay": 1}})
    assert lineage.main(["--knowledge", str(base), "--rows", str(rows)]) == 2
    assert "replay: expected a source of the register" in capsys.readouterr().err
    talk = rows / "talk.jsonl"
    talk.write_text("{}")
    more = ["--knowledge", str(base), "--rows", str(rows), "--replay", str(talk)]
    assert lineage.main(more) == 2
    assert lineage.main([*more, "--replay-licence", "CC-BY-4.0"]) == 0
    assert hashlib.sha256(b"{}").hexdigest() in (rows / "ml-bom.cdx.json").read_text()


def test_files_that_are_no_longer_what_was_written_are_not_described(made: tuple[Path, Path]) -> None:
    base, rows = made
    for told, places in ((describe.teaching_set, (rows, base)), (describe.knowledge_base, (base,))):
        path = next(places[0].rglob("*.parquet"))
        pq.write_table(pq.read_table(path).slice(0, 0), path)
        with pytest.raises(BadDescription, match=f"{path.name}: expected the file of SHA-256"):
            told(*map(str, places))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": "yesterday"}, "date: expected a day like 2026-01-31, got 'yesterday'"),
        ({"tables": ()}, "tables: expected files and columns, got none"),
        ({"parents": (Parent("base", "12", "MIT"),)}, "base: expected 64 hexadecimal digits, got '12'"),
        ({"responsible": {"dataMood": "x"}}, "responsible: expected terms of Croissant RAI, got dataMood"),
    ],
)
def test_a_description_that_no_paper_could_be_made_of_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadDescription, match=message):
        replace(described(), **change)


def test_the_record_has_the_shape_that_the_log_wants() -> None:
    entry = lineage.dataset_entry(described())
    assert entry.checked() == entry
    assert (entry.kind, entry.fields["digest"], entry.fields["rows"]) == (Kind.dataset, described().digest, 2)
    licences = [(each["name"], each["licence"]) for each in entry.fields["sources"]]
    assert licences == [("kev", "CC0-1.0"), ("replay", "LicenseRef-CWE-TOU"), ("base", "CC0-1.0")]
    assert lineage.dataset_entry(described()).request_id == entry.request_id
    assert lineage.dataset_entry(described(sha256="b" * 64)).request_id != entry.request_id


@contextmanager
def served(home: Path) -> Iterator[tuple[World, str]]:
    """The product's HTTP application over a real log, on a port of its own."""
    world = World(home, Limits())
    asyncio.run(world.view.refresh())
    config = uvicorn.Config(world.app(), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield world, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_a_log_takes_the_record_once_and_its_receipt_is_kept(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base, rows = made
    command = ["--knowledge", str(base), "--rows", str(rows), "--log"]
    with served(tmp_path / "home") as (world, url):
        (tmp_path / "token").write_text(world.key("root", Role.ADMIN) + "\n")
        assert lineage.main([*command, url, "--token-file", str(tmp_path / "token")]) == 0
        receipt = (rows / "receipt.txt").read_bytes()
        monkeypatch.setenv("PRECEPTOR_URL", url)
        monkeypatch.setenv("PRECEPTOR_API_KEY", world.key("root", Role.ADMIN))
        assert lineage.main(command) == 0
        leaves = [leaf for leaf in world.control.log.tail(0) if leaf["kind"] == "dataset"]
        monkeypatch.setenv("PRECEPTOR_API_KEY", world.key("ada", Role.LEARNER))
        assert lineage.main(command) == 1
        assert "may not append records of this kind" in capsys.readouterr().err
    assert len(leaves) == 1
    assert leaves[0]["fields"]["digest"] == describe.teaching_set(str(rows), str(base)).digest
    assert verify.main([str(world.root), "--receipt", str(rows / "receipt.txt")]) == 0
    assert receipt.startswith(b"c2sp.org/tlog-proof")
    monkeypatch.delenv("PRECEPTOR_API_KEY")
    assert lineage.main(command) == 1
    assert "--token-file or PRECEPTOR_API_KEY" in capsys.readouterr().err


def test_a_log_that_does_not_answer_is_told() -> None:
    with pytest.raises(lineage.NotRecorded, match=r"127\.0\.0\.1:9: no usable answer"):
        lineage.append("unused", described(), AuditClient("http://127.0.0.1:9", "key", 2))
