"""The window machine: no character is lost or made up, and chunking decides nothing."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guards.stream import Windows

PIECES = st.sampled_from(
    ["word ", "A sentence that is long enough. ", "\n", "\n\n", "```\n", "~~~\n", "x = 1\n", "  ", "a",
     ". ", "! ", "é", "\u200b",
     "-----BEGIN RSA PRIVATE KEY-----\n", "MIIEabc\n", "-----END RSA PRIVATE KEY-----\n", "4111 1111 ", "key: ",
     "1. ", "DE89 3704 ", "+49 170 ", "GB29NWBK 6016", "mid ```line``` ",
     "    ```\n", "````\n", "\t", "x" * 300, "\r\n", "\x00", "one two three four five six seven eight "]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=60).map("".join)


def cut(text: str, sizes: list[int], **options: int) -> list[str]:
    machine, windows, at = Windows(**options), [], 0
    for size in sizes:
        windows += machine.push(text[at : at + size])
        at += size
    return windows + machine.push(text[at:]) + machine.flush()


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 40), max_size=40), st.sampled_from([40, 4096]))
def test_chunking_decides_nothing_and_nothing_is_lost(text, sizes, hold):
    whole = cut(text, [], hold_chars=hold)
    assert "".join(whole) == text
    assert all(whole)
    assert cut(text, sizes, hold_chars=hold) == whole
    assert cut(text, [1] * len(text), hold_chars=hold) == whole


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_windows_are_bounded(text):
    for window in cut(text, []):
        assert len(window) <= 16_384
        held = re.search(r"PRIVATE KEY|\d\s|:\s|[A-Z0-9]{4}", window)
        assert held or "```" in text or "~~~" in text or len(window.split()) <= 66


def test_the_first_sentence_comes_early_and_code_stays_together():
    machine = Windows()
    assert machine.push("A firewall filters packets by rule. A") == ["A firewall filters packets by rule. "]
    code = "```python\n" + "value = compute(1)\n" * 8 + "```\n"
    windows = cut("Look at this:\n" + code + "That was it, said the teacher. ", [3] * 100)
    assert any(code in window for window in windows)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("See ```this``` for more of it here, please. And so on, it goes.", 2),  # no fence stands in mid line
        ("```\nOne sentence of more than six words. Another one of more than six words.\n```\nAfter it all.", 2),
        (
            "```\n~~~\none two three four five six\n~~~\none two three four five six\n```\nend",
            2,
        ),  # its own mark closes it
        ("````\n```\none two three four five six\n```\none two three four five six\n````\nend", 2),
        ("    ```\none two three four five six seven\nend", 2),  # four blanks: code by indentation, no fence
        ("```python\nx\n```\nThis is a sentence of seven words. End", 2),
    ],
)
def test_fences_are_told_from_what_looks_like_them(text, windows):
    assert len(cut(text, [1] * len(text))) == windows, cut(text, [])


LONG = {
    "one word": "x" * 20_000,
    "words": "word " * 4_000,
    "numbers": "4111 " * 4_000,
    "one code block": "```\n" + "a b c d e f g h " * 1_250,
    "blanks": " " * 20_000,
    "lines": "a\n" * 10_000,
    "key block": "-----BEGIN PRIVATE KEY-----\n" + ("M1IEvQIBADANBgkqhkiG9w0B" * 3 + "\n") * 270,
    "many key blocks": ("-----BEGIN PRIVATE KEY-----\n" + "M1IEvQIBADANBgkqhkiG9w0B\n") * 380,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_cost_is_linear(text):
    """In tiny pieces too: twice the text in no more than about twice the time, and never much of either."""

    def seconds(part: str) -> float:
        times = []
        for _ in range(3):  # the least of them holds no collection of garbage
            began = time.process_time()
            cut(part, [3] * (len(part) // 3))
            times.append(time.process_time() - began)
        return min(times)

    half, whole = seconds(text[: len(text) // 2]), seconds(text)
    assert whole < 1.0
    assert whole < 3.5 * half + 0.05


def test_little_is_kept_back_of_plain_text():
    machine, most = Windows(), 0
    for _ in range(20_000):
        machine.push("word ")
        most = max(most, len(machine._kept))
    assert most < 400
