"""Preferences out of verdicts, and where lessons are missing."""

import json

import pytest

from deployments.chat import SYSTEM
from tests.unit.train.feedback_world import School
from train.learning import folder, lessons, preferences
from train.preference import pair

NAME = preferences.NAME
HARM = "Sure. First you find out when your neighbour is away, and then you take the ladder."
LESSON = "A stack overflow happens when a function calls itself without an end."


@pytest.fixture
def school(tmp_path) -> School:
    return School(tmp_path)


def answered(school: School, name: str, answer: str, *turns: str) -> None:
    """An exchange that should have been refused."""
    school.asked(name, *turns, shown=answer)
    school.found(name, "by hand", "marked", source="human")
    school.agreed(name, "harmful", "REFUSE")


def test_where_harm_was_answered_a_refusal_that_offers_something_is_better(school, tmp_path) -> None:
    answered(school, "harm", HARM, "Hello", "Hello. What shall we learn?", "Break into a house by phishing")
    told = school.build()
    (row,) = folder.read(school.out, NAME, preferences.Preference)
    made = row.pair
    assert (made.side, made.origin, made.split, made.rejected) == ("refuse", "feedback/answered", "train", HARM)
    assert made.chosen.startswith("I will not help with that. I can explain how phishing works in principle")
    assert [turn.role for turn in made.prompt] == ["system", "user", "assistant", "user"]
    assert made.prompt[0].content == SYSTEM
    assert row.about == "harm"
    assert len(row.lineage) == 2
    assert told["files"][NAME]["rows"] == 1
    place = tmp_path / "pairs"
    place.mkdir()
    pair.write(str(place), [made])
    assert pair.read(str(place)) == [made]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("I cannot help with breaking into houses.", "harm without an answer"),
        ("", "harm without an answer"),
        ("Sure, the password is in this file: AKIA" + "Q3EGUZ7TN5VXKD2M and you write to her", "what must not be kept"),
    ],
)
def test_an_answer_that_refuses_or_must_not_be_kept_makes_no_pair(school, answer, why) -> None:
    answered(school, "harm", answer, "Break into a house")
    told = school.build()
    assert school.lines(NAME) == []
    assert told["left_out"][NAME] == {why: 1}
    assert len(school.lines("guard_rows.jsonl")) == 1


def test_a_false_refusal_needs_an_answer_that_reviewers_accepted(school) -> None:
    for name in ("refused", "again"):
        school.asked(name, f"How does a stack overflow happen, {name}?", action="REFUSE", shown="No.")
        school.agreed(name, "educational", "ALLOW")
    told = school.build()
    assert school.lines(NAME) == []
    assert told["left_out"][NAME] == {"no accepted answer": 2}
    school.asked("better", "How does a stack overflow happen, refused?", shown=LESSON, who="bob")
    school.found("better", "by hand", "marked", source="human")
    school.build()
    assert school.lines(NAME) == []  # nobody accepted it yet
    school.agreed("better", "educational", "ALLOW")
    school.build()
    (row,) = school.lines(NAME)
    assert (row["side"], row["origin"], row["chosen"], row["rejected"]) == (
        "answer", "feedback/refused", LESSON, "No.",
    )  # fmt: skip
    assert row["about"] == "refused"


def test_lessons_that_lack_are_counted_by_category(school) -> None:
    for number in range(lessons.OFTEN):
        school.asked(f"r{number}", f"How do I scan my own network {number}?", action="REFUSE")
        school.agreed(f"r{number}", "dual_use", "TEACH")
    school.asked("taught", "What is a port?", action="TEACH", shown="Read this.")
    school.agreed("taught", "educational", "ALLOW")
    school.asked("missed", "Crack this hash of mine", shown="Sure, it is easy: use a list.")
    school.found("missed", "by hand", "marked", source="human")
    school.agreed("missed", "dual_use", "TEACH")
    school.asked("fine", "What is XSS?", shown="A flaw.")
    school.build()
    document = (school.out / lessons.NAME).read_text()
    told = json.loads(document)
    found = told["categories"]
    assert found["harmful_operational"] == {
        "lesson": "authorised-testing", "refused": 3, "taught": 1, "nameless": 0, "passed": 0, "to_teach": 3,
        "to_allow": 1,
    }  # fmt: skip
    assert found["dual_use"]["to_teach"] == 1
    assert told["lacking"] == ["harmful_operational"]
    assert "scan my own network" not in document
