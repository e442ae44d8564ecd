"""How a text is read for search and for names: folded letters, words, and the part of a word that its forms share.

Used alike when a pack is made and when it is asked; a change here asks for a new LAYOUT in `layout`.
"""

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+")
_PARTS = re.compile(r"[a-z]+|[0-9]+")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u30fc\ufe58\ufe63\uff0d"), "-")
_SILENT = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_ENDINGS = ("ing", "ion", "ers", "ed", "er", "or", "es", "e", "s")
_KEPT = 4  # letters that stay at least
# words that a question has because it is one
ASKING = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "being", "but", "by", "can", "could", "did", "do", "does",
    "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on",
    "or", "our", "ours", "please", "shall", "should", "so", "some", "such", "tell", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "us", "was", "we", "were", "what", "when",
    "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
})  # fmt: skip


def fold(text: str) -> str:
    """The same letters in one spelling: compatibility forms, dashes, accents and invisible signs; lower case."""
    plain = unicodedata.normalize("NFKD", text.translate(_DASHES).translate(_SILENT))
    return "".join(each for each in plain if not unicodedata.combining(each)).translate(_DASHES).lower()


def words(text: str) -> list[str]:
    """The words of a text, folded, as they stand."""
    return _WORD.findall(fold(text))


def stem(word: str) -> str:
    """What the forms of a word share, roughly: injecting, injected, injection -> inject."""
    if not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > _KEPT + 1:
        return word[:-3] + "y"
    while True:
        ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) >= _KEPT), "")
        if not ending or word.endswith("ss"):
            return word
        word = word[: -len(ending)]
        if len(word) > _KEPT and word[-1] == word[-2] and word[-1] not in "ls":
            word = word[:-1]


def stems(text: str) -> list[str]:
    """The words of a text as search compares them."""
    return [stem(word) for word in words(text)]


def name_key(name: str | Sequence[str]) -> str:
    """The key by which a name is found, whatever its case, dashes and plural s; "APT 29" is "APT29"."""
    whole = words(name) if isinstance(name, str) else name
    parts = [part for word in whole for part in _PARTS.findall(word)]
    return " ".join(part[:-1] if _plural(part) else part for part in parts)


def _plural(word: str) -> bool:
    return len(word) > _KEPT and word.endswith("s") and word[-2] != "s"
