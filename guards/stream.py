"""Cuts a stream of text into windows. A pure state machine: the same text gives the same windows, however chunked.

A window ends after a sentence, at a line end, or after 64 words; inside a code fence only at a line end after 64
words. A place is no end when a secret or a number could still go on across it. Where a window ends depends only on
the text before it and on one character after it, never on how the text came in; that is the whole proof.
"""

import re

_ENDS = re.compile(r"[.!?…][)\]\"'\u201d\u2019*_]*$")
_SHORTEST = 6  # words: a list number or a one-word line is no window of its own
_FENCE = re.compile(r"^[ ]{0,3}(?:```|~~~)", re.MULTILINE)
_KEY = r"(?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
_HELD_KEY = re.compile(rf"-----BEGIN {_KEY}(?![\s\S]*-----END {_KEY})")
_GROWING = re.compile(r"(?:[\d)+-]|\b[A-Z]{2}\d\d|\b[A-Z0-9]{4}|[:=]|-----BEGIN[A-Z ]*)[^\S\n]+$")
_BLANKS = re.compile(r"\s+(?=\S)")


class Windows:
    """Feed with push, end with flush; what they return, joined, is exactly what was pushed.

    max_words bounds a window (about as many tokens); hold_chars bounds what is kept back in any case, so a single
    word or key block longer than that is cut anyway.
    """

    def __init__(self, max_words: int = 64, hold_chars: int = 4096) -> None:
        self._max_words = max_words
        self._hold = hold_chars
        self._kept = ""
        self._fenced = False

    def push(self, text: str) -> list[str]:
        """Take the next piece of the stream; return the windows that are now complete."""
        self._kept += text
        done = []
        while end := self._end():
            done.append(self._take(end))
        return done

    def flush(self) -> list[str]:
        """The rest of the stream, complete or not. The machine is empty afterwards."""
        return [self._take(len(self._kept))] if self._kept else []

    def _take(self, end: int) -> str:
        window, self._kept = self._kept[:end], self._kept[end:]
        self._fenced ^= len(_FENCE.findall(window)) % 2 == 1
        return window

    def _end(self) -> int:
        """Where the first window of the kept text ends; 0 while that cannot be known."""
        words, fenced, last = 0, self._fenced, 0
        for blanks in _BLANKS.finditer(self._kept, 0, self._hold + 1):
            words += blanks.start() > 0
            fenced ^= len(_FENCE.findall(self._kept[last : blanks.start()])) % 2 == 1
            last = blanks.start()
            if self._closes(blanks, words, fenced):
                return blanks.end()
        return self._hold if len(self._kept) > self._hold else 0

    def _closes(self, blanks: re.Match[str], words: int, fenced: bool) -> bool:
        before, line_end = self._kept[: blanks.start()], "\n" in blanks.group()
        if words >= self._max_words:
            natural = line_end or not fenced
        else:
            natural = words >= _SHORTEST and not fenced and (line_end or _ENDS.search(before[-8:]) is not None)
        return natural and not self._grows(before, blanks.group())

    def _grows(self, before: str, blanks: str) -> bool:
        """Whether a secret could reach across this place."""
        return _HELD_KEY.search(before) is not None or _GROWING.search(before[-40:] + blanks) is not None
