"""The knowledge base asked: the page says what there is, and nothing but a SELECT over it is answered."""

import json
import re
import zipfile
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from train import accounts, ingest, knowledge
from train.parts import Account, Task

PAGE = Path("docs/knowledge.md").read_text()
KEV = {"cveID": "CVE-2024-0001", "vulnerabilityName": "Flaw", "vendorProject": "Acme", "product": "Anvil",
       "shortDescription": "It falls.", "dateAdded": "2024-01-02", "dueDate": "2024-01-23", "requiredAction": "Patch.",
       "knownRansomwareCampaignUse": "Known", "notes": "", "cwes": ["CWE-79"]}  # fmt: skip
CWE = """<Weakness_Catalog xmlns="http://cwe.mitre.org/cwe-7"><Weakness ID="79" Name="XSS" Status="Stable">
<Description>Bad.</Description><Related_Attack_Patterns><Related_Attack_Pattern CAPEC_ID="63"/>
</Related_Attack_Patterns></Weakness></Weakness_Catalog>"""


def feeds(folder: Path) -> Path:
    """Two feeds where the register looks for them; one entry of KEV is malformed."""
    (folder / "kev").mkdir(parents=True)
    (folder / "cwe").mkdir()
    entries = [KEV, {**KEV, "cveID": "CVE-2024-0002"}, {**KEV, "cveID": 7}]
    (folder / "kev" / "known_exploited_vulnerabilities.json").write_text(json.dumps({"vulnerabilities": entries}))
    (folder / "cwe" / "cwec_v4.14.xml").write_text(CWE)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("knowledge")
    found = ingest.main(["--from", str(feeds(folder / "feeds")), "--only", "kev,cwe", "--out", str(folder / "kb"),
                         "--num-workers", "0", "--tolerate", "0.5"])  # fmt: skip
    assert found == 0
    return folder / "kb"


def test_every_element_is_accounted_for(base: Path) -> None:
    told = accounts.read(str(base))["sources"]
    assert told["kev"]["outcomes"] == {"live": 2, "quarantined": 1}
    assert told["kev"]["elements"] == 3
    assert told["cwe"]["predicates"] == {"exploits": 1}
    (reason,) = knowledge.ask(str(base), "select reason, id from quarantine").to_pylist()
    assert "cveID: expected a string, got int" in reason["reason"]
    svg = (base / "counts.svg").read_text()
    assert ">kev<" in svg
    assert "3, 1 bad" in svg


def test_the_page_lists_every_view_with_its_columns(base: Path) -> None:
    page = {
        name: columns.split(", ") for name, columns in re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
    }
    tables = {name: columns.split(", ") for name, columns in re.findall(r"^`(\w+)`: `([^`]+)`", PAGE, re.MULTILINE)}
    with knowledge.open_base(str(base)) as connection:
        listed = connection.sql("select view_name from duckdb_views() where not internal").fetchall()
        real = {name: connection.sql(f"select * from {name}").columns for (name,) in listed}  # noqa: S608
    assert page | tables == real


def test_relations_join_across_feeds(base: Path) -> None:
    question = "select cve, cwe, capec from paths order by all"
    assert knowledge.ask(str(base), question).to_pylist() == [
        {"cve": "CVE-2024-0001", "cwe": "CWE-79", "capec": "CAPEC-63"},
        {"cve": "CVE-2024-0002", "cwe": "CWE-79", "capec": "CAPEC-63"},
    ]
    answer = knowledge.ask(str(base), "select cve, due::varchar as due from exploited order by cve").to_pylist()
    assert answer[0] == {"cve": "CVE-2024-0001", "due": "2024-01-23"}


