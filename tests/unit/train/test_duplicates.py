"""Duplicates: which texts count as alike, and that order and repetition change nothing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.duplicates import TwiceGiven, dropped, duplicates, normal, shingles, signature

LONG = (
    "The product does not check the length of what it is given before it copies it into a buffer of fixed size, so "
    "that whoever sends more than the buffer holds can change what lies behind it in memory, and by that what the "
    "program does next. Check the length first, and use functions that are told how much room there is."
)
texts = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=6),
    st.sampled_from([LONG, LONG.upper(), LONG + " Really.", "short", "Other"]),
)


def test_case_width_and_white_space_make_no_difference() -> None:
    assert normal("  \uff21BC\tdef\n\nStra\u00dfe ") == "abc def strasse"
    assert duplicates([("b", "\uff21bc  DEF"), ("a", "abc\ndef"), ("c", "abc defg")]) == {"b": "a"}


def test_near_duplicates_fall_and_other_texts_stay() -> None:
    near = LONG.replace("fixed size", "constant size")
    far = LONG[: len(LONG) // 2] + " After that everything is different, because it is about something else entirely."
    assert duplicates([("1", LONG), ("2", near), ("3", far), ("4", "")]) == {"2": "1"}
    assert duplicates([("1", LONG), ("2", near)], similarity=0.99) == {}


def test_texts_of_few_words_are_near_only_when_their_words_are_equal() -> None:
    assert duplicates([("1", "CVE-2024-1"), ("2", "CVE-2024-2"), ("3", "cve 2024 1!"), ("4", "?!"), ("5", "!?")]) == {
        "3": "1"
    }


def test_lone_surrogates_are_text_too() -> None:
    assert duplicates([("1", "a \ud800 b"), ("2", "a \ud800 b")]) == {"2": "1"}


def test_an_id_that_comes_twice_is_an_error() -> None:
    with pytest.raises(TwiceGiven, match="expected every id once, got 'a' twice"):
        duplicates([("a", "x"), ("b", "y"), ("a", "z")])


def test_a_signature_has_half_a_kilobyte_and_never_changes() -> None:
    """Workers on other machines sign, too: a change here makes their signatures worthless."""
    assert len(signature("")) == len(signature(LONG * 50)) == 32 + 128 * 4
    told = hashlib.sha256(signature(LONG)).hexdigest()
    assert told == "c3af8047c6b2352e3b37b9e41ef4944f20d28dd490a365d9be8fb17b59632ba5"


@given(texts)
def test_the_smallest_id_stays_whatever_order_they_come_in(given: dict[str, str]) -> None:
    signed = [(name, signature(text)) for name, text in given.items()]
    found = dropped(signed)
    assert found == dropped(reversed(signed)) == dropped(sorted(signed, key=lambda each: each[1]))
    assert all(kept < gone for gone, kept in found.items())


@given(texts)
def test_a_second_run_drops_nothing(given: dict[str, str]) -> None:
    found = duplicates(given.items())
    assert set(found.values()).isdisjoint(found)
    left = {name: text for name, text in given.items() if name not in found}
    assert duplicates(left.items()) == {}
    assert {normal(text) for text in left.values()} <= {normal(text) for text in given.values()}


@given(st.lists(st.text("ab", min_size=1, max_size=2), max_size=12), st.integers(1, 5))
def test_shingles_are_all_runs_of_words(words: list[str], size: int) -> None:
    found = shingles(words, size)
    if len(words) >= size:
        assert found == {" ".join(words[i : i + size]) for i in range(len(words) - size + 1)}
    else:
        assert found == {" ".join(words)}
