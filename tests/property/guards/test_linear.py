"""Long runs of odd characters cost time in proportion: what once froze or slowed the normaliser stays quick."""

import base64
import codecs
import time

import pytest

from guards.normalize import views

ODD = {
    "underscores": "Fill in the form: name " + "_" * 400 + "ab",
    "marks": "!" * 30_000,
    "bars": "|" * 30_000,
    "signs in short words": "a1a\t" * 8_000,
    "letters apart": "a_" * 10_000,
    "one word of signs": "1a" * 15_000,
    "one letter": "a" * 30_000,
    "hexadecimal": "ab" * 15_000,
    "hexadecimal apart": "ab " * 10_000,
    "odd hexadecimal": "abc " * 8_000,
    "long words": "password " * 4_000,
    "mixed words": "PaSsw0rd " * 4_000,
    "lines of code": ("aGVsbG8gd29ybGQ" * 4 + "\n") * 500,
    "base64 of base64": base64.b64encode(base64.b64encode(base64.b64encode(b"hello world " * 1_000))).decode(),
    "shifted words": codecs.encode("the quick brown fox jumps over the lazy dog ", "rot13") * 700,
    "shifted words here and there": ("gur dhvpx oebja the quick brown fox is known here ") * 600,
    "backwards": ("the quick brown fox jumps over the lazy dog " * 700)[::-1],
    "numbers": "65 66 67 104 101 " * 2_000,
    "bits": "01" * 15_000,
    "percent": "%4" * 10_000,
    "ampersands": "&" * 30_000,
    "dots": "." * 30_000,
    "blanks": " " * 30_000,
    "Cyrillic": "слово а о е " * 2_500,  # noqa: RUF001
    "Cyrillic in Latin": "аbс dеf " * 4_000,  # noqa: RUF001
    "flags": "\U0001f1e9\U0001f1ea" * 10_000,
    "combining marks": "a\u0301\u0302\u0303" * 8_000,
    "expanding": "\ufdfa" * 2_000,
    "equals": "=" * 30_000,
    "backslashes": "\\x4" * 8_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_runs_end_in_time_that_grows_with_their_length(text: str) -> None:
    def seconds(part: str) -> float:
        times = []
        for _ in range(3):  # the least of them holds neither a first look-up nor a collection of garbage
            began = time.process_time()
            assert views(part)
            times.append(time.process_time() - began)
        return min(times)

    half, whole = seconds(text[: len(text) // 2]), seconds(text)
    assert whole < 2.0
    assert whole < 3.5 * half + 0.05
