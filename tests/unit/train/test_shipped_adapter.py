"""What this version ships: signed, judged by the rules of today, about the base that ships beside it."""

import json
from pathlib import Path

import pytest

from app import shipped
from train.evaluation import gate
from train.evaluation.report import Evaluation
from train.promotion import signature

ADAPTERS = [path for path in shipped.SHIPPED.iterdir() if path.is_dir()]


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_a_shipped_adapter_is_signed_and_its_gate_holds(folder: Path) -> None:
    signature.verify(folder, shipped.SHIPPED / "key.pub")
    found, told = shipped.find(folder.name), Evaluation.read(folder / "evaluation.json")
    assert found is not None
    assert gate.failures(told.measures) == []
    assert told.candidate.adapter_digest == found.folder.digest
    assert told.base.digest == found.base
    assert json.loads((folder / "run.json").read_text())["dataset"]["digest"] == told.dataset_digest


def test_the_embedded_model_ships_with_one() -> None:
    assert [folder.name for folder in ADAPTERS] == ["smollm2-135m-instruct"]
    assert sum(file.stat().st_size for file in ADAPTERS[0].iterdir()) < 12_000_000
