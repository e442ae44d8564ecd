"""The teaching set as a whole: the command, balance, splits, licences, canaries, and equal bytes for equal inputs."""

import gzip
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import knowledge_fixture
import pyarrow.parquet as pq
import pytest

from train import pairs
from train.teaching import balance, build, canaries, report
from train.teaching.families import FAMILIES
from train.teaching.knowledge import NoKnowledge, load
from train.teaching.licences import Terms, of_row
from train.teaching.replay import BadReplay
from train.teaching.rows import SCHEMA
from train.teaching.split import side
from train.teaching.store import NotEmpty

REGISTER = {
    **{name: Terms("LicenseRef-MITRE", "open") for name in ("attack-enterprise", "capec", "cwe", "cve")},
    "kev": Terms("CC0-1.0", "open"), "sigma": Terms("LicenseRef-DRL-1.1", "drl"), "atomic": Terms("MIT", "open"),
    "d3fend": Terms("MIT", "open"), "owasp-cheatsheets": Terms("CC-BY-SA-4.0", "cc-by-sa"),
    "replay": Terms("Apache-2.0", "replay"),
}  # fmt: skip
SIZE = 2000


@dataclass
class Cleaned:
    text: str
    spans: list[tuple[int, int, str]]


class Whisper:
    """A sanitizer that takes out one word, so that one sees what went through it."""

    digest = "whisper 1"

    def clean(self, text: str) -> Cleaned:
        at = text.find("office")
        spans = [(at, at + 6, "PLACE")] if at >= 0 else []
        return Cleaned(text.replace("office", "[PLACE]", 1), spans)


def whisper(key: bytes, known: Sequence[str]) -> Whisper:
    assert "Busy Bees" in known
    assert "Vendor" in known
    return Whisper()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return knowledge_fixture.write(tmp_path_factory.mktemp("knowledge"))


@pytest.fixture(scope="module")
def plan(base: Path, tmp_path_factory: pytest.TempPathFactory) -> build.Plan:
    folder = tmp_path_factory.mktemp("set")
    general = folder / "general.jsonl.gz"
    lines: list[dict[str, Any]] = [
        {"prompt": f"What is {n} and {n}?", "response": f"{n} and {n} is {2 * n}."} for n in range(1000)
    ]
    turns = [("system", "s"), ("user", "Who?"), ("assistant", "Me."), ("user", "More?")]
    lines[3] = {"messages": [{"role": role, "content": content} for role, content in turns]}
    general.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    return build.Plan(str(base), str(folder / "out"), REGISTER, SIZE, b"key", general, 0, whisper)


@pytest.fixture(scope="module")
def told(plan: build.Plan) -> dict[str, Any]:
    return build.build(plan)


