"""The window machine: no character is lost or made up, and chunking decides nothing."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from guards import rules
from guards.stream import Windows

PIECES = st.sampled_from(
    ["word ", "A sentence that is long enough. ", "\n", "\n\n", "```\n", "~~~\n", "x = 1\n", "  ", "a",
     ". ", "! ", "é", "\u200b",
     "-----BEGIN RSA PRIVATE KEY-----\n", "MIIEabc\n", "-----END RSA PRIVATE KEY-----\n", "4111 1111 ", "key: ",
     "1. ", "DE89 3704 ", "+49 170 ", "x" * 300, "\r\n", "\x00", "one two three four five six seven eight "]
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
        assert len(window) <= 4096
        held = re.search(r"PRIVATE KEY|\d |: ", window)
        assert held or "```" in window or "~~~" in window or len(window.split()) <= 66


SECRETS = st.sampled_from(
    ["AKIAQ3EGRTYUIOPASDFG", "ghp_" + "aB3" * 12, "glpat-" + "aB3-" * 6, "xoxb-" + "72635419806-" * 3 + "abcd",
     "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBg\nkqhkiG9w0BAQEF. And more.\n" * 4 + "-----END PRIVATE KEY-----",
     "bob.miller@acme-corp.com", "+49 170 123 4567", "4539 1488 0343 6467", "DE89 3704 0044 0532 0130 00"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.just("some words go before it"), max_size=14), SECRETS, st.lists(st.integers(1, 9), max_size=60))
def test_no_secret_is_cut_in_two(before, secret, sizes):
    text = f"{' '.join(before)} {secret} and after it."
    assert rules.secrets(text) or rules.personal_data(text)
    assert any(secret in window for window in cut(text, sizes))


def test_the_first_sentence_comes_early_and_code_stays_together():
    machine = Windows()
    assert machine.push("A firewall filters packets by rule. A") == ["A firewall filters packets by rule. "]
    code = "```python\n" + "value = compute(1)\n" * 8 + "```\n"
    windows = cut("Look at this:\n" + code + "That was it, said the teacher. ", [3] * 100)
    assert any(code in window for window in windows)


def test_cost_is_linear():
    def steps(count: int) -> int:
        machine, kept = Windows(), 0
        for _ in range(count):
            machine.push("word ")
            kept = max(kept, len(machine._kept))
        return kept

    assert steps(20_000) == steps(2_000) < 1000
