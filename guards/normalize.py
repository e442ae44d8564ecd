"""Views of a text: the plain reading, and every reading that a simple disguise would hide.

A model reads base64 and leetspeak; a classifier does not. So each text is scored in all its views and the worst
decides. Views are found by trying: a decoder answers with a new text where its input looks encoded, else not at
all. Each decoder is linear in its input; depth and number of views are bounded.
"""

import re

from guards import english
from guards.ciphers import turned
from guards.codes import decoded, hidden
from guards.leet import close_up, unleet
from guards.letters import plain_letters

_DEPTH = 3
_MOST_VIEWS = 24
_SPEAKS = 0.3  # share of known words from which a text says something as it stands


def canonical(text: str) -> str:
    """The plain reading: no invisible characters, look-alike letters as Latin, single blanks."""
    return _collapsed(plain_letters(text))


def views(text: str) -> tuple[str, ...]:
    """All readings worth judging, at least one and at most 24, decoded up to three deep.

    A reading that decoders could read better is left out: what it alone holds is the code, and code is no guilt.
    Where letters are only shifted or turned round it stays if it speaks as it is, else a few such words would hide
    the sentence in which they stand.
    """
    found: dict[str, None] = {}
    layer = [plain_letters(text), *map(plain_letters, hidden(text))]
    for depth in range(_DEPTH + 1):
        deeper: list[str] = []
        for reading in layer:
            better = [*decoded(reading), *unleet(reading), *close_up(reading)] if depth < _DEPTH else []
            maybe = turned(reading) if depth < _DEPTH else []
            if not better and (not maybe or english.share(reading) >= _SPEAKS):
                found[_collapsed(reading)] = None
            deeper += map(plain_letters, (*better, *maybe))
        layer = list(dict.fromkeys(deeper))[:_MOST_VIEWS]
    return tuple(found)[:_MOST_VIEWS]


def _collapsed(text: str) -> str:
    return re.sub(r"[^\S\n]+", " ", text).strip()
