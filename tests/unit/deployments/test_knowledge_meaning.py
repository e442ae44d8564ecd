"""The encoder and what it is asked for: vectors of length one, near where meanings are, and wishes in other words."""

import numpy as np
import pytest

from deployments.knowledge.encoder import WIDTH, Encoder
from deployments.knowledge.wishes import Wishes

AMONG = {"mitigation", "detection", "group", "software", "tactic", "subtechnique"}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


def test_a_vector_has_length_one_and_is_the_same_each_time(encoder: Encoder) -> None:
    vector = encoder.encode("Adversaries may dump credentials.")
    assert vector.shape == (WIDTH,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1)
    assert np.array_equal(vector, encoder.encode("Adversaries may dump credentials."))


def test_what_means_the_same_is_nearer_than_what_does_not(encoder: Encoder) -> None:
    one, two, three = (
        encoder.encode(text) for text in ("stolen passwords", "theft of credentials", "a recipe for bread")
    )
    assert one @ two > one @ three + 0.3


def test_any_text_has_a_vector(encoder: Encoder) -> None:
    for text in ("", "\ud800", "x" * 10_000, "\u200b"):
        assert np.isfinite(encoder.encode(text)).all()


@pytest.mark.parametrize(
    ("question", "concept"),
    [
        ("Whose handiwork is it?", "group"),
        ("What would make us safer from it?", "mitigation"),
        ("How would it come to our attention?", "detection"),
        ("What are intruders after with it?", "tactic"),
        ("Tell me more about it.", "definition"),
    ],
)
def test_a_wish_is_understood_in_other_words(encoder: Encoder, question: str, concept: str) -> None:
    assert Wishes(encoder.encode).nearest(question, AMONG) == concept


def test_a_wish_that_is_none_stays_none(encoder: Encoder) -> None:
    assert Wishes(encoder.encode).nearest("The weather in April is mild.", AMONG) == ""
