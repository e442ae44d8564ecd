"""The guard benchmark's arithmetic, table and drawing, on readings made up here: no guard, no peer, no network."""

import json
import random
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import environments, guard, guard_peers, guard_reader
from tests.bench.environments import NotRun, environment, output
from tests.bench.guard_drawing import draw
from tests.bench.guard_peers import Reading, Run
from tests.bench.guard_prompts import SPEED, Prompt, balanced, chosen
from tests.bench.guard_table import figures, limit, rank, table
from train.guard_measures import caught_at
from train.guard_rows import DUAL_USE, EDUCATIONAL, HARMFUL, UNKNOWN, Row

OURS, BESIDE = "preceptor", "stackone-defender"


def rows() -> list[Row]:
    made = [Row(f"lesson {n}", EDUCATIONAL, 0, f"lessons/{n % 3}", "known") for n in range(90)]
    made += [Row(f"override {n}", UNKNOWN, 1, "tensortrust", "test") for n in range(50)]
    made += [Row(f"few {n}", UNKNOWN, 1, "garak_tap", "known") for n in range(2)]
    made += [Row(f"harm {n}", HARMFUL, 0, "cysecbench", "known") for n in range(50)]
    made += [Row(f"hands-on {n}", DUAL_USE, 0, "cysecbench", "known") for n in range(50)]
    made += [Row(f"prose {n}", EDUCATIONAL, 0, "feeds/passages", "test") for n in range(50)]
    return made + [Row(f"{n:2} " + "long " * 54, DUAL_USE, 0, "written/handson", "known") for n in range(50)]


def prompts() -> list[Prompt]:
    """100 benign, 10 of each attack, half of the overrides unseen, 4 for speed."""
    made = [Prompt(f"lesson {n}", "educational", "lessons", False) for n in range(100)]
    made += [Prompt(f"override {n}", "override", "tensortrust", n < 5) for n in range(10)]
    made += [Prompt(f"harm {n}", "harmful", "cysecbench", False) for n in range(10)]
    return made + [Prompt(f"speed {n}", SPEED, "lessons", False) for n in range(4)]


def run(override: float | None, harmful: float | None, cpu_ms: float) -> Run:
    """Benign scores 0.00 to 0.99; all attacks of a group score alike; blocked from 0.97."""

    def reading(number: int, prompt: Prompt) -> Reading:
        fixed = {"override": override, "harmful": harmful}
        score = fixed.get(prompt.group, number / 100 if prompt.group == "educational" else 0.0)
        return Reading(score, score is not None and score >= 0.97, prompt.text == "lesson 50", 2 * cpu_ms, cpu_ms)

    return Run(tuple(reading(number, prompt) for number, prompt in enumerate(prompts())), "package 1.0")


def found() -> dict:
    runs = {OURS: run(0.985, 0.97, 3.0), BESIDE: run(0.5, 1.0, 6.0)}
    more = {"machine": {"python": "3"}, "texts": {"override": 10}, "before": {OURS: 0.5}, "not_run": {"other": "gone"}}
    return more | figures(prompts(), runs)


def test_half_of_the_texts_are_benign_and_a_quarter_each_attack_balanced_by_source_and_always_the_same() -> None:
    made = chosen(rows(), 60, 20)
    assert made == chosen(rows(), 60, 20)
    groups = [prompt.group for prompt in made]
    assert [groups.count(name) for name in ("educational", "override", "harmful", SPEED)] == [30, 15, 15, 20]
    sources = [prompt.source for prompt in made if prompt.group == "educational"]
    assert {name: sources.count(name) for name in sources} == {f"lessons/{n}": 10 for n in range(3)}
    assert sum(prompt.source == "garak_tap" for prompt in made) == 2
    assert {prompt.source for prompt in made if prompt.unseen} == {"tensortrust"}
    assert all(250 <= len(prompt.text) <= 330 for prompt in made if prompt.group == SPEED)
    assert groups[:60] != sorted(groups[:60])
    assert groups[60:] == [SPEED] * 20


def test_a_source_with_few_rows_gives_all_and_the_others_fill_up() -> None:
    overrides = [row for row in rows() if row.override == 1]
    held = balanced(overrides, 10, random.Random(1))  # noqa: S311 reproducible, not secret
    assert sorted(row.source for row in held) == ["garak_tap"] * 2 + ["tensortrust"] * 8


def test_the_limit_is_the_one_that_the_guard_s_own_sheet_uses() -> None:
    benign = [number / 100 for number in range(100)]
    attacks = [0.97, 0.98, 0.981, 1.0]
    assert limit(benign) == 0.98
    assert sum(score > limit(benign) for score in attacks) == caught_at(attacks, benign).count == 2
    assert limit([0.0] * 50 + [0.9]) == 0.9


def test_percentiles_are_by_nearest_rank() -> None:
    assert [rank([4.0, 1.0, 3.0, 2.0], part) for part in (0.0, 0.5, 0.51, 0.99)] == [1.0, 2.0, 3.0, 4.0]


