"""Pairs out of reviewers' decisions join those of the teaching set, and a run is one of exactly these."""

import hashlib
from pathlib import Path

import pytest

from deployments.chat import Turn
from tests.unit.train.test_prefer import adapter, folder, model, rows, wanted  # noqa: F401  fixtures
from train.errors import DatasetError, RunError
from train.learning import folder as feedback
from train.learning.preferences import NAME, Preference
from train.preference import pair, preparing

LINEAGE = ({"origin": "test/control", "idx": 3, "request_id": "r", "means": "human"},)


def decided(place: Path, *sides: str) -> Path:
    """A folder as train.feedback leaves it."""
    made = [
        Preference(
            id=hashlib.sha256(f"{number}".encode()).hexdigest()[:32], side=side, origin="feedback/answered",
            split="train", prompt=(Turn("user", f"question {number}"),), chosen="This instead.",
            rejected="Sure, do that.", about="r", lineage=LINEAGE,
        )
        for number, side in enumerate(sides)
    ]  # fmt: skip
    feedback.put(place, NAME, feedback.lines(made))
    digest = hashlib.sha256((place / NAME).read_bytes()).hexdigest()
    told = {"format": 1, "read_at": {}, "files": {NAME: {"rows": len(made), "sha256": digest}}}
    feedback.put(place, feedback.SUMMARY, feedback.document(told))
    return place


def test_decisions_are_tuned_on_and_name_the_run(folder, model, adapter, rows, tmp_path) -> None:  # noqa: F811
    place = decided(tmp_path / "feedback", "refuse", "answer")
    asked = wanted(folder, model, adapter, rows, name="decided", feedback=place)
    prepared = preparing.prepare(asked, print)
    origins = [one.origin for one in pair.read(prepared.place)]
    assert origins.count("feedback/answered") == 2
    assert preparing.prepare(asked, print).told == prepared.told
    decided(place, "refuse", "answer", "refuse")
    with pytest.raises(RunError, match="expected feedback"):
        preparing.prepare(asked, print)


def test_a_folder_that_was_changed_is_refused(folder, model, adapter, rows, tmp_path) -> None:  # noqa: F811
    place = decided(tmp_path / "feedback", "refuse")
    (place / NAME).write_text("")
    with pytest.raises(DatasetError, match=NAME):
        preparing.prepare(wanted(folder, model, adapter, rows, name="changed", feedback=place), print)