def test_a_newer_version_of_a_record_takes_the_older_ones_place(tmp_path: Path) -> None:
    def cve(state: str, day: str, weakness: str) -> str:
        cna = {"descriptions": [{"lang": "en", "value": day}], "rejectedReasons": [{"lang": "en", "value": "Gone."}],
               "problemTypes": [{"descriptions": [{"cweId": weakness}]}]}  # fmt: skip
        about = {"cveId": "CVE-2024-0001", "state": state, "dateUpdated": day}
        return json.dumps({"cveMetadata": about, "containers": {"cna": cna}})

    (tmp_path / "feeds" / "cve").mkdir(parents=True)
    for name, state, day, weakness in (
        ("a", "PUBLISHED", "2024-01-01", "CWE-79"),
        ("b", "REJECTED", "2024-02-02", "CWE-20"),
    ):
        with zipfile.ZipFile(tmp_path / "feeds" / "cve" / f"{name}.zip", "w") as archive:
            archive.writestr("cves/2024/0xxx/CVE-2024-0001.json", cve(state, day, weakness))
    given = ["--from", str(tmp_path / "feeds"), "--only", "cve", "--out", str(tmp_path / "kb"), "--num-workers", "0"]
    assert ingest.main(given) == 0
    assert knowledge.ask(str(tmp_path / "kb"), "select status, text from cves").to_pylist() == [
        {"status": "rejected", "text": "Gone."}
    ]
    for empty in ("things", "links"):
        assert knowledge.ask(str(tmp_path / "kb"), f"from {empty}").num_rows == 0


@pytest.mark.parametrize(
    "question",
    ["drop view things", "select 1; select 2", "copy (select 1) to 'x.csv'", "select * from read_csv('/etc/passwd')",
     "attach 'x.db'", "set enable_external_access = true", "select", "install httpfs", ""],
)  # fmt: skip
def test_only_one_select_over_the_views_is_answered(
    question: str, base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status = knowledge.main([question, "--root", str(base)])
    assert status == (0 if question == "" else 1)
    assert list(tmp_path.iterdir()) == []
    assert question == "" or capsys.readouterr().err.startswith("refused: ")


def test_without_a_base_it_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert knowledge.main(["select 1", "--root", str(tmp_path)]) == 2
    assert "was train.ingest run?" in capsys.readouterr().err
    assert knowledge.main(["select 1", "--root", "nosuch://kb"]) == 2
    given = ["--from", str(feeds(tmp_path / "feeds")), "--only", "kev", "--num-workers", "0", "--out", "nosuch://kb"]
    assert ingest.main(given) == 2
    assert capsys.readouterr().err.count("expected a path or a URI") == 2


def test_too_much_quarantine_ends_with_1_after_all_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        "--from",
        str(feeds(tmp_path / "feeds")),
        "--only",
        "kev",
        "--out",
        str(tmp_path / "kb"),
        "--num-workers",
        "0",
    ]
    assert ingest.main(given) == 1
    assert "kev: 1 of 3 elements quarantined" in capsys.readouterr().err
    assert len(knowledge.ask(str(tmp_path / "kb"), "select * from records")) == 2
    assert ingest.main([*given[:3], "nonsense", *given[4:]]) == 2
    assert "expected names out of" in capsys.readouterr().err


def test_a_run_resumes_and_the_same_feeds_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train import parts

    given = ["--from", str(feeds(tmp_path / "feeds")), "--only", "kev,cwe", "--num-workers", "0", "--tolerate", "1"]
    for name in ("one", "two"):
        assert ingest.main([*given, "--out", str(tmp_path / name)]) == 0
    one, two = ({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*")
                 if path.is_file()} for name in ("one", "two"))  # fmt: skip
    assert one == two

    converted = []
    real = parts.convert
    monkeypatch.setattr(parts, "convert", lambda file, *rest: converted.append(file.name) or real(file, *rest))
    (account,) = (tmp_path / "one" / "parts" / "cwe").iterdir()
    account.unlink()  # as after a kill: the part's files may stand, its account does not
    assert ingest.main([*given, "--out", str(tmp_path / "one")]) == 0
    assert converted == ["cwe/cwec_v4.14.xml"]
    assert {path.relative_to(tmp_path / "one"): path.read_bytes() for path in (tmp_path / "one").rglob("*")
            if path.is_file()} == two  # fmt: skip


def test_a_part_is_named_by_what_it_depends_on(base: Path) -> None:
    (path,) = (base / "parts" / "kev").iterdir()
    account = Account.read(path.read_text())
    assert asdict(account)["part"] == path.stem
    assert all(len(digest) == 64 for digest in account.files.values())
    (records,) = (base / "records" / "kev").iterdir()
    assert pq.read_table(records)["sha256"][0].as_py()
    task = Task.__dataclass_fields__
    assert {"file", "parser", "digest", "limits"} <= set(task)
