"""Text that becomes English when its letters are shifted, mirrored or reversed: rot13, Caesar, atbash, backwards."""

import codecs
import itertools
import re
import string
from collections.abc import Callable, Collection, Iterable, Iterator

from guards import english, leet

_TOKEN = re.compile(r"[A-Za-z0-9@$!|+\u20ac]+")
_PRICE = 0.25  # of each letter in a run, so that a run ends where it no longer reads better
_COUNTED = 12  # letters of a word: a long name or number ends no run
_ENOUGH = 6  # weight of different words that a run must gain: one of seven letters, or a few short ones
_MOST = 0.5  # share of a sentence from which a run is taken to be all of it
_BORDERS = '.:;?!\n"()[]{}'
_LONGEST = 1000  # characters of a sentence on either side
_SAMPLE = 40  # words from which a shift of the alphabet is guessed

Turn = Callable[[str], str]


def _shift(by: int) -> Turn:
    lower, upper = string.ascii_lowercase, string.ascii_uppercase
    table = str.maketrans(lower + upper, lower[by:] + lower[:by] + upper[by:] + upper[:by])
    return lambda text: text.translate(table)


_MIRRORED = str.maketrans(string.ascii_letters, string.ascii_lowercase[::-1] + string.ascii_uppercase[::-1])  # atbash
_SHIFTS = tuple(_shift(by) for by in range(1, 26) if by != 13)


def _rot13(text: str) -> str:
    return codecs.encode(text, "rot13")


def _mirrored(text: str) -> str:
    return text.translate(_MIRRORED)


def _backwards(text: str) -> str:
    return text[::-1]


def _backwards_rot13(text: str) -> str:
    return codecs.encode(text[::-1], "rot13")


def turned(text: str) -> list[str]:
    """Every turn that makes parts of a text English: the text with them turned in place, and those parts alone."""
    tokens = list(_TOKEN.finditer(text))
    strange = dict.fromkeys(word for token in tokens if not _known(word := token.group()))  # in the text's order
    if sum(map(_weight, strange)) < _ENOUGH:
        return []
    found: list[str] = []
    for turn in (_rot13, _mirrored, *_guessed(strange)):
        if runs := _runs(text, tokens, strange, turn):
            found += _put(text, runs, turn)
    for turn in (_backwards, _backwards_rot13):
        if runs := _runs(text, tokens, strange, turn):
            found += _put(text, runs, turn)
            found += _put(text, runs, lambda part, turn=turn: _TOKEN.sub(lambda word: turn(word.group()), part))[:1]  # type: ignore[misc]
    return [new for new in dict.fromkeys(found) if new != text]


def _known(token: str) -> bool:
    return english.known(token) or (leet.signed(token) and leet.word(token) is not None)


def _weight(word: str) -> int:
    """What a known word counts; short ones come about by chance."""
    return len(word) - 1


def _guessed(strange: Iterable[str]) -> Iterator[Turn]:
    """The shift that makes most of the first strange words known, if it makes enough of them known."""
    sample = list(itertools.islice(strange, _SAMPLE))
    weight, shift = max(
        (sum(_weight(word) for word in map(turn, sample) if english.known(word)), at) for at, turn in enumerate(_SHIFTS)
    )
    if weight >= _ENOUGH:
        yield _SHIFTS[shift]


def _runs(text: str, tokens: Iterable[re.Match[str]], strange: Collection[str], turn: Turn) -> list[tuple[int, int]]:
    """Stretches of the text, as start and end, that read better by enough different words when turned."""
    gained = {word for word in strange if _known(turn(word))}
    if sum(map(_weight, gained)) < _ENOUGH:
        return []
    runs: list[tuple[int, int]] = []
    total = best = 0.0
    start = end = 0
    words: set[str] = set()
    for token in (*tokens, None):
        if token is None or total <= 0 or total < best - _ENOUGH:
            if sum(map(_weight, words)) >= _ENOUGH:
                runs.append(_widened(text, start, end))
            total, best, words = 0.0, 0.0, set()
            start = token.start() if token else 0
        if token:
            word = token.group()
            words |= {word} & gained
            better = (word in gained) - (word not in strange and not _known(turn(word)))
            total += min(len(word), _COUNTED) * (better - _PRICE)
            if total > best:
                best, end = total, token.end()
    return runs


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """A run that is most of its sentence is all of it: rare words at its ends are turned like the others."""
    first, last = max(0, start - _LONGEST), min(len(text), end + _LONGEST)
    before = max((at for mark in _BORDERS if (at := text.rfind(mark, first, start)) >= 0), default=first - 1) + 1
    after = min((at for mark in _BORDERS if (at := text.find(mark, end, last)) >= 0), default=last)
    return (before, after) if end - start >= _MOST * (after - before) else (start, end)


def _put(text: str, runs: list[tuple[int, int]], turn: Turn) -> list[str]:
    """The text with its runs turned, and the runs alone where they are not most of it anyway."""
    parts, done = [], 0
    for start, end in runs:
        parts += [text[done:start], turn(text[start:end])]
        done = end
    whole, alone = "".join((*parts, text[done:])), " ".join(parts[1::2])
    return [whole, alone] if len(alone) < 0.8 * len(whole) else [whole]
