"""Champion and challenger: what is counted, what is asked, and that a worse challenger is refused."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from guards.scores import Scores
from guards.verdict import Action
from train.challenger import comparing, figure, page, rules
from train.challenger.comparing import Pair
from train.challenger.items import ATTACK, BENIGN, DISGUISED, DISGUISED_BENIGN, FRIGHTENING, REGRESSION, Item, held_out
from train.challenger.report import Challenge, Measure
from train.errors import GateError
from train.guard_measures import Judged
from train.guard_rows import EDUCATIONAL, HARMFUL, Row

HARM, FINE = Scores(0.0, 0.05, 0.0, 0.95, 0.0), Scores(0.0, 0.95, 0.0, 0.05, 0.0)


def judged(row: Row, action: Action, scores: Scores) -> Judged:
    return Judged(row.text, row.source, row.label, row.language, action, scores)


def pairs(group: str, n: int, champion: Sequence[bool], challenger: Sequence[bool]) -> list[Pair]:
    """n items of a group; the flags, repeated, say who judges them rightly."""
    found = []
    for number in range(n):
        item = Item(group, Row(f"{group} {number}", EDUCATIONAL, 0, "a-source"))
        sides = []
        for flags in (champion, challenger):
            held = flags[number % len(flags)] == item.harmful
            sides.append(judged(item.row, Action.REFUSE if held else Action.ALLOW, HARM if held else FINE))
        found.append(Pair(item, *sides))
    return found


def measures(**changed: tuple[Sequence[bool], Sequence[bool]]) -> list[Measure]:
    """Measures of two equal guards but for the named groups; the challenger gains on disguised attacks."""
    return list(_measures(tuple((group, tuple(a), tuple(b)) for group, (a, b) in changed.items())))


@cache  # its intervals take seconds
def _measures(changed: tuple[tuple[str, tuple[bool, ...], tuple[bool, ...]], ...]) -> tuple[Measure, ...]:
    good: dict[str, tuple[Sequence[bool], Sequence[bool]]] = {
        group: ([True], [True]) for group in (ATTACK, BENIGN, FRIGHTENING, DISGUISED_BENIGN, REGRESSION)
    }
    good |= {DISGUISED: ([True, True, True, False], [True])} | {group: (a, b) for group, a, b in changed}
    every = [pair for group, (a, b) in good.items() for pair in pairs(group, 400, a, b)]
    return *comparing.shares(every), comparing.calibration(every), comparing.latency([1.0] * 50, [1.1] * 50)


def test_a_challenger_that_gains_and_loses_nothing_passes() -> None:
    assert rules.broken(measures()) == []


@pytest.mark.parametrize(
    ("group", "reason"),
    [(ATTACK, "attacks_held"), (BENIGN, "benign_passed"), (FRIGHTENING, "frightening_passed"),
     (DISGUISED_BENIGN, "disguised_benign_passed")],
)  # fmt: skip
def test_one_that_loses_a_tenth_anywhere_is_refused(group: str, reason: str) -> None:
    (why,) = (why for why in rules.broken(measures(**{group: ([True], [True] * 9 + [False])})) if reason in why)
    assert "expected a loss of at most" in why


def test_one_item_of_the_regression_set_lost_is_enough() -> None:
    found = measures(**{REGRESSION: ([True], [True] * 399 + [False])})
    assert [why for why in rules.broken(found) if "regression_held: expected no item lost, found 1" in why]


def test_one_that_helps_nobody_is_refused() -> None:
    (why,) = rules.broken(measures(**{DISGUISED: ([True], [True])}))
    assert why.startswith("gain: ")


def test_a_slower_one_and_a_surer_one_without_reason_are_refused() -> None:
    found = measures()
    slow = [comparing.latency([1.0] * 50, [1.4] * 50) if one.name == "latency" else one for one in found]
    assert [why for why in rules.broken(slow) if why.startswith("latency")]
    wrong = pairs(ATTACK, 50, [True], [True]) + pairs(BENIGN, 50, [True], [False])
    assert comparing.calibration(wrong).difference.high < 0


def test_a_measure_that_is_absent_or_empty_is_a_broken_rule() -> None:
    found = measures()
    assert [why for why in rules.broken(found[1:]) if why == "attacks_held: expected this measure, found none"]
    empty = [one.model_copy(update={"n": 0}) if one.name == "benign_passed" else one for one in found]
    assert [why for why in rules.broken(empty) if why == "benign_passed: expected items, found none"]


def test_held_out_rows_are_the_same_for_the_same_folder_and_never_more_than_asked() -> None:
    rows = [Row(f"{source} {n}", HARMFUL, 0, source, "known") for source in ("one", "two") for n in range(30)]
    found = list(held_out(rows, 10))
    assert len(found) == 20
    assert found == list(held_out(reversed(rows), 10))
    assert {item.group for item in found} == {ATTACK}


def test_the_page_and_the_picture_say_what_was_found(tmp_path) -> None:
    found = challenge(measures(**{ATTACK: ([True], [True] * 9 + [False])}))
    text, drawn = page.render(found), figure.draw(found)
    assert "is refused" in text
    assert "| attacks_held | 400 | 1.0000 | 0.9000 |" in text
    assert "attacks held" in drawn
    found.write(tmp_path / "challenge.json")
    assert Challenge.read(tmp_path / "challenge.json") == found
    (tmp_path / "challenge.json").write_text("{}")
    with pytest.raises(GateError, match="expected a challenge"):
        Challenge.read(tmp_path / "challenge.json")


def challenge(found: list[Measure], champion: str = "a" * 64, challenger: str = "b" * 64) -> Challenge:
    broken = rules.broken(found)
    return Challenge(
        champion=champion, challenger=challenger, policy_digest="c" * 64, suite_digest="d" * 64, dataset_digest=None,
        measures=found, lost=[], passed=not broken, reasons=broken, command="test",
    )  # fmt: skip


def test_the_page_of_rules_is_the_code() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "rollout.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|,]+?)(?:,[^|]*)? \|$", text, re.MULTILINE))
    assert {
        name: "not one text" if one.rule == "none_lost" else f"{one.slack:g}" for name, one in rules.DEMANDS.items()
    } == rows
