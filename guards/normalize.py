"""Views of a text: the plain reading, and every reading that a simple disguise would hide.

A model reads base64 and leetspeak; a classifier does not. So each text is scored in all its views and the worst
decides. Views are found by trying: a decoder answers with a new text where its input looks encoded, else not at
all. Each decoder is linear in its input; depth and number of views are bounded.
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable
from types import MappingProxyType
from urllib.parse import unquote

_DEPTH = 3
_MOST_VIEWS = 24

_LOOKALIKES = str.maketrans(
    {
        chr(int(code, 16)): latin
        for latin, codes in {
            "A": "410 391", "B": "412 392", "E": "415 395", "H": "41D 397", "I": "406 399", "J": "408",
            "K": "41A 39A", "M": "41C 39C", "N": "39D", "O": "41E 39F", "P": "420 3A1", "C": "421", "S": "405",
            "T": "422 3A4", "X": "425 3A7", "Y": "423 3A5", "Z": "396", "a": "430 3B1 251", "c": "441", "d": "501",
            "e": "435", "g": "261", "h": "4BB", "i": "456 3B9 131", "j": "458", "k": "43A 3BA", "l": "4CF",
            "n": "3B7", "o": "43E 3BF", "p": "440 3C1", "q": "51B", "s": "455", "u": "3C5", "v": "3BD", "w": "51D",
            "x": "445 3C7", "y": "443",
        }.items()
        for code in codes.split()
    }
)  # fmt: skip
_LEET = MappingProxyType(dict(zip("03456789@$+€", "oeasgtbgaste", strict=True)))
_COMMON = frozenset(
    [
        "a",
        "about",
        "all",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "could",
        "do",
        "for",
        "from",
        "get",
        "give",
        "has",
        "have",
        "help",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "let",
        "like",
        "make",
        "me",
        "my",
        "need",
        "not",
        "of",
        "on",
        "one",
        "or",
        "our",
        "out",
        "please",
        "show",
        "so",
        "some",
        "step",
        "steps",
        "tell",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "they",
        "this",
        "to",
        "up",
        "us",
        "use",
        "user",
        "using",
        "want",
        "was",
        "way",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "work",
        "write",
        "you",
        "your",
    ]
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{4}\s?){3,}[A-Za-z0-9+/_-]{0,3}={0,2}")
_HEX = re.compile(r"(?:(?:\\x|0x|%)?[0-9A-Fa-f]{2}[\s,:]?){8,}")
_BINARY = re.compile(r"(?:[01]{8}\s?){6,}")
_SEGMENT = re.compile(r"[^\n:;\"“”<>()\[\]{}]+")
_LONGEST_WORD = 64  # nobody writes longer ones in leetspeak, and the work per word is not linear
# No underscore among the letters: it is a separator, and one that is both would backtrack exponentially.
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[ .\-_*|]{1,3}[^\W_]){5,}(?![^\W_])")
_INSIDE = re.compile(r"[A-Za-z@$!|+][013456789@$!|+€]{1,12}[A-Za-z]|\d[a-z]{1,20}\d[a-z]", re.ASCII)
_IDENTIFIER = re.compile(
    r"(?i)\W*(?:[a-z]{1,6}-\d[\d.-]*|t\d{4}(?:\.\d{3})?|[0-9a-f]{8,}|\d+[a-z]{1,2}|\S{25,}|\S*://\S*|\S+@\S+\.\w+)\W*"
)


def canonical(text: str) -> str:
    """The plain reading: NFKC, no invisible characters, look-alike letters as Latin, single blanks."""
    return _collapsed(_cleaned(text))


def views(text: str) -> tuple[str, ...]:
    """All readings worth judging, at least one and at most 24, decoded up to three deep.

    A reading that decoders could read better is left out: what it alone holds is the code, and code is no guilt.
    It stays when it reads as English too, else a few reversed words would hide the sentence they stand in.
    """
    found: dict[str, None] = {}
    layer = [_cleaned(text)]
    for depth in range(_DEPTH + 1):
        deeper: list[str] = []
        for reading in layer:
            better = [new for decode in _DECODERS for new in decode(reading)] if depth < _DEPTH else []
            maybe = [new for turn in _TURNS for new in _more_english(reading, turn)] if depth < _DEPTH else []
            if not better and (not maybe or _commonness(reading) >= 0.1):
                found[_collapsed(reading)] = None
            deeper += (*better, *maybe)
        layer = list(dict.fromkeys(deeper))[:_MOST_VIEWS]
    return tuple(found)[:_MOST_VIEWS]


def _cleaned(text: str) -> str:
    """Invisible tag characters become the letters they stand for, other invisible ones go."""
    text = "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) <= 0xE007E else c for c in text)
    text = unicodedata.normalize("NFKC", text)
    text = "".join(
        c for c in text if unicodedata.category(c) not in {"Cf", "Cs", "Co"} and not 0xFE00 <= ord(c) <= 0xFE0F
    )
    return text.translate(_LOOKALIKES) if re.search("[A-Za-z]", text) else text


def _collapsed(text: str) -> str:
    return re.sub(r"[^\S\n]+", " ", text).strip()


def _plausible(raw: bytes) -> str | None:
    """The text of decoded bytes when it reads like text: printable, and mostly letters and blanks."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    letters = sum(c.isascii() and (c.isalpha() or c.isspace()) for c in text)
    printable = all(c.isprintable() or c.isspace() for c in text)
    return text if printable and len(text) >= 6 and letters >= 0.7 * len(text) else None


