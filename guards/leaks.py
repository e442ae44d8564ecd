"""Does a text repeat the system prompt? Compared word by word, so that case, marks and line breaks hide nothing."""

import re
from functools import lru_cache

from guards.normalize import canonical

_WORD = re.compile(r"[^\W_]+")


def repeats(text: str, secret: str, words: int) -> bool:
    """Whether `words` words of `secret` stand in a text one after the other (all of a shorter secret)."""
    runs, length = _runs(secret, words)
    if not runs:
        return False
    said = _words(text)
    return any(tuple(said[at : at + length]) in runs for at in range(len(said) - length + 1))


def tail(text: str, words: int) -> str:
    """The last words of a text, with what stands between and after them."""
    starts = [match.start() for match in _WORD.finditer(text, max(0, len(text) - 40 * words))]
    return text[starts[-words] :] if len(starts) >= words else text[-40 * words :]


@lru_cache(maxsize=16)
def _runs(secret: str, words: int) -> tuple[frozenset[tuple[str, ...]], int]:
    said = _words(secret)
    length = min(words, len(said))
    return frozenset(tuple(said[at : at + length]) for at in range(len(said) - length + 1) if length), length


def _words(text: str) -> list[str]:
    return _WORD.findall(canonical(text).casefold())
