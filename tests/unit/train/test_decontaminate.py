"""Decontamination: what each test finds, what it leaves alone, and that the report is right."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import decontaminate, evaluation_sets
from train.evaluation_sets import EvaluationError, EvaluationSet, Item
from train.overlap import CVE, LIKE, NAMED, PUBLIC, SHINGLE, WORDS, Index, RowText, grams, ids
from train.records import Origin, Record, table

QUOTE = "Adversaries may restrict features that are unnecessary to an asset's intended function within the control room"
QUIZ = [
    {"id": "q1", "text": f"What is meant by this? {QUOTE}.", "choices": ["Hardening", "Phishing"]},
    {"id": "q2", "text": "Which product was hit by CVE-2015-5374?", "choices": ["Relay", "Router"]},
    {"id": "q3", "text": "Which weakness lets attackers run script in a browser?", "choices": ["CWE-79", "CWE-89"]},
    {"id": "q4", "text": "以下哪种措施是企业为了遵守数据保护法规通常会实施的", "choices": ["加密", "删除"]},
]
ASKS = {
    "cve": "Tell me about CVE-2015-5374, please.",
    "quote": f"I have found this sentence in a handbook that a colleague left: {QUOTE.lower()} of a plant. "
    "Before I go on I want to know what follows for somebody who has to keep such a place running, and why it does.",
    "near": "Which weakness lets attackers run a script in a browser?",
    "named": "What follows from CWE-79 for those who write pages?",
    "chinese": "请问以下哪种措施是企业为了遵守数据保护法规的方法",
    "clean": "How do I keep a log that nobody can change without being noticed?",
}


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("object_ids", pa.list_(pa.string())),
        ("family", pa.string()),
    ]
)


def row(name: str, ask: str, objects: tuple[str, ...] = ()) -> dict[str, Any]:
    messages = [{"role": "user", "content": ask}, {"role": "assistant", "content": "That is a long story."}]
    return {"id": name, "messages": messages, "object_ids": list(objects), "family": "define"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Evaluation sets, a list of them, and rows in two shards."""
    with gzip.open(tmp_path / "quiz.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(each) + "\n" for each in QUIZ)
    (tmp_path / "plain.jsonl").write_text('{"question": "How do I bake bread?"}\n\n')
    listed = '[quiz]\npath = "quiz.jsonl.gz"\nmore = ["choices"]\n[plain]\npath = "plain.jsonl"\ntext = "question"\n'
    (tmp_path / "sets.toml").write_text(listed)
    rows = [row(name, ask) for name, ask in ASKS.items()] + [row("object", "Tell me more.", ("KEV:CVE-2015-5374",))]
    for shard, own in (("open", rows[::2]), ("mitre", rows[1::2])):
        (tmp_path / "rows" / shard).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(own, schema=SCHEMA), tmp_path / "rows" / shard / "part-0000.parquet")
    return tmp_path


def command(folder: Path, *more: str) -> int:
    arguments = ["--data", str(folder), "--sets", str(folder / "sets.toml"), "--rows", str(folder / "rows")]
    return decontaminate.main([*arguments, "--out", str(folder / "report.json"), "--num-workers", "0", *more])


