"""What the serving bench makes of its stretches, without an engine or a graph."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import serving, serving_drawing
from tests.bench.serving_asked import Answer, Stretch, pin


def stretch(first_s: float, seconds: float, cpu: str) -> dict[str, object]:
    answers = tuple(Answer(number, first_s + number / 1000, first_s + 1, 10) for number in range(4))
    told = {"cpu_ms": 5.0} if cpu == "bare" else {"cpu_ms_per_request": {"Gateway": 7.0}}
    return Stretch(4, seconds, answers).to_json() | told


def found() -> dict[str, object]:
    guard = dict.fromkeys(range(4), 10.0)
    row = serving._row(stretch(0.1, 1.0, "bare"), stretch(0.1, 1.0, "bare"), stretch(0.13, 1.25, "graph"), guard)
    return {"rows": [serving.together([row])], "rounds": 1, "retrieval": "not run: no knowledge pack",
            "guard_ms": {"p50": 10.0, "p99": 10.0}, "questions": 4, "tokens": 10, "load_average": 0.0}  # fmt: skip


def test_the_guards_own_time_is_no_part_of_what_the_graph_adds() -> None:
    (row,) = found()["rows"]  # type: ignore[misc]
    assert row["tokens_per_s_ratio"] == pytest.approx(0.8)
    assert row["added_p50_ms"] == pytest.approx(20.0)
    assert row["added_p99_ms"] == pytest.approx(20.0)


def test_table_and_picture_tell_every_row() -> None:
    text, picture = serving.show(found()), serving_drawing.draw(found(), serving.TARGETS)
    assert "0.80" in text
    assert "Gateway 7" in text
    assert "0.80" in picture
    assert picture.count("<rect") == 1 + 2 + 6 + 4  # ground, rates, p50 and p99 in three pieces, legend


def test_several_rounds_are_told_by_their_medians_and_each_ones_ratio() -> None:
    guard = dict.fromkeys(range(4), 10.0)
    bare = stretch(0.1, 1.0, "bare")
    rows = [serving._row(bare, bare, stretch(0.13, seconds, "graph"), guard) for seconds in (1.25, 2.0, 1.0)]
    row = serving.together(rows)
    assert row["ratios"] == pytest.approx([0.5, 0.8, 1.0])
    assert row["tokens_per_s_ratio"] == pytest.approx(0.8)
    assert row["bare_tokens_per_s"] == rows[0]["bare_tokens_per_s"]
    assert (row["streams"], row["failed"], row["cpu_ms_per_request"]) == (4, 0, {"Gateway": 7.0})
    text = serving.show(found() | {"rows": [row], "rounds": 3})
    assert "ratio in 3 rounds, 4 streams: 0.500, 0.800, 1.000" in text


def test_a_stretch_is_read_as_it_was_told() -> None:
    one = Stretch(2, 1.5, (Answer(0, 0.1, 0.2, 3),), 1)
    assert Stretch.from_json(one.to_json()) == one


def test_every_thread_of_a_process_is_pinned() -> None:
    code = "import threading,time;threading.Thread(target=time.sleep,args=(30,)).start();print(1,flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        core = min(os.sched_getaffinity(0))
        pin(process.pid, core)
        tasks = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
        pinned = [os.sched_getaffinity(task) for task in tasks]
        process.kill()
    assert pinned == [{core}, {core}]
