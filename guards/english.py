"""English words by their frequency: how much of a text is known, and where a row of letters falls into words."""

import math
import re
from functools import cache
from importlib import resources

_LONGEST = 20
_UNKNOWN = 14.0  # price of a letter that belongs to no word; the rarest word costs about 12


@cache
def _costs() -> dict[str, float]:
    """The word list, read when it is first needed."""
    lines = resources.files("guards").joinpath("words.txt").read_text("ascii").splitlines()
    words = [line for line in lines if not line.startswith("#")]
    return {word: math.log((rank + 1) * math.log(len(words))) for rank, word in enumerate(words)}


_LETTERS = re.compile(r"[a-z]+")


def known(word: str) -> bool:
    """Whether this is a common English word, in any case."""
    return word.lower() in _costs()


def cost(word: str) -> float:
    """Rarity of a word in lower case; infinite for what is none."""
    return _costs().get(word, math.inf)


def share(text: str) -> float:
    """Share of letters that stand in common English words."""
    words = _LETTERS.findall(text.lower())
    letters, costs = sum(map(len, words)), _costs()
    return sum(len(word) for word in words if word in costs) / letters if letters else 0.0


def segmented(letters: str) -> str:
    """A row of letters cut into the likeliest words; linear in its length."""
    lower = letters.lower()
    best, back, costs = [0.0], [0], _costs()
    for end in range(1, len(lower) + 1):
        price, start = best[end - 1] + _UNKNOWN, end - 1
        for begin in range(max(0, end - _LONGEST), end):
            found = costs.get(lower[begin:end])
            if found is not None and best[begin] + found < price:
                price, start = best[begin] + found, begin
        best.append(price)
        back.append(start)
    words, end = [], len(lower)
    while end:
        words.append(letters[back[end] : end])
        end = back[end]
    return " ".join(reversed(words))
