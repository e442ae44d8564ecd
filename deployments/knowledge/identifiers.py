"""Identifiers of public catalogues in a text, however they are spelt. Knows how they are made, not which there are.

`find` reads "cve 2021 44228", "T1059/001", "CWE 79" or full-width letters and gives what the publisher writes. It
never gives an identifier whose letters and digits do not stand in the text, one after the other.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

_DASH = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u30fc\ufe58\ufe63\uff0d"
_SILENT = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_ALIKE = str.maketrans("АВЕКМНОРСТХЅІаеорсѕіΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEKMHOPCTXSIaeopcsiABEZHIKMNOPTX")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a text names: the publisher's spelling, the family, and where it stands in the text (code points)."""

    id: str
    family: str
    start: int
    end: int


class _Family(NamedTuple):
    """How a family is spelt, and the publisher's spelling of a match."""

    name: str
    title: str
    spelling: re.Pattern[str]
    canon: Callable[[re.Match[str]], str]


_SEP = r"[\s\-_/:.#]{0,3}"  # what people put between the parts
_NO = r"(?i:[\s\-_]?(?:ids?|numbers?|no\.?|nr\.?))?"  # "CWE number 79", "CWE-ID 79"
_SUB = r"(?:\s?[./:_\-]\s?(\d{3}))?"


def _family(name: str, title: str, spelling: str, canon: Callable[[re.Match[str]], str]) -> _Family:
    return _Family(name, title, re.compile(rf"(?<![A-Za-z0-9])(?:{spelling})(?![A-Za-z0-9])"), canon)


def _numbered(prefix: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{prefix}-{found[1].lstrip('0') or '0'}"


def _attack(prefix: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{prefix}{found[1]}" + (f".{found[2]}" if found.re.groups > 1 and found[2] else "")


def _letters(prefix: str, length: int = 4) -> str:
    """A prefix right before its digits, or with one sign between; capitals and small letters."""
    return rf"(?i:{prefix})[\-_.:/]?(\d{{{length}}})"


def _atlas(found: re.Match[str]) -> str:
    return f"AML.{found[1].upper()}{found[2]}" + (f".{found[3]}" if found[3] else "")


FAMILIES = (
    _family("cve", "CVE records", rf"(?i:cve|can){_NO}{_SEP}(\d{{4}}){_SEP}(\d{{4,19}})|(?i:cve){_NO}{_SEP}(\d{{2,4}})"
            r"[\s\-_/]{1,3}(\d{1,19})", lambda found: f"CVE-{found[1] or found[3]}-{found[2] or found[4]}"),
    _family("cwe", "CWE weaknesses", rf"(?i:cwe){_NO}{_SEP}(\d{{1,9}})", _numbered("CWE")),
    _family("capec", "CAPEC attack patterns", rf"(?i:capec){_NO}{_SEP}(\d{{1,9}})", _numbered("CAPEC")),
    _family("atlas", "ATLAS", rf"(?i:aml)[\s.\-_/:]{{0,2}}(?i:(ta|t|m|cs))[\-_]?(\d{{4}}){_SUB}", _atlas),
    _family("tactic", "ATT&CK tactics", r"(?i:ta)[\-_.:/]?(\d{4})|TA (\d{4})",
            lambda found: f"TA{found[1] or found[2]}"),
    _family("technique", "ATT&CK techniques", rf"(?i:t)[\-_:/]?(\d{{4,6}}){_SUB}|T (\d{{4}}){_SUB}",
            lambda found: f"T{found[1] or found[3]}" + (f".{found[2] or found[4]}" if found[2] or found[4] else "")),
    _family("mitigation", "ATT&CK mitigations", _letters("m"), _attack("M")),
    _family("group", "ATT&CK groups", _letters("g"), _attack("G")),
    _family("software", "ATT&CK software", _letters("s"), _attack("S")),
    _family("campaign", "ATT&CK campaigns", _letters("c"), _attack("C")),
    _family("detection", "ATT&CK detection strategies", _letters("det"), _attack("DET")),
    _family("analytic", "ATT&CK analytics", _letters("an"), _attack("AN")),
    _family("component", "ATT&CK data components", _letters("dc"), _attack("DC")),
    _family("data_source", "ATT&CK data sources", _letters("ds"), _attack("DS")),
    _family("asset", "ATT&CK assets", r"[Aa][\-_]?(00\d{2})", _attack("A")),
    _family("defence", "D3FEND techniques", r"D3[\-_]([A-Z]{2,12})", lambda found: f"D3-{found[1]}"),
    _family("rule", "Sigma rules", r"([0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})",
            lambda found: found[1].lower()),
    _family("requirement", "OWASP ASVS requirements", r"(?i:asvs)[\s\-_:]{0,2}(?:5\.0(?:\.0)?[\s\-]{1,2})?"
            r"(?i:v)?\.?(\d{1,2}\.\d{1,2}\.\d{1,2})", lambda found: f"ASVS-V{found[1]}"),
    _family("advisory", "CISA advisories", r"(?i:(icsm?a|va))[\s\-](\d{2})[\s\-](\d{3})[\s\-](\d{2})",
            lambda found: "-".join((found[1].upper(), *found.groups()[1:]))),
    _family("paper", "arXiv papers", r"(?i:arxiv)[\s:.]{0,2}(\d{4}\.\d{4,5})(?:v\d{1,2})?",
            lambda found: f"arXiv:{found[1]}"),
    _family("ghsa", "GitHub advisories", r"(?i:ghsa)[\s\-]([0-9A-Za-z]{4})[\s\-]([0-9A-Za-z]{4})[\s\-]([0-9A-Za-z]{4})",
            lambda found: "-".join(("GHSA", *(part.lower() for part in found.groups())))),
)  # fmt: skip
TITLES = {family.name: family.title for family in FAMILIES}


def find(text: str) -> list[Identifier]:
    """The identifiers that a text names, each place once, in their order. Cost is linear in the text."""
    plain, places = _plain(text)
    found = sorted(_matches(plain, places), key=lambda each: (each.start, -each.end))
    kept: list[Identifier] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def _matches(plain: str, places: list[int]) -> Iterator[Identifier]:
    for family in FAMILIES:
        for found in family.spelling.finditer(plain):
            start, end = places[found.start()], places[found.end() - 1] + 1
            yield Identifier(family.canon(found), family.name, start, end)


def _plain(text: str) -> tuple[str, list[int]]:
    """The text in plain letters, digits and dashes, and for each of them its place in the text."""
    letters, places = [], []
    for place, each in enumerate(text):
        for letter in _letter(each):
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


def _letter(each: str) -> str:
    if each.isascii():
        return each
    if each in _SILENT:
        return ""
    if each in _DASH:
        return "-"
    if each.isdecimal():
        return str(unicodedata.decimal(each))
    return unicodedata.normalize("NFKC", each).translate(_ALIKE)
