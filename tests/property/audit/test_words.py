"""Words do not know how a text is laid out, and know everything else of it."""

import re
import time
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from audit.words import words

LETTERS = st.text("abcXYZ0189äßé", min_size=1, max_size=8)
SIGNS = st.sampled_from(
    ["*", "**", "_", "`", "“", "”", "'", '"', " ", "\n\n", "\r\n", "# ", "|", "- ", "\u200b", "\u00a0", "…"]
)


@given(st.lists(LETTERS, max_size=20), st.data())
def test_signs_and_spaces_between_words_do_not_matter(parts, data):
    plain = words(" ".join(parts))
    signs = [data.draw(SIGNS) for _ in parts]
    laid_out = "".join(sign + part for sign, part in zip(signs, parts, strict=True))
    assume(not re.search(r"(?:`{3}|^[ \t>]*[0-9]+[.)])", laid_out, re.MULTILINE))
    assert words(laid_out) == plain


@given(st.lists(LETTERS, min_size=1, max_size=20), st.integers(0, 19), LETTERS)
def test_another_word_gives_other_words(parts, at, other):
    at %= len(parts)
    assume(words(parts[at]) != words(other))
    altered = [*parts[:at], other, *parts[at + 1 :]]
    assume(words("".join(parts)) != words("".join(altered)))  # aa|a and a|aa are one text without its spaces
    assert words(" x ".join(parts)) != words(" x ".join(altered))


@given(st.text())
def test_words_are_letters_marks_and_digits_in_any_text(text):
    found = words(text)
    assert all(unicodedata.category(one)[0] in "LMN" for one in found)
    assert words(text.replace("\n", "\r\n")) == found or "\r" in text


@given(st.lists(LETTERS, min_size=1, max_size=6))
def test_list_numbers_and_fences_are_the_layouts(lines):
    plain = words("\n".join(lines))
    assume(not re.search(r"^[0-9]+$", "\n".join(lines), re.MULTILINE))
    assert words("\n".join(f" {n}. {line}" for n, line in enumerate(lines, 1))) == plain
    assert words("```python\n" + "\n".join(lines) + "\n```") == plain


@pytest.mark.parametrize(
    "text", ["```" + " " * 200_000 + "x", "\n" * 200_000 + "x", "`" * 200_000, " " * 200_000 + "1x"]
)
def test_no_text_takes_longer_than_its_length(text):
    """Of one that a careless pattern would look at from each place anew."""
    began = time.process_time()
    words(text)
    assert time.process_time() - began < 2
