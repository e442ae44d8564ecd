"""Disguises for training rows. Benign rows are disguised as often as harmful ones: a disguise alone is no guilt."""

import random
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.guard_data import Row

_LEET = str.maketrans("aeiost", "431057")
_LOOK = str.maketrans("aeopcx", "аеорсх")  # noqa: RUF001 that is the point


def leet(text: str, rng: random.Random) -> str:
    """Digits for letters, in most words."""
    return " ".join(word.translate(_LEET) if rng.random() < 0.8 else word for word in text.split(" "))


def unleeted_wrong(text: str, rng: random.Random) -> str:
    """What the normaliser makes of leetspeak at its worst: every l an i."""
    return text.translate(str.maketrans("lL", "iI")) if rng.random() < 0.5 else text.replace("i", "l")


def squeezed(text: str, _: random.Random) -> str:
    """What is left of letter-spaced text: no blanks."""
    return text.replace(" ", "")


def mistyped(text: str, rng: random.Random) -> str:
    """Neighbouring letters swapped here and there."""
    letters = list(text)
    for i in range(1, len(letters) - 2):
        if letters[i].isalpha() and letters[i + 1].isalpha() and rng.random() < 0.04:
            letters[i], letters[i + 1] = letters[i + 1], letters[i]
    return "".join(letters)


def lookalike(text: str, _: random.Random) -> str:
    """Cyrillic letters that look Latin."""
    return text.translate(_LOOK)


def disguise_some(row: "Row", rng: random.Random) -> "Row":
    """One row in eight disguised, whatever its class."""
    if rng.random() >= 0.125:
        return row
    change = rng.choice((leet, unleeted_wrong, squeezed, mistyped, mistyped))
    return replace(row, text=change(row.text, rng))