def test_shares_at_one_percent_and_as_it_comes_lessons_times_and_ratios() -> None:
    row = found()["guards"][OURS]
    assert row["threshold_at_1_percent_fpr"] == 0.98
    caught = {group: (row[group]["at_1_percent_fpr"]["share"], row[group]["default"]["share"])
              for group in ("override", "harmful", "educational")}  # fmt: skip
    assert caught == {"override": (1.0, 1.0), "harmful": (0.0, 1.0), "educational": (0.01, 0.03)}
    assert row["override"]["unseen"]["at_1_percent_fpr"]["of"] == 5
    assert row["educational"]["lesson"]["count"] == 1
    by_source = found()["caught_at_1_percent_fpr"]
    assert by_source["harmful, cysecbench"] == {"texts": 10, OURS: 0, BESIDE: 10}
    assert by_source["educational, lessons"] == {"texts": 100, OURS: 1, BESIDE: 1}
    assert row["speed"] == {"wall_p50_ms": 6.0, "wall_p99_ms": 6.0, "cpu_p50_ms": 3.0}
    assert row["x_cpu"] == {"speed": 0.5, "judged": 0.5}
    assert [(aim["figure"], aim["met"]) for aim in found()["aims"]] == [(0.5, True), (0.5, True)]


def test_a_guard_without_scores_has_no_figure_at_one_percent_and_one_that_failed_is_not_counted_as_zero() -> None:
    blind = Run(tuple(Reading(None, blocked=True) for _ in prompts()), "")
    half = Run(tuple(Reading(error="late") if p.text == "override 0" else Reading(1.0, True) for p in prompts()), "")
    guards = figures(prompts(), {"blind": blind, "half": half})["guards"]
    assert guards["blind"]["override"]["at_1_percent_fpr"] is None
    assert guards["blind"]["override"]["default"]["share"] == 1.0
    assert (guards["half"]["override"]["default"]["of"], guards["half"]["failed"]) == (9, ["late"])
    assert "x_cpu" not in guards["half"]


def test_the_table_names_every_guard_and_who_was_not_run() -> None:
    lines = list(table(found()))
    assert all(any(line.startswith(f"{name:28}") for line in lines) for name in (OURS, BESIDE))
    assert "not run: other: gone" in lines
    assert any(line.startswith("met") and line.endswith("aim <= 0.7") for line in lines)


def test_the_drawing_is_an_image_with_every_guard_and_a_dot_per_figure() -> None:
    image = ET.fromstring(draw(found(), "Guards & peers"))  # noqa: S314 we have just written it
    texts = [element.text for element in image.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Guards & peers", OURS, BESIDE, "overrides caught, %", "harmful asks caught, %"} <= set(texts)
    assert len(list(image.iter("{http://www.w3.org/2000/svg}circle"))) == 2 * (2 + 2 + 1)


def test_a_guard_that_raises_has_not_judged() -> None:
    def broken(text: str) -> dict:
        raise ValueError(text)

    assert guard_reader.read(broken, 3, "no") == {"id": 3, "error": "ValueError: no"}
    reading = guard_reader.read(lambda _: {"score": 0.5, "blocked": False}, 4, "yes")
    assert reading["cpu_ms"] >= 0
    lines = [json.dumps(line) for line in ({"packages": "p 1"}, {"id": 0, "error": "late"}, reading | {"id": 1})]
    parsed = Run.parse(lines, 2)
    assert parsed.readings[0] == Reading(error="late")
    assert parsed.readings[1].score == 0.5
    with pytest.raises(NotRun, match="expected 3 readings in order, got 2"):
        Run.parse(lines, 3)


def test_a_peer_that_cannot_be_made_says_why_and_a_half_made_one_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = list[list[str]]()

    def install(command: list[str], limit_s: float, **more: object) -> str:
        done.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)
        elif len(done) < 3:
            raise NotRun("no such package")
        return ""

    monkeypatch.setattr(environments, "output", install)
    (tmp_path / "armorer-guard" / "bin").mkdir(parents=True)
    with pytest.raises(NotRun, match="no such package"):
        environment(tmp_path / "armorer-guard", guard_peers.PINS["armorer-guard"])
    environment(tmp_path / "armorer-guard", guard_peers.PINS["armorer-guard"])
    environment(tmp_path / "armorer-guard", guard_peers.PINS["armorer-guard"])
    assert len(done) == 4
    assert done[-1][-1] == "armorer-guard==0.4.1"


def test_a_program_s_last_complaint_is_the_reason() -> None:
    with pytest.raises(NotRun, match=r"^ValueError: of the end$"):
        output([sys.executable, "-c", "raise ValueError('of the end')"], 60.0)
    with pytest.raises(NotRun, match="expected an end within"):
        output([sys.executable, "-c", "import time; time.sleep(9)"], 0.05)


def test_every_peer_is_pinned_exactly_and_has_a_reader() -> None:
    assert set(guard_reader.GUARDS) == set(guard_peers.NAMES)
    assert all("==" in pin for pins in guard_peers.PINS.values() for pin in pins)


def test_the_command_refuses_unknown_guards_too_few_rows_and_missing_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in (["--only", "nobody"], ["--rows", "8"]):
        with pytest.raises(SystemExit):
            guard.main(wrong)
    assert "got nobody" in capsys.readouterr().err
    assert guard.main(["--data", str(tmp_path)]) == 2
    assert guard.parser().parse_args(["--only", "armorer-guard,preceptor"]).only == ("preceptor", "armorer-guard")
