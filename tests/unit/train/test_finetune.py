"""What is wrong is said before anything long begins, in a sentence, and nothing is left behind."""

import json
from pathlib import Path

import pytest

from tests.unit.train.tiny_model import write_model, write_rows
from train import finetune, finetuning
from train.errors import RunError
from train.lora.plan import Plan


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("finetune")
    write_model(home / "tiny")
    write_rows(home / "rows", 40)
    return home


def refused(place: Path, capsys, *more: str) -> str:
    given = {"--model": str(place / "tiny"), "--data": str(place / "rows"), "--out": str(place / "runs"),
             "--name": "bad", "--num-workers": "0"} | dict(zip(more[::2], more[1::2], strict=False))  # fmt: skip
    flags = [flag for flag, value in given.items() if value == "yes"]
    words = [word for flag, value in given.items() if value != "yes" for word in (flag, value)]
    assert finetune.main([*words, *flags]) == 2
    assert not (place / "runs" / "bad").exists()
    return capsys.readouterr().err


def test_a_model_that_nobody_knows_or_has_no_weights(place, capsys) -> None:
    assert "smollm2-135m-instruct" in refused(place, capsys, "--model", "no-such-model")
    assert "hf download" in refused(place, capsys, "--model", "llama-3.1-8b-instruct", "--models", str(place))


def test_rows_of_another_schema_or_without_the_splits(place, capsys, tmp_path) -> None:
    assert "Parquet files" in refused(place, capsys, "--data", str(place / "tiny"))
    rows = write_rows(tmp_path / "rows", 10, split="train")
    assert "split dev" in refused(place, capsys, "--data", str(rows))
    assert "at most 16 tokens" in refused(place, capsys, "--length", "16")


def test_a_gpu_that_is_not_there(place, capsys) -> None:
    assert "has none that torch can use" in refused(place, capsys, "--use-gpu", "yes")
    assert "expected --use-gpu" in refused(place, capsys, "--quantise", "4bit")


def test_too_little_memory(place, capsys, monkeypatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    assert "GB of free memory" in refused(place, capsys)


def test_numbers_that_make_no_plan(place, capsys) -> None:
    assert "rate" in refused(place, capsys, "--rate", "-1")
    assert "dtype" in refused(place, capsys, "--dtype", "fp8")
    assert "MIN:MAX" in refused(place, capsys, "--num-workers", "0:4")
    assert "could not convert" in refused(place, capsys, "--mix", "refuse=much")


def test_an_adapter_of_another_base_and_one_that_is_none(place, capsys, tmp_path) -> None:
    assert "expected an adapter" in refused(place, capsys, "--adapter", str(place / "tiny"))
    run = ["--data", str(place / "rows"), "--out", str(tmp_path), "--name", "run", "--num-workers", "0", "--steps", "1"]
    assert finetune.main(["--model", str(write_model(tmp_path / "other", 1)), *run]) == 0
    assert "expected base tiny" in refused(place, capsys, "--adapter", str(tmp_path / "run" / "adapter"))


def test_a_name_that_is_taken_by_another_plan_is_not_written_over(place, capsys, tmp_path) -> None:
    run = ["--model", str(place / "tiny"), "--data", str(place / "rows"), "--out", str(tmp_path), "--name", "run",
           "--num-workers", "0", "--steps", "1"]  # fmt: skip
    assert finetune.main(run) == 0
    before = (tmp_path / "run" / "adapter" / "run.json").read_bytes()
    assert finetune.main([*run, "--rank", "2"]) == 2
    assert "choose another --name" in capsys.readouterr().err
    assert (tmp_path / "run" / "adapter" / "run.json").read_bytes() == before


def test_the_plan_of_a_run_can_be_read_back(tmp_path) -> None:
    plan = Plan(rank=3, mix={"refuse": 1.5})
    for told in (json.loads(plan.model_dump_json()), {"plan": json.loads(plan.model_dump_json()), "name": "x"}):
        (tmp_path / "plan.json").write_text(json.dumps(told))
        options = finetune.parser().parse_args(
            ["--model", "x", "--data", "x", "--out", "x", "--name", "x", "--plan", str(tmp_path / "plan.json")]
        )
        assert finetune.plan_of(options) == plan
    options.quantise, options.shard = "4bit", "fsdp"
    with pytest.raises(RunError, match="4-bit weights cannot be sharded"):
        finetune.plan_of(options)


def test_a_run_without_ray_needs_a_folder() -> None:
    wanted = finetuning.Wanted("x", Path("x"), "x", "s3://bucket/runs", "x", Plan())
    with pytest.raises(RunError, match="expected a folder with --num-workers 0"):
        finetuning.prepare(wanted)


def test_a_log_without_a_key_is_told_before_the_run_and_not_after_it(place, capsys, monkeypatch) -> None:
    monkeypatch.delenv("PRECEPTOR_API_KEY", raising=False)
    assert "expected a URL and a key" in refused(place, capsys, "--log", "http://127.0.0.1:1")


def test_one_of_several_processes_is_told_to_be_one(place, capsys, monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "expected one process" in refused(place, capsys)


def test_a_run_that_began_with_another_adapter_is_another_run(place, capsys, tmp_path) -> None:
    run = ["--model", str(place / "tiny"), "--data", str(place / "rows"), "--out", str(tmp_path), "--num-workers", "0",
           "--steps", "1"]  # fmt: skip
    for seed in ("1", "2"):
        assert finetune.main([*run, "--name", f"first{seed}", "--seed", seed]) == 0
    start = tmp_path / "first1" / "adapter"
    assert finetune.main([*run, "--name", "next", "--adapter", str(start)]) == 0
    for name in ("adapter_model.safetensors", "run.json"):  # another adapter at the same place
        (start / name).write_bytes((tmp_path / "first2" / "adapter" / name).read_bytes())
    assert finetune.main([*run, "--name", "next", "--adapter", str(start)]) == 2
    assert "next exists, of start" in capsys.readouterr().err
