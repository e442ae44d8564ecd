"""Questions that follow others: what "it" stands for is taken from the one before, and from nothing else."""

from pathlib import Path

import pytest

from deployments.knowledge.consultation import consult
from deployments.knowledge.following import followed
from tests.unit.deployments.knowledge_fixture import opened

FIRST = "Which mitigations exist for T1003.001?"


@pytest.mark.parametrize(
    ("question", "before", "read"),
    [
        ("And how is it detected?", FIRST, "And how is T1003.001 detected?"),
        ("Which groups use that technique?", FIRST, "Which groups use T1003.001?"),
        ("How is T1566 detected, and is it common?", FIRST, "How is T1566 detected, and is it common?"),
        ("And how is it detected?", "", "And how is it detected?"),
        ("And how is it detected?", "Hello", "And how is it detected?"),
        ("And how is it detected?", "What joins T1003 and T1566?", "And how is it detected?"),
        ("Thank you.", FIRST, "Thank you."),
    ],
)
def test_it_is_what_was_asked_before(tmp_path: Path, question: str, before: str, read: str) -> None:
    assert followed(opened(tmp_path), question, before) == read


def test_a_follow_up_is_answered_from_the_graph(tmp_path: Path) -> None:
    said = consult(opened(tmp_path), "And which groups use it?", "What is Mimikatz?")
    assert "G0016" in said.text