def _replaced(text: str, pattern: re.Pattern[str], decode: Callable[[str], str | None]) -> list[str]:
    """Decode every match: the text with the matches decoded in place, and the decoded parts alone."""
    found: list[str] = []

    def put(match: re.Match[str]) -> str:
        plain = decode(match.group())
        if plain is None:
            return match.group()
        found.append(plain)
        return f" {plain} "

    whole = pattern.sub(put, text)
    return [whole, " ".join(found)] if found else []


def _from_base64(run: str) -> str | None:
    packed = re.sub(r"\s", "", run).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return _plausible(base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _from_hex(run: str) -> str | None:
    return _plausible(bytes.fromhex(re.sub(r"\\x|0x|%|[\s,:]", "", run)))


def _from_binary(run: str) -> str | None:
    digits = re.sub(r"\s", "", run)
    return _plausible(bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits) - 7, 8)))


def _commonness(text: str) -> float:
    words = re.findall(r"[a-z]+", text.lower())
    return sum(word in _COMMON for word in words) / len(words) if words else 0.0


def _more_english(text: str, turn: Callable[[str], str]) -> list[str]:
    """Turn those segments that read more like English afterwards."""

    def better(segment: str) -> str | None:
        turned = turn(segment)
        gain = _commonness(turned) - _commonness(segment)
        return turned if len(segment.split()) >= 4 and gain >= 0.2 else None

    return _replaced(text, _SEGMENT, better)


def _unleet(text: str) -> list[str]:
    parts = re.split(r"(\s+)", text)
    marked = [w for w in parts if len(w) <= _LONGEST_WORD and _INSIDE.search(w) and not _IDENTIFIER.fullmatch(w)]
    if len(marked) < min(2, len(text.split())):
        return []

    def plain(word: str) -> str:
        if (
            len(word) > _LONGEST_WORD
            or _IDENTIFIER.fullmatch(word)
            or not (re.search("[A-Za-z]", word) or len(word) <= 2)
        ):
            return word
        body = word.rstrip(".,;:?!")
        letters = "".join(c if c in "1!|" else _LEET.get(c, c) for c in body)
        return re.sub(r"[1!|]", _i_or_l, letters) + word[len(body) :]

    return ["".join(map(plain, parts))]


def _i_or_l(one: re.Match[str]) -> str:
    """A one between consonants is an i, beside a vowel more often an l (wr1te, p1ease, stea1)."""
    text, at = one.string, one.start()
    beside = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
    return "l" if set(beside.lower()) & set("aeou1") else "i"


def _unspace(text: str) -> list[str]:
    def join(run: str) -> str:
        words = re.split(r" {2,}| ?[|_*] ?| - ", run)
        return " ".join(re.sub(r"[ .\-_*|]", "", word) for word in words)

    return _replaced(text, _SPACED, join)[:1]


_DECODERS: tuple[Callable[[str], list[str]], ...] = (
    lambda text: _replaced(text, _BASE64, _from_base64),
    lambda text: _replaced(text, _HEX, _from_hex),
    lambda text: _replaced(text, _BINARY, _from_binary),
    lambda text: [unquote(text)] if re.search(r"(?:%[0-9A-Fa-f]{2}.{0,12}){3}", text) else [],
    lambda text: [html.unescape(text)] if re.search(r"&#?\w{2,8};", text) else [],
    _unleet,
    _unspace,
)
_TURNS: tuple[Callable[[str], str], ...] = (
    lambda segment: codecs.encode(segment, "rot13"),
    lambda segment: segment[::-1],
)
