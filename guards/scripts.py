"""How much of a text stands in scripts that the encoder cannot read."""

import unicodedata
from collections.abc import Collection
from functools import lru_cache
from itertools import accumulate

_STRETCH = 60  # letters, about a sentence


def unread(text: str, reads: Collection[str]) -> float:
    """Share of letters in other scripts than `reads` (Unicode names: LATIN, CYRILLIC, CJK, ...), 0 to 1.

    Of a longer text it is the share of its worst stretch of a sentence's length, so that length hides nothing and
    single foreign words here and there do not add up.
    """
    if text.isascii():
        return 0.0 if "LATIN" in reads else 1.0
    foreign = [not c.isascii() and _script(c) not in reads for c in text if c.isalpha()]
    if not any(foreign):
        return 0.0
    sums = [0, *accumulate(foreign)]
    stretch = min(_STRETCH, len(foreign))
    return max(b - a for a, b in zip(sums, sums[stretch:], strict=False)) / stretch


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0].partition("-")[0]
