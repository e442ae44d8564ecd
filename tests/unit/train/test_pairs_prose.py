"""Published texts become clean prose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.teaching.prose import article, closed, excerpt, listed, plain, sentences


@pytest.mark.parametrize(
    ("published", "clean"),
    [
        ("It runs.(Citation: A B 2020)(Citation: C (D) E) More.", "It runs. More."),
        ("[PsExec](https://attack.mitre.org/software/S0029) is a tool.", "PsExec is a tool."),
        ("See [a (b)](https://x.org/a_(b)) here.", "See a (b) here."),
        ("They use <code> net view </code> there.", "They use `net view` there."),
        ("# Title\n\nFirst line\nsecond line.\n\n* one\n* two\n", "First line second line.\n- one\n- two"),
        ("Before.\n```sh\nrm -rf /\n```\nAfter.", "Before.\nAfter."),
        ("| a | b |\n|---|---|\nText.", "Text."),
        ("A **bold** and _thin_ word, snake_case_name stays.", "A bold and thin word, snake_case_name stays."),
        ("<p>A &amp; B</p><br/>", "A & B"),
        ("Use it [REF-76]. It helps..", "Use it. It helps."),
        ("allows XSS.This issue affects all.", "allows XSS. This issue affects all."),
        ("Ranges 1..5 and ../etc stay...", "Ranges 1..5 and ../etc stay..."),
        ("![logo](a.png)\nText <https://x.org> here.<!-- no -->", "Text here."),
    ],
)
def test_markup_goes_and_words_stay(published, clean):
    assert plain(published) == clean


def test_sentences_end_where_they_end():
    text = "Tools, e.g. PsExec by Foo Inc. of the U.S. Army, run v. 1.2.3 of it. Does it? Yes (it does). End"
    assert sentences(text) == ["Tools, e.g. PsExec by Foo Inc. of the U.S. Army, run v. 1.2.3 of it.", "Does it?",
                               "Yes (it does).", "End"]  # fmt: skip


def test_an_excerpt_is_whole_sentences_and_no_announcement_of_a_list():
    text = "The thing is known to run. The following help:\n\n* one\n* two\n\nAnother paragraph comes here."
    assert excerpt(text, 1) == "The thing is known to run."
    assert excerpt(text, 3) == "The thing is known to run."
    assert excerpt("a short name", 2) == ""
    assert excerpt("It types `net view` to see. It then goes away again.", 2, code=False) == "It then goes away again."
    assert len(excerpt("This sentence has a length. " * 50, 50, 100)) <= 100


@given(st.text(max_size=400))
def test_any_text_can_be_cleaned_and_excerpts_are_short(text):
    assert "(Citation:" not in plain(f"{text} (Citation: X)")
    assert len(excerpt(text, 3, 120)) <= 123
    assert "\n" not in excerpt(text, 3)


def test_small_forms():
    assert closed("check the values:") == "Check the values."
    assert closed("Ends already!") == "Ends already!"
    assert closed(" ") == ""
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "C"]) == "A, B and C"
    assert article("malware family") == "a malware family"
    assert article("attack pattern") == "an attack pattern"