def run(folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    status = command(folder, *more)
    return status, json.loads((folder / "report.json").read_text("utf-8"))


def test_every_test_finds_its_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(folder)
    assert status == 1
    found = {name: [(each["test"], each["item"]) for each in why] for name, why in told["removed"].items()}
    assert found == {
        "cve": [(CVE, "q2")], "object": [(CVE, "q2")], "quote": [(WORDS, "q1")], "near": [(LIKE, "q3")],
        "chinese": [(WORDS, "q4"), (LIKE, "q4")],
    }  # fmt: skip
    quiz, plain = told["sets"]["quiz"], told["sets"]["plain"]
    assert quiz["touched"] == {CVE: 2, WORDS: 2, PUBLIC: 0, LIKE: 2, NAMED: 1}
    assert (quiz["items"], quiz["removed"], plain["items"], plain["removed"]) == (4, 5, 1, 0)
    assert 0 < plain["nearest"] < 0.5
    assert told["rows"] == len(ASKS) + 1
    printed = capsys.readouterr().out
    assert "7 rows compared, 5 to be removed" in printed
    assert next(line for line in printed.splitlines() if line.startswith("quiz")).split()[1:7] == list("422025")


def test_the_evidence_says_what_is_shared(folder: Path) -> None:
    _, told = run(folder)
    (shared,), (near,), (named,) = (told["removed"][name] for name in ("quote", "near", "cve"))
    assert len(shared["evidence"].split()) == 13
    assert shared["evidence"] in QUOTE.lower().replace("'", " ")
    assert 0.5 <= float(near["evidence"]) < 1
    assert named["evidence"] == "CVE-2015-5374"


def test_what_both_quote_from_a_published_text_is_told_apart(folder: Path) -> None:
    facts = {"detection": (f"Watch out. {QUOTE}!",)}
    record = Record("CWE-1", "weakness", "Thing", "A text of its own.", facts=facts)
    (folder / "kb" / "records").mkdir(parents=True)
    origin = Origin("cwe", "x", 0, 1, "0" * 64)
    pq.write_table(table("records", [(record, origin)]), folder / "kb" / "records" / "a.parquet")
    _, told = run(folder, "--knowledge", str(folder / "kb"))
    assert [each["test"] for each in told["removed"]["quote"]] == [PUBLIC]
    assert [each["test"] for each in told["removed"]["chinese"]] == [WORDS, LIKE]
    assert told["sets"]["quiz"]["touched"][PUBLIC] == 1


def test_without_the_rows_that_it_names_a_set_is_clean(folder: Path) -> None:
    first = run(folder)[1]
    for path in (folder / "rows").rglob("*.parquet"):
        kept = [each for each in pq.read_table(path).to_pylist() if each["id"] not in first["removed"]]
        pq.write_table(pa.Table.from_pylist(kept, schema=SCHEMA), path)
    status, second = run(folder)
    assert (status, second["removed"], second["rows"]) == (0, {}, 2)
    assert second["sets"]["quiz"]["nearest"] == first["sets"]["quiz"]["nearest"]


def test_the_report_does_not_depend_on_the_order_of_rows(folder: Path) -> None:
    rows = [row(name, ask) for name, ask in ASKS.items()]
    items = decontaminate.index(folder, folder / "sets.toml", None)
    one, other = decontaminate.check(rows, items).told(), decontaminate.check(reversed(rows), items).told()
    assert json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("sets.toml", "[quiz]\n", "sets.toml: expected a TOML table of path, text, more"),
        ("sets.toml", "[quiz]\npath = 'gone.jsonl'\n", "quiz: expected JSON Lines at gone.jsonl"),
        ("plain.jsonl", '{"question": "a"}\n{"other": 1}\n', "plain: plain.jsonl:2: expected an object with question"),
        ("plain.jsonl", "[]\n", "plain: plain.jsonl:1: expected an object"),
        ("plain.jsonl", "{\n", "plain: plain.jsonl:1: expected an object"),
        ("quiz.jsonl.gz", "no gzip", "quiz: expected JSON Lines at quiz.jsonl.gz"),
    ],
)
def test_a_set_that_cannot_be_read_ends_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, message: str
) -> None:
    """What was not compared was not found clean either."""
    (folder / name).write_text(text)
    assert command(folder) == 2
    assert message in capsys.readouterr().err


def test_a_place_without_rows_ends_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "--rows", str(folder / "nowhere")) == 2
    assert "expected Parquet files" in capsys.readouterr().err
    pq.write_table(pa.table({"id": ["a"]}), folder / "other.parquet")
    assert command(folder, "--rows", str(folder)) == 2
    assert "expected" in capsys.readouterr().err


def test_the_register_names_every_set_of_questions() -> None:
    register = evaluation_sets.load()
    assert {"cybermetric", "secbench_en", "secbench_zh", "secure_cwet", "secure_maet"} <= set(register)
    assert all(each.more == ["choices"] for each in register.values() if each.path.startswith("mcq/"))
    assert not [each.path for each in register.values() if "secret" in each.path]


def test_every_set_of_the_register_can_be_read() -> None:
    data = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data"))
    if not data.is_dir():
        pytest.skip("not run: no data (1 test)")
    for name, each in evaluation_sets.load().items():
        first = next(evaluation_sets.items(name, each, data))
        assert first.question
        assert (first.whole != first.question) == bool(each.more), name


def test_further_fields_may_be_strings_or_lists(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"ask": "A?", "hint": "B", "options": ["C", 4]}\n')
    (item,) = evaluation_sets.items("a", EvaluationSet(path="a.jsonl", text="ask", more=["hint", "options"]), tmp_path)
    assert item == Item("a", "a:1", "A?", "A?\nB\nC\n4")
    with pytest.raises(EvaluationError, match="gone"):
        list(evaluation_sets.items("a", EvaluationSet(path="gone.jsonl"), tmp_path))


words = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=1, max_size=9).map(" ".join)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=6), words, words)
def test_similarity_is_the_exact_jaccard_similarity(items: list[tuple[str, str]], ask: str, answer: str) -> None:
    index = Index([Item(f"set {i % 2}", str(i), ask, f"{ask} {more}") for i, (ask, more) in enumerate(items)])
    found = index.compare(RowText("row", ask, f"{ask} {answer}")).nearest

    def jaccard(one: str, other: str) -> float:
        first, second = (set(grams(each, SHINGLE, whole=True)) for each in (one, other))
        return len(first & second) / len(first | second)

    for name in ("set 0", "set 1"):
        shares = [
            max(jaccard(ask, q), jaccard(f"{ask} {answer}", f"{q} {more}"))
            for i, (q, more) in enumerate(items)
            if f"set {i % 2}" == name
        ]
        assert found.get(name, 0.0) == pytest.approx(max(shares, default=0.0))


def test_ids_are_found_beside_any_script() -> None:
    text = "漏洞CVE-2017-0144是永恒之蓝 (CWE-79,T1059.001) AML.T0051, TA0002; M1036. XCVE-2017-1 CWE-79a T10591"
    assert ids(text) == {"CVE-2017-0144", "CWE-79", "T1059.001", "AML.T0051", "TA0002", "M1036"}


def test_an_index_of_nothing_finds_nothing() -> None:
    assert Index([]).compare(RowText("a", "b", "c")).touches == ()
    assert Index([Item("s", "1", "", "")]).compare(RowText("a", "", "")).nearest == {}
