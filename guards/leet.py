"""Letters written as digits and signs, and letters set apart from one another."""

import codecs
import itertools
import re
from collections import Counter
from collections.abc import Collection
from functools import lru_cache

from guards import codes, english

_AS_LETTERS = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "gb", "7": "t", "8": "b", "9": "gq",
    "@": "a", "$": "s", "!": "il", "|": "li", "+": "t", "\u20ac": "e",
}  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z0-9@$!|+\u20ac]+")
_SIGN = re.compile(r"[0-9@$!|+\u20ac]")
_NAME = re.compile(r"(?i)\W*(?:[a-z]{1,6}-\d[\d.-]*|t\d{4}(?:\.\d{3})?|[0-9a-f]{8,}|\S{25,}|\S*://\S*|\S+@\S+\.\w+)\W*")
_MEASURE = re.compile(r"(?i)\d+(?:[ap]m|st|nd|rd|th|[kmgt]b?|ms|px|pt|k?hz|kg|[kcm]m|ml|bit|[sxdhvwcfeb])?")
# Hexadecimal, a letter and a number, 3D, a variable, a hidden share, POP3 and the like: signs, but no disguise.
_ORDINARY = re.compile(r"(?i:[0-9a-f]+|[a-z]\d+|[a-z]+[23]d|[$@|+]*[a-z]+[$@|+]*|a11y|l10n)|[A-Z]+\d")
_SENTENCES = re.compile(r"((?<=[.?])\s+|\n)")
_LONGEST = 24
_ENOUGH = 7  # characters of plainly signed words
_FEW = 0.15  # share of words
_MOST_READINGS = 64
_GAP = r"[ .,;:'*|/\n_-]{1,3}"
_APART = re.compile(rf"(?<![^\W_])(?:[^\W_]|[@$!\u20ac])(?:{_GAP}(?:[^\W_]|[@$!\u20ac])){{5,}}(?![^\W_])")


@lru_cache(maxsize=4096)
def word(token: str) -> str | None:
    """The common English word that a token spells with digits or signs, or without; None if it spells none."""
    if len(token) > _LONGEST:
        return None
    for body in (token, token.strip("!|+")):
        if body and (read := _word(body)):
            at = token.index(body)
            return token[:at] + read + token[at + len(body) :]
    return None


def _word(token: str) -> str | None:
    options = [_AS_LETTERS.get(character, character) for character in token.lower()]
    readings = itertools.islice(map("".join, itertools.product(*options)), _MOST_READINGS)
    best = min(readings, key=english.cost)
    if english.cost(best) == float("inf"):
        return None
    return "".join(new if _SIGN.match(old) else old for old, new in zip(token, best, strict=True))


def signed(token: str) -> bool:
    """Whether a token holds a digit or sign that may stand for a letter."""
    return _SIGN.search(token) is not None


def unleet(text: str) -> list[str]:
    """The text in letters, if some letters' worth of words, or half of them, are plainly written in signs.

    In a sentence where they are few among others, only they are read: numbers and names stay what they are.
    """
    if not _SIGN.search(text):
        return []
    tokens = [token for token in _TOKEN.findall(text) if re.search("[A-Za-z]", token)]
    plain = {token for token in tokens if _plainly_signed(token)}
    if (len(plain) < 2 or sum(map(len, plain)) < _ENOUGH) and 2 * len(plain) < max(1, len(tokens)):
        return []
    return ["".join(_read_sentence(part, plain) for part in _SENTENCES.split(text))]


def _read_sentence(part: str, plain: Collection[str]) -> str:
    tokens = _TOKEN.findall(part)
    if sum(token in plain for token in tokens) < _FEW * len(tokens):
        return _TOKEN.sub(lambda token: (token.group() in plain and word(token.group())) or token.group(), part)
    return "".join(_unleet(piece) if piece.strip() else piece for piece in re.split(r"(\s+)", part))


def _plainly_signed(token: str) -> bool:
    body = token.strip("!|+")
    if len(body) < 3 or not _SIGN.search(body) or _MEASURE.fullmatch(body) or _ORDINARY.fullmatch(body):
        return False
    numbered = body[-1].isdigit() and english.known(body[:-1])  # file5
    return not numbered and word(body) is not None


def _unleet(part: str) -> str:
    """One part without blanks; a name that only looks like signs stays."""
    name = _NAME.fullmatch(part) and word(part.strip(".,;:?\"'()")) is None
    return part if name else _TOKEN.sub(_read, part)


def _read(match: re.Match[str]) -> str:
    token = match.group()
    if not _SIGN.search(token):
        return token
    if (read := word(token)) or _MEASURE.fullmatch(token) or len(token) > 2 * _LONGEST:
        return read or token
    body = token.rstrip("!|+")
    letters = "".join(c if c in "1!|" else _AS_LETTERS.get(c, c)[0] for c in body)
    return re.sub(r"[1!|]", _i_or_l, letters) + token[len(body) :]


def _i_or_l(one: re.Match[str]) -> str:
    """A one between consonants is an i, beside a vowel more often an l."""
    text, at = one.string, one.start()
    beside = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
    return "l" if set(beside.lower()) & set("aeou1") else "i"


def close_up(text: str) -> list[str]:
    """Letters that stand apart put together again; where no wider gap tells words apart, the word list does."""
    closed = _APART.sub(lambda run: _joined(run.group()), text)
    return [closed] if closed != text else []


def _joined(run: str) -> str:
    """The words of a run, or the run itself where its letters spell neither English, nor in a cipher, nor a code."""
    if 4 * sum(map(str.isalpha, run)) < len(re.split(_GAP, run)):  # a row of numbers
        return run
    for way in (run, run[::-1], codecs.encode(run, "rot13")):
        joined = _words(way)
        if english.share(" ".join(word(part) or part for part in joined.split())) >= 0.6:
            return joined
    return codes.read(re.sub(_GAP, "", run)) or run


def _words(run: str) -> str:
    gaps = re.findall(_GAP, run)
    usual = Counter(gaps).most_common(1)[0][0]
    words = [""]
    for character, gap in zip(re.split(_GAP, run), [*gaps, usual], strict=True):
        words[-1] += character
        if gap != usual:
            words.append("")
    return " ".join(part if len(words) > 1 and len(part) <= _LONGEST else _cut(part) for part in words)


def _cut(letters: str) -> str:
    """Words of a row of letters and signs: cut where their letters would be cut."""
    plain = "".join(_AS_LETTERS.get(c, c)[0] for c in letters.lower())
    places = itertools.accumulate(map(len, english.segmented(plain).split()))
    starts = [0, *places]
    return " ".join(letters[a:b] for a, b in itertools.pairwise(starts))
