"""Letters as a reader takes them: what looks like a Latin letter is one, and what cannot be seen is not there."""

import re
import unicodedata
from functools import cache
from importlib import resources

from guards.english import known

_SEEN_BEFORE = 8192  # characters whose reading is remembered
_MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_UNSEEN = re.compile("[\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_NAMED = re.compile(
    r"(?:LATIN(?: \w+)?|REGIONAL INDICATOR SYMBOL) LETTER (?:SMALL CAPITAL |SCRIPT |DOTLESS )?"
    r"([A-Z])(?: WITH .+| BAR)?$"
)
_OTHERS = {"æ": "ae", "œ": "oe", "Æ": "AE", "Œ": "OE", "ɑ": "a", "ɛ": "e", "ɩ": "i", "\u2800": " "}  # noqa: RUF001
_WORD = re.compile(r"[^\W\d_]+")
_FLIPPED = str.maketrans("ɐqɔpǝɟƃɓɥᴉıɾɿʞʃɯuodbɹsʇnʌʍxʎz", "abcdefgghiijjklmnopqrstuvwxyz")  # noqa: RUF001
_ONLY_FLIPPED = frozenset("ɐǝɟƃɥᴉɾʞɯɹʇʌʍʎ")


class _Readings(dict[int, str]):
    """What to read for a character, found when it is first met."""

    def __missing__(self, code: int) -> str:
        reading = _reading(chr(code))
        if len(self) < _SEEN_BEFORE:
            self[code] = reading
        return reading


def _reading(character: str) -> str:
    code = ord(character)
    if character.isascii():
        return character
    if 0xE0020 <= code <= 0xE007E:  # invisible tags stand for the letters that they name
        return chr(code - 0xE0000)
    if character in _OTHERS:
        return _OTHERS[character]
    if unicodedata.category(character) in {"Cf", "Cs", "Co"} or _UNSEEN.match(character):
        return ""
    name = unicodedata.name(character, "")
    if letter := _NAMED.search(name):
        return letter[1].lower() if "SMALL" in name else letter[1]
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", character)))


@cache
def _tables() -> tuple[dict[int, str], dict[int, str]]:
    twins: dict[int, str] = {}
    alike: dict[int, str] = {}
    for line in resources.files("guards").joinpath("lookalikes.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            letter, _, others = line.partition(" ")
            sure, _, inside = others.partition("|")
            twins |= dict.fromkeys(map(ord, sure), letter)
            alike |= dict.fromkeys(map(ord, inside), letter)
    return twins, alike


_READINGS = _Readings()


def plain_letters(text: str) -> str:
    """A text in the letters that it shows. Foreign words stay what they are; NFKC for everything else."""
    if text.isascii():
        return text
    if len(_ONLY_FLIPPED & set(text)) >= 4:
        text = text.translate(_FLIPPED)[::-1]
    text = unicodedata.normalize("NFC", text.translate(_READINGS))
    if text.isascii():
        return text
    words = _WORD.findall(text)
    twins, alike = _tables()
    latin = 2 * sum(re.search("[A-Za-z]", word) is not None for word in words) >= len(words)

    def unmasked(match: re.Match[str]) -> str:
        word = match.group()
        if word.isascii():
            return word
        twin = word.translate(twins)
        if twin.isascii():
            return twin if latin or known(twin) else word
        return twin.translate(alike) if re.search("[A-Za-z]", word) else word

    return _WORD.sub(unmasked, text)
