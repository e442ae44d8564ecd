"""What the tagger would mask, as spans: chances of tokens to words, words to stretches, public names left out."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from guards.sanitize_policy import Policy
from guards.tagger import CLASSES, Tagger, Tokens
from guards.verdict import Span

_JOINED = {  # what may stand between two words of one stretch; others touch, or have a sign or two between
    "ADDRESS": re.compile(r"[\s,.;:#'/()>-]{0,5}"),
    "PERSON": re.compile(r"\s|[-'’]|\. ?"),  # noqa: RUF001 - a typographic apostrophe in a name
    "ORGANIZATION": re.compile(r"[\s,&.'’+/-]{0,3}"),  # noqa: RUF001
    "PHONE": re.compile(r"[\s().+/x-]{0,4}"),
    "CARD": re.compile(r"[ -]?"), "SSN": re.compile(r"[ -]?"), "IBAN": re.compile(r" ?"), "ID": re.compile(r"[ -]?"),
}  # fmt: skip
_TOUCHING = re.compile(r"[^\s\w]{0,3}")
_SHORT = re.compile(r"(?:\b\w|\b(?:Inc|Ltd|Co|Corp|Jr|Sr|Dr|Mr|Mrs|Ms|St|S\.[AL]|B\.V|s\.c|r\.l|LLC|Apt|u|ul))\Z")
_FORMS = {  # without these, it is none; mail, links and addresses of machines are for the rules alone
    "HOST": re.compile(r"[\d.\\_-]|^[A-Z]{3,}$"), "IP": re.compile(r"(?!)"), "URL": re.compile(r"(?!)"),
    "EMAIL": re.compile(r"(?!)"), "CARD": re.compile(r"(?:\d[ -]?){12}"), "PHONE": re.compile(r"(?:\d\D{0,3}){5}"),
    "SSN": re.compile(r"(?:\d\D?){7}"), "IBAN": re.compile(r"[A-Za-z]{2}\s?\d\d"), "ID": re.compile(r"\d"),
}  # fmt: skip
_NUMBERS = frozenset({"ADDRESS", "CARD", "SSN", "IBAN", "PHONE"})  # that a number of code may look like
_WORD = re.compile(r"\w+", re.UNICODE)
_GIVEN = re.compile(r"[^\W\d_a-z][^\W\d_A-Z]+")  # a capital and small letters: a name rather than an account
_CODE = re.compile(  # what programs are written and logged with: not one of these names somebody
    r"""
    (?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,} | 0x[0-9a-fA-F]+ | \d+\.\d{4,} | [A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+
  | Se[A-Z]\w+Privilege | [A-Z]{2,5}-[A-Z]{2,5}-\d{4,6}
  | [\w-]+\.(?:c|h|py|js|go|rs|java|php|sh|yml|yaml|json|xml|conf|exe|dll|sys)
  | \w+\(\) | v?\d+(?:\.\d+)+(?:-?rc\d+)?
    """,
    re.VERBOSE,
)


class Model:
    """Use `Model.load`."""

    def __init__(self, tagger: Tagger, policy: Policy, known: Iterable[str]) -> None:
        self._tagger, self.digest = tagger, tagger.digest
        self._masked = [i for i, name in enumerate(CLASSES) if policy.acts.get(name, "keep") != "keep"]
        self._thresholds = policy.thresholds
        self._known = frozenset(_folded(name) for name in known)
        self._starts = frozenset(name.split(" ")[0] for name in self._known)

    @classmethod
    def load(cls, policy: Policy, known: Iterable[str] = (), folder: Path | None = None) -> Self:
        """With the shipped weights, or those in a folder; raises WeightsError."""
        return cls(Tagger.load(folder), policy, known)

    def find(self, text: str) -> list[Span]:
        """Stretches to mask, with their labels."""
        if not _WORD.search(text):
            return []
        known = self._known_places(text)
        joined: list[Span] = []
        for start, end, label, begins in self._words(text, self._tagger.tag(text)):
            if any(start < b and end > a for a, b in known):
                continue
            goes_on = bool(joined) and joined[-1][2] == label and (not begins or label == "ADDRESS")
            if goes_on and _JOINED.get(label, _TOUCHING).fullmatch(text, joined[-1][1], start):
                joined[-1] = (joined[-1][0], end, label)
            else:
                joined.append((start, end, label))
        return [
            _whole(text, start, end, label)
            for start, end, label in joined
            if (label not in _FORMS or _FORMS[label].search(text, start, end))
            and (label in _NUMBERS or not _CODE.fullmatch(text, start, end))
        ]

    def _words(self, text: str, tokens: Tokens) -> list[tuple[int, int, str, bool]]:
        """Words whose chance of being masked is large enough, their likeliest label, and whether a stretch begins."""
        found = []
        place, count = 0, len(tokens.offsets)
        while place < count:
            first = place
            start, end = tokens.offsets[place]
            place += 1
            while place < count and tokens.offsets[place][0] == end and text[end - 1 : end + 1].isalnum():
                end = tokens.offsets[place][1]
                place += 1
            chances = tokens.chances[first:place].mean(0)
            masked = chances[self._masked]
            best = int(masked.argmax())
            label = CLASSES[self._masked[best]]
            enough = float(masked.sum()) >= self._thresholds["mask"]
            if label == "ADDRESS" and text[start:end] == "and":
                continue  # between two of them
            if label == "USERNAME" and _GIVEN.fullmatch(text, start, end):
                label = "PERSON"
            if enough and float(masked[best]) >= self._thresholds.get(label, 0.0) and text[start:end].strip():
                found.append((start, end, label, float(tokens.begins[first]) >= 0.5))
        return [word for word in found if re.search(r"\w", text[word[0] : word[1]])]

    def _known_places(self, text: str) -> list[tuple[int, int]]:
        """Where public names stand."""
        words = [(m.start(), m.end(), m.group().casefold()) for m in re.finditer(r"[\w&+.'/-]*\w", text)]
        found = []
        for i, (start, end, word) in enumerate(words):
            if word in self._known:
                found.append((start, end))
            if word in self._starts:
                for more in range(1, 5):
                    if i + more < len(words):
                        last = words[i + more][1]
                        if _folded(text[start:last]) in self._known:
                            found.append((start, last))
        return found


def _whole(text: str, start: int, end: int, label: str) -> Span:
    """With the full stop of an initial or abbreviation, and the sign before a telephone number."""
    if label in {"PERSON", "ORGANIZATION", "ADDRESS"} and text[end : end + 1] == "." and _SHORT.search(text[start:end]):
        end += 1
    if label == "PHONE" and text[start - 1 : start] == "(" and ")" in text[start:end]:
        start -= 1  # of an area code; else the brackets are the sentence's
    if label == "PHONE" and text[start - 1 : start] == "+":
        start -= 1
    return start, end, label


def _folded(name: str) -> str:
    return re.sub(r"\s+", " ", name).strip().casefold()
