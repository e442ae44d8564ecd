"""CVSS vectors and words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.teaching.cvss import METRICS, Vector, from_words, meaning, parse, sentence, words


@st.composite
def vectors(draw):
    version = draw(st.sampled_from(sorted(METRICS)))
    values = {metric: draw(st.sampled_from(sorted(known))) for metric, (_, known) in METRICS[version].items()}
    return Vector(version, values)


@given(vectors())
def test_a_vector_survives_the_way_to_text_and_to_words_and_back(vector):
    assert parse(str(vector)) == vector
    assert from_words(vector.version, words(vector)) == vector
    said = sentence(vector)
    assert said.endswith(".")
    assert "  " not in said


@pytest.mark.parametrize(
    "text",
    ["", "CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
     "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/AV:L", "CVSS:3.1/AVN", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"],
)  # fmt: skip
def test_what_is_no_base_vector_is_not_read(text):
    assert parse(text) is None


def test_metrics_beyond_base_are_left_out_and_the_order_is_the_specification_s():
    found = parse("CVSS:3.1/PR:N/AV:N/AC:L/UI:N/S:U/C:H/I:H/A:N/E:P")
    assert str(found) == "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N"


def test_words_are_those_of_the_specification():
    assert meaning("3.1", "AV", "A") == "Attack Vector: Adjacent"
    assert meaning("4.0", "VC", "H") == "Vulnerable System Confidentiality: High"
    vector = parse("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:N")
    assert vector is not None
    assert sentence(vector) == (
        "An attacker can exploit the flaw over a network, with little effort, without privileges and only if a user "
        "takes part; the impact on confidentiality and integrity is high. The effect reaches beyond the vulnerable "
        "component."
    )
