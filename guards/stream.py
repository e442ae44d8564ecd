"""Cuts a stream of text into windows. A pure state machine: the same text gives the same windows, however chunked.

A window ends after a sentence, at a line end, or after 64 words; inside a code fence only at a line end after 64
words. A place is no end when a secret or a number could still go on across it. Where a window ends depends only on
the text before it and on one character after it, never on how the text came in; that is the whole proof. Each place
is looked at once, so the cost is linear in the text even where much is held back.
"""

import re

from guards.rules import holds_open_key

_ENDS = re.compile(r"[.!?…][)\]\"'\u201d\u2019*_]*$")
_SHORTEST = 6  # words: a list number or a one-word line is no window of its own
_FENCE = re.compile(r"`{3,}|~{3,}")
_GROWING = re.compile(r"(?:[\d+-]|\(\d{1,4}\)|\b[A-Z]{2}\d\d[A-Z0-9]*|\b[A-Z0-9]{4,}|[:=]|-----BEGIN[A-Z ]*)[^\S\n]+$")
_BLANKS = re.compile(r"\s+")


class Windows:
    """Feed with push, end with flush; what they return, joined, is exactly what was pushed.

    max_words bounds a window (about as many tokens); hold_chars bounds what is kept back in any case, so a single
    word, row of numbers or key block longer than that is cut anyway.
    """

    def __init__(self, max_words: int = 64, hold_chars: int = 16_384) -> None:
        self._max_words = max_words
        self._hold = hold_chars
        self._kept = ""
        self._fence = ""  # the mark that opened the code block in which the text stands
        self._starts_line = True  # whether the word at `_word` stands first in its line, where a fence may stand
        self._restart()

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

    def _restart(self) -> None:
        self._words = 0
        self._word = 0  # where the word begins that is not yet passed
        self._looked = 0  # no blanks that end before this place are left to look at

    def _take(self, end: int) -> str:
        window, self._kept = self._kept[:end], self._kept[end:]
        self._starts_line = self._starts_line and self._word == end
        self._restart()
        return window

    def _end(self) -> int:
        """Where the first window of the kept text ends; 0 while that cannot be known."""
        solid = len(self._kept[: self._hold + 1].rstrip())  # blanks at the end may go on
        for blanks in _BLANKS.finditer(self._kept, self._looked, solid):
            self._pass(blanks)
            if self._closes(blanks):
                return blanks.end()
        self._looked = solid
        return self._hold if len(self._kept) > self._hold else 0

    def _pass(self, blanks: re.Match[str]) -> None:
        """Count the word before these blanks, and see whether it opens or closes a code block."""
        word = self._kept[self._word : blanks.start()]
        self._words += bool(word)
        if self._starts_line and (mark := _FENCE.match(word)):
            if not self._fence:
                self._fence = mark.group()
            elif word.startswith(self._fence) and not word.strip(self._fence[0]):
                self._fence = ""
        _, line_end, indent = blanks.group().rpartition("\n")
        self._starts_line = len(indent) <= 3 and (bool(line_end) or (self._starts_line and not word))
        self._word = blanks.end()

    def _closes(self, blanks: re.Match[str]) -> bool:
        start, line_end = blanks.start(), "\n" in blanks.group()
        if self._words >= self._max_words:
            natural = line_end or not self._fence
        else:
            ends = line_end or _ENDS.search(self._kept[max(0, start - 8) : start]) is not None
            natural = self._words >= _SHORTEST and not self._fence and ends
        return natural and not self._grows(blanks)

    def _grows(self, blanks: re.Match[str]) -> bool:
        """Whether a secret could reach across this place."""
        nearby = self._kept[max(0, blanks.start() - 40) : blanks.end()]
        return _GROWING.search(nearby) is not None or holds_open_key(self._kept[: blanks.start()])


class Uncut(Windows):
    """For a text that is there before it is sent: it is one window, and is judged once."""

    def push(self, text: str) -> list[str]:
        """Keep it until the end."""
        self._kept += text
        return []
