"""A model's own answers to general asks: the same each time, resumed after a kill, and no end learnt where none was."""

import json
from pathlib import Path

import pytest

from deployments.chat import ChatFormat
from tests.unit.train.tiny_model import write_model, write_rows
from train import finetune, replay
from train.errors import DatasetError
from train.lora import general
from train.lora.packing import IGNORED
from train.lora.run_file import RunFile


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("replay")
    write_model(home / "tiny")
    (home / "asks.jsonl").write_text("".join(json.dumps({"text": f"What is {n}?"}) + "\n" for n in range(30)))
    return home


def asked(home: Path, out: Path) -> list[str]:
    return ["--model", str(home / "tiny"), "--prompts", str(home / "asks.jsonl"), "--rows", "20", "--tokens", "8",
            "--out", str(out)]  # fmt: skip


def test_a_call_that_was_cut_off_goes_on(home, tmp_path) -> None:
    out = tmp_path / "general.jsonl"
    assert replay.main(asked(home, out)) == 0
    whole = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["prompt"] for row in whole} <= {f"What is {n}?" for n in range(30)}
    out.write_text("".join(json.dumps(row) + "\n" for row in whole[:5]) + '{"prompt": "What')
    assert replay.main(asked(home, out)) == 0
    again = [json.loads(line) for line in out.read_text().splitlines()]
    assert again[:5] == whole[:5]
    assert [row["prompt"] for row in again] == [row["prompt"] for row in whole]


def test_what_is_marked_as_harmful_is_no_prompt(tmp_path) -> None:
    labels = ("benign", "educational", "harmful", "dual_use", "override")
    lines = [json.dumps({"text": label, "label": label}) + "\n" for label in labels]
    (tmp_path / "asks.jsonl").write_text("".join(lines))
    assert set(replay.prompts(tmp_path / "asks.jsonl", 9)) == {"benign", "educational"}


def test_the_end_of_an_answer_that_was_cut_off_is_nothing_to_learn(home, tmp_path) -> None:
    chat = ChatFormat.load(home / "tiny")
    for ended in (True, False):
        (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "a", "response": "b c", "ended": ended}) + "\n")
        (example,) = general.read(tmp_path / "rows.jsonl", chat, 1000).examples
        learned = [label for label in example.labels if label != IGNORED]
        assert chat.decode(learned) == "b c"
        assert (learned[-1] in chat.stop_ids) is ended


def test_general_rows_are_trained_on_and_told(home, tmp_path) -> None:
    write_rows(tmp_path / "rows", 40)
    told = [json.dumps({"prompt": f"ask {n}", "response": "so"}) + "\n" for n in range(7)]
    (tmp_path / "general.jsonl").write_text("".join(told))
    run = ["--model", str(home / "tiny"), "--data", str(tmp_path / "rows"), "--out", str(tmp_path), "--name", "run",
           "--num-workers", "0", "--steps", "2"]  # fmt: skip
    assert finetune.main([*run, "--general", str(tmp_path / "general.jsonl")]) == 0
    made = RunFile.read(tmp_path / "run" / "adapter").general
    assert made is not None
    assert made.rows == 7
    assert finetune.main(run) == 2  # the same name without them is another run


def test_a_file_of_something_else_is_refused(home, tmp_path, capsys) -> None:
    (tmp_path / "bad.jsonl").write_text("[]\n")
    assert replay.main([*asked(home, tmp_path / "out")[:3], str(tmp_path / "bad.jsonl"), "--out", "x"]) == 2
    assert "expected JSON Lines" in capsys.readouterr().err
    with pytest.raises(DatasetError, match="expected JSON Lines"):
        general.read(tmp_path / "bad.jsonl", ChatFormat.load(home / "tiny"), 100)