@pytest.fixture(scope="module")
def rows(plan: build.Plan, told: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for path in sorted(Path(plan.out).glob("*/*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_help_comes_at_once_and_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "train.pairs", "--help"], capture_output=True, text=True, check=True
    )
    assert "--replay" in done.stdout
    assert not [name for name in ("pyarrow", "ray", "torch") if f" {name}\n" in done.stderr]


def test_every_family_has_rows_of_the_stated_columns(rows, told):
    assert set(FAMILIES) == {row["family"] for row in rows}
    assert told["empty"] == []
    assert {name for row in rows for name in row} == set(SCHEMA.names)
    assert len({row["id"] for row in rows}) == len(rows) == told["rows"] <= SIZE
    assert all([each["role"] for each in row["messages"]] == ["user", "assistant"] for row in rows)
    assert all(each["content"].strip() for row in rows for each in row["messages"])


def test_every_row_names_its_licence_shard_and_the_bytes_it_rests_on(rows, plan):
    for path in Path(plan.out).glob("*/*.parquet"):
        assert {row["shard"] for row in pq.read_table(path).to_pylist()} == {path.parent.name}
    for row in rows:
        sources = {origin["source"] for origin in row["origins"]}
        assert set(row["source"]) == sources
        assert (row["license"], row["shard"]) == of_row(sources, REGISTER)
        assert sources or row["family"] in {"unknown", "canary"}
        assert all(len(origin["sha256"]) == 64 and origin["end"] > origin["start"] for origin in row["origins"])
    assert {row["shard"] for row in rows if "owasp-cheatsheets" in row["source"]} == {"cc-by-sa"}
    assert {row["shard"] for row in rows if "sigma" in row["source"]} == {"drl"}
    assert all(row["credits"] == ["Jo Doe"] for row in rows if "sigma" in row["source"])


def test_an_object_that_is_held_out_is_on_one_side_only(rows, base):
    knowledge = load(str(base), 100, REGISTER)
    seen = defaultdict(set)
    for row in rows:
        for name in row["object_ids"]:
            seen[name].add(row["split"])
    held = {name for name in seen if (record := knowledge.get(name)) and side(record) != "train"}
    assert held
    for name in held:
        record = knowledge.get(name)
        assert record is not None
        assert seen[name] == {side(record)}, name


def test_refusals_are_few_and_each_has_a_harmless_mirror(rows, told):
    verdicts = Counter(row["verdict"] for row in rows)
    mirrors = sum(row["family"] == "benign" for row in rows)
    assert 0 < verdicts["refuse"] <= balance.REFUSALS * len(rows)
    assert mirrors >= verdicts["refuse"]
    assert {row["family"] for row in rows if row["verdict"] == "refuse"} == {"refuse"}
    assert {row["family"] for row in rows if row["verdict"] == "teach"} == {"lesson"}
    assert told["mirrors_per_refusal"] >= 1


def test_refusals_that_are_too_many_leave():
    many = [{"id": f"{n:03d}", "verdict": "refuse", "family": "refuse"} for n in range(50)]
    mirrors = [{"id": f"b{n}", "verdict": "answer", "family": "benign"} for n in range(10)]
    others = [{"id": f"c{n}", "verdict": "answer", "family": "define"} for n in range(90)]
    kept = balance.settle([*many, *mirrors, *others])
    assert sum(row["verdict"] == "refuse" for row in kept) == 10
    kept = balance.settle([*many, *mirrors, *others[:20]])
    assert sum(row["verdict"] == "refuse" for row in kept) == 5


def test_groups_share_evenly_and_leave_what_they_do_not_need():
    items = [("a", n) for n in range(3)] + [("b", n) for n in range(50)] + [("c", n) for n in range(50)]
    kept = Counter(name for name, _ in balance.evenly(items, 43, lambda item: item[0], lambda item: item[1]))
    assert kept == {"a": 3, "b": 20, "c": 20}
    assert sum(balance.SHARES.values()) == pytest.approx(1)


def test_replay_is_a_tenth_to_a_fifth_of_a_set_that_is_full():
    assert 0.1 <= balance.quota("replay", 1000, replay=True) / 1000 <= 0.2
    whole = sum(balance.quota(name, 1000, replay=True) for name in (*balance.SHARES, "replay"))
    assert 1000 - len(FAMILIES) < whole <= 1000


def test_published_texts_go_through_the_sanitizer(rows, told):
    assert not [row for row in rows if "office" in row["messages"][1]["content"]]
    assert [row for row in rows if "[PLACE]" in row["messages"][1]["content"]]
    assert told["texts"]["changes"]["PLACE"] == told["texts"]["changed"] > 0
    assert {row["sanitizer_version"] for row in rows} == {"whisper 1"}


def test_canaries_are_marked_and_follow_from_the_key(rows, plan):
    listed = json.loads((Path(plan.out) / "canaries.json").read_text())
    marked = {row["id"]: row for row in rows if row["canary"]}
    assert len(listed) == canaries.COUNT >= 20
    assert {each["id"] for each in listed} == set(marked)
    assert {each["string"] for each in listed} == set(canaries.strings(b"key"))
    assert set(canaries.strings(b"key")).isdisjoint(canaries.strings(b"other"))
    assert all(each["string"] in marked[each["id"]]["messages"][1]["content"] for each in listed)
    assert {row["split"] for row in marked.values()} == {"train"}


def test_equal_inputs_give_equal_bytes(plan, told):
    again = replace(plan, out=f"{plan.out}-again")
    build.build(again)
    first, second = ({path.relative_to(out): path.read_bytes() for path in Path(out).rglob("*") if path.is_file()}
                     for out in (plan.out, again.out))  # fmt: skip
    assert first == second
    assert len(first) > 6


def test_the_report_says_what_there_is(plan, told):
    assert json.loads((Path(plan.out) / "report.json").read_text()) == told
    assert "<svg" in (Path(plan.out) / "families.svg").read_text()
    said = report.table(told)
    assert f"{told['rows']} rows" in said
    assert all(name in said for name in FAMILIES)
    assert "replay is empty" in report.table({**told, "empty": ["replay"]})


def test_a_place_in_use_and_a_place_without_knowledge_are_refused(plan, told, tmp_path):
    with pytest.raises(NotEmpty, match="expected an empty place"):
        build.build(plan)
    with pytest.raises(NoKnowledge, match=r"manifest\.json"):
        build.build(replace(plan, knowledge=str(tmp_path), out=str(tmp_path / "out")))


@pytest.mark.parametrize(
    "line", ["{", '{"prompt": "a"}', '{"messages": []}', '{"prompt": "", "response": "b"}', "[]", "7"]
)
def test_a_bad_line_of_replay_is_named(plan, tmp_path, line):
    path = tmp_path / "general.jsonl"
    path.write_text('{"prompt": "a", "response": "b"}\n' + line + "\n")
    with pytest.raises(BadReplay, match=r"general\.jsonl:2: expected"):
        build.build(replace(plan, replay=path, out=str(tmp_path / "out")))


def test_replay_rows_point_at_their_line(rows, plan):
    assert plan.replay is not None
    data = gzip.decompress(plan.replay.read_bytes())
    own = [row for row in rows if row["family"] == "replay"]
    for row in own:
        (origin,) = row["origins"]
        line = json.loads(data[origin["start"] : origin["end"]])
        assert line.get("response", "Me.") == row["messages"][1]["content"]


def test_the_command_wants_a_licence_for_replay_and_says_what_is_missing(tmp_path, capsys):
    arguments = ["--knowledge", str(tmp_path), "--out", str(tmp_path / "out"), "--num-workers", "0"]
    assert pairs.main([*arguments, "--replay", "x.jsonl"]) == 2
    assert "--replay-licence" in capsys.readouterr().err
    assert pairs.main(arguments) == 2
    assert "expected manifest.json" in capsys.readouterr().err


def test_the_register_decides_which_sources_are_used():
    known = pairs.terms("MIT")
    assert known["replay"] == Terms("MIT", "replay")
    assert "owasp-cheatsheets" in known
    assert "llm-papers" not in known  # retrieval only
    assert of_row(["sigma", "attack-enterprise"], known)[1] == known["sigma"].shard


def test_the_page_names_every_column_and_family():
    page = Path("docs/teaching-set.md").read_text()
    assert not [name for name in (*SCHEMA.names, *FAMILIES) if f"`{name}`" not in page]
