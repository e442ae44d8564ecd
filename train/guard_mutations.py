"""Disguises of texts, for training and for the evasion table. Benign texts are disguised as often as harmful ones."""

import base64
import codecs
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from guards.normalize import views

Disguise = Callable[[str, random.Random], str]

_LEET = MappingProxyType({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})
_LOOK = str.maketrans("aeopcxyiABEKMHOPCTX", "аеорсхуіАВЕКМНОРСТХ")  # noqa: RUF001 that is the point
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _leet(text: str, rng: random.Random) -> str:
    return "".join(_LEET[c] if c in _LEET and rng.random() < 0.75 else c for c in text)


def _lookalike(text: str, rng: random.Random) -> str:
    return text.translate(_LOOK if rng.random() < 0.7 else _WIDE)


def _invisible(text: str, rng: random.Random) -> str:
    mark = rng.choice("\u200b\u200c\u200d\u2060\u00ad")
    return "".join(c + mark if rng.random() < 0.5 else c for c in text)


def _spaced(text: str, rng: random.Random) -> str:
    between = rng.choice((" ", " ", ".", "-", "_"))
    return ("   " if between == " " else " ").join(between.join(word) for word in text.split())


def _base64(text: str, _: random.Random) -> str:
    return base64.b64encode(text.encode()).decode()


def _hex(text: str, rng: random.Random) -> str:
    return text.encode().hex(rng.choice((" ", ":"))) if rng.random() < 0.3 else text.encode().hex()


def _rot13(text: str, _: random.Random) -> str:
    return codecs.encode(text, "rot13")


def _reversed(text: str, _: random.Random) -> str:
    return text[::-1]


def _mixed(text: str, rng: random.Random) -> str:
    """Two disguises, one on top of the other."""
    inner = rng.choice((_leet, _lookalike, _invisible))
    outer = rng.choice((_base64, _hex, _rot13, _reversed))
    return outer(inner(text, rng), rng)


DISGUISES: Mapping[str, Disguise] = MappingProxyType(
    {
        "leet": _leet,
        "homoglyph": _lookalike,
        "zero-width": _invisible,
        "spaced": _spaced,
        "base64": _base64,
        "hex": _hex,
        "rot13": _rot13,
        "reversed": _reversed,
        "mixed": _mixed,
    }
)


def mistyped(text: str, rng: random.Random) -> str:
    """Neighbouring letters swapped, dropped or doubled here and there."""
    letters = list(text)
    for i in range(1, len(letters) - 2):
        if letters[i].isalpha() and letters[i + 1].isalpha() and rng.random() < 0.03:
            letters[i : i + 2] = rng.choice(
                ([letters[i + 1], letters[i]], [letters[i], ""], [letters[i] * 2, letters[i + 1]])
            )
    return "".join(letters)


def as_read(text: str, rng: random.Random) -> str:
    """What the guard's normaliser makes of the text in some disguise: one of its readings, right or slightly wrong."""
    if rng.random() < 0.3:
        return mistyped(text, rng)
    disguise = DISGUISES[rng.choice(tuple(DISGUISES))]
    return rng.choice(views(disguise(text[:400], rng)))
