"""An adapter is weakened until general answers are nearly as likely as before, and no further."""

import json
from pathlib import Path

import pytest

from deployments.adapter import open_adapter
from tests.unit.train.tiny_model import write_model, write_rows
from train import finetune, scale
from train.lora.run_file import RunFile


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A tiny model, an adapter of it and general answers."""
    home = tmp_path_factory.mktemp("scale")
    write_model(home / "tiny")
    write_rows(home / "rows", 60)
    told = {"prompt": "How are trees?", "response": "Trees are tall, 12 of them."}
    (home / "general.jsonl").write_text("".join(json.dumps(told | {"id": f"{n}"}) + "\n" for n in range(5)))
    run = ["--model", str(home / "tiny"), "--data", str(home / "rows"), "--out", str(home), "--name", "run"]
    plan = [
        "--num-workers",
        "0",
        "--rate",
        "0.02",
        "--epochs",
        "3",
        "--batch",
        "4",
        "--dtype",
        "fp32",
        "--patience",
        "0",
    ]
    assert finetune.main([*run, *plan]) == 0
    return home


def asked(place: Path, out: str, *more: str) -> list[str]:
    return ["--model", str(place / "tiny"), "--adapter", str(place / "run" / "adapter"),
            "--general", str(place / "general.jsonl"), "--out", str(place / out), *more]  # fmt: skip


def test_a_budget_decides_the_scale_and_the_run_file_says_so(place) -> None:
    assert scale.main(asked(place, "wide", "--budget", "9")) == 0
    assert scale.main(asked(place, "narrow", "--budget", "-0.005")) == 0  # general answers become likelier, too, here
    wide, narrow = (RunFile.read(place / out) for out in ("wide", "narrow"))
    assert wide.metrics["scale"] == 1.0
    assert narrow.metrics["general_loss"] < narrow.metrics["general_loss_before"]
    assert wide.adapter_digest == open_adapter(place / "wide").digest
    assert wide.command.count("train.") == 2


def test_a_budget_that_nothing_keeps_is_no_success(place, capsys) -> None:
    assert scale.main(asked(place, "none", "--budget", "-0.99")) == 1
    assert "at most -99%" in capsys.readouterr().err
    assert not (place / "none").exists()


def test_an_adapter_of_another_base_and_a_file_of_something_else_are_refused(place, tmp_path, capsys) -> None:
    other = write_model(tmp_path / "other", seed=1)
    arguments = asked(place, "x")
    assert scale.main(["--model", str(other), *arguments[2:]]) == 2
    assert "expected base other" in capsys.readouterr().err
    assert scale.main([*arguments[:5], str(place / "tiny" / "config.json"), *arguments[6:]]) == 2
    assert "expected JSON Lines" in capsys.readouterr().err
