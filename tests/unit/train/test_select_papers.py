"""The table and the picture of a selection, and the rules by which outcomes are kept."""

from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from train.selection.figure import draw
from train.selection.outcome import Outcome, Score, earlier, path_of
from train.selection.table import best, markdown, ordered, shown


def share(value: float, **more: object) -> Score:
    return Score(
        **({"name": "relations", "group": "quality", "unit": "share", "better": "higher", "n": 20} | more), value=value
    )


FAST = Score(name="decoding", group="cost", unit="rate", better="higher", value=40.0, low=38.0, high=41.0, n=3)
SMALL = Score(name="peak memory", group="cost", unit="bytes", better="lower", value=1.2e9, n=1)
LARGE = SMALL.model_copy(update={"value": 9e9})
MEASURED = (share(0.5, low=0.3, high=0.7, baseline=0.25), FAST, SMALL)
ONE = Outcome(name="one", licence="MIT", parameters=135_000_000, digest="d1", suite="s" * 64, scores=MEASURED)
TWO = Outcome(name="two", digest="d2", suite="s" * 64, scores=(share(0.25), LARGE), machine="x86_64")
NONE = Outcome(name="<three>", licence="Apache-2.0", not_measured="no weights: fetch them: hf download a/b")


def test_the_table_holds_every_candidate_and_marks_the_best() -> None:
    page = markdown([ONE, TWO, NONE], "python -m train.select")
    assert "| relations | 20 | higher | 25.0 % | **50.0 %** (30.0 to 70.0) | 25.0 % |" in page
    assert "| peak memory | 1 | lower |  | **1.20 GB** | 9.00 GB |" in page
    assert "| decoding | 3 | higher |  | 40 tokens/s (38 to 41) | - |" in page
    assert "| <three> | Apache-2.0 | no weights: fetch them: hf download a/b |" in page
    assert "| licence | | | | MIT | unknown |" in page


def test_a_table_of_nobody_measured_still_says_why() -> None:
    page = markdown([NONE], "python")
    assert "## Not measured" in page
    assert "| measure |" not in page


def test_the_picture_is_whole_and_names_all() -> None:
    root = ElementTree.fromstring(draw([ONE, TWO, NONE]))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("one") == texts.count("two") == 3
    assert "<three>: no weights: fetch them: hf download a/b" in texts
    circles = [each.attrib for each in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(circles) == 5
    assert [each["class"] for each in circles] == ["top", "other", "other", "top", "other"]
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(float(each["cx"]) < width and float(each["cy"]) < height for each in circles)


def test_measures_keep_their_order_and_gaps() -> None:
    assert [(name, [score is None for score in scores]) for name, scores in ordered([NONE, TWO, ONE])] == [
        ("relations", [False, False]),
        ("peak memory", [False, False]),
        ("decoding", [True, False]),
    ]


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=6), st.sampled_from(["higher", "lower"]))
def test_the_best_is_better_than_all_others(values: list[float | None], better: str) -> None:
    scores = [None if value is None else share(value, better=better) for value in values]
    places = best(scores)
    present = [value for value in values if value is not None]
    if len(set(present)) < 2:
        assert places == set()
    else:
        top = max(present) if better == "higher" else min(present)
        assert places == {place for place, value in enumerate(values) if value == top}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.333, "share", "33.3 %"),
        (2.5e9, "bytes", "2.50 GB"),
        (3.14, "rate", "3.1 tokens/s"),
        (1.5, "bits", "1.500 bits"),
        (12.345, "perplexity", "12.35"),
        (123456.0, "perplexity", "1.23e+05"),
    ],
)
def test_values_show_their_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_an_outcome_is_taken_again_for_the_same_weights_and_items_only(tmp_path: Path) -> None:
    assert earlier(tmp_path, "one", "d1", "s" * 64) is None
    ONE.write(tmp_path)
    assert earlier(tmp_path, "one", "d1", "s" * 64) == ONE
    assert earlier(tmp_path, "one", "d2", "s" * 64) is None
    assert earlier(tmp_path, "one", "d1", "t" * 64) is None
    path_of(tmp_path, "one").write_text("{")
    assert earlier(tmp_path, "one", "d1", "s" * 64) is None
