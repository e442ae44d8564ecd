"""The engine benchmark's arithmetic, table, drawing and environments, on rounds made up here: no engine, no network."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench import engines, engines_reader
from tests.bench import engines_contestants as who
from tests.bench.engines_drawing import draw
from tests.bench.engines_table import agreed, figures, table

VLLM = "vLLM, bf16 eager"
SETTINGS = ((1, 4), (2, 4))
WORDS = ("a", " be", " sea", " deed", " eel")


def decode(ids: Any) -> str:
    return "".join(WORDS[token] for token in ids)


def run(streams: int, wall_s: float, ids: list[list[int]]) -> dict[str, Any]:
    answers = [{"first_s": 0.1 * (n + 1), "tokens": len(row), "ids": row, "text": ""} for n, row in enumerate(ids)]
    return {"streams": streams, "tokens": 4, "wall_s": wall_s, "cpu_s": wall_s / 2, "answers": answers}


def said(wall_s: float, second: list[int], **more: Any) -> dict[str, Any]:
    runs = [run(1, wall_s, [[0, 1, 2, 3]]), run(2, wall_s, [[0, 1, 2, 3], second])]
    return {"load_s": 1.0, "rss_mib": 500.0, "packages": "torch 2", "runs": runs, "load_before": 0.1} | more


def found() -> dict[str, Any]:
    rounds = {
        who.OURS.name: [said(1.0, [4, 4, 4, 4], perplexity=20.2, adapter_changes=True, close_ms=1.5,
                             after_close_cpu_ms=0.0), said(2.0, [4, 4, 4, 4]), said(4.0, [4, 4, 4, 4])],
        who.REFERENCE: [said(2.0, [4, 4, 4, 4], perplexity=20.0)],
        VLLM: [said(4.0, [4, 4, 0, 0], perplexity=22.0)],
    }  # fmt: skip
    more = {"machine": {"python": "3"}, "not_run": {"llama.cpp, bf16": "not installed"}, "load_before": {VLLM: [0.3]}}
    return more | figures(rounds, decode, [10.0, 20.0, 15.0], 250_000_000)


def test_rates_are_medians_and_bests_of_the_rounds_and_the_bound_is_what_reading_the_weights_allows() -> None:
    measured = found()
    ours = measured["engines"][who.OURS.name]["settings"]["2 x 4"]
    assert (ours["tokens_per_s"], ours["tokens_per_s_best"]) == (4.0, 8.0)
    assert ours["cpu_ms_per_token"] == 125.0
    assert ours["first_ms_p50"] == pytest.approx(150.0)
    assert ours["first_ms_max"] == pytest.approx(200.0)
    assert measured["bound_tokens_per_s"] == 80.0


def test_every_engine_is_held_against_the_reference_s_words_and_perplexity() -> None:
    rows = found()["engines"]
    assert rows[who.OURS.name]["agrees"] == {"p50": 4.0, "least": 4, "of": 4}
    assert rows[VLLM]["agrees"] == {"p50": 3.0, "least": 2, "of": 4}
    assert rows[VLLM]["x_perplexity"] == pytest.approx(1.1)


def test_tokens_agree_up_to_the_first_other_character() -> None:
    assert agreed("a be sea deed", [0, 1, 2, 3], decode) == 4
    assert agreed("a be se", [0, 1, 2, 3], decode) == 2
    assert agreed("other", [0, 1], decode) == 0
    assert agreed("", [], decode) == 0


def test_the_table_names_what_is_slower_worse_or_did_not_run() -> None:
    lines = "\n".join(table(found()))
    assert "at most 80 steps/s" in lines
    assert "not run: llama.cpp, bf16: not installed" in lines
    assert "the shipped adapter changes the answer" in lines
    assert f"{VLLM}: perplexity is 1.100 times the reference's" in lines
    assert f"2 x 4: preceptor takes 1.00 of the CPU time of the thriftiest other, {who.REFERENCE} (125.00 ms)" in lines
    assert f"2 x 4: preceptor gives 1.00 of the tokens/s of the fastest other, {who.REFERENCE} (4.0)" in lines


def test_the_drawing_is_well_formed_and_names_every_engine() -> None:
    measured = found()
    root = ET.fromstring(draw(measured, "Engines"))  # noqa: S314 - our own
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert set(measured["engines"]) <= texts


def test_a_kept_round_counts_only_for_the_same_task_and_the_same_source_of_ours(tmp_path: Path) -> None:
    (tmp_path / "deployments").mkdir()
    source = tmp_path / "deployments" / "engine.py"
    source.write_text("one")
    task = who.Task(tmp_path, tmp_path, (((1,),),), (2,), ((1, 4),), 2, ((3,),), 0)
    spec = task.spec(who.OURS, tmp_path, tmp_path, extras=True)
    before = who.digest(spec)
    assert before == who.digest(json.loads(json.dumps(spec)))
    assert before != who.digest(replace(task, settings=((1, 8),)).spec(who.OURS, tmp_path, tmp_path, extras=True))
    source.write_text("two")
    assert before != who.digest(spec)


def test_an_engine_that_is_not_installed_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    (vllm,) = (each for each in who.CONTESTANTS if each.name == VLLM)
    with pytest.raises(who.NotRun, match=r"tests\.bench\.engines --setup"):
        who.python(vllm, tmp_path)
    assert who.python(who.OURS, tmp_path) == Path(sys.executable)


def test_names_are_chosen_by_their_parts_and_before_stands_after_ours() -> None:
    assert [each.name for each in engines.chosen("fp32,llama", None)] == [
        who.REFERENCE, "llama.cpp, bf16", "llama.cpp, Q4_1 (quantised)",
    ]  # fmt: skip
    assert [each.name for each in engines.chosen("", Path())][:2] == [who.OURS.name, who.BEFORE]


def test_cpu_time_is_of_the_process_and_its_children() -> None:
    before = engines_reader.tree_cpu_s()
    spin = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert engines_reader.tree_cpu_s() - before >= 0.25
        child.communicate(b"\n")


@pytest.mark.parametrize("load", [1.01, 50.0])
def test_a_busy_machine_is_not_measured(monkeypatch: pytest.MonkeyPatch, load: float) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    assert engines.main(["--only", "fp32"]) == 2
