"""The sheet beside the weights belongs to these weights, and the page and the drawing say what the sheet says."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from guards.encoder import WEIGHTS, card_digest
from guards.policy import Policy
from train import guard_card, guard_figure, guard_page

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def sheet():
    return json.loads((WEIGHTS / "sheet.json").read_text())


@pytest.fixture(scope="module")
def card():
    return json.loads((WEIGHTS / "card.json").read_text())


def test_the_sheet_is_about_the_shipped_weights(sheet):
    assert sheet["guard"] == card_digest()


def test_the_page_and_the_drawing_are_made_from_the_sheet(sheet):
    assert (DOCS / "guard.md").read_text() == guard_page.render(sheet)
    assert (DOCS / "guard.svg").read_text() == guard_figure.draw(sheet)
    ElementTree.fromstring(guard_figure.draw(sheet))  # noqa: S314 our own drawing


def test_a_measure_is_met_only_by_its_figure(sheet):
    assert len(sheet["targets"]) >= 15
    for row in sheet["targets"]:
        if row["value"] is not None:
            aim = float(row["aim"].split()[1])
            assert row["met"] == (row["value"] >= aim if row["aim"].startswith("≥") else row["value"] <= aim)
            assert row["interval"] is None or row["interval"][0] <= row["value"] <= row["interval"][1]


def test_the_policy_has_the_thresholds_that_were_calibrated(card):
    policy = Policy.load()
    plain = [card["calibration"]["refuse"]["pools"][name] for name in ("everyday", "security")]
    assert sum(pool[0] for pool in plain) <= policy.budget * sum(pool[1] for pool in plain)
    for name, (refused, _) in guard_card.BUDGETS.items():
        reached, of, _ = card["calibration"]["refuse"]["pools"][name]
        assert (reached + 1) / (of + 1) <= refused
    for name, threshold in card["calibration"]["refuse"]["thresholds"].items():
        assert policy.category(name).threshold == threshold, name
    for name, threshold in card["calibration"]["teach"]["thresholds"].items():
        category = policy.category(name)
        assert (category.threshold if category.teach_threshold is None else category.teach_threshold) == threshold, name


def test_the_graph_acts_as_the_exact_weights_do(card):
    assert card["agreement"]["same_action"] >= 0.995
